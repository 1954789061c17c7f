"""Nothing is left of what the phase asks for: the run goes on without the change, and proves the service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from safemig.drift import Drift
from safemig.facts import Finding
from safemig.plan import Step
from safemig.plan_heads import NOTHING_TO_DO, THERE
from safemig.restate_reading import parts
from safemig.run import looks
from safemig.run.session import RunEnds, Session
from safemig.run.stated import in_revisions, in_words
from safemig.spec.sources import Wanted

if TYPE_CHECKING:
    from checks.migration.graph import Graph


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
        graph = await s.look(lambda: looks.graph_of(s))
        made = {table for revision in graph.revisions.values() for table in revision.creates}
        if not wanted.tables or not set(wanted.tables) <= made:
            reason = f"{NOTHING_TO_DO}; but whether the revisions make it is not known: {drift.reason}"
            raise RunEnds("failed", reason)
    s.note(NOTHING_TO_DO, step.id)
    s.find(Finding(THERE, NOTHING_TO_DO))
