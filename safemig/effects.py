"""What a shell line or a make recipe does at worst: read, write or destructive. Nothing is run or expanded.

Every part of a compound line is judged, and the worst one wins; a doubt or an unknown command is destructive.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from safemig.effects_lex import HOLE, Doubt, Part, names, parts, recipe_lines
from safemig.effects_sql import psql
from safemig.effects_tools import (
    DESTROYERS,
    NOTHING,
    PRINTERS,
    SERVERS,
    TOOLS,
    WRITERS,
    Effects,
    Words,
    destroys,
    reads,
    unknown,
    worst,
    writes,
)

__all__ = ["Effects", "effect_of", "effect_of_line"]

_DEEPEST = 8
_KEYWORDS = names("if then elif else while until do ! {")
_ENDS = names("fi done } esac")
_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)\+?=")
# Wrapper -> options alone, options with a value, and how many operands stand before the wrapped command.
_WRAPPERS: dict[str, tuple[frozenset[str], frozenset[str], int]] = {
    "env": (names(""), names("-u"), 0),
    "timeout": (names("--foreground --preserve-status -v"), names("-k -s --kill-after --signal"), 1),
    "nice": (names(""), names("-n"), 0),
    "setsid": (names("-f -w -c"), names(""), 0),
    "stdbuf": (names("-oL -o0 -eL -e0 -i0"), names(""), 0),
    **{name: (names(""), names(""), 0) for name in ("time", "nohup", "exec", "builtin", "command")},
}
# These decide which program a name means, or what runs before it.
_LOADED = re.compile(
    r"PATH|LD_\w+|DYLD_\w+|BASH_ENV|ENV|IFS|SHELLOPTS|BASHOPTS|PYTHONSTARTUP|PSQLRC|GIT_\w+"
    r"|(?:PSQL_)?(?:PAGER|EDITOR)|VISUAL|DOCKER_HOST"
)
_SYSTEM_FOLDER = re.compile(r"/usr(?:/local)?/s?bin|/s?bin")
_ENVIRONMENT = re.compile(r"(?:[\w./-]*/)?\.?v?(?:env|irtualenv)[\w.-]*/bin")
# A package may put any name into an environment's folder, so only the tools that belong there are believed.
_PYTHON_TOOLS = names("alembic flask fastapi pip pip3 uv poetry ruff mypy pytest py.test coverage") | SERVERS
_PYTHON = re.compile(r"python(3(\.\d+)?)?")
# Bash evaluates subscripts in the arguments of these, so even a quoted $(…) in them can run.
_EVALUATES = names("test [ [[ read unset printf export local wait")
_ACTIVATE = re.compile(r"(?:[\w./-]*/)?\.?venv[\w.-]*/bin/activate")


def effect_of(recipe: Sequence[str]) -> Effects:
    """The effect of a make recipe: its raw lines, prefixes ``@ - +`` and continuations included."""
    try:
        lines = recipe_lines(recipe)
    except Doubt as doubt:
        return destroys("anything", str(doubt))
    return worst([_line(line, 0) for line in lines])


def effect_of_line(line: str) -> Effects:
    """The effect of one shell line, as a person types it."""
    if HOLE in line:
        return destroys("anything", "the line holds an unusual character")
    return _line(line, 0)


def _line(line: str, depth: int) -> Effects:
    if depth > _DEEPEST:
        return destroys("anything", "commands nested too deep to read")
    try:
        return worst([_part(part, depth) for part in parts(line)])
    except Doubt as doubt:
        return destroys("anything", str(doubt))


def _part(part: Part, depth: int) -> Effects:
    found = [_simple(part.words, depth)]
    for target in part.writes:
        if target.startswith("/dev/"):
            found.append(destroys("devices", f"writes to {target}"))
        else:
            found.append(writes("files", f"writes the file {target.replace(HOLE, '…')}"))
    return worst(found)


def _simple(words: Words, depth: int) -> Effects:
    """One simple command, its shell keywords and assignments included."""
    while words and words[0] in _KEYWORDS:
        words = words[1:]
    if not words or (words[0] in _ENDS and len(words) == 1):
        return NOTHING
    if words[0] == "for" and len(words) > 2 and words[2] == "in":
        return unknown(words) if _LOADED.fullmatch(words[1]) else NOTHING
    return _command(words, depth)


def _command(words: Words, depth: int) -> Effects:
    """A command given as words: as the shell runs it, or as ``exec`` hands it to a container."""
    if depth > _DEEPEST:
        return destroys("anything", "commands nested too deep to read")
    while words and (assigned := _ASSIGNMENT.match(words[0])):
        if _LOADED.fullmatch(assigned[1]):
            return destroys("anything", f"sets {assigned[1]}, which decides what runs")
        words = words[1:]
    if not words:
        return NOTHING
    name, args = _name(words[0]), words[1:]
    if name == "xargs" and args:
        # What arrives on standard input becomes further words, which nobody knows.
        fed = _command((*args, HOLE), depth + 1)
        return fed if fed.effect == "read" else unknown(words)
    wrapped = _unwrap(name, args)
    if wrapped is not None:
        return _command(wrapped, depth + 1) if wrapped else NOTHING
    if name in ("docker", "docker-compose"):
        return _docker(name, args, depth)
    if name in ("sh", "bash", "dash", "ash"):
        return _shell(words, args, depth)
    if name in ("uv", "poetry", "pdm", "pipenv", "coverage") and args[:1] == ("run",):
        return _runner(name, tuple(args[1:]), depth)
    if _PYTHON.fullmatch(name):
        return _python(words, tuple(args), depth)
    return _tool(name, words, args)


def _name(word: str) -> str:
    """The tool's name; a path counts only in a system folder or a virtual environment."""
    folder, slash, name = word.rpartition("/")
    if not slash or _SYSTEM_FOLDER.fullmatch(folder):
        return name
    known = name in _PYTHON_TOOLS or _PYTHON.fullmatch(name)
    return name if known and _ENVIRONMENT.fullmatch(folder) else word


