"""The files of the project that a command has executed or steered by: scripts, compose files, Dockerfiles, and what
these call in turn. They are read, never run.

An answer holds for them as they are. More of them than are run only means that more changes are noticed, so any word
that names such a file counts. What a program imports or installs is not among them.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from safemig.base.action import Action
from safemig.base.files import HUGE, content, head
from safemig.planning.facts import CalledFact, CommandFact
from safemig.planning.startup.containers import built, started
from safemig.planning.startup.world import World, container
from safemig.project.compose import Compose, Service, read_compose
from safemig.shell.makefile import Makefile, read_makefile, whole_recipe
from safemig.shell.recipes import compose_call, split, words

if TYPE_CHECKING:
    from safemig.project.layout import Project

_CODE = frozenset(
    (".sh", ".bash", ".ksh", ".zsh", ".py", ".sql", ".js", ".mjs", ".ts", ".rb", ".pl", ".php", ".awk", ".sed", ".exp",
     ".mk", ".yml", ".yaml", ".ini", ".cfg", ".conf", ".toml")
)  # fmt: skip
_SHELL = frozenset((".sh", ".bash", ".ksh", ".zsh"))
_IMAGE = re.compile(r"(?:.*\.)?(?:Docker|Container)file(?:\..*)?")
_FIRST_START = PurePosixPath("/docker-entrypoint-initdb.d")  # what the image of PostgreSQL runs on an empty volume
_REVISES = re.compile(r"\balembic\b.*\srevision\b|\bdb\s+(?:migrate|revision)\b")
_WRITES = re.compile(r"\d?>>?\|?")
_OUTPUT = ("-o", "--output", "--out", "--output-file", "--outfile")
_OUTPUT_IS = tuple(f"{option}=" for option in _OUTPUT[1:])
_COPIES = frozenset(("cp", "mv", "install", "ln"))  # to their last operand
_LONGEST = 40_000  # letters of a file that are kept to show what is new in it
_SCRIPT = 65_536  # bytes of a script that are followed
_MOST = 200  # files of one command
_DEEPEST = 6


def with_calls(project: Project, fact: CommandFact, *, texts: bool = True) -> CommandFact:
    """The command with the files that it calls, as they are now; without ``texts`` by their digests alone."""
    calls = called_by(project, fact.target, fact.line)
    return replace(fact, calls=calls if texts else tuple(replace(one, text="") for one in calls))


def called_by(project: Project, target: str, line: str) -> tuple[CalledFact, ...]:
    """The files that making ``target`` calls; without one, those that the line calls. In the order of their paths."""
    walk = _Walk(project)
    makefile = project.makefile
    if target and makefile:
        walk.target(makefile, target)
    else:
        walk.line(line, World(project.root.resolve(), project.folder))
    found = {_shown(project.root.resolve(), path): path for path in walk.found}
    return tuple(_fact(name, path) for name, path in sorted(found.items()))


def calls_changed(project: Project, action: Action) -> tuple[str, ...]:
    """The files that the command calls now and that are not as its answer has them, or are called no more."""
    known = {each.path: each.sha256 for each in action.calls}
    now = {each.path: each.sha256 for each in called_by(project, action.target, action.line)}
    return tuple(path for path in sorted({*known, *now}) if known.get(path) != now.get(path))


def _fact(name: str, path: Path) -> CalledFact:
    try:
        raw = content(path, HUGE)
    except OSError:
        return CalledFact(name, "")
    text = raw.decode("utf-8", "replace") if len(raw) <= _LONGEST and b"\0" not in raw else ""
    return CalledFact(name, hashlib.sha256(raw).hexdigest(), text)


def _shown(root: Path, path: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()


@dataclass
class _Walk:
    """What was found on the way through the lines of one command."""

    project: Project
    found: dict[Path, None] = field(default_factory=dict)
    seen: set[object] = field(default_factory=set)
    made: set[Path] = field(default_factory=set)  # by lines before, which answers are given to

    def target(self, makefile: Makefile, name: str, depth: int = 0) -> None:
        key = (makefile.path, name)
        if key in self.seen or depth > _DEEPEST:
            return
        self.seen.add(key)
        world = World(self.project.root.resolve(), makefile.path.parent)
        for raw in whole_recipe(makefile, name):
            self.line(raw.strip().lstrip("@-+").replace("$$", "$"), world, depth + 1)

    def line(self, text: str, world: World, depth: int = 0) -> None:
        """Every simple command of a shell line."""
        for part in split(text) if depth <= _DEEPEST else ():
            tokens = words(part.strip("() \t"))
            if tokens[:1] == ["cd"] and len(tokens) > 1:
                world = world.moved(tokens[1])
                continue
            self._words(tokens, world, depth)
            if call := None if world.service else compose_call(part):
                self._compose(tokens, world, *call, depth)
            if _REVISES.search(part):
                self._migrations()
            if "make" in tokens or "$(MAKE)" in tokens:
                self._make(tokens, world, depth)
            if not world.service and "build" in tokens:  # docker build FOLDER takes the Dockerfile in it
                for folder in filter(None, map(world.find, tokens)):
                    self._add(folder / "Dockerfile", world, depth)

    def _migrations(self) -> None:
        """What Alembic runs to write a revision; what is applied with the revisions is part of that step's answer."""
        tree = self.project.tree
        for path in (
            (tree.ini, tree.script_location / "env.py", tree.script_location / "script.py.mako") if tree else ()
        ):
            if path.is_file() and path.resolve().is_relative_to(self.project.root.resolve()):
                self.found[path.resolve()] = None

    def _words(self, tokens: Sequence[str], world: World, depth: int) -> None:
        written = _written(tokens)
        for number, token in enumerate(tokens):
            if number in written:
                if written[number] and not world.service:
                    self.made.add(Path(os.path.realpath(world.folder / written[number])))
                continue
            before = tokens[number - 1] if number else ""
            module = before == "-m"
            for word in _paths(token, module=module):
                path = world.find(word)
                if path is not None:
                    self._add(path, world, depth)
            if " " in token and depth < _DEEPEST and token != " ".join(tokens):
                self.line(token, world, depth + 1)  # sh -c 'scripts/seed.sh'

    def _add(self, path: Path, world: World, depth: int) -> None:
        path = Path(os.path.realpath(path))
        known = path in self.found or len(self.found) >= _MOST
        if known or not path.is_file() or not path.is_relative_to(world.root) or not _steers(path):
            return
        if path in self.made or _installed(path, world.root):
            return
        self.found[path] = None
        if path.suffix in _SHELL or re.match(r"#!.*sh\b", head(path, 200)):
            for text in _joined(head(path, _SCRIPT)):
                self.line(text, world, depth + 1)

    def _make(self, tokens: Sequence[str], world: World, depth: int) -> None:
        path = next((path for name in ("GNUmakefile", "makefile", "Makefile") if (path := world.find(name))), None)
        for option, value in pairwise(tokens):
            if option in ("-C", "--directory") and (folder := world.find(value)) is not None:
                path = folder / "Makefile"
            elif option in ("-f", "--file"):
                path = world.find(value) or path
        own = self.project.makefile
        try:
            if own is not None and path is not None and own.path.resolve() == path.resolve():
                makefile = own
            elif path is not None and path.is_file():
                makefile = read_makefile(path, world.root)
            else:
                return
        except OSError:
            return
        for name in tokens:
            if makefile.target(name) is not None:
                self.target(makefile, name, depth + 1)

    # Containers

    def _compose(self, tokens: Sequence[str], world: World, command: str, rest: Sequence[str], depth: int) -> None:
        compose = self._files(tokens, world)
        if compose is None:
            return
        for path in compose.files:
            self.found[path.resolve()] = None
        services: Iterator[Service] = iter(())
        if command in ("exec", "run"):
            service = compose.services.get(rest[0]) if rest else None
            services = iter((service,) if service is not None and command == "run" else ())
            if service is not None:
                self._words(rest[1:], container(compose, service, world.root), depth)
        elif command in ("up", "start", "restart", "create"):
            services = started(compose, rest)
        elif command == "build":
            services = built(compose, rest)
        for service in services:
            self._service(compose, service, depth, starts=command != "build")

    def _files(self, tokens: Sequence[str], world: World) -> Compose | None:
        """The compose files that the call names, else those of the project."""
        own = self.project.compose
        named = [path for path in map(world.find, _values(tokens, ("-f", "--file"))) if path and path.is_file()]
        if not named or (own and [path.resolve() for path in own.files] == named):
            return own
        return read_compose(named, {})

    def _service(self, compose: Compose, service: Service, depth: int, *, starts: bool) -> None:
        """What builds the image of a service, what its container runs, and what a database runs at its first start."""
        key = ("service", service.name, compose.files, starts)
        if key in self.seen:
            return
        self.seen.add(key)
        world = container(compose, service, self.project.root.resolve())
        if service.build is not None:
            dockerfile = service.build.context / service.build.dockerfile
            self._add(dockerfile, world, depth)
            for text in _joined(head(dockerfile, _SCRIPT)) if Path(os.path.realpath(dockerfile)) in self.found else ():
                self._words(words(text.strip("[] ").replace('"', " ").replace(",", " ")), world, depth + 1)
        if not starts:
            return
        for argv in (service.entrypoint or (), service.argv or ()):
            self._words(argv, world, depth + 1)
        for volume in service.volumes:
            inside = PurePosixPath(volume.target)
            if volume.kind == "bind" and (inside == _FIRST_START or _FIRST_START in inside.parents):
                source = Path(volume.source)
                for path in sorted(source.iterdir()) if source.is_dir() else [source]:
                    self._add(path, world, _DEEPEST)


