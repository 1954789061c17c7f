"""A recipe that changed before its step, or under its question: read again, made part of the plan, and asked anew."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from safemig.engine.preconditions import read_again
from safemig.engine.session import RunEnds, Session
from safemig.planning.collect import changed_recipes
from safemig.planning.contents import reread
from safemig.planning.plan import Step
from safemig.planning.recipes import as_now
from safemig.shell.make_effects import recipe_digest


class AnotherStepFirst(Exception):
    """What changed has put a step into the plan that comes before this one."""


def recipe_holds(s: Session, step: Step) -> bool:
    """Whether the recipe of the step's make target is the planned one; the person's own wording of a line has none."""
    if not step.action.target:
        return True
    makefile = read_again(s)
    return bool(makefile.target(step.action.target)) and (
        recipe_digest(makefile, step.action.target) == step.action.recipe
    )


async def recipe_as_now(s: Session, step: Step) -> Step:
    """The step with its recipe as it is now: where it changed, that is a finding and is asked.

    Raises RunEnds("stale") where the same steps would not do, and AnotherStepFirst where the database that the command
    uses has to be proved again before it.
    """
    if await s.look(partial(recipe_holds, s, step)):
        return step
    fresh = replace(s.project, makefile=await s.look(lambda: read_again(s)))
    facts = as_now(reread(s.facts, s.findings), s.findings)
    if step.action.target not in {command.target for command in facts.commands.values()}:
        return step  # of no role: what it takes for granted is looked at next
    try:
        finding = await s.look(lambda: changed_recipes.reread(fresh, s.config, facts, s.clean))
    except changed_recipes.AnotherPlan as other:
        raise RunEnds("stale", f"before “{step.title}”: {other}; start a new run") from None
    s.check_stop()
    s.note(finding.cause, step.id, "warning")
    s.project = fresh
    s.find(finding)
    if next(one.id for one in s.plan.steps if not s.past.finished(one.id)) != step.id:
        raise AnotherStepFirst
    return s.plan.step(step.id)
