"""Files that changed before they were edited: the edit as it is now, and what is new in the file for the question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from safemig.base.action import Action
from safemig.planning.facts import Finding
from safemig.planning.plan import Step

NAME = "moved"


def finding_of(step: Step, action: Action, new: str, times: int) -> Finding:
    """``new`` is what is new in the file; ``times``, how often that was so before."""
    again = f", once more ({times + 1})" if times else ""
    why = f"{action.path} changed after the plan was made ({(action.before or '')[:8]}{again})"
    return Finding(NAME, why, actions=(action,), step=step.id, new=new)


def marked(steps: Sequence[Step], findings: Sequence[Finding]) -> list[Step]:
    """The steps; one whose file changed says what is new in it."""
    known = {finding.step: finding for finding in findings if finding.new}
    return [_marked(step, known.get(step.id)) for step in steps]


def _marked(step: Step, finding: Finding | None) -> Step:
    if finding is None:
        return step
    news = (f"new in {step.action.path} since the plan was made:", *(f"  {line}" for line in finding.new.splitlines()))
    action = replace(step.action, asks=f"{step.action.path} changed after the plan was made")
    return replace(step, action=action, cause=step.cause or finding.cause, detail=(*news, *step.detail))
