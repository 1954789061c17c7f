"""The follower of the service's log ends with the run, whenever that is and whatever it does."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from shlex import quote
from types import SimpleNamespace
from typing import cast

import psutil
import pytest

from safemig.engine import service_log
from safemig.engine.loop import Begin, drive
from safemig.engine.service_log import running
from safemig.engine.session import Session


async def _read(line: str, seen: asyncio.Event, cwd: Path) -> None:
    async with running(line, cwd, os.environ) as source:
        while await source.read(1):
            seen.set()


async def test_no_follower_outlives_a_run_that_fails(tmp_path: Path) -> None:
    seen = asyncio.Event()
    follower = asyncio.ensure_future(_read("sh -c 'while :; do echo line; sleep 0.1; done'", seen, tmp_path))
    await asyncio.wait_for(seen.wait(), 30)
    # Nothing else of a session is there: the engine fails at once, as by an error of ours.
    session = cast("Session", SimpleNamespace(follower=follower, inbox=SimpleNamespace(serve=lambda _: None)))
    with pytest.raises(AttributeError):
        await asyncio.wait_for(drive(session, cast("Begin", None)), 30)
    assert follower.cancelled()


@pytest.mark.parametrize("turns", range(8))
async def test_a_cancelled_start_ends_though_a_child_holds_the_output(turns: int, tmp_path: Path) -> None:
    task = asyncio.ensure_future(_read("sh -c 'sleep 1000 & wait'", asyncio.Event(), tmp_path))
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 30)


@pytest.mark.parametrize(
    "line",
    [
        "trap '' TERM; while :; do echo line; sleep 0.1; done",
        "sleep 1000 & echo started; wait",
        "exec yes",
    ],
    ids=["deaf", "with a child that holds the output", "more than anybody reads"],
)
async def test_what_runs_ends_with_all_that_it_started(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_log, "GRACE_SECONDS", 0.5)
    seen = asyncio.Event()
    task = asyncio.ensure_future(_read(f"sh -c {quote('echo $$ > pid; ' + line)}", seen, tmp_path))
    await asyncio.wait_for(seen.wait(), 30)
    first = psutil.Process(int((tmp_path / "pid").read_text(encoding="utf-8")))
    started = [first, *first.children(recursive=True)]
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 30)
    assert [one for one in started if one.is_running() and one.status() != psutil.STATUS_ZOMBIE] == []
