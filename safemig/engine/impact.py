"""What the change will do to the tables in use, looked at just before it: evidence of the run, and asked where it may
hurt."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import msgspec

from checks.evidence import Evidence, Json, now
from safemig.engine.readiness import look_ready
from safemig.planning.collect.impact import read_impact
from safemig.planning.contents import reread
from safemig.planning.facts import Facts, Finding, ImpactFact, RevisionFact
from safemig.planning.impact import impact_of
from safemig.planning.pending import in_use
from safemig.planning.plan import Step

if TYPE_CHECKING:
    from safemig.engine.session import Session

KIND = "impact"


async def look_impact(s: Session, step: Step) -> None:
    """Journals it for each step that is still to apply revisions, and whether the database is ready for them; what was
    not traced when the plan was made is now, and becomes the plan's next revision."""
    if not in_use(s.facts, s.findings):
        return
    facts = reread(s.facts, s.findings)
    files = _files(s, facts)
    if not files:
        return
    if not _traced(facts.impact, files):
        began = now()
        fresh = await s.look(partial(read_impact, s.runtime, s.config, files))
        names = ", ".join(f"{file.path} ({file.sha256[:8]})" for file in files)
        s.find(Finding(KIND, f"what {names} does to the tables in use was looked at {began}", impact=fresh))
        facts = reread(s.facts, s.findings)
    await look_ready(s, step, facts, files)
    for applying in s.plan.steps:
        own = tuple(file for file in files if file.path in _paths(applying))
        if own and facts.impact and not s.past.finished(applying.id):
            _journal(s, step, own, facts.impact)


def _paths(step: Step) -> frozenset[str]:
    return frozenset(each.path for each in step.action.contents)


def _files(s: Session, facts: Facts) -> tuple[RevisionFact, ...]:
    """The revision files that the steps ahead apply, in their order."""
    ahead = frozenset[str]().union(*(_paths(step) for step in s.plan.steps if not s.past.finished(step.id)))
    return tuple(file for file in facts.files if file.path in ahead)


def _traced(known: ImpactFact | None, files: tuple[RevisionFact, ...]) -> bool:
    """Whether that was looked at for those files as they are, be it in vain."""
    if known is None:
        return False
    marks = {one.sha256 for one in known.traces}
    return bool(known.untraced) or all(file.sha256 in marks for file in files)


def _journal(s: Session, step: Step, files: tuple[RevisionFact, ...], known: ImpactFact) -> None:
    subject, repeat = ", ".join(file.revision for file in files), "`safemig plan`"
    found, began = impact_of(known, files), now()
    traces: list[Json] = [msgspec.to_builtins(one) for one in known.traces if one.revision in subject.split(", ")]
    data: dict[str, Json] = {
        "tables": [{**msgspec.to_builtins(one), "duration": one.duration, "stops": one.stops} for one in found.tables],
        "hazards": [msgspec.to_builtins(one) for one in found.hazards],
        "asked": [*found.asks],
        "statements": traces,
        "untraced": known.untraced,
    }
    if any(each.evidence.kind == KIND and each.evidence.data == data for each in s.past.evidence):
        return  # a look before has told it already
    s.observe(step.id, "before", Evidence(KIND, subject, True, began, now(), repeat, data))
