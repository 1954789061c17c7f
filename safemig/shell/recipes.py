"""What a recipe does, as far as discovery must know: which acts, through docker or not, in which service."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from safemig.base.files import head
from safemig.shell.makefile import Makefile, Target, expand

Act = Literal[
    "build", "start", "stop", "restart", "logs", "test", "migrate", "create", "seed", "downgrade", "clean", "other"
]

_ENGINE = re.compile(r"(?<![\w./-])(?:docker|podman|nerdctl)(?:-compose)?(?![\w-])")
_COMPOSE = re.compile(r"(?<![\w./-])(?:(?:docker|podman|nerdctl)\s+compose|docker-compose|podman-compose)(?![\w-])")
# Options that take the next word: compose's own, those of exec and run, of the others (there -f and -v are flags).
_OF_ALL = frozenset(
    ("-f", "--file", "-p", "--project-name", "--profile", "--env-file", "--project-directory", "--ansi", "--parallel",
     "--progress")
)  # fmt: skip
_OF_EXEC = frozenset(
    ("-e", "--env", "-u", "--user", "-w", "--workdir", "--index", "-v", "--volume", "-p", "--publish", "--name",
     "--entrypoint", "-l", "--label")
)  # fmt: skip
_OF_OTHERS = frozenset(
    ("--rmi", "-t", "--timeout", "--tail", "-n", "--since", "--until", "--scale", "--build-arg", "--pull", "-s")
)  # fmt: skip
# In the order in which they are tried on one simple command.
_ACTS: tuple[tuple[Act, re.Pattern[str]], ...] = (
    ("downgrade", re.compile(r"\balembic\b.*\bdowngrade\b|\bdb\s+downgrade\b")),
    ("migrate", re.compile(r"\balembic\b.*\bupgrade\b|\bdb\s+upgrade\b|\bdb-manage\b.*\bupgrade\b")),
    (
        "create",
        re.compile(r"\balembic\b.*\brevision\b|\bdb\s+(?:migrate|revision)\b|\bdb-manage\b.*\brevision\b"),
    ),
    (
        "other",
        re.compile(
            r"\balembic\b.*\b(?:current|heads|history|check|stamp|show|merge|branches)\b|\bptw\b|pytest-watch|\b(?:ruff|mypy|black|flake8|isort|pre-commit)\b|\bcelery\b"
        ),
    ),
    (
        "test",
        re.compile(r"(?<![\w-])(?:pytest|py\.test|stestr|tox|nox|ward)(?![\w-])|-m\s+unittest\b|manage\.py\s+test\b"),
    ),
    (
        "clean",
        re.compile(
            r"\bprune\b|\bdropdb\b|\b(?:volume|image)\s+rm\b|\brmi\b|\brm\s+-\w*r|\bDROP\s+(?:DATABASE|SCHEMA)\b"
        ),
    ),
    (
        "start",
        re.compile(
            r"(?<![\w./-])(?:\S*/)?(?:uvicorn|gunicorn|hypercorn|granian|daphne|honcho|waitress-serve|pserve)(?![\w-])"
            r"|\bfastapi\s+(?:dev|run)\b|\bflask\b.*\brun\b|\bdocker\s+(?:run|start)\b|http\.server"
        ),
    ),
    (
        "seed",
        re.compile(
            r"\bseed|\bfixtures?\b|\bload_?data\b|\bpopulate\b|psql\b.*<|\bsample_?data\b|\binitial_data\b", re.I
        ),
    ),
    (
        "build",
        re.compile(
            r"\bdocker\s+(?:buildx\s+)?build\b|\buv\s+(?:pip\s+)?(?:sync|install)\b|\bpip3?\s+install\b"
            r"|\b(?:poetry|pdm|pipenv)\s+(?:install|sync)\b|\b-m\s+venv\b|\bhatch\s+env\s+create\b"
        ),
    ),
    ("logs", re.compile(r"\bdocker\s+logs\b|\btail\b.*\s-\w*[fF]|\bjournalctl\b")),
    ("stop", re.compile(r"(?<![\w-])p?kill(?:all)?(?![\w-])|\bdocker\s+stop\b")),
)
_OF_COMPOSE: Mapping[str, Act] = {
    "build": "build",
    "pull": "build",
    "up": "start",
    "start": "start",
    "stop": "stop",
    "down": "stop",
    "restart": "restart",
    "logs": "logs",
    "rm": "clean",
    "kill": "stop",
}
# Commands that change nothing a role is about.
_QUIET = re.compile(
    r"^(?:echo|printf|sleep|true|:|cd|read|test|\[|mkdir|export|set|fi|for|done|esac|exit|source)(?![\w./-])|^\.\s"
)
_KEYWORD = re.compile(r"^(?:(?:if|then|else|elif|while|until|do|!|\{)\s+)+")
_SERVER = re.compile(r"--port[=\s]|--host[=\s]|--reload\b|--bind[=\s]")


@dataclass(frozen=True)
class Simple:
    """One simple command: what it does, whether through docker, in which compose service and folder."""

    act: Act
    text: str
    docker: bool = False
    compose: bool = False
    service: str = ""
    services: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    folder: str = ""


@dataclass(frozen=True)
class Doing:
    """What a target does, its prerequisites left out unless it has no recipe of its own."""

    target: Target
    commands: tuple[Simple, ...]

    @property
    def acts(self) -> frozenset[Act]:
        """The acts that matter, "other" left out."""
        return frozenset(each.act for each in self.commands if each.act != "other")

    @property
    def mixed(self) -> bool:
        """Whether commands stand in it whose part in the act nobody knows."""
        return any(each.act == "other" for each in self.commands)

    @property
    def docker(self) -> bool:
        """Whether any command goes through a container engine."""
        return any(each.docker for each in self.commands)

    def services(self) -> frozenset[str]:
        """The compose services that the commands name."""
        named = {name for each in self.commands for name in (each.service, *each.services)}
        return frozenset(named - {""})


def doing(makefile: Makefile, target: Target, root: Path) -> Doing:
    """What ``target`` does: variables expanded, scripts of the project read, sub-makes in other folders followed."""
    return Doing(target, tuple(_of_target(makefile, target, root, 0)))


def _of_target(makefile: Makefile, target: Target, root: Path, depth: int) -> Iterator[Simple]:
    variables = {**makefile.variables, **target.variables, "CURDIR": str(makefile.path.parent)}
    for line in target.recipe:
        text = expand(line, variables).lstrip("@-+ \t")
        yield from _of_line(text, makefile, root, depth)
    if not target.recipe and depth < 4:
        for name in target.prerequisites:
            other = makefile.target(name)
            if other is not None:
                yield from _of_target(makefile, other, root, depth + 1)


def _of_line(text: str, makefile: Makefile, root: Path, depth: int) -> Iterator[Simple]:
    folder = ""
    for part in split(text):
        moved = re.match(r"^\(?\s*cd\s+(\S+)", part)
        if moved:
            folder = str(PurePosixPath(folder) / moved.group(1).strip("\"'"))
            continue
        yield from _of_command(part.strip("() "), folder, makefile, root, depth)


def split(text: str) -> list[str]:
    """The simple commands of a shell line: cut at ; && || | & outside quotes."""
    parts, current, quote = [], "", ""
    for place, character in enumerate(text):
        if quote:
            quote = "" if character == quote and text[place - 1] != "\\" else quote
        elif character in "\"'":
            quote = character
        elif character in ";|&\n" and not (character == "&" and text[place - 1 : place] in (">", "<")):
            parts.append(current)
            current = ""
            continue
        current += character
    return [part.strip() for part in (*parts, current) if part.strip()]


def words(text: str) -> list[str]:
    """The words of a simple command; cut at blanks where the quoting is broken."""
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def _of_command(text: str, folder: str, makefile: Makefile, root: Path, depth: int) -> Iterator[Simple]:
    text = _KEYWORD.sub("", text)
    if not text or (_QUIET.match(text) and not _COMPOSE.search(text)):
        return
    found = _COMPOSE.search(text)
    if found:
        yield _of_compose(text, found.end(), folder)
        return
    submake = re.match(r"(?:\$[({]MAKE[)}]|make)\s+(.*)$", text)
    if submake and depth < 3:
        yield from _of_submake(words(submake.group(1)), folder, makefile, root, depth)
        return
    script = script_of(text, folder, makefile, root)
    if script is not None and depth < 2:
        yield from _of_script(text, script, folder, makefile, root, depth)
        return
    yield Simple(_act(text), text, docker=bool(_ENGINE.search(text)), folder=folder)


def _act(text: str) -> Act:
    for act, pattern in _ACTS:
        if pattern.search(text):
            return act
    if re.search(r"\bpython[\d.]*\b", text) and _SERVER.search(text):
        return "start"
    return "other"


def _of_compose(text: str, end: int, folder: str) -> Simple:
    tokens = words(text[end:])
    files, rest = _options(tokens, _OF_ALL)
    if not rest:
        return Simple("other", text, docker=True, compose=True, files=files, folder=folder)
    command, rest = rest[0], rest[1:]
    if command in ("exec", "run"):
        _, rest = _options(rest, _OF_EXEC)
        inner = " ".join(rest[1:])
        act = _act(inner) if inner else "other"
        service = rest[0] if rest else ""
        return Simple(act, text, True, True, service, (), files, folder)
    act = _OF_COMPOSE.get(command, "other")
    if command == "down" and any(word in ("-v", "--volumes") or word.startswith("--rmi") for word in rest):
        act = "clean"
    named = tuple(word for word in _plain(rest) if re.fullmatch(r"[\w.-]+", word))
    return Simple(act, text, True, True, "", named, files, folder)


def compose_call(text: str) -> tuple[str, tuple[str, ...]] | None:
    """Compose's own command in a simple command, with what follows it: of exec and run service and inner command, of
    the others the plain words. None where the line calls no compose."""
    found = _COMPOSE.search(text)
    if not found:
        return None
    _, rest = _options(words(text[found.end() :]), _OF_ALL)
    if not rest:
        return "", ()
    command, rest = rest[0], rest[1:]
    if command in ("exec", "run"):
        return command, tuple(_options(rest, _OF_EXEC)[1])
    return command, tuple(_plain(rest))


def as_up_is_called(text: str, command: Sequence[str]) -> str:
    """Another command of compose, called as ``text`` calls its ``up`` (for the same project); "" where it does not."""
    found = _COMPOSE.search(text)
    if not found:
        return ""
    tokens = words(text[found.end() :])
    _, rest = _options(tokens, _OF_ALL)
    if rest[:1] != ["up"]:
        return ""
    return f"{text[: found.end()]} {shlex.join([*tokens[: len(tokens) - len(rest)], *command])}"


def _options(tokens: list[str], with_value: frozenset[str]) -> tuple[tuple[str, ...], list[str]]:
    """The -f files of compose's leading options, and what follows the options."""
    files: list[str] = []
    place = 0
    while place < len(tokens) and tokens[place].startswith("-"):
        name, equals, value = tokens[place].partition("=")
        if name in with_value and not equals:
            place += 1
            value = tokens[place] if place < len(tokens) else ""
        if name in ("-f", "--file"):
            files.append(value)
        place += 1
    return tuple(files), tokens[place:]


