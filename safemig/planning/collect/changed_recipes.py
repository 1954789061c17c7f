"""Recipes that are no longer the planned ones, read again: what the commands of the roles come to now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from safemig.base.action import Action
from safemig.base.file_edit import unified
from safemig.planning.collect.commands import commands_of
from safemig.planning.facts import CommandFact, Facts, Finding
from safemig.planning.recipes import NAME
from safemig.planning.startup.reading import read_startup

if TYPE_CHECKING:
    from safemig.project.config import Config
    from safemig.project.layout import Project

SCHEMA = "database schema"


class AnotherPlan(Exception):
    """What changed calls for more than the same steps with other recipes."""


def reread(fresh: Project, config: Config, facts: Facts, clean: Callable[[str], str]) -> Finding:
    """The finding that makes the plan's next revision, from the facts and the project as it is now; what it holds of
    recipes is ``clean``, as it is in the facts.

    Raises AnotherPlan where a command is gone, or applies revisions now and did not before: facts that the plan was
    made from would be others.
    """
    commands = commands_of(fresh, config, facts.message)
    commands = {role: replace(each, lines=tuple(map(clean, each.lines))) for role, each in commands.items()}
    changed = {role: commands.get(role) for role, known in facts.commands.items() if commands.get(role) != known}
    actions: list[Action] = []
    for role, command in changed.items():
        if command is None:
            raise AnotherPlan(f"nothing is known any more that plays the part of {role}")
        if SCHEMA in command.touches and SCHEMA not in facts.commands[role].touches:
            raise AnotherPlan(f"`{command.line}` changes the database schema now, and did not when it was planned")
        actions.append(_action(role, command, facts.commands[role]))
    _refuse_new_places(fresh, commands, facts)
    targets = list(dict.fromkeys((action.target, action.recipe[:8]) for action in actions if action.target))
    named = ", ".join(f"make {target} ({digest})" for target, digest in targets)
    cause = f"what is run changed after the plan was made: {named}"
    known = {role: command for role, command in changed.items() if command is not None}
    return Finding(NAME, cause, actions=tuple(actions), commands=known)


def _action(role: str, command: CommandFact, known: CommandFact) -> Action:
    return Action(
        "command",
        line=command.line,
        target=command.target,
        recipe=command.recipe,
        effect=command.effect,
        touches=command.touches,
        text=role,
        diff=_new(known, command) if command.target else "",
    )


def _new(known: CommandFact, command: CommandFact) -> str:
    """What is new in the lines that making the target runs; where the earlier ones are not at hand, all of them."""
    before, after = ("".join(f"{line}\n" for line in each.lines) for each in (known, command))
    if not before:
        return f"how it was is not known any more; it is now:\n{after}"
    new = unified(f"make {command.target}", before, after)
    return new or f"its lines are the same, but not what make reads around them (variables, includes):\n{after}"


def _refuse_new_places(fresh: Project, commands: dict[str, CommandFact], facts: Facts) -> None:
    startup = read_startup(fresh, commands)
    known = {(place.role, place.text, place.file, place.kind) for place in facts.applies}
    for place in startup.places:
        if (place.role, place.text, place.file, place.kind) not in known:
            raise AnotherPlan(f"{place.where} applies revisions now, and did not when it was planned")
    if startup.unread and not facts.start_unread:
        raise AnotherPlan("what the start runs can no longer be read, so what it applies is not known")
