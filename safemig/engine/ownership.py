"""Which sessions and processes are a command's: what ran before it, what is proved to be its own, what it leaves.

What is proved is kept beside the journal as soon as it is known: a session outlives the client that proves it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from checks.evidence import Json
from safemig.engine.session import Session
from safemig.execution.command import Files, survivors
from safemig.journal.journal import JournalUnwritable
from safemig.planning.contents import reread, sql_of
from safemig.planning.plan import Step

if TYPE_CHECKING:
    from safemig.runtimes.backends import Claim

LEFTOVER_PATIENCE = 10.0
CLAIM_SECONDS = 10.0  # a stop waits no longer than this for an engine or a database that does not answer


def files_of(s: Session, number: int) -> Files:
    """The spool of the run's command ``number``."""
    return Files(s.journal.folder / "commands", number)


def mark_of(s: Session, number: int) -> str:
    """The environment mark by which the command's processes are found again."""
    return f"{s.journal.run}/{number}"


async def mark_before(s: Session, number: int) -> None:
    """Keeps what runs before the command begins."""
    before = await s.look(lambda: s.runtime.mark_before(mark_of(s, number)))
    s.journal.save(f"commands/{number:03}.before.json", msgspec.json.encode(before))


async def keep_before(s: Session, number: int) -> None:
    """The same for a command that begins anyway: where nobody can look, nothing is proved to be its own later."""
    from safemig.runtimes.base import Unreachable

    with suppress(Unreachable):
        await mark_before(s, number)


def before_of(s: Session, number: int) -> dict[str, Json]:
    """What ran before the command; empty when nobody has looked."""
    saved = s.journal.folder / f"commands/{number:03}.before.json"
    known: dict[str, Json] = msgspec.json.decode(saved.read_bytes()) if saved.exists() else {}
    return known


def claims_of(s: Session, number: int) -> tuple[Claim, ...]:
    """The sessions that are known to be the command's, also those that an earlier engine has seen."""
    from safemig.runtimes.backends import Claim

    if number not in s.claims:
        saved = s.journal.folder / f"commands/{number:03}.ours.json"
        s.claims[number] = msgspec.json.decode(saved.read_bytes(), type=tuple[Claim, ...]) if saved.exists() else ()
    return s.claims[number]


async def claim(s: Session, step: Step | None, number: int, pids: Collection[int] | None = None) -> tuple[Claim, ...]:
    """Looks up which sessions are the command's by now, and keeps it; ``step`` is the one that it runs for, ``pids``
    are its processes here, when they are known. What cannot be looked up is not claimed."""
    import psycopg

    from safemig.runtimes.base import Unreachable

    before, known = before_of(s, number), claims_of(s, number)
    statements = sql_of(step, reread(s.facts, s.findings)) if step else ()

    def look() -> tuple[Claim, ...]:
        living = pids if pids is not None else [each.pid for each in survivors(files_of(s, number), mark_of(s, number))]
        return s.runtime.claim(before, living, statements)

    try:
        async with asyncio.timeout(CLAIM_SECONDS):
            fresh = await s.look(look)
    except (TimeoutError, Unreachable, psycopg.Error):
        return known
    keys = {each.key for each in known}
    if new := tuple(each for each in fresh if each.key not in keys):
        s.claims[number] = (*known, *new)
        with suppress(JournalUnwritable):  # it is wanted for a stop, which must work on a full disk, too
            s.journal.save(f"commands/{number:03}.ours.json", msgspec.json.encode(s.claims[number]))
    return claims_of(s, number)


def claims_now(s: Session, step: Step, statements: Collection[str]) -> tuple[Claim, ...]:
    """The sessions that are proved to be those of the step's running command by now; (), where it runs none. Kept
    nowhere. psycopg.Error and Unreachable are the caller's."""
    past = s.past.of(step.id)
    running = [number for number in past.commands if number not in past.ends]
    if not running:
        return ()
    number = running[-1]
    living = [each.pid for each in survivors(files_of(s, number), mark_of(s, number))]
    return s.runtime.claim(before_of(s, number), living, statements)


async def end_leftovers(s: Session, step: str, number: int) -> None:
    """Makes sure that nothing of the command still runs in a container or in PostgreSQL, and says what was done.

    Where that cannot be looked up (the database is down) it says so: the command itself has ended all the same.
    """
    import psycopg

    from safemig.runtimes.base import Unreachable

    before, claims = before_of(s, number), claims_of(s, number)
    try:
        done = await s.look(lambda: s.runtime.end_leftovers(before, claims, LEFTOVER_PATIENCE))
    except (Unreachable, psycopg.Error) as error:
        s.note(f"it could not be looked up whether a statement of the command still runs: {error}", step, "warning")
        return
    for text in done:
        s.note(text, step)
