"""Watching a change to the database from a second connection while its command runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from checks.database.activity import look, words
from safemig.engine.ownership import before_of, claim, claims_of
from safemig.engine.session import Session
from safemig.engine.watchdog import queue_words
from safemig.planning.plan import Step
from safemig.runtimes.base import APPLICATION

if TYPE_CHECKING:
    import psycopg

POLL_SECONDS = 0.5


@asynccontextmanager
async def watching(s: Session, step: Step) -> AsyncIterator[None]:
    """Tells what the step's statements wait for, whom they block, and how far an index build is."""
    task = asyncio.ensure_future(_watch(s, step))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _moment(connection: psycopg.Connection) -> str:
    """The server's own clock, a second ago: the command may have connected before us."""
    row = connection.execute("SELECT (clock_timestamp() - interval '1 second')::text").fetchone()
    return str(row[0]) if row else ""


@dataclass
class _Own:
    """The sessions that are proved to be the step's command's, looked up again whenever another one has come and
    stayed: a busy service opens many short ones."""

    s: Session
    step: Step
    pids: tuple[int, ...] = ()
    _there: frozenset[tuple[int, str]] = frozenset()
    _looked: frozenset[tuple[int, str]] = frozenset()

    async def look(self, connection: psycopg.Connection) -> None:
        from safemig.runtimes.backends import came_since

        numbers = self.s.past.of(self.step.id).commands
        before = before_of(self.s, numbers[-1]) if numbers else {}
        there = frozenset(each.key for each in await self.s.look(lambda: came_since(connection, before)))
        if (there & self._there) - self._looked:
            await claim(self.s, self.step, numbers[-1])
            self._looked = there
        self._there = there
        if numbers:
            self.pids = tuple(each.pid for each in claims_of(self.s, numbers[-1]))


async def _watch(s: Session, step: Step) -> None:
    """A database that cannot be reached a second time is no reason to stop: the command itself will say more."""
    import psycopg

    from safemig.runtimes.base import Unreachable

    last, own = "", _Own(s, step)
    with ExitStack() as stack:
        try:
            connection = await s.look(lambda: stack.enter_context(s.runtime.connect()))
            since = await s.look(lambda: _moment(connection))
            while True:
                await own.look(connection)
                activity = await s.look(lambda: look(connection, since, APPLICATION, own.pids or None))
                text, urgent = queue_words(s, step) or ("", False)
                text, urgent = (text, urgent) if text else words(activity)
                if text and not own.pids:
                    text = f"of the sessions that came since, none of which is proved to be this step's: {text}"
                if text != last:
                    s.emit("progress", {"text": s.clean(text), "urgent": urgent}, step.id)
                    last = text
                await asyncio.sleep(POLL_SECONDS)
        except (psycopg.Error, Unreachable):
            return
