"""Every place of a project that names a database, with where it stands: what may send a command to another one."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from safemig.project.database_url import DatabaseRef, Places, every_database, from_environment, is_here, parse_url
from safemig.shell.makefile import Makefile, expand

if TYPE_CHECKING:
    from safemig.project.layout import Project

_EXPORT = re.compile(r"^\s*export\s+(?P<names>[A-Za-z_][\w \t]*?)\s*(?:(?::{0,3}|\?|\+|!)=.*)?$", re.MULTILINE)
_EXPORT_ALL = re.compile(r"^(?:export\s*|\.EXPORT_ALL_VARIABLES\s*:.*)$", re.MULTILINE)
_SETTING = re.compile(r"^([A-Za-z_]\w*)=(.*)$", re.DOTALL)


@dataclass(frozen=True)
class NamedDatabase:
    """A database and ``where`` it is named; ``reference`` is what `database.url` would say to mean it, "" for none."""

    ref: DatabaseRef
    where: str
    reference: str = ""


def named_databases(project: Project, environ: Mapping[str, str], role: str = "") -> tuple[NamedDatabase, ...]:
    """What comes nearest to the commands first: the recipe of ``role`` (of all roles when ""), what the Makefile
    exports, the variables at hand, the project's files."""
    compose = project.compose if project.runtime != "process" else None
    found = [*_recipes(project, role), *_exports(project)]
    for ref in from_environment(environ, "env:", compose):
        found.append(NamedDatabase(ref, f"{ref.reference.removeprefix('env:')} in the environment", ref.reference))
    trees = (project.tree,) if project.tree else project.alembic
    for ref in every_database(Places(project.root, project.folder, compose, project.service, trees, environ)):
        found.append(NamedDatabase(ref, ref.reference.partition(":")[2].replace("#", ", "), ref.reference))
    return tuple(found)


def origin_of(named: tuple[NamedDatabase, ...], name: str, host: str = "", port: int = 0) -> NamedDatabase | None:
    """The first place that names the database of that name (there, where that is known)."""
    fitting = [each for each in named if each.ref.name == name]
    there = [each for each in fitting if not host or (is_here(each.ref, host) and port in (0, each.ref.port))]
    return next(iter(there or fitting), None)


def agreed(named: tuple[NamedDatabase, ...], ours: DatabaseRef | None) -> bool:
    """Whether all of them name the database that is looked at."""
    return ours is not None and all(
        (each.ref.name or ours.name) == ours.name
        and (each.ref.service == ours.service if ours.service else is_here(each.ref, ours.host))
        for each in named
    )


def named_for_start(project: Project, environ: Mapping[str, str]) -> tuple[NamedDatabase, ...]:
    """What says which database the service uses once it has been started: in a container its own variables, where it is
    given any; else all that names one."""
    named = named_databases(project, environ, "start")
    own = tuple(each for each in named if each.reference.startswith(f"compose:{project.service}#"))
    return own if project.runtime != "process" and own else named


def _recipes(project: Project, role: str) -> Iterator[NamedDatabase]:
    makefile = project.makefile
    if makefile is None:
        return
    names = [name for each, name in project.roles.items() if role in ("", each)]
    for target in (target for target in makefile.targets if target.name in names):
        for line in target.recipe:
            for variable, value in _settings(expand(line, makefile.variables)):
                ref = parse_url(value, "", project.compose)
                if ref is not None:
                    where = f"{variable} in the recipe of {target.name}, {makefile.path.name} line {target.line}"
                    yield NamedDatabase(ref, where)


def _settings(line: str) -> Iterator[tuple[str, str]]:
    """Variables that a shell line sets, or hands to a container with -e."""
    try:
        words = shlex.split(line)
    except ValueError:
        words = line.split()
    for word in words:
        match = _SETTING.match(word)
        if match:
            yield match[1], match[2]


def exported(makefile: Makefile) -> Mapping[str, str]:
    """The variables that the Makefile gives to its commands, expanded."""
    names = {name for match in _EXPORT.finditer(makefile.text) for name in match["names"].split()}
    if _EXPORT_ALL.search(makefile.text):
        names |= makefile.variables.keys()
    return {name: expand(value, makefile.variables) for name, value in makefile.variables.items() if name in names}


def _exports(project: Project) -> Iterator[NamedDatabase]:
    makefile = project.makefile
    if makefile is None:
        return
    for ref in from_environment(exported(makefile), "", project.compose):
        name = ref.reference
        line = next(
            (
                number
                for number, text in enumerate(makefile.text.splitlines(), 1)
                if re.match(rf"\s*(?:export\s+)?{re.escape(name)}\s*(?::{{0,3}}|\?)=", text)
            ),
            0,
        )
        place = makefile.path.resolve()
        root = project.root.resolve()
        path = place.relative_to(root).as_posix() if place.is_relative_to(root) else place.name
        where = f"{name}, exported in {path}" + (f" line {line}" if line else "")
        yield NamedDatabase(ref, where, f"file:{path}#{name}")
