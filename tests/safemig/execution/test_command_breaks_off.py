"""A command whose run breaks off: what its processes hold is looked up before they are ended."""

from __future__ import annotations

import asyncio
from pathlib import Path

import psutil
import pytest

from safemig.execution.command import Files
from tests.safemig.execution.test_command import dead, order, run


class Broken(Exception):
    """What a callback raises."""


@pytest.mark.parametrize("told", ["ready", "cancelled", "both"])
async def test_a_run_that_breaks_off_tells_of_its_processes_while_they_live(told: str, tmp_path: Path) -> None:
    living: list[bool] = []
    begun = asyncio.Event()

    async def ending(pids: tuple[int, ...]) -> None:
        living.append(all(psutil.pid_exists(pid) for pid in pids))
        if told == "both":
            raise Broken

    async def ready() -> bool:
        begun.set()
        if told == "cancelled":
            return False
        raise Broken

    command = order(tmp_path, "sleep 60")
    running = asyncio.ensure_future(run(command, Files(tmp_path, 1), ready=ready, ending=ending))
    await asyncio.wait_for(begun.wait(), 20)
    if told == "cancelled":
        running.cancel()
    with pytest.raises((Broken, asyncio.CancelledError)):
        await running
    assert living
    assert living[0]
    assert dead(command.mark)
