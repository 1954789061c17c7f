"""The commands of a project without a Makefile, by compose or by the tool that runs its Python. Reads, runs nothing."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from safemig.base.files import head
from safemig.project.alembic_config import AlembicTree
from safemig.project.compose import NAMES, OVERRIDES, Compose, Service
from safemig.project.container_path import image_of, path_inside, workdir_of
from safemig.project.dockerfile import Image
from safemig.project.problem import Problem
from safemig.project.python_tool import python_tool
from safemig.project.served_application import Unserved, server_line
from safemig.shell.rewrite import command_line

MESSAGE = "{message}"  # stands for the migration's message, in commands.create too
_WORD = "MIGRATION-MESSAGE"
_NEEDED = ("start", "migrate")
_PACKAGE_RUNNER = re.compile(r"(?:uv|poetry|pdm|pipenv) run(?: --?[\w=-]+)*")
# What may stand before a program without doing anything else: a script that waits, or migrates, is none of these.
_RUNNER = re.compile(
    rf"(?:{_PACKAGE_RUNNER.pattern} |(?:\S*/)?python[\d.]* -m |(?:\S*/)?(?:alembic|pytest)\b|(?:\S*/)?(?:ba)?sh -\w*c )"
)
_APPLICATION = re.compile(r"^\s*from flask import .*\bcurrent_app\b", re.M)
_BINARIES = re.compile(r"^(?:\.\./)+(?=\.?\w+/bin/)")
_FILES = re.compile(r"(?<=^docker compose)(?: -f \S+)+")


def to_name(role: str) -> str:
    """What settles an open point about a role."""
    return f"set commands.{role} in safemig.yaml"


@dataclass(frozen=True)
class Derived:
    """``lines``: role -> shell line, run in the service's folder. ``problems`` name the roles that nothing decides."""

    lines: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class Place:
    """Where the commands run: the project's root, the service's folder, its Alembic tree, and the roles that
    safemig.yaml names itself."""

    root: Path
    folder: Path
    tree: AlembicTree | None
    told: Collection[str] = ()

    def unplayed(self, role: str, why: str) -> tuple[Problem, ...]:
        """The open point of a role; nothing where safemig.yaml settles it."""
        if role in self.told:
            return ()
        return (Problem(why, str(self.folder), to_name(role)),)


def by_compose(place: Place, compose: Compose, service: Service, server: str) -> Derived:
    """The commands through ``docker compose``: of the application's service and of what it depends on; and of the
    database's service ``server``, which a service of another compose file often does not name."""
    call = compose_call(place.folder, compose)
    image = image_of(service, place.root)
    needed = _with_needed(compose, service)
    alone = [server] if server in compose.services and server not in needed else []
    lines = {
        "start": f"{call} up -d --wait {' '.join([*alone, service.name])}",
        "stop": f"{call} stop {service.name}",
        "logs": f"{call} logs {service.name}",
    }
    if built := [name for name in needed if compose.services[name].build is not None]:
        lines["build"] = f"{call} build {' '.join(built)}"
    problems: list[Problem] = []
    inside = _Inside(place, compose, service, image, call)
    for derived in (inside.migrations(), inside.tests()):
        lines |= derived.lines
        problems += derived.problems
    return Derived(lines, tuple(problems))


def by_python(place: Place, url: str) -> Derived:
    """The commands as processes of this machine, by uv, poetry, pdm, pipenv or a virtual environment."""
    tool = python_tool(place.folder, place.root)
    if isinstance(tool, str):
        return Derived({}, tuple(each for role in _NEEDED for each in place.unplayed(role, tool)))
    lines = {"build": tool.install} if tool.install else {}
    problems: list[Problem] = []
    if place.tree is not None:
        if why := _by_application(place.tree):
            problems += place.unplayed("migrate", why)
        else:
            lines |= _alembic(place.tree, place.folder, tool.prefix)
    if tests := tests_folder(place.folder):
        lines["test"] = f"{tool.prefix}python -m pytest {tests}"  # the folder itself is on its path then
    try:
        lines["start"] = tool.prefix + server_line(place.folder, tool.folder, url)
    except Unserved as error:
        problems += place.unplayed("start", str(error))
    return Derived(lines, tuple(problems))


def in_service(place: Place, compose: Compose, service: Service, line: str, folder: str) -> str:
    """The line as it is run in the running container of the service, in that folder of it."""
    inside = _Inside(place, compose, service, image_of(service, place.root), compose_call(place.folder, compose))
    return inside.run(line, folder)


def judged(line: str) -> str:
    """A derived line without the ways to the project's own files outside of the service's folder: what it does is the
    same."""
    return _FILES.sub("", _BINARIES.sub("", line))


def tests_folder(folder: Path) -> str:
    """The folder that holds the tests, "" where there is none."""
    return next((name for name in ("tests", "test") if (folder / name).is_dir()), "")


