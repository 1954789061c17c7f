"""The log pane alone on a stage: the test plays the run whose output it shows."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from checks.evidence import Evidence, Json
from safemig.journal.events import Event
from tests.tui.screens import screen_text
from tui.log.pane import LogPane

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
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        async with app.run_test(size=size) as pilot:
            app.pane.focus()
            await pilot.pause()
            yield Stage(app, folder, pilot)
    time.tzset()


def looked_at(kind: str, data: dict[str, Json]) -> Json:
    """Evidence as it stands in an event."""
    observed: Json = msgspec.to_builtins(Evidence(kind, "", True, "", "", "look again", data))
    return observed


async def story(played: Stage) -> None:
    """A build, a service that starts with an error in its log, tests that fail, the person's own line."""
    played.command(1, "make build", "build", BUILD)
    service: Json = {
        "id": "c1",
        "log_tail": ["INFO: Started server", "GET / 200"],
        "startup_errors": [{"line": 3, "text": "no such table"}],
    }
    container = looked_at("container", {"services": {"backend": service}})
    played.event("evidence", "observe", moment="start", evidence=container)
    played.event("evidence", "observe", moment="", evidence=container)
    played.event("note", "observe", level="warning", text="GET /health: says [bold]degraded[/]")
    played.command(2, "make test", "test", TEST, status=2)
    played.command(3, "git status --short", "!", b" M Makefile\n")
    await played.settle()
