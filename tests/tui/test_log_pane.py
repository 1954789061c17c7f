"""The log pane as a person meets it: what it draws, each of its keys, and output that wants to do harm."""

from __future__ import annotations

import time
import unicodedata
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.app import App, ComposeResult
from textual.events import MouseScrollUp
from textual.pilot import Pilot

from checks.evidence import Json
from safemig.events import Event
from tests.tui.screens import check_golden, screen_text
from tests.tui.test_log_store import HOSTILE
from tui._log_keys import KEYS
from tui.log_pane import LogPane

GOLDENS = Path(__file__).parent / "goldens"
BUILD = b"uv sync --frozen\nInstalled 23 packages in 34ms\n + alembic==1.20.1\n + psycopg==3.3.9\n"
TEST = (
    b"uv run pytest tests\n"
    b"x.py:3: DeprecationWarning: an old way\n"
    b"\x1b[31mE   ModuleNotFoundError: No module named 'httpx'\x1b[0m\n"
    b"ERROR tests/test_courses.py\n"
    b"========== 2 errors in 0.34s ==========\n"
    b"make: *** [Makefile:32: test] Error 2\n"
)
LONG = b"".join(b"line %d of the long output\n" % number for number in range(1, 301))


class Alone(App[None]):
    """The pane and nothing else."""

    def __init__(self, folder: Path | None) -> None:
        super().__init__()
        self.pane = LogPane(folder)
        self.copied = ""

    def compose(self) -> ComposeResult:
        yield self.pane

    def copy_to_clipboard(self, text: str) -> None:
        self.copied = text


class Stage:
    """The pane, the run whose events it gets, and the keys."""

    def __init__(self, app: Alone, folder: Path, pilot: Pilot[None]) -> None:
        self.app, self.pane, self.folder, self.pilot = app, app.pane, folder, pilot
        self._seq = 0

    def event(self, kind: str, step: str, **data: Json) -> None:
        self._seq += 1
        self.pane.take(
            Event(self._seq, kind, "run", "t", step, f"2026-01-01T10:00:{self._seq % 60:02}+00:00", 0.0, data)
        )

    def command(self, number: int, line: str, step: str, content: bytes, status: int = 0, how: str = "exit") -> None:
        file = f"{number:04d}.output"
        self.event("command.started", step, number=number, line=line, cwd="backend", output=file)
        self.grow(number, content)
        size = (self.folder / file).stat().st_size
        self.event("command.output", step, number=number, file=file, start=0, end=size)
        if how:
            self.event(
                "command.finished",
                step,
                number=number,
                status=status,
                how=how,
                seconds=1.25,
                file=file,
                start=0,
                end=size,
            )

    def grow(self, number: int, content: bytes) -> None:
        with (self.folder / f"{number:04d}.output").open("ab") as file:
            file.write(content)

    async def settle(self) -> None:
        self.pane.flush()
        await self.pilot.pause()

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        found = [worker for worker in self.app.workers if worker.group in {"find", "save", "drain"}]
        await self.app.workers.wait_for_complete(found)
        await self.pilot.pause()

    async def until(self, true: Callable[[], bool]) -> None:
        """Lets the pane's timer run until it has done its work."""
        for _ in range(1000):
            if true():
                return
            await self.pilot.pause(0.01)
        raise AssertionError("it never came")

    @property
    def top(self) -> int:
        return self.pane.rows.top

    @property
    def state(self) -> str:
        return screen_text(self.app).splitlines()[-2].strip("│ ")

    @property
    def here(self) -> str:
        return self.pane.store.line(self.pane.rows.here).text

    @property
    def told(self) -> list[str]:
        return [one.message for one in self.app._notifications]


@asynccontextmanager
async def stage(folder: Path, size: tuple[int, int] = (80, 24)) -> AsyncIterator[Stage]:
    app = Alone(folder)
    async with app.run_test(size=size) as pilot:
        app.pane.focus()
        await pilot.pause()
        yield Stage(app, folder, pilot)


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


async def story(played: Stage) -> None:
    """A build, a service that starts with an error in its log, tests that fail, the person's own line."""
    played.command(1, "make build", "build", BUILD)
    service: Json = {
        "id": "c1",
        "log_tail": ["INFO: Started server", "GET / 200"],
        "startup_errors": [{"line": 3, "text": "no such table"}],
    }
    container: Json = {"kind": "container", "data": {"services": {"backend": service}}}
    played.event("evidence", "observe", moment="start", evidence=container)
    played.event("evidence", "observe", moment="", evidence=container)
    played.event("note", "observe", level="warning", text="GET /health: says [bold]degraded[/]")
    played.command(2, "make test", "test", TEST, status=2)
    played.command(3, "git status --short", "!", b" M Makefile\n")
    await played.settle()


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_what_a_run_leaves_in_the_log(size: tuple[int, int], tmp_path: Path) -> None:
    async with stage(tmp_path, size) as played:
        await story(played)
        check_golden(played.app, GOLDENS / f"log_{size[0]}x{size[1]}.txt")


