"""The commands that the open items of a phase name and that only look, as facts."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from safemig.checklist.commands import proof_of
from safemig.checklist.locations import same_file
from safemig.checklist.readonly_commands import Known, Looking, lookings, paths_of_tests
from safemig.plan_document.document import Phase
from safemig.planning.collect.called_files import with_calls
from safemig.planning.collect.commands import from_target, recipe_lines
from safemig.planning.facts import CommandFact, Facts, NamedFact
from safemig.shell.outcome import Effects
from safemig.shell.rewrite import command_line

if TYPE_CHECKING:
    from safemig.project.layout import Project


def with_named(facts: Facts, project: Project, phase: Phase) -> Facts:
    """The facts with the commands that the phase's open items name. Those that the run's own steps run are left out."""
    makefile = project.makefile
    targets = {target.name for target in makefile.targets} if makefile else set()

    def recipe(name: str) -> Effects | None:
        if makefile is None or name not in targets:
            return None
        fact = from_target(makefile, name)
        return Effects(fact.effect, fact.touches, fact.why)

    # The look at the migrate command's database runs before the change: it says nothing of how things are after it.
    after = {role: command for role, command in facts.commands.items() if role != "current"}
    own = [command.line for command in after.values()]
    own += recipe_lines(replace(facts, commands=after), makefile)
    folder = folder_of(project)
    known = Known(recipe, project.database.name if project.database else "", folder)
    found = [
        _fact(facts, project, one)
        for one in lookings((item for item in phase.items if item.open), known)
        if not proof_of(one.line, own, folder)
    ]
    return replace(facts, named=tuple(found))


def folder_of(project: Project) -> str | None:
    """Where the commands are run, relative to the root."""
    if project.folder == project.root:
        return ""
    inside = project.folder.is_relative_to(project.root)
    return project.folder.relative_to(project.root).as_posix() if inside else None


def _fact(facts: Facts, project: Project, one: Looking) -> NamedFact:
    made = NamedFact(one.line, one.item.line, one.item.text, one.tool, why=one.why)
    if one.tool == "psql":
        return replace(made, query=one.words[0])
    if one.tool == "make" and project.makefile:
        return replace(made, command=with_calls(project, from_target(project.makefile, one.words[1])))
    if one.tool in ("curl", "docker"):
        if one.tool == "docker" and facts.runtime != "docker":
            return replace(made, why="not run: this target is plain processes")
        return replace(made, command=_command(shlex.join(one.words), one))
    line = _placed(facts, project, one) if one.tool else ""
    paths = paths_of_tests(one.words) if one.tool == "pytest" else ()
    if one.tool == "pytest" and not paths:
        return replace(made, why="not run: the run's own tests are these")
    fresh = not paths or not all(_is_there(project, path) for path in paths)
    return replace(made, command=_command(line, one), before=fresh) if line else made


def _command(line: str, one: Looking) -> CommandFact:
    touches = "what project code does when it is imported" if "project code" in one.why else "database rows"
    return CommandFact(line, effect=one.effect, touches=(touches,) if one.effect == "write" else (), why=one.why)


def _placed(facts: Facts, project: Project, one: Looking) -> str:
    """The line that runs the tool where the project runs it: as a recipe does, else in the service, else here."""
    roles = ("migrate", "test") if one.tool == "alembic" else ("test", "migrate")
    words = (one.tool, *one.words[1:])
    lines = (command_line(line, {}, words) for line in recipe_lines(facts, project.makefile, roles))
    if found := next((line for line in lines if line), ""):
        return found
    if facts.runtime == "docker":
        name = project.compose.project_name if project.compose else ""
        inside = ["docker", "compose", "--project-name", name, "exec", "-T", facts.service]
        return shlex.join([*inside, *words]) if name and facts.service else ""
    local = f".venv/bin/{one.tool}"
    return shlex.join([local if (project.folder / local).exists() else one.tool, *words[1:]])


def _is_there(project: Project, path: str) -> bool:
    return (project.folder / path).exists() or any(same_file(path, known) for known in _tests(project))


def _tests(project: Project) -> Iterable[str]:
    return (path.relative_to(project.folder).as_posix() for path in project.folder.glob("test*/**/*.py"))
