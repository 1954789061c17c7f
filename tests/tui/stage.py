"""A screen on a stage: a feed that the test plays the engine of, and the app around it."""

from __future__ import annotations

import argparse
import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from textual.pilot import Pilot

from safemig.journal.events import Event
from safemig.journal.messages import Message
from tests.tui.recorded import CHECKLIST, Recording
from tests.tui.screens import screen_text
from tui.app import SafemigApp
from tui.keys import Own
from tui.screens.run import RunScreen


class PlayedFeed:
    """Events that the test gives, messages that it reads."""

    def __init__(self, *events: Event) -> None:
        self.events: deque[Event] = deque(events)
        self.sent: list[Message] = []
        self.code: int | None = None
        self.left = False

    @property
    def hears(self) -> bool:
        return self.code is None and not self.left

    async def start(self) -> None:
        """Nothing to begin."""

    def send(self, message: Message) -> bool:
        if self.hears:
            self.sent.append(message)
        return self.hears

    def leave(self) -> None:
        self.left = True

    async def wait(self) -> int:
        return self.code or 0


class Stage:
    """What a test works with."""

    def __init__(self, app: SafemigApp, feed: PlayedFeed, run: Recording, pilot: Pilot[int]) -> None:
        self.app, self.feed, self.run, self.pilot = app, feed, run, pilot
        self._given = len(run.events)

    @property
    def screen(self) -> RunScreen:
        screen = self.app.run_screen
        assert isinstance(screen, RunScreen)
        return screen

    async def play(self) -> None:
        """Lets the app take all that the recording has got since."""
        self.feed.events.extend(self.run.events[self._given :])
        self._given = len(self.run.events)
        self.app._drain()
        await self.pilot.pause()

    async def press(self, *keys: str) -> None:
        """Keys of the person."""
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def shows(self, words: str) -> None:
        """Waits until the screen shows the words: a new layout takes it more than one turn on a busy machine."""
        async with asyncio.timeout(20.0):
            while words not in screen_text(self.app):
                await self.pilot.pause()

    @property
    def answers(self) -> list[Message]:
        """What was decided."""
        return [message for message in self.feed.sent if message.type == "decide"]


@asynccontextmanager
async def stage(
    root: Path, size: tuple[int, int] = (120, 40), mode: str = "default", own: Own | None = None
) -> AsyncIterator[Stage]:
    """A run that has a plan and has done nothing yet."""
    project = root / "catalogue"
    (project / "specs").mkdir(parents=True)
    (project / "backend").mkdir()
    (project / "specs" / "01_ratings_plan.md").write_text(CHECKLIST, encoding="utf-8")
    run = Recording(project)
    run.begin(mode)
    feed = PlayedFeed(*run.events)
    options = argparse.Namespace(project=str(project))
    app = SafemigApp(project, options, own or Own(), feed)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        while app.run_screen is None or not app.run_screen.is_mounted:
            await pilot.pause()
        app.run_screen.approval.settle = 0.0
        one = Stage(app, feed, run, pilot)
        await one.play()
        yield one
