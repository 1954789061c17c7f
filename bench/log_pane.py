"""The log pane of the screen: lines a second, how long a key waits meanwhile, memory with 10 million lines.

Usage: python bench/log_pane.py [LINES]; the real widget in an app without a terminal, fed through a spool file that a
process of its own writes (about 90 MB a million lines). Then a search that finds nothing and a filter run over all of
it. Prints "name value limit ok|over" and exits 1 when a limit is passed. The lines come in five rounds: the rate is
that of the fastest, the longest wait of a key that of the middle one, for whatever else the machine does makes both
worse; the worst of all stand beside them, and "own_work" is the part of the longest wait in which this program worked.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual import events
from textual.app import App, ComposeResult

if TYPE_CHECKING:
    from tui.log_pane import LogPane

ROOT = Path(__file__).resolve().parent.parent
LIMITS = {"lines_per_second": 200_000.0, "stall_ms_max": 125.0, "rss_mb_10m": 250.0}
LINES = 10_000_000
ROUNDS = 5
IDLE_KEYS = 30  # pressed before any line comes: what this machine makes of a key today
KEYS_EVERY = 0.03  # seconds between an answered key and the next one

# Of ten lines nine as services write them and one coloured error; in each thousand one of 4,000 characters.
PRODUCER = """
import sys
path, count = sys.argv[1], int(sys.argv[2])
block = []
for number in range(1000):
    line = f"2026-01-01T00:00:{number % 60:02} api-{number % 7} INFO GET /courses/{number} 200 in {number % 90} ms"
    if number % 10 == 9:
        line = f"\\x1b[31mERROR\\x1b[0m worker {number}: could not reach the database, next try in {number % 30} s"
    if number == 500:
        line = "x" * 4000
    block.append(line + "\\n")
data = "".join(block).encode()
with open(path, "ab", buffering=0) as file:
    for _ in range(count // 1000):
        file.write(data)
"""


class Bench(App[None]):
    """The pane alone. Presses a key that changes every row, and notes when a frame shows it."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        from tui.log_pane import LogPane

        self.pane = LogPane(folder)
        self.waits: list[float] = []  # seconds from each key to its frame
        self.own: list[float] = []  # seconds of them in which this program worked
        self._pressed = 0.0
        self._own = 0.0
        self._before = False
        self._shown = asyncio.Event()

    def compose(self) -> ComposeResult:
        yield self.pane

    def _display(self, screen: Any, renderable: Any) -> None:
        # Without a terminal nothing would be encoded; a real one needs it, so it belongs to the time.
        if hasattr(renderable, "render_segments"):
            renderable.render_segments(self.console)
        super()._display(screen, renderable)
        if self._pressed and self.pane.rows.times != self._before:
            self.waits.append(time.perf_counter() - self._pressed)
            self.own.append(time.thread_time() - self._own)
            self._pressed = 0.0
            self._shown.set()

    async def press_keys(self) -> None:
        """One key after the other, each as soon as the one before was answered and a moment has passed."""
        driver = self._driver
        assert driver is not None
        while True:
            self._shown.clear()
            self._before, self._pressed = self.pane.rows.times, time.perf_counter()
            self._own = time.thread_time()
            key = events.Key("t", "t")
            key.set_sender(self)
            driver.send_message(key)
            await self._shown.wait()
            await asyncio.sleep(KEYS_EVERY)


async def _until(done: Callable[[], bool]) -> float:
    began = time.perf_counter()
    while not done():
        await asyncio.sleep(0.01)
    return time.perf_counter() - began


async def feed(pane: LogPane, path: Path, lines: int, number: int) -> float:
    """Lines a second from the start of a process that writes them until the pane has them all."""
    began = time.perf_counter()
    producer = await asyncio.create_subprocess_exec(sys.executable, "-c", PRODUCER, str(path), str(lines))
    await _until(lambda: len(pane.store) > lines // 1000 * 1000 * number)
    rate = lines / (time.perf_counter() - began)
    await producer.wait()
    return rate


async def measure(lines: int) -> dict[str, float]:
    """Feeds that many lines, then searches and filters them."""
    from checks.evidence import Json
    from safemig.events import Event
    from tui._log_level import ERROR
    from tui._log_view import Filter

    with tempfile.TemporaryDirectory(prefix="safemig-bench-") as name:
        folder = Path(name)
        (folder / "0001.output").touch()
        app = Bench(folder)
        pane, figures = app.pane, {}
        async with app.run_test(size=(120, 40)):
            pane.focus()
            data: dict[str, Json] = {
                "number": 1,
                "line": "make logs",
                "cwd": ".",
                "limit": None,
                "output": "0001.output",
            }
            pane.take(Event(1, "command.started", "run", "bench", "logs", "2026-01-01T00:00:00+00:00", 0.0, data))
            pane.flush()
            keys = asyncio.ensure_future(app.press_keys())
            await _until(lambda: len(app.waits) >= IDLE_KEYS)
            figures["stall_ms_max_idle"] = max(app.waits) * 1000
            rates, stalls = [], []
            for number in range(1, ROUNDS + 1):
                app.waits.clear()
                rates.append(await feed(pane, folder / "0001.output", lines // ROUNDS, number))
                stalls.append(max(app.waits, default=0.0) * 1000)
            figures["lines_per_second"] = max(rates)
            figures["lines_per_second_worst"] = min(rates)
            figures["stall_ms_max"] = sorted(stalls)[ROUNDS // 2]
            figures["stall_ms_max_worst"] = max(stalls)
            figures["stall_ms_max_own_work"] = max(app.own) * 1000
            app.waits.clear()
            pane.pattern = "there is no such text"
            pane.action_again(-1)
            figures["search_seconds"] = await _until(
                lambda: not any(worker.group == "find" and worker.is_running for worker in app.workers)
            )
            pane.choose(Filter(level=ERROR))
            figures["filter_seconds"] = await _until(lambda: pane.rows.view.upto == len(pane.store))
            keys.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await keys
            figures["stall_ms_max_search"] = max(app.waits, default=0.0) * 1000
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    figures["rss_mb_10m"] = peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)
    return figures


def main() -> int:
    """Prints the figures; 1 when one is over its limit."""
    sys.path.insert(0, str(ROOT))
    figures = asyncio.run(measure(int(sys.argv[1]) if len(sys.argv) > 1 else LINES))
    bad = False
    for name, value in figures.items():
        limit = LIMITS.get(name)
        if limit is None:
            print(f"{name} {value:.1f}")
            continue
        over = value < limit if name == "lines_per_second" else value > limit
        bad = bad or over
        print(f"{name} {value:.0f} limit {limit:.0f} {'over' if over else 'ok'}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
