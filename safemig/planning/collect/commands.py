"""How this target does each thing: the shell line, its recipe with all it reaches, and the effect of that."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from safemig.base.action import SCHEMA, Effect
from safemig.planning.collect.called_files import with_calls
from safemig.planning.collect.current_command import current_of
from safemig.planning.facts import CommandFact, Facts
from safemig.project.derived_commands import MESSAGE, judged
from safemig.shell.effects import effect_of_line
from safemig.shell.make_effects import effect_in_folder, effect_of_target
from safemig.shell.makefile import Makefile, Target, asks, message_variable, parse, whole_recipe
from safemig.shell.outcome import ANYTHING

if TYPE_CHECKING:
    from safemig.project.config import Config
    from safemig.project.layout import Project

UPGRADE = re.compile(r"\b(alembic\b.*?\s|flask\s+db\s+)upgrade(\s+heads?)?\b")
_LONGEST = 40_000  # letters of what a target runs
WHATEVER = "what the command that safemig.yaml names does"


def commands_of(project: Project, config: Config, message: str = "") -> dict[str, CommandFact]:
    """Role -> command: the project's make targets, then what safemig.yaml says instead."""
    found: dict[str, CommandFact] = {}
    if project.makefile:
        found = {role: from_target(project.makefile, name) for role, name in project.roles.items()}
    else:
        found = {role: derived_command(line) for role, line in project.lines.items()}
    for role, line in config.commands.items():
        found[role] = named(from_line(line, project.makefile), role, config.effects.get(role))
    if "create" in found:
        found["create"] = _with_message(found["create"], project.makefile, message)
    undo = downgrade_of(project.makefile, found.get("migrate"))
    if undo and "downgrade" not in config.commands:
        found["downgrade"] = undo
    derived = "migrate" in project.lines and "migrate" not in config.commands
    look = current_of(project.makefile, found.get("migrate"), project.root, project.compose, derived=derived)
    if look and "current" not in config.commands:
        found["current"] = look
    return {role: with_calls(project, fact) for role, fact in found.items()}


def from_line(line: str, makefile: Makefile | None) -> CommandFact:
    """A command as a person writes it; `make TARGET` has the effect of that target's recipe."""
    tool, _, name = line.strip().partition(" ")
    if tool == "make" and makefile and makefile.target(name.strip()):
        return from_target(makefile, name.strip())
    effects = effect_in_folder(line, makefile.path.parent, makefile.below) if makefile else effect_of_line(line)
    return CommandFact(line, effect=effects.effect, touches=effects.touches, why=effects.why, unknown=effects.unknown)


def named(fact: CommandFact, role: str, effect: Effect | None) -> CommandFact:
    """A command as safemig.yaml names it: its own word on the effect holds; else what only could not be told (a script,
    a program that safemig does not know) counts as a change, for a person has named it. What is known to lose something
    stays what it is, and so does a make target, whose recipe is read."""
    if effect is not None:
        told = f"`{fact.line}` counts as {effect}: commands.{role}.effect in safemig.yaml says so"
        return replace(fact, effect=effect, told=told if effect == fact.effect else f"{told} ({fact.why})")
    if not fact.unknown or fact.target:
        return fact
    touches = tuple(WHATEVER if word == ANYTHING else word for word in fact.touches)
    return replace(fact, effect="write", touches=touches, why=f"safemig.yaml names it (commands.{role}); {fact.why}")


def derived_command(line: str) -> CommandFact:
    """A command that was derived from the project's files, where it has no Makefile."""
    effects = effect_of_line(judged(line))
    return CommandFact(line, effect=effects.effect, touches=effects.touches, why=effects.why)


def from_target(makefile: Makefile, name: str) -> CommandFact:
    """The command that runs this make target; its effect is that of its recipe and of all its prerequisites."""
    target = _target(makefile, name)
    made = effect_of_target(makefile, name)
    effects = made.effects
    return CommandFact(
        f"make {name}",
        name,
        made.digest,
        effects.effect,
        effects.touches,
        effects.why,
        len(asks(target)),
        lines=_kept(tuple(whole_recipe(makefile, name))),
    )


def _kept(lines: tuple[str, ...]) -> tuple[str, ...]:
    """They are there to be shown: more of them than anybody reads are not kept."""
    return lines if sum(map(len, lines)) <= _LONGEST else ()


def recipe_lines(facts: Facts, makefile: Makefile | None, roles: Sequence[str] = ("test", "migrate")) -> Iterator[str]:
    """The shell lines behind those roles, as a shell takes them: what make does with them is done."""
    for role in roles:
        command = facts.commands.get(role) or (facts.test_command if role == "test" else None)
        if command is None:
            continue
        if command.target and makefile:
            for line in whole_recipe(
                _with_test_target(facts, makefile) if role == "test" else makefile, command.target
            ):
                yield line.strip().lstrip("@-+").replace("$$", "$")
        elif not command.target:
            yield command.line


def shell_lines(makefile: Makefile | None, target: str, line: str) -> tuple[str, ...]:
    """What a command runs, as a shell takes it: the recipe of its make target, else the line itself."""
    if not (target and makefile):
        return (line,)
    return tuple(raw.strip().lstrip("@-+").replace("$$", "$") for raw in whole_recipe(makefile, target))


def _with_test_target(facts: Facts, makefile: Makefile) -> Makefile:
    """The Makefile with the test target that the plan adds to it."""
    return parse(facts.test_target.text, makefile.path, makefile.root) if facts.test_target else makefile


def downgrade_of(makefile: Makefile | None, migrate: CommandFact | None) -> CommandFact | None:
    """The undo of the migrate recipe: the same line with `downgrade {revision}`; None when no line upgrades."""
    if migrate is None:
        return None
    lines = whole_recipe(makefile, migrate.target) if makefile and migrate.target else iter([migrate.line])
    for line in lines:
        undone, count = UPGRADE.subn(r"\1downgrade {revision}", line.strip().lstrip("@-+").replace("$$", "$"))
        if count:
            return CommandFact(undone, effect="destructive", touches=(SCHEMA,))
    return None


def _with_message(create: CommandFact, makefile: Makefile | None, message: str) -> CommandFact:
    if not message:
        return create
    if not create.target or not makefile:
        return replace(create, line=create.line.replace(MESSAGE, shlex.quote(message)))
    variable = message_variable(_target(makefile, create.target))
    return replace(create, line=f"{create.line} {variable}={shlex.quote(message)}") if variable else create


def _target(makefile: Makefile, name: str) -> Target:
    target = makefile.target(name)
    if target is None:
        raise KeyError(name)
    return target
