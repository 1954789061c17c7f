"""The one loop with a deadline: it looks at once, again and again, and a last time when the time is over."""

from __future__ import annotations

import asyncio
import time

import pytest

from checks.attempts import async_attempts, attempts


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that only the pauses move on, and the pauses that were made."""
    pauses: list[float] = []
    monkeypatch.setattr(time, "monotonic", lambda: sum(pauses))
    monkeypatch.setattr(time, "sleep", pauses.append)
    return pauses


@pytest.mark.parametrize(
    ("seconds", "pause", "turns"),
    [(0.0, 1.0, [0]), (3.0, 1.0, [0, 1, 2, 3]), (2.5, 1.0, [0, 1, 2, 3]), (1.0, 4.0, [0, 4])],
)
def test_the_turns_and_the_time_they_come_at(
    clock: list[float], seconds: float, pause: float, turns: list[float]
) -> None:
    assert list(attempts(seconds, pause)) == turns
    assert clock == [pause] * (len(turns) - 1)


def test_a_loop_that_is_left_waits_no_more(clock: list[float]) -> None:
    for passed in attempts(100.0, 1.0):
        if passed >= 2:
            break
    assert clock == [1.0, 1.0]


def test_a_coroutine_has_the_same() -> None:
    async def turns() -> int:
        return len([passed async for passed in async_attempts(0.0, 9.0)])

    assert asyncio.run(turns()) == 1
