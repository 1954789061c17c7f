"""Which commands of a project apply revisions by themselves, read from its files; nothing is run.

Read are the recipes and lines that build, start and test, and what they come to: compose services with their
Dockerfiles, scripts, make targets, and the start of the Python application.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from safemig.base.files import head
from safemig.planning.facts import AppliesFact, ApplyingRole, CommandFact
from safemig.planning.startup.application import Program, Reached
from safemig.planning.startup.containers import built, start_of, started
from safemig.planning.startup.invocation import APPLIES, SERVED, SHELLS, Invocation, invocations, is_python, not_read
from safemig.planning.startup.making import makefile_at, recipe_of
from safemig.planning.startup.scripts import expanded, script_lines, substituted, tail
from safemig.planning.startup.world import World, container
from safemig.project import services as services_of
from safemig.project.compose import Compose, Service, mounted
from safemig.shell.recipes import as_up_is_called, compose_call, split, words

if TYPE_CHECKING:
    from safemig.project.layout import Project

ROLES: tuple[ApplyingRole, ...] = ("build", "start", "test")
_KEYWORDS = frozenset(("if", "then", "else", "elif", "while", "until", "do", "!", "{", "exec", "(", "time"))
_ASSIGNED = re.compile(r"[A-Za-z_]\w*=")
# A conftest.py with one of these decides for itself which database it prepares.
_OTHER_DATABASE = re.compile(r"set_main_option|environ\b|setenv|testcontainers|create_engine|attributes\[")
_CARRIERS = ("quiet", "line", "script", "make")  # what these carry decides whether a command was understood
_DEEPEST = 12
_SHOWN = 80
_LONGEST = 65_536  # bytes of a script that are read


@dataclass(frozen=True)
class Startup:
    """``places`` at which revisions are applied, ``notes`` on what could not be read; ``unread``: the start is among
    that."""

    places: tuple[AppliesFact, ...] = ()
    notes: tuple[str, ...] = ()
    unread: bool = False


@dataclass(frozen=True)
class _At:
    """Where a command stands, and how: its file and line, again after each change of a file (``reloads``), and how deep
    it lies in what it was reached by."""

    file: Path
    line: int = 0
    reloads: bool = False
    depth: int = 0

    def below(self, file: Path | None = None, line: int = 0, *, reloads: bool = False) -> _At:
        """One step further in."""
        place = (file, line) if file else (self.file, self.line)
        return _At(*place, self.reloads or reloads, self.depth + 1)


def read_startup(project: Project, commands: Mapping[str, CommandFact]) -> Startup:
    """What the commands of the roles build, start and test apply by themselves."""
    readings = [_Reading(project, role) for role in ROLES if role in commands]
    at = _At(project.makefile.path if project.makefile else project.root / "safemig.yaml")
    for reading in readings:
        reading.whole(commands[reading.role].line, at)
    places = [place for reading in readings for place in reading.places.values()]
    unread = [f"{text}; revision and schema are compared before and after it" for r in readings for text in r.unread]
    notes = [*unread, *(text for reading in readings for text in reading.notes)]
    starts = any(reading.role == "start" and reading.unread for reading in readings)
    return Startup(tuple(dict.fromkeys(places)), tuple(dict.fromkeys(notes)), starts)


def as_started(project: Project, commands: Mapping[str, CommandFact], *words_: str) -> str:
    """Another command of compose (``words_``), in the folder and for the project of the start command's own call; ""
    where the start is no plain ``up``."""
    command = commands.get("start")
    if command is None:
        return ""
    lines = [command.line]
    if command.target and project.makefile:
        lines = [text for text, _, _ in recipe_of(project.makefile, command.target)]
    for line in lines:
        moves = ""
        for part in split(line):
            moves += f"{part.strip()} && " if part.strip().startswith("cd ") else ""
            if called := as_up_is_called(part.strip(), words_):
                return moves + called
    return ""


class _Reading:
    """One role's reading: its places, and what of it could not be read."""

    def __init__(self, project: Project, role: ApplyingRole) -> None:
        self.project = project
        self.role = role
        self.places: dict[tuple[str, Path, int], AppliesFact] = {}
        self.notes: list[str] = []
        self.unread: list[str] = []
        self._seen: set[object] = set()
        self._understood = False
        self._unknown = False

    def whole(self, line: str, at: _At) -> None:
        """The role's command, as it is run on this machine."""
        self.line(line, World(self.project.root, self.project.folder), at)
        if self.role == "start" and self._unknown and not self._understood:
            self.unread.append(f"what `{_short(line)}` runs could not be read")

    def line(self, text: str, world: World, at: _At) -> World:
        """Every simple command of a shell line, those of its substitutions first; returns the world after it."""
        if at.depth >= _DEEPEST:
            return world
        text, inner = substituted(text)
        unknown = self._unknown
        for each in inner:
            self.line(each, world, at.below())
        self._unknown = unknown  # what a substitution runs beside starts no service
        for part in split(text):
            for plain in split(expanded(part, dict(world.environment))):
                world = self._simple(words(plain.strip("() \t")), world, at)
        return world

    def _simple(self, tokens: list[str], world: World, at: _At) -> World:
        assigned: list[str] = []
        while tokens and (tokens[0] in _KEYWORDS or _ASSIGNED.match(tokens[0])):
            assigned += [tokens[0]] if _ASSIGNED.match(tokens[0]) else []
            tokens = tokens[1:]
        if not tokens or tokens[0] == "export":
            return world.assigned([*assigned, *tokens[1:]])
        if tokens[0] == "cd" and len(tokens) > 1:
            return world if "$" in tokens[1] else world.moved(tokens[1])
        if tokens[0] in ("for", "run-parts"):
            return self._each_file(tokens, world, at)
        if tokens[0] not in ("#", "case"):
            self._command(tokens, world.assigned(assigned), at.below())
        return world

    def _each_file(self, tokens: Sequence[str], world: World, at: _At) -> World:
        """A loop over files, or all those of a folder: each script among them may be run. The loop's variable is the
        first of them from here on."""
        given = [f"{word}/*" for word in tokens[1:]] if tokens[0] == "run-parts" else [*tokens[3:]]
        files = [(name, path) for word in given for name, path in world.matching(word)]
        for _, path in files:
            if path.suffix in ("", ".sh", ".bash", ".py"):
                self._script(path, (), world, at.below())
        return world.assigned([f"{tokens[1]}={files[0][0]}"]) if files else world

    def _command(self, tokens: Sequence[str], world: World, at: _At) -> None:
        if at.depth > _DEEPEST or not tokens:
            return
        call = None if world.service else compose_call(shlex.join(tokens))
        if call is not None:
            self._compose(call[0], call[1], at)
            return
        if self._written(tokens, world, at):
            return
        known = self._beside(tokens, at) or invocations(tokens, world)
        self._unknown = self._unknown or not known
        if reason := not_read(tokens, world, known=bool(known)):
            self._dark(f"`{_short(reason)}`", "it is none of the project's files", world, at)
        for each in known:
            self._understood = self._understood or each.kind not in _CARRIERS
            self._follow(each, world, replace(at, reloads=at.reloads or each.reloads))

    def _beside(self, tokens: Sequence[str], at: _At) -> tuple[Invocation, ...]:
        """The script whose path is known but for its beginning (``"$(dirname "$0")/more.sh"``): it is looked for beside
        the file that names it, and in the folders above."""
        place = 1 if tokens[0] in (".", "source", *SHELLS) and len(tokens) > 1 else 0
        rest, root = tail(tokens[place]), self.project.root
        if not rest or not at.file.is_relative_to(root):
            return ()
        above = [folder for folder in at.file.parents if folder.is_relative_to(root)]
        path = next((path for folder in above if (path := folder / rest).is_file()), None)
        return (Invocation("script", tokens[place], tuple(tokens[place + 1 :]), path),) if path else ()

    def _written(self, tokens: Sequence[str], world: World, at: _At) -> bool:
        """A script whose text stands in the Dockerfile (``COPY <<EOF /start.sh``)."""
        for place, token in enumerate(tokens[:2]):
            for each in world.written(token):
                self._body(each.text, at.file, each.number, world, at)
                self._command([word for word in tokens[place + 1 :] if word != "--"], world, at.below())
                return True
        return False

    def _follow(self, each: Invocation, world: World, at: _At) -> None:
        if each.folder:
            world = world.moved(each.folder)
        if each.kind == "upgrade":
            self._applies(f"`{_short(each.text)}`", world, at)
        elif each.kind == "line":
            self.line(each.text, world, at.below())
        elif each.kind == "script" and each.path:
            self._script(each.path, each.words, world, at)
        elif each.kind == "make":
            self._make(list(each.words), world, at)
        elif each.kind == "tests" and self.role == "test":
            self._conftests(world, at)
        elif each.kind in ("module", "file", "code"):
            self._python(each, world, at)

    def _script(self, path: Path, rest: Sequence[str], world: World, at: _At) -> None:
        body = head(path, _LONGEST)
        if path.suffix == ".py" or re.match(r"#!.*python", body):
            self._python(Invocation("file", words=tuple(rest), path=path, program=True), world, at)
            return
        key = (path, world.service, at.reloads)
        self._unknown = self._unknown or "\0" in body  # a program, no text
        if len(body.encode("utf-8", "surrogateescape")) >= _LONGEST:
            self._dark(self._shown(path), f"it is larger than {_LONGEST:,} bytes", world, at)
        if key not in self._seen and "\0" not in body:
            self._seen.add(key)
            self._body(body, path, 0, world, at)
        # What such a script is given, it commonly runs at its end.
        self._command([word for word in rest if word != "--"], world, at.below())

    def _body(self, body: str, file: Path, above: int, world: World, at: _At) -> None:
        """The commands of a script that begins below line ``above`` of the file."""
        for each in script_lines(body):
            below = at.below(file, above + each.number)
            if each.document and any(is_python(word) for word in words(each.text)):
                self._python(Invocation("code", each.document), world, below)
            world = self.line(each.text, world, below)

    # Containers

    def _compose(self, command: str, rest: Sequence[str], at: _At) -> None:
        compose = self.project.compose
        if compose is None:
            return
        if command in ("exec", "run"):
            service = compose.services.get(rest[0]) if rest else None
            if service is not None and len(rest) > 1:
                self._command(rest[1:], container(compose, service, self.project.root), at.below())
            elif service is not None:
                self._service(compose, service, at)
        elif command in ("up", "start", "restart", "create"):
            for service in started(compose, rest):
                self._service(compose, service, at)
        elif command == "build":
            for service in built(compose, rest):
                self._image(compose, service, at)

    def _image(self, compose: Compose, service: Service, at: _At) -> None:
        world = container(compose, service, self.project.root)
        if world.image is not None and service.build is not None:
            for run in world.image.runs:
                self.line(run.text, world, at.below(service.build.context / service.build.dockerfile, run.number))

    def _service(self, compose: Compose, service: Service, at: _At) -> None:
        """What the container of a service runs: compose's words, else those of its image."""
        if service.is_postgres or ("service", service.name) in self._seen:
            return
        self._seen.add(("service", service.name))
        world = container(compose, service, self.project.root)
        known, self._understood, self._unknown = self._understood, False, False
        texts = list(start_of(compose, service, world))
        if texts:
            _, file, number = texts[-1]
            self.line(" ".join(text for text, _, _ in texts), world, at.below(file, number))
        dark = not self._understood and (self._unknown or not texts)
        if dark and self._concerns(compose, service):
            shown = f"`{_short(texts[0][0])}`" if texts and texts[0][0] else "the entry point of its base image"
            self.unread.append(f"what service {service.name} runs when it starts could not be read ({shown})")
        self._understood = known or self._understood
        self._unknown = False

    def _concerns(self, compose: Compose, service: Service) -> bool:
        app = self.project.service
        return service.name == app or service.name in services_of.alike(compose, app)

    # Make

    def _make(self, rest: list[str], world: World, at: _At) -> None:
        path, names = self._asked_of_make(rest, world)
        own = self.project.makefile
        makefile = own if own and own.path == path else makefile_at(path, self.project.root)
        if makefile is None:
            return
        place = world if world.service else World(world.root, makefile.path.parent)
        for name in names or [target.name for target in makefile.targets[:1]]:
            for text, file, number in recipe_of(makefile, name):
                key = (file, number, text, world.service)
                if key not in self._seen:
                    self._seen.add(key)
                    self.line(text, place, at.below(file, number))

    def _asked_of_make(self, rest: list[str], world: World) -> tuple[Path | None, list[str]]:
        """The Makefile and the targets that make's command line names."""
        names: list[str] = []
        path = next((path for name in ("GNUmakefile", "makefile", "Makefile") if (path := world.find(name))), None)
        own = self.project.makefile
        if own is not None and not world.service and own.path.parent == world.folder:
            path = own.path
        while rest:
            word = rest.pop(0)
            if word in ("-C", "--directory", "-f", "--file") and rest:
                given = world.find(rest.pop(0))
                path = given / "Makefile" if given and given.is_dir() else given
            elif not word.startswith("-") and "=" not in word:
                names.append(word)
        return path, names

    # Python

    def _python(self, each: Invocation, world: World, at: _At, beside: tuple[Path, ...] = ()) -> None:
        """``beside`` is the folder of the script that serves it, where Python looks for modules first."""
        own = (each.path.parent,) if each.path else ()
        program = Program((*beside, *world.modules(), *own))
        if each.kind == "code":
            program.code(each.text, at.file, at.line)
        elif each.path is not None:
            program.file(each.path, script=each.program, words=each.words, whole=each.whole)
        elif not program.module(each.text, each.attribute, script=each.program, words=each.words):
            self._dark(f"the module {each.text}", "it is none of the project's files", world, at)
        for path, why in program.unread.items():
            self._dark(self._shown(path), why, world, at)
        for reached in program.found.values():
            below = at.below(reached.file, reached.line, reloads=program.reloads)
            if reached.kind == "upgrade":
                self._applies("alembic's upgrade", world, below)
            elif reached.kind == "shell":
                self.line(reached.text, world, below)
            elif reached.kind == "unknown":
                self._dark(f"what `{_short(reached.text)}` does", "its words are not known", world, below)
            elif SERVED.fullmatch(reached.text) and below.depth < _DEEPEST:
                module, _, attribute = reached.text.partition(":")
                served = Invocation("module", module, attribute=attribute)
                self._python(served, world, at.below(reloads=reached.reloads), own if each.program else ())

    def _dark(self, what: str, why: str, world: World, at: _At) -> None:
        """Python that is run and cannot be followed: it may apply revisions, whatever else was understood."""
        compose = self.project.compose
        if compose is not None and world.service and not self._concerns(compose, compose.services[world.service]):
            return
        place = f" (reached from {self._shown(at.file)}:{at.line})" if at.line else ""
        self.unread.append(f"{what} could not be read: {why}{place}")

    def _conftests(self, world: World, at: _At) -> None:
        program = Program((*world.modules(), self.project.folder), fixtures=True)
        for path in _test_files(self.project.folder):
            known = set(program.found)
            program.file(path, whole=True)
            own = _OTHER_DATABASE.search(head(path, 400_000))
            for reached in [each for key, each in program.found.items() if key not in known]:
                self._of_tests(reached, world, at.below(reached.file, reached.line), own=bool(own))
        for unread, why in program.unread.items():
            self._dark(self._shown(unread), why, world, at)

    def _of_tests(self, reached: Reached, world: World, at: _At, *, own: bool) -> None:
        """``own``: the file that leads there decides for itself which database it prepares."""
        if reached.kind in ("serve", "unknown") or (reached.kind == "shell" and not APPLIES.search(reached.text)):
            return
        if own:
            where = f"{self._shown(reached.file)}:{reached.line}"
            self.notes.append(f"{where} upgrades a database for the tests; which one could not be read")
        else:
            self._applies("alembic's upgrade", world, at)

    # What was found

    def _applies(self, what: str, world: World, at: _At) -> None:
        who = f"service {world.service}" if world.service else f"the command for “{self.role}”"
        place = (self._shown(at.file), at.line)
        self.places.setdefault((self.role, at.file, at.line), AppliesFact(self.role, f"{who} runs {what}", *place))
        if at.reloads and self.role == "start" and self._sees(world):
            again = f"{who} is started again when a file changes, and runs {what}"
            self.places.setdefault(("write", at.file, at.line), AppliesFact("write", again, *place))

    def _sees(self, world: World) -> bool:
        """Whether a revision file is seen there as soon as it is written."""
        compose, tree = self.project.compose, self.project.tree
        if not world.service or compose is None or tree is None:
            return True
        return mounted(compose, world.service, tree.versions[0])

    def _shown(self, path: Path) -> str:
        path, root = path.resolve(), self.project.root
        return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


def _test_files(folder: Path) -> Iterator[Path]:
    """Every conftest.py, and the test modules that speak of an upgrade."""
    conftests = (folder / "conftest.py", *sorted(folder.glob("test*/**/conftest.py")))
    yield from (path for path in conftests if path.is_file())
    modules = (path for pattern in ("test_*.py", "*_test.py") for path in sorted(folder.glob(f"test*/**/{pattern}")))
    yield from (path for path in modules if "upgrade" in head(path, 400_000))


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