def _plain(tokens: list[str]) -> Iterator[str]:
    skip = False
    for word in tokens:
        if skip:
            skip = False
        elif word.startswith("-"):
            skip = word in _OF_OTHERS
        else:
            yield word


def _of_submake(tokens: list[str], folder: str, makefile: Makefile, root: Path, depth: int) -> Iterator[Simple]:
    from safemig.shell.makefile import read_makefile

    place = makefile.path.parent / folder
    names: list[str] = []
    other = makefile
    while tokens:
        word = tokens.pop(0)
        if word in ("-C", "--directory", "-f", "--file") and tokens:
            given = tokens.pop(0)
            path = place / given if word in ("-f", "--file") else place / given / "Makefile"
            if path.is_file() and path.resolve().is_relative_to(root.resolve()):
                other = read_makefile(path, root)
        elif not word.startswith("-") and "=" not in word:
            names.append(word)
    for name in names:
        target = other.target(name)
        if target is not None:
            yield from _of_target(other, target, root, depth + 1)


def script_of(text: str, folder: str, makefile: Makefile, root: Path) -> Path | None:
    """The script of the project that the command runs, None when it runs none."""
    tokens = [word for word in words(text) if "=" not in word.split("/")[0]]
    while tokens and tokens[0] in ("bash", "sh", "sudo", "env", "exec", "nohup", "time", "source", "-e", "-x", "-eu"):
        tokens.pop(0)
    if not tokens or not (tokens[0].startswith(("./", "scripts/", "bin/")) or tokens[0].endswith(".sh")):
        return None
    path = (makefile.path.parent / folder / tokens[0]).resolve()
    return path if path.is_file() and path.is_relative_to(root.resolve()) else None


def _of_script(text: str, script: Path, folder: str, makefile: Makefile, root: Path, depth: int) -> Iterator[Simple]:
    body = head(script, 65_536)
    if not body.startswith("#!") and script.suffix != ".sh":
        return
    code = re.sub(r"\\\r?\n", " ", "\n".join(line for line in body.splitlines() if not line.lstrip().startswith("#")))
    if re.search(r"^\s*case\s", code, re.M):
        # What such a script does depends on its argument: only that it goes through docker is known.
        yield Simple("other", text, docker=bool(_ENGINE.search(code)), folder=folder)
        return
    for line in code.splitlines():
        if line.strip():
            yield from _of_line(line.strip(), makefile, root, depth + 1)