def _written(tokens: Sequence[str]) -> Mapping[int, str]:
    """The places of the words that name a file which the command writes, each with its path where the command makes
    all of it ("" where it adds to it): what that holds afterwards is no matter of an answer that came before."""
    places: dict[int, str] = {}
    for number, token in enumerate(tokens):
        follows = tokens[number - 1] if number else ""
        if _WRITES.fullmatch(follows):
            places[number] = "" if ">>" in follows else token
        elif not _WRITES.fullmatch(token) and (redirection := _WRITES.match(token)):
            places[number] = "" if ">>" in redirection.group() else token[redirection.end() :]
        elif follows in _OUTPUT:
            places[number] = token
        elif token.startswith(_OUTPUT_IS):
            places[number] = token.partition("=")[2]
    name = next((PurePosixPath(token).name for token in tokens if "=" not in token), "")
    operands = [number for number, token in enumerate(tokens) if number and not token.startswith("-")]
    if name in _COPIES and len(operands) > 1 and operands[-1] not in places:
        places[operands[-1]] = tokens[operands[-1]]
    return places


def _installed(path: Path, root: Path) -> bool:
    """Whether the file lies among installed packages: a build step of the run makes or renews what is there."""
    above = [folder for folder in path.parents if folder.is_relative_to(root) and folder != root]
    return any(folder.name == "node_modules" or (folder / "pyvenv.cfg").is_file() for folder in above)


def _paths(token: str, *, module: bool) -> Iterator[str]:
    """What of a word may be a path: itself, the value of an option, the file of a module."""
    yield token
    yield from (token.partition(mark)[2] for mark in ("=", "<", "@") if mark in token)
    if module:
        place = token.replace(".", "/")
        yield from (f"{place}.py", f"{place}/__main__.py")


def _values(tokens: Sequence[str], names: Sequence[str]) -> Iterator[str]:
    for number, token in enumerate(tokens):
        name, equals, value = token.partition("=")
        if token in names and number + 1 < len(tokens):
            yield tokens[number + 1]
        elif equals and name in names:
            yield value


def _steers(path: Path) -> bool:
    """Whether a program takes from it what to do: a script, by name or by what it is, or its configuration."""
    if path.suffix in _CODE or _IMAGE.fullmatch(path.name):
        return True
    return os.access(path, os.X_OK) or head(path, 2) == "#!"


def _joined(text: str) -> list[str]:
    return [line for line in re.sub(r"\\\r?\n", " ", text).splitlines() if not line.lstrip().startswith("#")]