async def test_errors_with_times_and_long_lines_broken(tmp_path: Path) -> None:
    async with stage(tmp_path) as played:
        await story(played)
        played.command(4, "make migrate", "migrate", b"word " * 40 + b"\n")
        await played.settle()
        await played.press("t", "w", "l", "l")
        check_golden(played.app, GOLDENS / "log_errors_80x24.txt")
        await played.press("l", "G")
        check_golden(played.app, GOLDENS / "log_wrapped_80x24.txt")


@pytest.mark.parametrize("size", [(40, 12), (200, 60), (20, 6), (5, 3), (1, 1)])
async def test_no_size_breaks_it(size: tuple[int, int], tmp_path: Path) -> None:
    async with stage(tmp_path, size) as played:
        await story(played)
        played.command(4, "make long", "long", LONG + "日本語 ".encode() * 500 + b"\n")
        await played.settle()
        await played.press("w", "t", "k", "pageup", "right", "w", "right", "E", "slash", "escape", "g", "G")
        await played.pilot.resize_terminal(33, 7)
        await played.pilot.resize_terminal(100, 50)
        await played.settle()
        assert "the long output" in screen_text(played.app)


async def test_it_follows_until_one_scrolls_up_and_says_what_is_new(tmp_path: Path) -> None:
    async with stage(tmp_path) as played:
        played.command(1, "make long", "long", LONG, how="")
        await played.settle()
        assert "line 300 of" in screen_text(played.app) and played.state.startswith("following · 301 lines")
        await played.press("k")
        shown = screen_text(played.app)
        assert "line 300 of" not in shown and "line 299 of" in shown
        assert "PAUSED +0 new" in played.state
        played.grow(1, b"more\n" * 1200)
        played.event("command.output", "long", number=1, file="0001.output", start=0, end=len(LONG) + 6000)
        await played.settle()
        assert "line 299 of" in screen_text(played.app), "what is read does not move"
        assert "PAUSED +1,200 new" in played.state
        await played.press("f")
        assert "following" in played.state and "line 299 of" not in screen_text(played.app)
        await played.press("f")
        assert "PAUSED +0 new" in played.state
        await played.press("k", "j")
        assert "following" in played.state, "the end of the log follows again"


MOVES = [
    (("g",), 0),
    (("home",), 0),
    (("g", "j", "down"), 2),
    (("g", "j", "j", "k", "up"), 0),
    (("g", "pagedown"), 20),
    (("g", "space"), 20),
    (("g", "ctrl+d"), 10),
    (("g", "pagedown", "ctrl+u"), 10),
    (("g", "pagedown", "pageup"), 0),
    (("G",), 280),
    (("g", "end"), 280),
    (("g", "k"), 0),
    (("G", "pagedown"), 280),
]


