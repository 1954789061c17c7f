"""The net under every step that starts, builds, writes, tests or runs env.py: revision and schema before and after it.

A step that moved them although its approval did not cover that ends the run at once. Where they cannot be looked at,
nothing is passed: before a start that nobody could read that is asked, after a step it ends the run.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import msgspec

from checks.attempts import async_attempts
from checks.evidence import Evidence
from checks.revisions.current import revisions_at
from checks.schema.difference import Difference, compare, short, version_tables
from checks.schema.snapshot import Snapshot
from safemig.engine import observation
from safemig.engine.approval import ask_person
from safemig.engine.session import RunEnds, Session
from safemig.journal.journal import JournalUnwritable
from safemig.planning.applying import role_of
from safemig.planning.facts import AppliesFact
from safemig.planning.plan import Step
from safemig.planning.startup.seen import keep

FILE = "guard.json"
_NAMED = 4  # objects that a sentence names
# They run env.py, which is code of the project: it is to look, and may do more.
_LOOKS = ("same-database", "rehearse")
# A server that is being restarted by the step answers again within some seconds; a lock is waited for 2 s each time.
_PATIENCE = 10.0
_PAUSE = 0.2


@dataclass(frozen=True)
class Mark:
    """Where the database was just before ``step``."""

    step: str
    revision: Evidence
    snapshot: Snapshot

    @property
    def current(self) -> tuple[str, ...]:
        """The revisions that it was at."""
        return revisions_at(self.revision) or ()


@dataclass(frozen=True)
class Moved:
    """What became of the database while a step ran."""

    before: tuple[str, ...]
    after: tuple[str, ...]
    differences: tuple[Difference, ...]

    @property
    def words(self) -> str:
        """In one sentence: the revision before and after, then the tables and columns."""
        parts = []
        if self.before != self.after:
            parts.append(f"the revision from {_names(self.before)} to {_names(self.after)}")
        shown = [f"{short(one.key)} {_word(one)}" for one in self.differences[:_NAMED]]
        more = len(self.differences) - _NAMED
        if shown:
            parts.append(f"the schema ({'; '.join(shown)}{f'; and {more} more' if more > 0 else ''})")
        return " and ".join(parts)

    def covered(self, step: Step) -> bool:
        """Whether the step's approval covers it."""
        return bool(step.applies) or step.moves == "schema"


@dataclass(frozen=True)
class Dark:
    """The database could not be looked at, and why."""

    reason: str


@asynccontextmanager
async def guarded(s: Session, step: Step, *, resumed: bool) -> AsyncIterator[None]:
    """Compares revision and schema around the step, whatever ends it. Raises RunEnds where it moved them unasked, and
    where that cannot be told."""
    mark = await before(s, step, resumed=resumed)
    try:
        yield
    except JournalUnwritable:
        raise
    except Exception as error:  # an engine, a server, a file: what the step did until then counts all the same
        # A step that waits for an answer is taken up again with this mark. One that was stopped is begun anew, with a
        # mark of its own: what it has moved would be seen by nobody.
        if not (isinstance(error, RunEnds) and error.verdict == "waiting"):
            await _after_failure(s, step, mark, error)
        raise
    await after(s, step, mark)


async def _after_failure(s: Session, step: Step, mark: Mark | None, error: Exception) -> None:
    """The comparison after a step that did not come to its end; the run ends for both."""
    reason = error.reason if isinstance(error, RunEnds) else s.clean(" ".join(str(error).split()))
    try:
        await after(s, step, mark)
    except _NotCompared as dark:
        verdict = error.verdict if isinstance(error, RunEnds) else "failed"
        raise RunEnds(verdict, f"{reason}; and {dark.reason}") from error
    except RunEnds as moved:
        raise RunEnds("failed", f"{moved.reason}; and {reason}") from error


class _NotCompared(RunEnds):
    """Whether the step moved anything cannot be told."""


async def before(s: Session, step: Step, *, resumed: bool) -> Mark | None:
    """The mark of a step that is about to run; of one that is taken up again, the mark that was made then. None where
    the step is none of these kinds, and where the database does not answer yet: a start that could not be read is then
    asked about in every mode. Raises RunEnds where the database answered earlier in this run."""
    if not (role_of(step) or step.intent in _LOOKS) or s.project.tree is None:
        return None
    kept = _kept(s) if resumed else None
    if kept is not None and kept.step == step.id:
        return kept
    known = s.past.last("revision")
    answered = known is not None and known.seen
    mark = await (_mark_soon if answered else take_mark)(s, step)
    if isinstance(mark, Mark):
        s.journal.save(FILE, msgspec.json.encode(mark))
        return mark
    if answered:
        text = f"revision and schema could not be read before “{step.title}”, so nothing would show what it moves"
        raise RunEnds("failed", f"{text}: {mark.reason}")
    if s.facts.start_unread and role_of(step) == "start" and not step.applies and not s.past.of(step.id).commands:
        await _ask_dark(s, step, mark)
    return None


