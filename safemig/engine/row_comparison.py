"""Around a test run: every table of the application's database before and after it, and what that comes to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, suppress
from pathlib import Path

import msgspec

from checks.database import rows
from checks.evidence import Evidence, now, unseen
from safemig.engine.ownership import files_of
from safemig.engine.session import RunEnds, Session
from safemig.execution import command
from safemig.planning.plan import Step
from safemig.runtimes.base import APPLICATION
from safemig.signals import row_changes

KIND = "rows"
POLL_SECONDS = 0.5  # an idle session goes on showing its last statement


@asynccontextmanager
async def compared(s: Session, step: Step, moment: str) -> AsyncIterator[None]:
    """Compares the rows around the step's command and journals it, also when the command was stopped."""
    if s.known(step.id, moment, KIND):
        yield
        return
    began = now()
    before, why = await _before(s, step)
    others: dict[str, str] = {}
    task = asyncio.ensure_future(_watch(s, before, others)) if before else None
    try:
        yield
    finally:
        if task:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
    evidence = s.observe(step.id, moment, await _after(s, step, before, others, began, why))
    for text in row_changes.remarks(evidence):
        s.note(text, step.id, "warning")


def require_kept(s: Session, step: Step) -> None:
    """Raises RunEnds where a test run before the change took rows: what the next one would take is not waited for."""
    lost = row_changes.losses(s.past.rows)
    if lost and step.phase == "before":
        raise RunEnds("failed", f"tests: {'; '.join(lost)}; {row_changes.ADVICE}")


async def _before(s: Session, step: Step) -> tuple[rows.Rows | None, str]:
    """The tables as they were before the step's command, kept in a file since before it began; else why not."""
    import psycopg

    from safemig.runtimes.base import Unreachable

    path = _file(s, step)
    if path.exists():
        return msgspec.json.decode(path.read_bytes(), type=rows.Rows), ""
    if _begun(s, step):
        return None, "they were not counted before it began"
    try:
        counted = await s.look(lambda: _count(s, None))
    except (psycopg.Error, Unreachable) as error:
        return None, s.clean(_first_line(error))
    s.journal.save(path.name, msgspec.json.encode(counted))
    return counted, ""


def _file(s: Session, step: Step) -> Path:
    """One file for each time that the command is run: a command that was stopped is run anew."""
    past = s.past.of(step.id)
    last = past.ends.get(past.commands[-1]) if past.commands else None
    attempt = len(past.commands) + (not past.commands or (last is not None and last.how == "stopped"))
    return s.journal.folder / f"rows-{step.id}-{attempt}.json"


def _begun(s: Session, step: Step) -> bool:
    past = s.past.of(step.id)
    if not past.commands:
        return False
    ended = past.ends.get(past.commands[-1])
    if ended is None:
        return command.state(files_of(s, past.commands[-1])) != "absent"
    return ended.how != "stopped"


def _count(s: Session, earlier: rows.Rows | None) -> rows.Rows:
    with s.runtime.connect() as connection:
        return rows.count(connection, APPLICATION, earlier)


async def _after(
    s: Session, step: Step, before: rows.Rows | None, others: dict[str, str], began: str, why: str
) -> Evidence:
    import psycopg

    from safemig.runtimes.base import Unreachable

    line = s.clean(step.action.line)
    subject = f"{s.facts.database} around {step.id}"
    if before is None:
        return unseen(KIND, subject, line, why, began)

    def look() -> Evidence:
        with s.runtime.connect() as connection:
            after = rows.count(connection, APPLICATION, before)
            others.update(rows.writers(connection, APPLICATION, before, ended=True))
        texts = [s.clean(text) for text in others.values()]
        return rows.evidence(before, after, texts, subject=subject, repeat=line, began=began, ended=now())

    try:
        return await s.look(look)
    except (psycopg.Error, Unreachable) as error:
        return unseen(KIND, subject, line, s.clean(_first_line(error)), began)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


async def _watch(s: Session, before: rows.Rows, others: dict[str, str]) -> None:
    """Which sessions of others write while the command runs. Without a second connection the end alone tells."""
    import psycopg

    from safemig.runtimes.base import Unreachable

    with ExitStack() as stack:
        try:
            connection = await s.look(lambda: stack.enter_context(s.runtime.connect()))
            while True:
                others.update(await s.look(lambda: rows.writers(connection, APPLICATION, before)))
                await asyncio.sleep(POLL_SECONDS)
        except (psycopg.Error, Unreachable):
            return
