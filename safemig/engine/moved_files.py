"""A file that changed before its edit, or under the question about it: the edit is made of the file as it is now, and
asked about anew."""

from __future__ import annotations

from functools import partial

from safemig.base import file_edit
from safemig.base.rebase import Overlaps, base_of, rebased
from safemig.engine.session import RunEnds, Session
from safemig.planning import moved
from safemig.planning.facts import Finding
from safemig.planning.plan import Step


def file_holds(s: Session, step: Step) -> bool:
    """Whether the file that the step edits is the one that the edit was proposed for, or is edited already."""
    return not _is_edit(step) or file_edit.state(s.root, step.action) != "unclear"


async def file_as_now(s: Session, step: Step) -> Step:
    """The step with the edit of its file as it is now: where that changed, it is a finding and is asked.

    Raises RunEnds("stale") where the edit cannot be made of it: nobody knows what should become of the lines.
    """
    if await s.look(partial(file_holds, s, step)):
        return step
    try:
        finding = await s.look(partial(_finding, s, step))
    except (Overlaps, file_edit.EditError) as error:
        why = str(error).removeprefix(f"{step.action.path}: ")
        raise RunEnds(
            "stale",
            f"before “{step.title}”: {step.action.path} changed after the plan was made, and {why}; start a new run",
        ) from None
    s.check_stop()
    s.note(finding.cause, step.id, "warning")
    s.find(finding)
    return s.plan.step(step.id)


def _finding(s: Session, step: Step) -> Finding:
    now = file_edit.read(s.root, step.action.path)
    action = rebased(step.action, now)
    new = file_edit.unified(step.action.path, base_of(step.action), now or "")
    times = sum(one.name == moved.NAME and one.step == step.id for one in s.findings)
    return moved.finding_of(step, action, s.clean(new), times)


def _is_edit(step: Step) -> bool:
    return step.action.kind == "edit" and step.intent != "tick"
