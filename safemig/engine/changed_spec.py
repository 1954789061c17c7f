"""A spec that changed before it is ticked, or under the question about that: asked anew with what is new in it, where
the phase still asks for what the run has done."""

from __future__ import annotations

import hashlib
from functools import partial

from safemig.base.files import content
from safemig.engine.session import Session
from safemig.planning.collect import changed_spec
from safemig.planning.collect.observe import read_phase
from safemig.planning.facts import Finding, SpecFact
from safemig.planning.plan import Step
from safemig.planning.planner import spec_as_now


def known_texts(s: Session) -> tuple[str, ...]:
    """The sha256 that the spec's file may have: as it was read last, and as the last tick of this run left it."""
    spec = _spec(s)
    ticked = s.past.checklist.get(spec.path, "") if spec else ""
    return tuple(filter(None, (ticked, spec.sha256))) if spec else ()


def spec_holds(s: Session, step: Step) -> bool:
    """Whether the step, where it takes the spec for granted, finds it as it was read."""
    spec = _spec(s)
    if spec is None or "spec" not in step.assumes:
        return True
    try:
        return hashlib.sha256(content(s.root / spec.path)).hexdigest() in known_texts(s)
    except OSError:
        return False


async def spec_with_news(s: Session, step: Step) -> Step:
    """The step with the spec as it is now: where it changed and asks for the same, that is a finding and is asked."""
    if await s.look(partial(spec_holds, s, step)):
        return step
    finding = await s.look(partial(_finding, s))
    s.check_stop()
    if finding is None:
        return step  # what it takes for granted is looked at next
    s.note(finding.cause, step.id, "warning")
    s.find(finding)
    return s.plan.step(step.id)


def _finding(s: Session) -> Finding | None:
    spec = _spec(s)
    if spec is None:
        return None
    try:
        return changed_spec.reread(s.root, spec, read_phase(s.project, s.facts), s.clean)
    except OSError:
        return None


def _spec(s: Session) -> SpecFact | None:
    return spec_as_now(s.facts, s.findings).spec
