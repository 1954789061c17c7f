"""Which revisions the database has not yet."""

from __future__ import annotations

from checks.revisions.current import revisions_at
from safemig.engine import observation
from safemig.engine.session import RunEnds, Session


def pending_of(s: Session, current: tuple[str, ...]) -> tuple[str, ...]:
    """The revisions between ``current`` and the code's heads, in the order they run."""
    from checks.revisions.graph import UnknownRevision, pending

    graph = observation.graph_of(s)
    if graph.problems:
        first = graph.problems[0]
        raise RunEnds("failed", f"{first.file}, line {first.line}: {first.text}; mend the revision file first")
    try:
        return pending(graph, current)
    except UnknownRevision as error:
        reason = f"the database is ahead of the code: {error}; check out the code that made it"
        raise RunEnds("failed", reason) from None


async def unapplied(s: Session) -> tuple[str, ...]:
    """The revisions that are pending now; () also where the database does not tell."""
    if s.project.tree is None:
        return ()
    revision = await observation.revision_now(s)
    return await s.look(lambda: pending_of(s, revisions_at(revision) or ())) if revision.seen else ()
