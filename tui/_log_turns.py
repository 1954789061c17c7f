"""Long work in turns with the keys: no thread, no task of its own for each piece."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from typing import TypeVar

TURN = 0.003  # seconds of work before the keys get their turn
REST = 0.001  # a key goes through some eight queues before the screen shows it: one round of the loop is not enough
_BUSY = 0.0005  # seconds that the loop works in a rest when something else than us goes on: a round alone is 0.0001
_LONGEST = 0.1  # seconds of rest at most: work that never got its turn would never end
Step = TypeVar("Step")


class Turns:
    """Shares the loop between long work and what a person sees."""

    def __init__(self) -> None:
        self._held = 0.0

    def hold(self) -> None:
        """A key came: no work until its frame is drawn, or a tenth of a second has passed."""
        self._held = time.monotonic() + _LONGEST

    def release(self) -> None:
        """The frame is drawn."""
        self._held = 0.0

    async def take(self, steps: Iterator[Step]) -> AsyncIterator[Step]:
        """The same steps; whatever else the loop has to do runs in between."""
        began, worked = time.monotonic(), time.thread_time()
        for step in steps:
            yield step
            now = time.monotonic()
            if now - began > TURN:
                await self._rest(now - began - (time.thread_time() - worked))
                began, worked = time.monotonic(), time.thread_time()

    async def _rest(self, stolen: float) -> None:
        """Until nothing else goes on. Never shorter than what other programs took of the turn.

        Who uses more than their share of a busy machine is woken late, and a key is answered late with it: at a load
        of four to two cores after 120 to 190 ms without this.
        """
        until = time.monotonic() + _LONGEST
        rest = max(REST, min(stolen, _LONGEST))
        while True:
            worked = time.thread_time()
            await asyncio.sleep(rest)
            now, rest = time.monotonic(), REST
            if now > until or (now > self._held and time.thread_time() - worked < _BUSY):
                return
