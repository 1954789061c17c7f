"""Watching a command while it runs: how its output grows, and whether it serves."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

REPORT_EVERY = 0.2  # seconds; a screen that shows more reads the output's file itself
READY_GRACE = 2.0
READY_EVERY = 0.5


def ask(
    asked: asyncio.Task[bool] | None, ready: Callable[[], Awaitable[bool]], began: float
) -> asyncio.Task[bool] | None:
    """The question whether it serves: first after the grace, then again half a second after a no."""

    async def question(delay: float) -> bool:
        await asyncio.sleep(delay)
        return await ready()

    if asked is None:
        return asyncio.create_task(question(max(0.0, began + READY_GRACE - time.monotonic())))
    if asked.done() and not asked.result():
        return asyncio.create_task(question(READY_EVERY))
    return asked


class Watch:
    """Tells the growth of an output file, at most every REPORT_EVERY seconds."""

    def __init__(self, output: Path, start: int, tell: Callable[[int, int], None]) -> None:
        self.output, self.end, self.tell, self.told = output, start, tell, 0.0

    def look(self, *, last: bool = False) -> None:
        """Report the new range, when there is one and its time has come."""
        moment = time.monotonic()
        if not last and moment - self.told < REPORT_EVERY:
            return
        grown = size(self.output)
        if grown > self.end:
            before, self.end, self.told = self.end, grown, moment
            self.tell(before, grown)


def size(path: Path) -> int:
    """Bytes in the file, 0 when there is none."""
    try:
        return path.stat().st_size
    except OSError:
        return 0
