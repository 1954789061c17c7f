"""Recipes that are no longer the planned ones, read again: what the commands of the roles come to now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from safemig.base.action import Action
from safemig.base.file_edit import unified
from safemig.planning.collect.commands import commands_of, whole_recipe
from safemig.planning.facts import CommandFact, Facts, Finding
from safemig.planning.recipes import NAME
from safemig.planning.startup.reading import read_startup
from safemig.shell.make_effects import recipe_digest

if TYPE_CHECKING:
    from safemig.project.config import Config
    from safemig.project.layout import Project
    from safemig.shell.makefile import Makefile

SCHEMA = "database schema"


class AnotherPlan(Exception):
    """What changed calls for more than the same steps with other recipes."""


def reread(project: Project, fresh: Project, config: Config, facts: Facts) -> Finding:
    """The finding that makes the plan's next revision, from the project as it was read before and as it is now.

    Raises AnotherPlan where a command is gone, or applies revisions now and did not before: facts that the plan was
    made from would be others.
    """
    commands = commands_of(fresh, config, facts.message)
    changed = {role: commands.get(role) for role, known in facts.commands.items() if commands.get(role) != known}
    actions: list[Action] = []
    for role, command in changed.items():
        if command is None:
            raise AnotherPlan(f"nothing is known any more that plays the part of {role}")
        if SCHEMA in command.touches and SCHEMA not in facts.commands[role].touches:
            raise AnotherPlan(f"`{command.line}` changes the database schema now, and did not when it was planned")
        actions.append(_action(role, command, facts.commands[role], project.makefile, fresh.makefile))
    _refuse_new_places(fresh, commands, facts)
    targets = list(dict.fromkeys((action.target, action.recipe[:8]) for action in actions if action.target))
    named = ", ".join(f"make {target} ({digest})" for target, digest in targets)
    return Finding(NAME, f"what is run changed after the plan was made: {named}", actions=tuple(actions))


def _action(
    role: str, command: CommandFact, known: CommandFact, before: Makefile | None, after: Makefile | None
) -> Action:
    diff = _new(known, command, before, after) if command.target and after else ""
    return Action(
        "command",
        line=command.line,
        target=command.target,
        recipe=command.recipe,
        effect=command.effect,
        touches=command.touches,
        text=role,
        diff=diff,
    )


def _new(known: CommandFact, command: CommandFact, before: Makefile | None, after: Makefile) -> str:
    """What is new in the lines that making the target runs; where the earlier ones are not at hand, all of them."""
    lines = _lines(after, command.target)
    if before is None or not before.target(known.target) or recipe_digest(before, known.target) != known.recipe:
        return f"how it was is not known any more; it is now:\n{lines}"
    new = unified(f"make {command.target}", _lines(before, known.target), lines)
    return new or f"its lines are the same, but not what make reads around them (variables, includes):\n{lines}"


def _lines(makefile: Makefile, target: str) -> str:
    return "".join(f"{line}\n" for line in whole_recipe(makefile, target))


def _refuse_new_places(fresh: Project, commands: dict[str, CommandFact], facts: Facts) -> None:
    startup = read_startup(fresh, commands)
    known = {(place.role, place.text, place.file, place.kind) for place in facts.applies}
    for place in startup.places:
        if (place.role, place.text, place.file, place.kind) not in known:
            raise AnotherPlan(f"{place.where} applies revisions now, and did not when it was planned")
    if startup.unread and not facts.start_unread:
        raise AnotherPlan("what the start runs can no longer be read, so what it applies is not known")
