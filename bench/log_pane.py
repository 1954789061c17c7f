"""The log pane of the screen: lines a second, how long a key waits meanwhile, memory with 10 million lines.

Usage: python bench/log_pane.py [--lines N] [--busy N]; the real widget in an app without a terminal, fed through a
spool file that a process of its own writes (66 MB a million lines), while keys are pressed all the time, each as soon
as the one before has its frame. Then a search that finds nothing and a filter run over all of it, and a finished run
with that many lines is opened. ``--busy`` keeps that many cores busy besides. Prints "name value limit ratio ok|over",
where a ratio above 1 is over, and exits 1 when one is. "worst" is the longest wait of all keys, whatever else the
machine did at the time, for which its load is told; "own" is the part of it in which this program worked.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual import events
from textual.app import App, ComposeResult

if TYPE_CHECKING:
    from safemig.journal.events import Event
    from tui.log.pane import LogPane

ROOT = Path(__file__).resolve().parent.parent
RATE, KEY_MS, RSS_MB = 200_000, 125.0, 250.0
LIMITS = {"burst_lines_per_second": float(RATE), "rss_mb": RSS_MB, "steady_behind_seconds": 1.0}
LINES = 10_000_000
STEADY = 5  # one line in five comes at exactly the rate that must be borne, the others as fast as they can be written
IDLE_KEYS = 30  # pressed before any line comes: what this machine makes of a key today
KEYS_EVERY = 0.03  # seconds between an answered key and the next one

# Of ten lines nine as services write them and one coloured error; in each thousand one of 4,000 characters.
PRODUCER = """
import sys, time
path, count, rate = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
block = []
for number in range(1000):
    line = f"2026-01-01T00:00:{number % 60:02} api-{number % 7} INFO GET /courses/{number} 200 in {number % 90} ms"
    if number % 10 == 9:
        line = f"\\x1b[31mERROR\\x1b[0m worker {number}: could not reach the database, next try in {number % 30} s"
    if number == 500:
        line = "x" * 4000
    block.append(line + "\\n")
