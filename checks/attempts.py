"""Looking again and again until something holds or the time is over: the one loop with a deadline."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator


def attempts(seconds: float, pause: float) -> Iterator[float]:
    """One turn at once and one every ``pause`` seconds, as long as ``seconds`` are not over, each with the seconds that
    have passed. The loop's body looks, and leaves the loop when it has seen what it waits for."""
    began = time.monotonic()
    while True:
        passed = time.monotonic() - began
        yield passed
        if passed >= seconds:
            return
        time.sleep(pause)


async def async_attempts(seconds: float, pause: float) -> AsyncIterator[float]:
    """The same for a coroutine."""
    began = time.monotonic()
    while True:
        passed = time.monotonic() - began
        yield passed
        if passed >= seconds:
            return
        await asyncio.sleep(pause)
