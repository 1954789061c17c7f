"""Watching a change to the database from a second connection while its command runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, suppress
from typing import TYPE_CHECKING

from checks.activity import look, words
from safemig.plan import Step
from safemig.run.session import Session
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


async def _watch(s: Session, step: Step) -> None:
    """A database that cannot be reached a second time is no reason to stop: the command itself will say more."""
    import psycopg

    from safemig.runtimes.base import Unreachable

    last = ""
    with ExitStack() as stack:
        try:
            connection = await s.look(lambda: stack.enter_context(s.runtime.connect()))
            since = await s.look(lambda: _moment(connection))
            while True:
                text, urgent = words(await s.look(lambda: look(connection, since, APPLICATION)))
                if text != last:
                    s.emit("progress", {"text": s.clean(text), "urgent": urgent}, step.id)
                    last = text
                await asyncio.sleep(POLL_SECONDS)
        except (psycopg.Error, Unreachable):
            return