data = "".join(block).encode()
began = time.monotonic()
with open(path, "ab", buffering=0) as file:
    for written in range(0, count // 1000 * 1000, 1000):
        file.write(data)
        if rate:
            time.sleep(max(0, began + (written + 1000) / rate - time.monotonic()))
"""

BUSY = """
import os
parent = os.getppid()
while os.getppid() == parent:
    pass
"""


class Bench(App[None]):
    """The pane alone. Presses a key that changes every row, and notes when a frame shows it."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        from tui.log.pane import LogPane

        self.pane = LogPane(folder)
        self.waits: list[tuple[float, float]] = []  # milliseconds from each key to its frame, and of work among them
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
            wait, own = time.perf_counter() - self._pressed, time.thread_time() - self._own
            self.waits.append((wait * 1000, own * 1000))
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


class Figures:
    """What was measured, in order: name, value, limit (0 for none), over."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, float, float, bool]] = []

    def add(self, name: str, value: float) -> None:
        """Judged by its limit when it has one."""
        limit = LIMITS.get(name, 0.0)
        over = value < limit if name.endswith("per_second") else value > limit > 0
        self.rows.append((name, value, limit, over))

    async def keys(self, name: str, app: Bench) -> None:
        """How long keys waited since the last call; always after one more key."""
        count = len(app.waits)
        await _until(lambda: len(app.waits) > count)
        waits = sorted(app.waits)
        app.waits.clear()
        self.add(f"{name}_keys", len(waits))
        self.add(f"{name}_key_ms_p95", waits[int(len(waits) * 0.95)][0])
        self.rows.append((f"{name}_key_ms_worst", waits[-1][0], KEY_MS, waits[-1][0] > KEY_MS))
        self.add(f"{name}_key_ms_own", max(own for _, own in waits))

    def show(self) -> bool:
        """Prints them; whether all are within their limits."""
        for name, value, limit, over in self.rows:
            ratio = limit / value if name.endswith("per_second") else value / (limit or 1)
            words = f" limit {limit:,.0f} ratio {ratio:.2f} {'over' if over else 'ok'}" if limit else ""
            print(f"{name} {value:,.0f}{words}" if value >= 100 else f"{name} {value:.1f}{words}")
        return not any(over for *_, over in self.rows)


async def _until(done: Callable[[], bool]) -> float:
    began = time.perf_counter()
    while not done():
        await asyncio.sleep(0.01)
    return time.perf_counter() - began


async def feed(pane: LogPane, path: Path, lines: int, rate: int) -> tuple[float, float]:
    """Seconds until the pane has all lines of a process that writes them, and seconds that it is later than that."""
    before, began = len(pane.store), time.perf_counter()
    producer = await asyncio.create_subprocess_exec(sys.executable, "-c", PRODUCER, str(path), str(lines), str(rate))
    ended = asyncio.ensure_future(producer.wait())
    ended.add_done_callback(lambda _: moments.append(time.perf_counter()))
    moments: list[float] = []
    await _until(lambda: len(pane.store) >= before + lines)
    there = time.perf_counter()
    await ended
    return there - began, there - moments[0]


def event(seq: int, kind: str, **data: Any) -> Event:
    """One event of the run that is shown."""
    from safemig.journal.events import Event

    return Event(seq, kind, "run", "bench", "logs", "2026-01-01T00:00:00+00:00", 0.0, {"number": 1, **data})


STARTED = {"line": "make logs", "cwd": ".", "limit": None, "output": "0001.output"}


@contextlib.asynccontextmanager
async def _typing(app: Bench) -> Any:
    keys = asyncio.ensure_future(app.press_keys())
    try:
        yield
    finally:
        keys.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await keys


async def live(folder: Path, lines: int, figures: Figures) -> None:
    """Lines that come in; then a search and a filter over all of them."""
    from tui.log.level import ERROR
    from tui.log.view import Filter

    app, path = Bench(folder), folder / "0001.output"
    pane, store = app.pane, app.pane.store
    async with app.run_test(size=(120, 40)):
        pane.focus()
        pane.take(event(1, "command.started", **STARTED))
        pane.flush()
        async with _typing(app):
            await _until(lambda: len(app.waits) >= IDLE_KEYS)
            await figures.keys("idle", app)
            steady = lines // STEADY // 1000 * 1000
            burst = lines // 1000 * 1000 - steady
            cpu = time.process_time()
            seconds, _ = await feed(pane, path, burst, 0)
            figures.add("burst_lines_per_second", burst / seconds)
            figures.add("burst_judged_seconds_later", await _until(lambda: store.judged == len(store)))
            figures.add("burst_cpu_us_per_line", (time.process_time() - cpu) * 1e6 / burst)
            await figures.keys("burst", app)
            cpu = time.process_time()
            seconds, behind = await feed(pane, path, steady, RATE)
            figures.add("steady_lines_per_second", steady / seconds)
            figures.add("steady_behind_seconds", behind)
            figures.add("steady_judged_seconds_later", await _until(lambda: store.judged == len(store)))
            figures.add("steady_cpu_share_percent", (time.process_time() - cpu) * 100 / seconds)
            await figures.keys("steady", app)
            pane.pattern = "there is no such text"
            pane.action_again(-1)
            idle = lambda: not any(worker.group == "find" and worker.is_running for worker in app.workers)  # noqa: E731
            figures.add("search_seconds", await _until(idle))
            await figures.keys("search", app)
            pane.choose(Filter(level=ERROR))
            figures.add("filter_seconds", await _until(lambda: pane.rows.view.upto == len(store)))
            await figures.keys("filter", app)


async def opened(folder: Path, lines: int, figures: Figures) -> None:
    """A finished run of that many lines."""
    app = Bench(folder)
    pane, store = app.pane, app.pane.store
    end = (folder / "0001.output").stat().st_size
    async with app.run_test(size=(120, 40)):
        pane.focus()
        pane.take(event(1, "command.started", **STARTED))
        pane.take(event(2, "command.finished", how="exit", status=0, seconds=1.0, end=end))
        async with _typing(app):
            figures.add("open_seconds", await _until(lambda: len(store) >= lines // 1000 * 1000))
            figures.add("open_judged_seconds_later", await _until(lambda: store.judged == len(store)))
            await figures.keys("open", app)


@contextlib.contextmanager
def busy(cores: int) -> Iterator[None]:
    """That many processes that do nothing but work."""
    others = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(cores)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def measure(lines: int) -> Figures:
    """All of it with that many lines."""
    figures = Figures()
    with tempfile.TemporaryDirectory(prefix="safemig-bench-") as name:
        folder = Path(name)
        (folder / "0001.output").touch()
        asyncio.run(live(folder, lines, figures))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        figures.add("rss_mb", peak / (1 << 20 if sys.platform == "darwin" else 1 << 10))
        gc.collect()
        asyncio.run(opened(folder, lines, figures))
    return figures


def main() -> int:
    """Prints the figures; 1 when one is over its limit."""
    sys.path.insert(0, str(ROOT))
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--lines", type=int, default=LINES)
    parser.add_argument("--busy", type=int, default=0)
    options = parser.parse_args()
    import tui.main  # noqa: F401 (what a real session has imported when it begins)

    gc.freeze()  # as tui.main does
    before = os.getloadavg()[0]
    with busy(options.busy):
        figures = measure(options.lines)
    print(f"cores {os.cpu_count()} load {before:.1f} at the beginning, {os.getloadavg()[0]:.1f} at the end")
    return 0 if figures.show() else 1


if __name__ == "__main__":
    sys.exit(main())