async def _ask_dark(s: Session, step: Step, dark: Dark) -> None:
    what = (
        f"what `{s.clean(step.action.line)}` runs could not be read, and the database does not answer before it "
        f"({dark.reason}): whether it applies revisions or changes the schema can be told neither before nor after; "
        "start the database alone and run again, then both are compared"
    )
    title = "Start the service although nothing shows what it does to the database?"
    rule = "a start that cannot be read and cannot be compared asks in every mode"
    await ask_person(s, step, title, what, "this start, without a comparison", rule)
    s.note("gone on without a comparison of revision and schema around this start", step.id, "warning")


async def after(s: Session, step: Step, mark: Mark | None) -> Moved | None:
    """What has moved since the mark; it is journalled where it was covered. Raises RunEnds where it was not."""
    if mark is None:
        return None
    fresh = await _mark_soon(s, step)
    if isinstance(fresh, Dark):
        text = f"whether “{step.title}” changed revision or schema could not be compared after it"
        raise _NotCompared("failed", f"{text}: {fresh.reason}")
    moved = moved_since(s, mark, fresh)
    if moved is None:
        return None
    if not moved.covered(step):
        if s.past.last("revision", "before", "start") is None:
            s.observe(step.id, "start", mark.revision)
        s.observe(step.id, "", fresh.revision)
        _remember(s, step, moved)
        known = "From now on this step is planned as one that does so (.safemig/applies.json)"
        what = known if role_of(step) else "It is to look alone, and runs the project's env.py"
        text = f"“{step.title}” changed {moved.words}, which nobody was asked about. {what}"
        raise RunEnds("failed", f"{text}{_without_revision(moved)}")
    await _journal_moved(s, step)
    return moved


def _without_revision(moved: Moved) -> str:
    """The way out where tables came about beside the revisions, as with SQLAlchemy's ``create_all``; "" elsewhere."""
    made = [short(one.key) for one in moved.differences if one.key.startswith("table ") and _word(one) == "new"]
    if moved.before != moved.after or not made:
        return ""
    return (
        f". No revision was applied for {', '.join(made)}: something makes tables by itself (metadata.create_all?). "
        "Take that out of this step and let a revision make them, or write the revision for what is there"
    )


async def _journal_moved(s: Session, step: Step) -> None:
    """Revision and schema as they are once the step is over. The step itself may have looked before its last change (a
    service that makes tables after it has applied the revisions): what later steps take for granted is what is now."""
    await observation.look_database(s, step.id, "start" if step.phase == "before" else "after")
    for fresh in (await observation.revision_now(s), await observation.schema_now(s)):
        known = s.past.last(fresh.kind)
        if fresh.seen and known is not None and known.data != fresh.data:
            s.observe(step.id, "", fresh)


def _remember(s: Session, step: Step, moved: Moved) -> None:
    role = role_of(step)
    if role is None:
        return
    what = step.action.line or f"writing {step.action.path}"
    migrates = moved.before != moved.after
    text = f"an earlier run saw `{s.clean(what)}` {'apply revisions' if migrates else f'change {moved.words}'}"
    try:
        keep(s.root / ".safemig", AppliesFact(role, text, kind="revisions" if migrates else "schema"))
    except OSError as error:
        s.note(f"that could not be kept in .safemig/applies.json: {error.strerror}", step.id, "warning")


def moved_since(s: Session, mark: Mark, fresh: Mark) -> Moved | None:
    """What has become of the database between the two marks; None for nothing."""
    tree = observation.tree_of(s)
    own = f"table {tree.version_table_schema or 'public'}.{tree.version_table}"
    alembics = version_tables(mark.snapshot, fresh.snapshot)
    differences = compare(mark.snapshot, fresh.snapshot, ignore=alembics | {own})
    if not differences and mark.current == fresh.current:
        return None
    return Moved(mark.current, fresh.current, differences)


async def _mark_soon(s: Session, step: Step) -> Mark | Dark:
    """The mark as soon as it can be had: the step may just have started the server again."""
    mark: Mark | Dark = Dark("")
    async for _ in async_attempts(_PATIENCE, _PAUSE):
        mark = await take_mark(s, step)
        if not isinstance(mark, Dark):
            break
    return mark


async def take_mark(s: Session, step: Step) -> Mark | Dark:
    """Revision and schema over one connection."""
    import psycopg

    from checks.revisions.current import read_current
    from checks.schema.snapshot import TableHeld, take
    from safemig.runtimes.base import Unreachable

    tree = observation.tree_of(s)

    def look() -> Mark | Dark:
        with s.runtime.connect() as connection:
            revision = read_current(connection, table=tree.version_table, schema=tree.version_table_schema)
            return Mark(step.id, revision, take(connection)) if revision.seen else Dark(revision.reason)

    try:
        found = await s.look(look)
    except (psycopg.Error, Unreachable, TableHeld, OSError) as error:
        return Dark(s.clean(" ".join(str(error).split())))
    return found if isinstance(found, Mark) else Dark(s.clean(found.reason))


def _kept(s: Session) -> Mark | None:
    try:
        return msgspec.json.decode((s.journal.folder / FILE).read_bytes(), type=Mark)
    except (OSError, msgspec.MsgspecError):
        return None


def _names(revisions: Sequence[str]) -> str:
    return ", ".join(revisions) or "none"


def _word(difference: Difference) -> str:
    """``wanted`` is how it was before, ``found`` how it is now."""
    if difference.aspect == "missing":
        return "gone"
    return "new" if difference.aspect == "unexpected" else f"changed in {difference.aspect}"
