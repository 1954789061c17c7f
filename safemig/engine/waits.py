"""Waits of the engine's own: each says what it waits for and how long still."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from checks.evidence import Json
from checks.text import plain
from safemig.engine.session import Session

TELL_AFTER = 3.0  # a shorter wait needs no words
LAST_BYTES = 4_000
LAST_SHOWN = 160
TELL_EVERY = 10.0  # 13 events for the 120 s that a service may take


@dataclass
class Wait:
    """One wait of at most ``seconds`` for ``what`` ("the service to answer"); ``last`` looks up what whoever is waited
    for has said last."""

    s: Session
    what: str
    seconds: float
    last: Callable[[], Awaitable[str]] | None = None
    began: float = field(default_factory=time.monotonic)
    told: float | None = None
    looked: float = 0.0

    @property
    def left(self) -> float:
        """Seconds that it may still take, 0 when the person has asked for a stop."""
        over = self.s.inbox.stop.is_set()
        return 0.0 if over else max(0.0, self.began + self.seconds - time.monotonic())

    def due(self, seconds: float) -> bool:
        """Whether the last look that this was asked for lies so long ago; then it is due, and counts as taken."""
        moment = time.monotonic()
        if moment - self.looked < seconds:
            return False
        self.looked = moment
        return True

    async def pause(self, seconds: float) -> None:
        """Sleeps, and says that it waits when it is time for that."""
        await self._tell()
        await asyncio.sleep(min(seconds, self.left))

    async def _tell(self) -> None:
        moment = time.monotonic()
        since = moment - self.began if self.told is None else moment - self.told
        if since >= (TELL_AFTER if self.told is None else TELL_EVERY):
            self.told = moment
            said = await self.last() if self.last else ""
            self._emit(f"waiting for {self.what}" + (f"; its log ends with: {said}" if said else ""))

    def end(self) -> None:
        """Takes the words back that stand on a screen."""
        if self.told is not None:
            self._emit("")

    def _emit(self, text: str) -> None:
        waited, left = (round(time.monotonic() - self.began, 1), round(self.left, 1)) if text else (0.0, 0.0)
        data: dict[str, Json] = {"text": text, "urgent": False, "waited": waited, "left": left}
        self.s.emit("progress", data, self.s.past.in_flight)


@dataclass
class Telling:
    """How far a long command is, by the last line that it has written to ``output``."""

    s: Session
    output: Path
    step: str
    began: float = field(default_factory=time.monotonic)
    told: float | None = None

    def tell(self) -> None:
        """Says the line when it is time for that; called with every piece of output."""
        moment = time.monotonic()
        since = moment - self.began if self.told is None else moment - self.told
        if since < (TELL_AFTER if self.told is None else TELL_EVERY):
            return
        self.told = moment
        with self.output.open("rb") as file:
            file.seek(max(0, self.output.stat().st_size - LAST_BYTES))
            lines = [plain(line) for line in file.read().decode("utf-8", "replace").splitlines() if line.strip()]
        if lines:
            text = f"{moment - self.began:.0f} s so far: {lines[-1].strip()[:LAST_SHOWN]}"
            self.s.emit("progress", {"text": text, "urgent": False}, self.step)

    def end(self) -> None:
        """Takes the words back that stand on a screen."""
        if self.told is not None:
            self.s.emit("progress", {"text": "", "urgent": False}, self.step)


@asynccontextmanager
async def waiting(
    s: Session, what: str, seconds: float, last: Callable[[], Awaitable[str]] | None = None
) -> AsyncIterator[Wait]:
    """A wait that ends with the block."""
    wait = Wait(s, what, seconds, last)
    try:
        yield wait
    finally:
        wait.end()
