"""Several heads and risky revisions: when a merge is the change itself, and what a step may lose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from safemig.facts import Facts
from safemig.plan import Step
from safemig.plan_steps import also_plays


def shares_migration(facts: Facts) -> bool:
    """Whether building or starting the service applies the migrations too."""
    return also_plays(facts, "build", "migrate") or also_plays(facts, "start", "migrate")


def merges_only(facts: Facts) -> bool:
    """Whether a merge of the heads is the plan's whole change of the revisions: then it is proved like one."""
    generates = bool(facts.message) and "create" in facts.commands
    other = facts.migration or facts.used or generates
    return facts.merge is not None and not other and not shares_migration(facts) and "migrate" in facts.commands


def risky(step: Step, facts: Facts, revisions: Sequence[str]) -> Step:
    """The step that applies those revisions, destructive where one has no way back or may lose data, with why."""
    found = [one for one in facts.risks if one.revision in revisions]
    if not found:
        return step
    final = [one for one in found if one.final]
    says = "; ".join(f"{'irreversible' if one.final else 'destructive'}: {one.text}" for one in found)
    undo = "; what was lost stays lost without a backup"
    if final:
        names = ", ".join(dict.fromkeys(one.revision for one in final))
        undo = f", but not past {names}, which has no way back: take a backup first"
    action = replace(step.action, effect="destructive")
    return replace(step, action=action, changes=f"{step.changes}; {says}", undo=step.undo + undo)