def _tool(name: str, words: Words, args: Words) -> Effects:
    if name in _EVALUATES and any("$(" in word or "`" in word for word in args):
        return unknown(words)
    if name == "printf" and args[:1] == ("-v",):
        return unknown(words)
    if name in PRINTERS:
        return reads()
    if name == "psql":
        return psql(args)
    if name in TOOLS:
        return TOOLS[name](args)
    if name in DESTROYERS:
        return destroys(*DESTROYERS[name])
    if name in WRITERS:
        return writes(*WRITERS[name])
    if name in ("export", "read", "unset", "local"):
        loaded = any(HOLE in word.partition("=")[0] or _LOADED.fullmatch(word.partition("=")[0]) for word in args)
        return unknown(words) if loaded else reads()
    if name in (".", "source") and len(args) == 1 and _ACTIVATE.fullmatch(args[0]):
        return reads()
    if name == "command" and args[:1] == ("-v",):
        return reads()
    return unknown(words)


def _unwrap(name: str, args: Words) -> Words | None:
    """The command inside a wrapper; None when ``name`` is none, or has an option that is not known."""
    wrapper = _WRAPPERS.get(name)
    if wrapper is None:
        return None
    alone, valued, operands = wrapper
    while args and args[0] in alone | valued:
        args = args[2:] if args[0] in valued else args[1:]
    args = args[operands:]
    return None if args and args[0].startswith("-") else args


def _shell(words: Words, args: Words, depth: int) -> Effects:
    rest = list(args)
    while rest and re.fullmatch(r"-[eulx]+|--login", rest[0]):
        rest.pop(0)
    if len(rest) < 2 or not re.fullmatch(r"-[eulx]*c", rest[0]):
        return unknown(words)
    if HOLE in rest[1]:
        return destroys("anything", "a variable becomes part of a shell line inside the command")
    return _line(rest[1], depth + 1)


_UV_ALONE = names("--all-extras --all-groups --dev --no-dev --active --isolated")


def _runner(name: str, rest: tuple[str, ...], depth: int) -> Effects:
    """``uv run``, ``poetry run``, ``coverage run -m``: the inner command, and what the runner does before it."""
    before: list[Effects] = [writes("packages", "uv run installs what is missing")] if name == "uv" else []
    while rest and rest[0].startswith("-"):
        if name == "uv" and rest[0] in (
            "--no-sync",
            "--frozen",
            "--locked",
            "--no-project",
            "-q",
            "--quiet",
            *_UV_ALONE,
        ):
            before = [] if rest[0] in ("--no-sync", "--no-project") else before
            rest = rest[1:]
        elif name == "uv" and rest[0] in ("--with", "--extra", "--group", "--python", "-p") and len(rest) > 1:
            rest = rest[2:]
        elif name == "coverage" and rest[0] == "-m":
            rest = ("python", *rest)
        else:
            return unknown((name, "run", *rest))
    return worst([_command(rest, depth + 1), *before]) if rest else unknown((name, "run"))


