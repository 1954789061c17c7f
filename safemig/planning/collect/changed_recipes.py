"""Recipes that are no longer the planned ones, read again: what the commands of the roles come to now."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from safemig.base.action import Action
from safemig.base.file_edit import unified
from safemig.planning.collect.commands import commands_of
from safemig.planning.facts import CalledFact, CommandFact, Facts, Finding
from safemig.planning.recipes import NAME
from safemig.planning.startup.reading import read_startup
from safemig.planning.steps import calls_of

if TYPE_CHECKING:
    from safemig.project.config import Config
    from safemig.project.layout import Project

SCHEMA = "database schema"


class AnotherPlan(Exception):
    """What changed calls for more than the same steps with other recipes."""


def reread(
    fresh: Project, config: Config, facts: Facts, clean: Callable[[str], str], written: Mapping[str, str]
) -> Finding:
    """The finding that makes the plan's next revision, from the facts and the project as it is now; what it holds of
    recipes is ``clean``, as it is in the facts. ``written`` are the digests of the files that the plan has edited.

    Raises AnotherPlan where a command is gone, or applies revisions now and did not before: facts that the plan was
    made from would be others.
    """
    commands = commands_of(fresh, config, facts.message)
    commands = {role: _clean(each, clean) for role, each in commands.items()}
    left = {role: _as_left(known, written) for role, known in facts.commands.items()}
    changed = {role: _with_news(commands[role], known) if role in commands else None for role, known in left.items()}
    changed = {role: each for role, each in changed.items() if each is None or _bare(each) != _bare(left[role])}
    actions: list[Action] = []
    for role, command in changed.items():
        if command is None:
            raise AnotherPlan(f"nothing is known any more that plays the part of {role}")
        if SCHEMA in command.touches and SCHEMA not in facts.commands[role].touches:
            raise AnotherPlan(f"`{command.line}` changes the database schema now, and did not when it was planned")
        actions.append(_action(role, command, left[role]))
    _refuse_new_places(fresh, commands, facts)
    marks = dict.fromkeys((action.line, action.runs[:8]) for action in actions if action.runs)
    named = ", ".join(f"{line} ({digest})" for line, digest in marks)
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
        diff=_new(known, command) if command.target or command.calls or known.calls else "",
        calls=calls_of(command),
        asks=_why(known, command),
    )


def _why(known: CommandFact, command: CommandFact) -> str:
    """Why it is asked about, whatever the mode."""
    if command.recipe != known.recipe or command.line != known.line:
        changed = f"the recipe of `make {command.target}`" if command.target else f"`{command.line}`"
    else:
        changed = f"what `{command.line}` calls"
    return f"{changed} changed after the plan was made"


def _clean(fact: CommandFact, clean: Callable[[str], str]) -> CommandFact:
    calls = tuple(replace(one, text=clean(one.text)) for one in fact.calls)
    return replace(fact, lines=tuple(map(clean, fact.lines)), calls=calls)


def _bare(fact: CommandFact) -> CommandFact:
    """The command without the texts of what it calls, which the digests stand for: an edit of the plan renews those
    alone."""
    return replace(fact, calls=tuple(replace(one, text="") for one in fact.calls))


def _as_left(fact: CommandFact, written: Mapping[str, str]) -> CommandFact:
    """The command with the files that it calls as the edits of the plan have left them."""
    left = (one if one.diff else replace(one, sha256=written.get(one.path, one.sha256)) for one in fact.calls)
    return replace(fact, calls=tuple(left))


def _with_news(command: CommandFact, known: CommandFact) -> CommandFact:
    """The command with what is new in the files that it calls."""
    before = {one.path: one for one in known.calls}
    calls = (replace(one, diff=_new_in(one, before.get(one.path))) for one in command.calls)
    return replace(command, calls=tuple(calls))


def _new_in(now: CalledFact, before: CalledFact | None) -> str:
    if before is not None and before.sha256 == now.sha256:
        return before.diff
    text = before.text if before else None
    return unified(now.path, text, now.text) or f"{now.path} is another file\n"


def _new(known: CommandFact, command: CommandFact) -> str:
    """What is new in the recipe, and in the files that the command calls."""
    before = {one.path: one.sha256 for one in known.calls}
    now = {one.path for one in command.calls}
    news = [one.diff for one in command.calls if before.get(one.path) != one.sha256]
    news += [f"{path} is gone, or not called any more\n" for path in before if path not in now]
    recipe = _new_lines(known, command) if command.recipe != known.recipe or not news else ""
    return "".join([recipe, *news])


def _new_lines(known: CommandFact, command: CommandFact) -> str:
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
