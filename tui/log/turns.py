"""Long work in turns with the keys: no thread, no task of its own for each piece."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from typing import TypeVar

TURN = 0.003  # seconds of work before the keys get their turn
REST = 0.001  # a key goes through some eight queues before the screen shows it: one round of the loop is not enough
_TURN_LONGEST = 0.01  # after a long rest, so that what comes in is kept up with on a busy machine
_WALL = 0.03  # seconds that a turn lasts at most, whoever works in them
FRAME = 0.1  # seconds from one frame with news to the next
_PAUSE = 4  # times as long as a frame took, which is 0.02 on an idle machine
_LATEST = 1.0
_BUSY = 0.0005  # seconds that the loop works in a rest when something else than us goes on: a round alone is 0.0001
_LONGEST = 0.1  # seconds of rest at most: work that never got its turn would never end
Step = TypeVar("Step")


class Turns:
    """Shares the loop between long work and what a person sees."""

    def __init__(self) -> None:
        self._held = 0.0
        self._asked = self._drawn = self._took = 0.0

    def due(self) -> bool:
        """Whether news are to be drawn now: ten times a second, less often where a frame takes longer than usual.

        A frame takes some 10 ms of work: on a busy machine ten a second would be all that we get.
        """
        return time.monotonic() - self._drawn >= min(max(FRAME, _PAUSE * self._took), _LATEST)

    def asked(self) -> None:
        """A frame is to be drawn."""
        self._asked = self._asked or time.monotonic()

    def hold(self) -> None:
        """A key came: no work until its frame is drawn, or a tenth of a second has passed."""
        self._held = time.monotonic() + _LONGEST

    def drawn(self) -> None:
        """The frame is drawn, and work goes on."""
        self._held = 0.0
        if self._asked:
            self._drawn = time.monotonic()
            self._took, self._asked = self._drawn - self._asked, 0.0

    async def take(self, steps: Iterator[Step]) -> AsyncIterator[Step]:
        """The same steps; whatever else the loop has to do runs in between."""
        began, worked, turn = time.monotonic(), time.thread_time(), TURN
        for step in steps:
            yield step
            ended, work = time.monotonic(), time.thread_time() - worked
            if work > turn or ended - began > _WALL:
                await self._rest(ended - began - work)
                began, worked = time.monotonic(), time.thread_time()
                turn = min(max(TURN, (began - ended) / 8), _TURN_LONGEST)

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
