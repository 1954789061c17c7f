"""Long work in turns with the keys: no thread, no task of its own for each piece."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Iterator
from typing import TypeVar

TURN = 0.004  # seconds of work before the keys get their turn
REST = 0.001  # a key goes through some eight queues before the screen shows it: one round of the loop is not enough
Step = TypeVar("Step")


async def in_turns(steps: Iterator[Step]) -> AsyncIterator[Step]:
    """The same steps; whatever else the loop has to do runs in between.

    Meanwhile no full collection walks the some 300,000 objects of the screen: it takes 40 ms, and 200 ms on a busy
    machine, in which no key is answered. What the steps make is collected all the same.
    """
    gc.freeze()
    try:
        until = time.monotonic() + TURN
        for step in steps:
            yield step
            if time.monotonic() > until:
                await asyncio.sleep(REST)
                until = time.monotonic() + TURN
    finally:
        gc.unfreeze()
