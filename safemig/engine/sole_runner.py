"""One runner per database: while a step applies revisions, no other safemig may.

The lock is held around the step, not for the whole run: a session of ours on the application's database would stand in
the way of tests that copy it (CREATE DATABASE … TEMPLATE) or drop it. What another runner does between two steps is
seen by the look before each step, which ends the run as stale.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from checks.database.runner_lock import Runner, holder, take
from safemig.engine.session import RunEnds, Session
from safemig.planning.plan import Step

if TYPE_CHECKING:
    import psycopg

PATIENCE, POLL = 3.0, 0.1  # seconds; a runner that was killed leaves its session for a moment


@asynccontextmanager
async def sole_runner(s: Session, step: Step) -> AsyncIterator[None]:
    """Holds the database's lock for runners while the step runs. A database that does not answer yet has no lock;
    behind a pooler that hands on sessions it cannot be held, which is said. Raises RunEnds where another runner has it.
    """
    import psycopg

    from safemig.runtimes.base import Unreachable

    with ExitStack() as stack:
        try:
            connection = await s.look(lambda: stack.enter_context(s.runtime.connect()))
        except (Unreachable, psycopg.Error):
            yield
            return
        await _take(s, step, connection)
        yield


async def _take(s: Session, step: Step, connection: psycopg.Connection) -> None:
    deadline = asyncio.get_running_loop().time() + PATIENCE
    other: Runner | None = None
    while (held := await s.look(lambda: take(connection))) is False:
        other = await s.look(lambda: holder(connection)) or other
        if asyncio.get_running_loop().time() > deadline:
            who = other.words if other else "a session that cannot be seen"
            raise RunEnds(
                "failed",
                f"{step.title}: another safemig applies revisions to {s.facts.database} ({who}). Nothing was changed "
                "by this run; start it again when the other one is over",
            )
        await asyncio.sleep(POLL)
    if held is None:
        text = "a pooler hands each statement to another session, so no lock keeps a second runner out"
        s.note(text, step.id, "warning")
