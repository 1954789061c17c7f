"""The post-write hooks of an Alembic configuration, as lines that run where the project's Python runs. Runs nothing."""

from __future__ import annotations

import os
import re
import shlex
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from safemig.base.files import head
from safemig.project.alembic_config import AlembicTree, option, read_ini
from safemig.project.container_path import path_inside
from safemig.project.derived_commands import Place, in_service
from safemig.project.python_tool import python_tool

if TYPE_CHECKING:
    from safemig.project.layout import Project

_SECTION = "post_write_hooks"
_FILE = "REVISION_SCRIPT_FILENAME"
_PROGRAMS = {"console_scripts": "entrypoint", "exec": "executable", "module": "module"}


@dataclass(frozen=True)
class WriteHook:
    """A program that Alembic runs on each revision file that it writes: ``line`` is how it is run here, from the
    service's folder; "" where it is not, and ``why`` says why, with its place."""

    name: str
    line: str = ""
    why: str = ""


def write_hooks(project: Project, tree: AlembicTree, revision: Path) -> tuple[WriteHook, ...]:
    """The hooks of that tree for that revision file, in their order."""
    if not tree.hooks:
        return ()
    path = tree.ini
    return tuple(_hook(project, path, name, options, revision) for name, options in _settings(path))


def _settings(path: Path) -> Iterator[tuple[str, Mapping[str, str]]]:
    """The names of the hooks with their options, "%(here)s" left as it is."""
    if path.suffix == ".toml":
        try:
            table = tomllib.loads(head(path, 1_000_000))["tool"]["alembic"][_SECTION]
            yield from ((str(one["name"]), {key: str(value) for key, value in one.items()}) for one in table)
        except (tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError, RecursionError):
            return
        return
    parser = read_ini(path)
    if parser is None or not parser.has_section(_SECTION):
        return
    given = dict(parser.items(_SECTION))
    for name in re.split(r", *| +|\n", option(parser, _SECTION, "hooks", path.parent) or ""):
        keys = [key for key in given if name and key.startswith(f"{name}.")]
        if name.strip():
            yield name, {key[len(name) + 1 :]: given[key] for key in keys}


def _hook(project: Project, ini: Path, name: str, options: Mapping[str, str], revision: Path) -> WriteHook:
    place = f"{_below(ini, project.root)}: the post-write hook {name}"
    kind = options.get("type", "")
    program = options.get(_PROGRAMS.get(kind, ""), "")
    if not program:
        lacks = f"has no {_PROGRAMS[kind]}" if kind in _PROGRAMS else f"is of the kind {kind or '(none)'}"
        return WriteHook(name, why=f"{place} {lacks}, which only Alembic itself could run: run it on the file yourself")
    container = project.compose is not None and project.runtime == "docker"
    service = project.compose.services.get(project.service) if project.compose and container else None

    folder = options.get("cwd", "")
    base = project.folder / _replaced(folder, str(ini.parent))

    def seen(path: Path) -> str:
        """The path as it is where the hook runs, "" where it is not seen there."""
        if project.compose is None or service is None:
            return os.path.relpath(path, base)
        return path_inside(project.compose, service, None, path)

    file, here = seen(revision.parent), seen(ini.parent)
    if service is not None and file and here:
        file = os.path.relpath(file, _replaced(folder, here) or here)
    if container and not (file and here):
        return WriteHook(name, why=f"{place} is not run: the container of {project.service} does not see the new file")
    try:
        words = _words(options, program, f"{file}/{revision.name}", here)
    except ValueError as error:
        return WriteHook(name, why=f"{place} cannot be read ({error}): run it on the file yourself")
    words = ["python", "-m", *words] if kind == "module" else words
    if service is not None and project.compose is not None:
        own, line = Place(project.root, project.folder, project.tree), shlex.join(words)
        return WriteHook(name, in_service(own, project.compose, service, line, _replaced(folder, here) or here))
    return _on_host(project, name, place, words, base, alone=kind == "exec")


def _on_host(project: Project, name: str, place: str, words: list[str], base: Path, *, alone: bool) -> WriteHook:
    """The hook in that folder of this machine, by the project's tool for Python; ``alone``: a program on its own."""
    tool = python_tool(base, project.root)
    if isinstance(tool, str):
        return WriteHook(name, why=f"{place} is not run, for {tool}: run it on the file yourself")
    line = shlex.join(words)
    line = line if alone and ("/" in words[0] or tool.name == "venv") else f"{tool.prefix}{line}"
    moved = os.path.relpath(base, project.folder)
    return WriteHook(name, line if moved == "." else f"cd {shlex.quote(moved)} && {line}")


def _words(options: Mapping[str, str], program: str, file: str, here: str) -> list[str]:
    """Program and arguments, as Alembic puts them together: the file stands first where no argument names it."""
    text = options.get("options", "")
    text = text if _FILE in text else f"{_FILE} {text}"
    arguments = [_replaced(word, here).replace(_FILE, file) for word in shlex.split(text)]
    return [_replaced(program, here), *arguments]


def _replaced(text: str, here: str) -> str:
    return text.replace("%(here)s", here or ".").replace("%%", "%")


def _below(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name