def _python(words: Words, args: tuple[str, ...], depth: int) -> Effects:
    while args and args[0] in ("-u", "-B", "-E", "-I", "-s"):
        args = args[1:]
    if args and args[0] in ("-V", "--version"):
        return reads()
    if len(args) < 2 or args[0] != "-m":
        return unknown(words)
    module, rest = args[1], args[2:]
    if module == "venv":
        return writes("packages", "makes a virtual environment")
    if module == "http.server":
        return writes("service", "http.server starts a server")
    if module in SERVERS or module in ("pytest", "alembic", "flask", "fastapi", "pip", "uv"):
        return _command((module, *rest), depth + 1)
    return unknown(words)


_DOCKER_READS = names("ps logs images inspect version info top port stats ls events")
_DOCKER_WRITES = names("build pull start stop restart create pause unpause kill")
_COMPOSE_VALUE = names("-f --file -p --project-name --profile --env-file --project-directory --progress --ansi")
_EXEC_ALONE = names("-T -d -i -t -it -ti -di --detach --interactive --tty --no-TTY --rm --no-deps --service-ports")
_EXEC_VALUE = names("-u --user -e --env -w --workdir --index")


def _docker(name: str, args: Words, depth: int) -> Effects:
    rest, compose = tuple(args), name == "docker-compose"
    if not compose and rest[:1] == ("compose",):
        rest, compose = rest[1:], True
    while compose and rest and rest[0].startswith("-"):
        option = rest[0].partition("=")[0]
        if option not in _COMPOSE_VALUE:
            break
        rest = rest[1:] if "=" in rest[0] else rest[2:]
    command, tail = (rest[0] if rest else ""), rest[1:]
    shown = f"docker {'compose ' if compose else ''}{command}".replace(HOLE, "…")
    if command == "exec" or (compose and command == "run"):
        return _inner(shown, command, tail, depth)
    if command in _DOCKER_READS or (compose and command in ("config", "version") and _plain(tail)):
        return reads()
    if compose and command == "down":
        return _down(tail)
    if compose and command == "up":
        if not _plain(tail) or any(re.match(r"-\w*V|--renew", word) for word in tail):
            return destroys("volumes", "docker compose up may throw volumes away")
        return writes("containers", "docker compose up makes and starts containers")
    if command in _DOCKER_WRITES and not any(re.match(r"-o|--out|--push", word) for word in tail):
        touched = "images" if command in ("build", "pull") else "containers"
        return writes(touched, f"{shown} changes {touched}")
    if command in ("rmi", "rm", "system", "volume", "image", "container", "network", "builder"):
        return _housekeeping(shown, command, tail)
    return unknown((name, *args))


def _plain(words: Words) -> bool:
    """No word is unknown, and no output file is named."""
    return not any(HOLE in word or re.match(r"-o|--out", word) for word in words)


def _housekeeping(shown: str, command: str, tail: Words) -> Effects:
    if command in ("system", "volume", "image", "container", "network") and tail[:1] in (
        ("ls",),
        ("inspect",),
        ("df",),
    ):
        return reads()
    touched = {"rmi": "images", "image": "images", "volume": "volumes"}.get(command, "containers")
    return destroys(touched, f"{shown} {' '.join(tail[:1])}".replace(HOLE, "…").strip() + " removes things for good")


def _down(tail: Words) -> Effects:
    if any(HOLE in word or re.match(r"-\w*v|--v|--rmi", word) for word in tail):
        return destroys("volumes", "docker compose down here removes volumes or images")
    return writes("containers", "docker compose down removes containers")


def _inner(shown: str, command: str, words: Words, depth: int) -> Effects:
    """The command that ``exec`` or ``run`` starts in a container."""
    rest = tuple(words)
    while rest and rest[0].startswith("-"):
        option = rest[0].partition("=")[0]
        if option in _EXEC_VALUE:
            setting = rest[0].partition("=")[2] if "=" in rest[0] else "".join(rest[1:2])
            if option in ("-e", "--env") and _LOADED.fullmatch(setting.partition("=")[0]):
                return destroys("anything", f"sets {setting.partition('=')[0]}, which decides what runs")
            rest = rest[1:] if "=" in rest[0] else rest[2:]
        elif option in _EXEC_ALONE:
            rest = rest[1:]
        else:
            return unknown((shown, *words))
    if len(rest) < 2 or HOLE in rest[0][:1]:
        return unknown((shown, *words))
    inside = _command(rest[1:], depth + 1)
    before = writes("containers", f"{shown} makes a container")
    found = worst([inside, before]) if command == "run" else inside
    return replace(found, why=found.why or f"{shown} only looks")