@pytest.mark.parametrize("wrap", [False, True])
async def test_keys_that_move(wrap: bool, tmp_path: Path) -> None:
    async with stage(tmp_path) as played:
        played.command(1, "make long", "long", LONG, how="")
        await played.settle()
        rows = played.pane.rows.size.height
        scaled = {20: rows // 2 * 2, 10: rows // 2, 280: 301 - rows}
        await played.press(*(["w"] if wrap else []))
        for keys, top in MOVES:
            await played.press(*keys)
            assert played.top == scaled.get(top, top), keys


async def test_a_long_line_is_read_sideways_or_broken(tmp_path: Path) -> None:
    async with stage(tmp_path) as played:
        words = " ".join(f"word{number}" for number in range(30))
        played.command(1, "x", "s", f"{words}\n".encode(), how="")
        await played.settle()
        assert "word25" not in screen_text(played.app)
        await played.press(*["right"] * 20)
        assert "word29" in screen_text(played.app) and "word0 " not in screen_text(played.app)
        await played.press(*["left"] * 20, "w")
        assert all(f"word{number}" in screen_text(played.app).replace("│\n│", "") for number in (0, 15))
        together = "".join(line[5:-2] for line in screen_text(played.app).splitlines()[2:9]).rstrip("│ ")
        assert "word29" in together


async def test_a_line_longer_than_the_screen_is_walked_through(tmp_path: Path) -> None:
    async with stage(tmp_path) as played:
        played.command(1, "x", "s", b"<" + b"0123456789" * 1000 + b">\n", how="")
        await played.settle()
        await played.press("w")
        assert ">" in screen_text(played.app) and "<" not in screen_text(played.app)
        await played.press("g", "j", "j", "k", "k")
        assert "<" in screen_text(played.app)
        for _ in range(200):
            if played.pane.rows.following:
                break
            await played.press("pagedown")
        assert ">" in screen_text(played.app)


async def test_search_goes_on_and_back_and_around(tmp_path: Path) -> None:
    async with stage(tmp_path) as played:
        played.command(1, "make long", "long", LONG, how="")
        await played.settle()
        await played.press("g", "slash", *"line 2", "enter")
        assert (played.here, played.pane.has_focus) == ("line 2 of the long output", True)
        assert "/line 2" in played.state and "PAUSED" in played.state
        await played.press("n")
        assert played.here.startswith("line 20 ")
        await played.press("N", "N")
        assert played.here.startswith("line 299 ")
        assert "from the end again" in played.told
        await played.press("n")
        assert played.here.startswith("line 2 ")
        await played.press("slash", *"no such text", "enter")
        assert played.told[-1] == "No line has “no such text”."
        await played.press("escape")
        assert "/" not in played.state


async def test_matches_stand_out(tmp_path: Path) -> None:
    async with stage(tmp_path) as played:
        played.command(1, "x", "s", b"one needle and a Needle\n", how="")
        await played.settle()
        await played.press("slash", *"needle", "enter")
        strip = played.pane.rows.render_line(1)
        reverse = [segment.text for segment in strip if segment.style and segment.style.reverse]
        assert reverse == ["needle", "Needle"]


async def test_typing_a_search_presses_no_key_of_the_log(tmp_path: Path) -> None:
    async with stage(tmp_path) as played:
        await story(played)
        await played.press("slash", *"fwtlsec", "N")
        assert (played.pane.rows.following, played.pane.rows.wrap, played.pane.rows.times) == (True, False, False)
        await played.press("escape")
        assert played.pane.has_focus and played.pane.pattern == ""


async def test_next_and_previous_error(tmp_path: Path) -> None:
    async with stage(tmp_path, (80, 12)) as played:
        await story(played)
        await played.press("g", "e")
        assert played.here == "start-up error, line 3 of its log: no such table"
        await played.press("e")
        assert played.here == "E   ModuleNotFoundError: No module named 'httpx'"
        await played.press("e", "e", "e")
        assert played.here == "ended with status 2 after 1.2 s"
        await played.press("e")
        assert played.here.startswith("start-up error") and "from the top again" in played.told
        await played.press("E", "E")
        assert played.here == "make: *** [Makefile:32: test] Error 2"


async def test_no_error_is_said(tmp_path: Path) -> None:
    async with stage(tmp_path) as played:
        await played.press("e")
        assert played.told == ["No line is an error."]


async def test_filters_by_source_step_and_level(tmp_path: Path) -> None:
    async with stage(tmp_path) as played:
        await story(played)
        await played.press("s")
        assert "6 of 21 lines · only source make build" in played.state
        assert "Installed 23 packages" in screen_text(played.app) and "httpx" not in screen_text(played.app)
        await played.press("s", "s", "s")
        assert "only source make test" in played.state
        await played.press("l")
        assert "5 of 21 lines · only source make test, warnings and errors" in played.state
        await played.press("l")
        assert "4 of 21 lines · only source make test, errors" in played.state
        await played.press("escape")
        assert "following · 21 lines" in played.state
        await played.press("S", "S")
        assert "4 of 21 lines · only step observe" in played.state
        await played.press("escape", "s", "s", "s", "s", "s")
        assert "3 of 21 lines · only source ! git status --short" in played.state
        await played.press("s")
        assert "only" not in played.state


async def test_a_filter_keeps_the_place_and_takes_what_comes(tmp_path: Path) -> None:
    async with stage(tmp_path) as played:
        played.command(1, "make long", "long", LONG.replace(b"line 150 ", b"ERROR 150 "), how="")
        await played.settle()
        await played.press("g", "e")
        assert "ERROR 150" in screen_text(played.app)
        await played.press("s")
        assert "line 151 of" in screen_text(played.app), "still where it was"
        await played.press("l")
        assert "1 of 301 lines" in played.state
        played.grow(1, b"ERROR more\nfine\n")
        size = (tmp_path / "0001.output").stat().st_size
        played.event("command.output", "long", number=1, file="0001.output", start=0, end=size)
        await played.settle()
        assert "+1 new" in played.state and "2 of 303 lines" in played.state


async def test_copy_takes_whole_lines_of_the_screen(tmp_path: Path) -> None:
    async with stage(tmp_path) as played:
        played.command(1, "x", "s", b"a" * 300 + b"\n\x1b]52;c;AAAA\x07short\n", how="")
        await played.settle()
        await played.press("c")
        assert played.app.copied == f"x: $ x   in backend\nx: {'a' * 300}\nx: short"
        assert played.told == ["3 lines copied."]


async def test_save_writes_what_is_shown_and_overwrites_nothing(tmp_path: Path) -> None:
    async with stage(tmp_path) as played:
        await story(played)
        await played.press("ctrl+s", "l", "l", "t", "ctrl+s")
        lines = (tmp_path / "log.txt").read_text().splitlines()
        assert len(lines) == 21 and lines[1] == "make build: uv sync --frozen"
        errors = (tmp_path / "log-2.txt").read_text().splitlines()
        assert len(errors) == 5 and errors[-1].endswith("make test: ended with status 2 after 1.2 s")
        assert errors[0].startswith("10:00:")
        assert (tmp_path / "log.txt").stat().st_mode & 0o777 == 0o600
        assert played.told[-1] == f"Saved as {tmp_path / 'log-2.txt'}"


async def test_save_says_why_it_cannot(tmp_path: Path) -> None:
    async with stage(tmp_path) as played:
        played.pane.open_run(tmp_path / "absent")
        await played.press("ctrl+s")
        played.pane.store.run_folder = None
        await played.press("ctrl+s")
        assert "could not be saved" in played.told[0] and "no run yet" in played.told[1]


async def test_the_file_of_a_running_command_is_looked_at_between_events(tmp_path: Path) -> None:
    async with stage(tmp_path) as played:
        played.command(1, "make serve", "serve", b"begun\n", how="ready")
        await played.settle()
        played.grow(1, b"a word without an event\n")
        await played.until(lambda: "a word without an event" in screen_text(played.app))


async def test_a_long_backlog_is_taken_in_turns(tmp_path: Path) -> None:
    async with stage(tmp_path) as played:
        played.command(1, "make long", "long", LONG * 1000, how="")
        await played.until(lambda: len(played.pane.store) > 0)
        assert len(played.pane.store) < 300_001
        await played.press("t")
        assert played.pane.rows.times
        await played.settle()
        assert "300,001 lines" in played.state


async def test_wheel_and_scroll_bar(tmp_path: Path) -> None:
    async with stage(tmp_path) as played:
        played.command(1, "make long", "long", LONG, how="")
        await played.settle()
        bottom = played.top
        await played.pilot._post_mouse_events([MouseScrollUp], played.pane.rows, (5, 5))
        await played.pilot.pause()
        assert played.top == bottom - 3
        bar = played.pane.query_one("LogBar")
        await played.pilot.click(bar, offset=(0, 0))
        await played.pilot.pause()
        assert played.top < bottom - 3
        await played.pilot.mouse_down(bar, offset=(0, bar.size.height - 2))
        await played.pilot.pause()


async def test_no_control_of_the_output_reaches_the_screen(tmp_path: Path) -> None:
    async with stage(tmp_path, (120, 40)) as played:
        for number, attack in enumerate(HOSTILE, 1):
            label = attack.decode("utf-8", "replace")
            played.command(
                number, f"make {label}", f"step {label}", attack + b"\n" + b"mid " + attack + b" end\n", status=1
            )
            played.event("note", "x", level="error", text=f"note {label} note")
            service: Json = {"id": "1", "log_tail": [label], "startup_errors": [{"line": 1, "text": label}]}
            evidence: Json = {"kind": "container", "data": {"services": {f"web{label}": service}}}
            played.event("evidence", "x", moment="start", evidence=evidence)
        await played.settle()
        for keys in [("g", "t"), *[("pagedown",)] * 4, ("w", "g"), *[("s",)] * 5, *[("S",)] * 3, ("l", "g")]:
            await played.press(*keys)
            drawn = list(played.app.screen._compositor.render_strips(played.app.size))
            assert controls("".join(strip.text for strip in drawn)) == []
            assert not [segment for strip in drawn for segment in strip if segment.control]


def controls(text: str) -> list[str]:
    return [char for char in text if unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"}]


def test_every_key_has_a_name_and_a_tooltip() -> None:
    from textual.binding import Binding

    keys = [key for key in KEYS if isinstance(key, Binding)]
    assert len(keys) == len(KEYS)
    assert all(key.id and key.id.startswith("log.") and key.tooltip and key.description for key in keys)
    assert len({key.id for key in keys}) == len(keys)
    pressed = [one for key in keys for one in key.key.split(",")]
    assert len(set(pressed)) == len(pressed)
    assert not {"ctrl+i", "ctrl+m", "ctrl+h", "enter", "shift+tab"} & set(pressed)
