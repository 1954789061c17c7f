"""Nothing is left of what the phase asks for: the run goes on without the change, and proves the service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from safemig.engine import observation
from safemig.engine.session import RunEnds, Session
from safemig.migrations.change import Wanted
from safemig.migrations.privileges import unread
from safemig.migrations.reconcile.statements import parts
from safemig.planning.collect.existing_tables import in_revisions, in_words
from safemig.planning.facts import Finding
from safemig.planning.heads import NOTHING_TO_DO, SEEN_THERE, THERE
from safemig.planning.plan import Step
from safemig.sandbox.adopt_table import unmade
from safemig.sandbox.drift import Drift

if TYPE_CHECKING:
    from checks.revisions.graph import Graph


def left_unseen(wanted: Wanted, graph: Graph) -> tuple[tuple[int, str], ...]:
    """The statements that no comparison of schemas shows (GRANT, UPDATE, …) and that no revision has, with their lines
    in the spec: whether they were carried out is not told by tables that are as asked for."""
    unseen = [one for one in parts(wanted) if one.unseen()]
    written = in_revisions(graph) if unseen else set()
    return tuple(
        (wanted.place(one.line)[1], one.text) for one in unseen if not in_words(one.text, wanted.kind) & written
    )


async def leave_out(s: Session, step: Step, wanted: Wanted, drift: Drift) -> None:
    """The plan without the change, as all of it is there. Ends the run where no revision is known to have made it."""
    if drift.differences is None:
        graph = await s.look(lambda: observation.graph_of(s))
        if not _named_by(graph, wanted):
            reason = f"{NOTHING_TO_DO}; but whether the revisions make it is not known: {drift.reason}"
            raise RunEnds("failed", reason)
    text = SEEN_THERE if unread(wanted) else NOTHING_TO_DO
    s.note(text, step.id)
    s.find(Finding(THERE, text))


def _named_by(graph: Graph, wanted: Wanted) -> bool:
    """Whether revisions make every table of the phase, and name whatever else it makes."""
    made = {table for revision in graph.revisions.values() for table in revision.creates}
    keys = {key for one in parts(wanted) if not one.unseen() for key in one.what.keys}
    others = [key.partition(" ")[2] for key in sorted(keys) if not key.startswith("table ")]
    return bool(wanted.tables) and set(wanted.tables) <= made and not unmade(graph, others)
