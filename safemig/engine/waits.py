"""Waits of the engine's own: each says what it waits for and how long still."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from safemig.engine.session import Session

TELL_AFTER = 3.0  # a shorter wait needs no words
TELL_EVERY = 10.0  # 13 events for the 120 s that a service may take


@dataclass
class Wait:
    """One wait of at most ``seconds`` for ``what`` ("the service to answer")."""

    s: Session
    what: str
    seconds: float
    began: float = field(default_factory=time.monotonic)
    told: float | None = None

    @property
    def left(self) -> float:
        """Seconds that it may still take, 0 when the person has asked for a stop."""
        over = self.s.inbox.stop.is_set()
        return 0.0 if over else max(0.0, self.began + self.seconds - time.monotonic())

    async def pause(self, seconds: float) -> None:
        """Sleeps, and says that it waits when it is time for that."""
        self._tell()
        await asyncio.sleep(min(seconds, self.left))

    def _tell(self) -> None:
        moment = time.monotonic()
        since = moment - self.began if self.told is None else moment - self.told
        if since >= (TELL_AFTER if self.told is None else TELL_EVERY):
            self.told = moment
            self._emit(f"waiting for {self.what}: {moment - self.began:.0f} s so far, at most {self.left:.0f} s more")

    def end(self) -> None:
        """Takes the words back that stand on a screen."""
        if self.told is not None:
            self._emit("")

    def _emit(self, text: str) -> None:
        self.s.emit("progress", {"text": self.s.clean(text), "urgent": False}, self.s.past.in_flight)


@asynccontextmanager
async def waiting(s: Session, what: str, seconds: float) -> AsyncIterator[Wait]:
    """A wait that ends with the block."""
    wait = Wait(s, what, seconds)
    try:
        yield wait
    finally:
        wait.end()
