"""A recipe that changed before its step, or under its question: read again, made part of the plan, and asked anew."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from safemig.base.file_edit import unified
from safemig.engine.preconditions import changed_calls, project_again, read_again
from safemig.engine.session import RunEnds, Session
from safemig.planning.collect import changed_recipes
from safemig.planning.collect.called_files import called_by
from safemig.planning.contents import reread
from safemig.planning.facts import Finding
from safemig.planning.plan import Step, sha256_of
from safemig.planning.recipes import as_now
from safemig.planning.steps import digests_of
from safemig.shell.make_effects import recipe_digest


class AnotherStepFirst(Exception):
    """What changed has put a step into the plan that comes before this one."""


def recipe_holds(s: Session, step: Step) -> bool:
    """Whether what the step's command runs is what was planned: the recipe of its make target, and the files that it
    calls."""
    if changed_calls(s, step):
        return False
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
    fresh = await s.look(lambda: project_again(s))
    facts = as_now(reread(s.facts, s.findings), s.findings)
    if (step.action.line, step.action.target) not in {(one.line, one.target) for one in facts.commands.values()}:
        return await _of_no_role(s, step)
    written = {
        one.action.path: sha256_of(one.action.text)
        for one in s.plan.steps
        if one.action.kind == "edit" and s.past.finished(one.id)
    }
    try:
        finding = await s.look(lambda: changed_recipes.reread(fresh, s.config, facts, s.clean, written))
    except changed_recipes.AnotherPlan as other:
        raise RunEnds("stale", f"before “{step.title}”: {other}; start a new run") from None
    s.check_stop()
    s.note(finding.cause, step.id, "warning")
    s.project = fresh
    s.find(finding)
    if next(one.id for one in s.plan.steps if not s.past.finished(one.id)) != step.id:
        raise AnotherStepFirst
    return s.plan.step(step.id)


async def _of_no_role(s: Session, step: Step) -> Step:
    """The step of a line that plays no part in the plan's roles (a person's own wording, a hook, an item's command)
    with the files that it calls as they are now; a changed recipe is looked at by what the step takes for granted."""
    changed = await s.look(lambda: changed_calls(s, step))
    if not changed:
        return step
    fresh = await s.look(lambda: called_by(project_again(s), step.action.target, step.action.line))
    why = f"what `{step.action.line}` calls changed after the plan was made"
    news = [one for one in fresh if one.path in changed]
    gone = [path for path in changed if path not in {one.path for one in fresh}]
    lines = [unified(one.path, None, one.text) or f"{one.path} is another file\n" for one in news]
    lines += [f"{path} is gone, or not called any more\n" for path in gone]
    marks = ", ".join([*(f"{one.path} ({one.sha256[:8]})" for one in news), *(f"{path} (gone)" for path in gone)])
    diff = f"how it was is not known any more; it is now:\n{s.clean(''.join(lines))}"
    action = replace(step.action, calls=digests_of(fresh), asks=why, diff=diff)
    s.check_stop()
    s.note(f"{why}: {marks}", step.id, "warning")
    s.find(Finding("edited", f"{why}: {marks}", actions=(action,), step=step.id))
    return s.plan.step(step.id)