@dataclass(frozen=True)
class _Inside:
    """What runs in the service's container."""

    place: Place
    compose: Compose
    service: Service
    image: Image | None
    call: str

    def migrations(self) -> Derived:
        tree = self.place.tree
        if tree is None:
            return Derived()
        why = _by_application(tree)
        home = self._inside(self.place.folder if why else tree.ini)
        if not home and not why:
            why = f"{tree.ini.name} is not seen in the container of {self.service.name}: nothing mounts or copies it"
        if why:
            return Derived({}, self.place.unplayed("migrate", why))
        folder = home.rpartition("/")[0]
        plain = _alembic(tree, tree.ini.parent, "")
        lines = {"migrate": self.run(plain["migrate"], folder)}
        create = self.run(plain["create"].replace(MESSAGE, _WORD), folder)
        # Of a folder that is not mounted the new file would stay in the container; in a shell's quotes no message fits.
        if all(self._mounted(versions) for versions in tree.versions) and not re.search("[\"']", create):
            lines["create"] = create.replace(_WORD, MESSAGE)
        return Derived(lines)

    def tests(self) -> Derived:
        name = tests_folder(self.place.folder)
        if not name:
            return Derived()
        inside = self._inside(self.place.folder / name)
        if not inside:
            why = f"{name}/ is not seen in the container of {self.service.name}: nothing mounts or copies it"
            return Derived({}, self.place.unplayed("test", why))
        return Derived({"test": self.run(f"python -m pytest {name}", inside.rpartition("/")[0])})

    def run(self, line: str, folder: str) -> str:
        """The line as the container's own command is run: with the same runner, in that folder."""
        workdir = workdir_of(self.service, self.image)
        moved = "" if folder == workdir else f"-w {shlex.quote(folder)} "
        run = command_line(self._command(), {}, shlex.split(line)) or ""
        run = run if _RUNNER.match(run) else line
        return f"{self.call} exec -T {moved}{self.service.name} {run}"

    def _command(self) -> str:
        """What the container runs; an entry point belongs to it where it is a runner of Python's packages alone."""
        command = self.image.command.text if self.image and self.image.command else ""
        command = command if self.service.argv is None else shlex.join(self.service.argv)
        entry = self.image.entrypoint.text if self.image and self.image.entrypoint else ""
        entry = entry if self.service.entrypoint is None else shlex.join(self.service.entrypoint)
        return f"{entry} {command}" if _PACKAGE_RUNNER.fullmatch(entry) else command

    def _inside(self, path: Path) -> str:
        return path_inside(self.compose, self.service, self.image, path)

    def _mounted(self, folder: Path) -> bool:
        return bool(path_inside(self.compose, self.service, None, folder))


def _alembic(tree: AlembicTree, folder: Path, prefix: str) -> dict[str, str]:
    options = ""
    if tree.ini.name not in ("alembic.ini", "pyproject.toml") or tree.ini.parent != folder:
        options += f" -c {shlex.quote(os.path.relpath(tree.ini, folder))}"
    if tree.section not in ("alembic", "tool.alembic"):
        options += f" -n {shlex.quote(tree.section)}"
    alembic = f"{prefix}alembic{options}"
    return {"migrate": f"{alembic} upgrade heads", "create": f"{alembic} revision --autogenerate -m {MESSAGE}"}


def _by_application(tree: AlembicTree) -> str:
    """Why Alembic alone cannot run this tree; "" where it can."""
    if tree.ini.name == "env.py":
        return f"no file configures Alembic for {tree.script_location.name}/: the application does"
    if _APPLICATION.search(head(tree.script_location / "env.py")):
        return "env.py takes the database from the Flask application (flask --app MODULE db upgrade)"
    return ""


def compose_call(folder: Path, compose: Compose) -> str:
    """How compose is called in ``folder``: with -f only where it would not take these files by itself."""
    usual = next((found for above in (folder, *folder.parents) if (found := _usual(above))), ())
    if tuple(path.resolve() for path in compose.files) == usual:
        return "docker compose"
    return " ".join(["docker compose", *(f"-f {shlex.quote(os.path.relpath(path, folder))}" for path in compose.files)])


def _usual(folder: Path) -> tuple[Path, ...]:
    first = next((folder / name for name in NAMES if (folder / name).is_file()), None)
    override = next((folder / name for name in OVERRIDES if (folder / name).is_file()), None)
    return tuple(path.resolve() for path in (first, override) if path is not None) if first else ()


def _with_needed(compose: Compose, service: Service) -> list[str]:
    """The service and what it depends on."""
    names, waiting = [], [service.name]
    while waiting:
        name = waiting.pop(0)
        if name in compose.services and name not in names:
            names.append(name)
            waiting += compose.services[name].depends_on
    return names
