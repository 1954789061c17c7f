"""The net under every step that starts, builds, writes or tests: revision and schema just before it and just after.

A step that moved them although its approval did not cover that ends the run at once.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import msgspec

from checks.evidence import Evidence
from checks.schema.difference import Difference, compare
from checks.schema.snapshot import Snapshot
from safemig.engine import observation
from safemig.engine.session import RunEnds, Session
from safemig.planning.applying import role_of
from safemig.planning.facts import AppliesFact
from safemig.planning.plan import Step
from safemig.planning.startup.seen import keep

FILE = "guard.json"
_NAMED = 4  # objects that a sentence names


@dataclass(frozen=True)
class Mark:
    """Where the database was just before ``step``."""

    step: str
    revision: Evidence
    snapshot: Snapshot

    @property
    def current(self) -> tuple[str, ...]:
        """The revisions that it was at."""
        return observation.strings(self.revision)


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
        shown = [f"{_short(one.key)} {_word(one)}" for one in self.differences[:_NAMED]]
        more = len(self.differences) - _NAMED
        if shown:
            parts.append(f"the schema ({'; '.join(shown)}{f'; and {more} more' if more > 0 else ''})")
        return " and ".join(parts)

    def covered(self, step: Step) -> bool:
        """Whether the step's approval covers it."""
        return bool(step.applies) or step.moves == "schema"


@asynccontextmanager
async def guarded(s: Session, step: Step, *, resumed: bool) -> AsyncIterator[None]:
    """Compares revision and schema around the step, also where it fails. Raises RunEnds where it moved them unasked."""
    mark = await before(s, step, resumed=resumed)
    try:
        yield
    except RunEnds as ends:
        # A step that was stopped is begun anew, with a mark of its own: what it has moved would be seen by nobody.
        if ends.verdict in ("failed", "interrupted"):
            try:
                await after(s, step, mark)
            except RunEnds as moved:
                raise RunEnds("failed", f"{moved.reason}; and {ends.reason}") from None
        raise
    await after(s, step, mark)


async def before(s: Session, step: Step, *, resumed: bool) -> Mark | None:
    """The mark of a step that is about to run; of one that is taken up again, the mark that was made then. None where
    the step is none of these kinds, or the database does not answer."""
    if role_of(step) is None:
        return None
    kept = _kept(s) if resumed else None
    if kept is not None and kept.step == step.id:
        return kept
    mark = await _mark(s, step)
    if mark is not None:
        s.journal.save(FILE, msgspec.json.encode(mark))
    return mark


async def after(s: Session, step: Step, mark: Mark | None) -> Moved | None:
    """What has moved since the mark; it is journalled where it was covered. Raises RunEnds where it was not."""
    if mark is None:
        if s.facts.start_unread and role_of(step) == "start":
            s.note(
                "the database did not answer before this start, which cannot be read: whether it changed revision or "
                "schema could not be compared",
                step.id,
                "warning",
            )
        return None
    fresh = await _mark(s, step)
    if fresh is None:
        return None
    moved = _moved(s, mark, fresh)
    if moved is None:
        return None
    if not moved.covered(step):
        if s.past.last("revision", "before", "start") is None:
            s.observe(step.id, "start", mark.revision)
        s.observe(step.id, "", fresh.revision)
        _remember(s, step, moved)
        raise RunEnds(
            "failed",
            f"“{step.title}” changed {moved.words}, which nobody was asked about. From now on this step is planned as "
            "one that does so (.safemig/applies.json)",
        )
    await observation.look_database(s, step.id, "start" if step.phase == "before" else "after")
    return moved


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


def _moved(s: Session, mark: Mark, fresh: Mark) -> Moved | None:
    tree = observation.tree_of(s)
    own = frozenset({f"table {tree.version_table_schema or 'public'}.{tree.version_table}"})
    differences = compare(mark.snapshot, fresh.snapshot, ignore=own)
    if not differences and mark.current == fresh.current:
        return None
    return Moved(mark.current, fresh.current, differences)


async def _mark(s: Session, step: Step) -> Mark | None:
    """Revision and schema over one connection; None where they could not be read."""
    import psycopg

    from checks.revisions.current import read_current
    from checks.schema.snapshot import TableHeld, take
    from safemig.runtimes.base import Unreachable

    if s.project.tree is None:
        return None
    tree = s.project.tree

    def look() -> Mark | None:
        with s.runtime.connect() as connection:
            revision = read_current(connection, table=tree.version_table, schema=tree.version_table_schema)
            return Mark(step.id, revision, take(connection)) if revision.seen else None

    try:
        return await s.look(look)
    except (psycopg.Error, Unreachable, TableHeld):
        return None


def _kept(s: Session) -> Mark | None:
    try:
        return msgspec.json.decode((s.journal.folder / FILE).read_bytes(), type=Mark)
    except (OSError, msgspec.MsgspecError):
        return None


def _names(revisions: Sequence[str]) -> str:
    return ", ".join(revisions) or "none"


def _short(key: str) -> str:
    return key.replace(" public.", " ", 1)


def _word(difference: Difference) -> str:
    """``wanted`` is how it was before, ``found`` how it is now."""
    if difference.aspect == "missing":
        return "gone"
    return "new" if difference.aspect == "unexpected" else f"changed in {difference.aspect}"
