"""What a shell line does at worst: read, write or destructive. Nothing is run or expanded.

Every part of a compound line is judged, and the worst one wins; a doubt or an unknown command is destructive.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from safemig.shell.curl import curl
from safemig.shell.docker import docker
from safemig.shell.environment import harmless, own, plain_name
from safemig.shell.filters import awk, sed, tee
from safemig.shell.options import Known
from safemig.shell.outcome import NOTHING, Effects, Words, destroys, reads, unknown, worst, writes
from safemig.shell.parser import Part, names, parts
from safemig.shell.paths import append, is_virtualenv, overwrite, steady, visible
from safemig.shell.psql import psql
from safemig.shell.quoting import HOLE, Doubt
from safemig.shell.tables import SERVERS
from safemig.shell.tools import DESTROYERS, PRINTERS, TOOLS, find, from_table, only_tells, run_by_find

__all__ = ["Effects", "effect_of_expanded", "effect_of_line"]

_DEEPEST = 8
_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)
_WRAPPERS: dict[str, tuple[Known, int]] = {
    "env": (Known("-u=", first_operand_ends=True), 0),
    "timeout": (Known("--foreground --preserve-status -v -k= -s= --kill-after= --signal=", first_operand_ends=True), 1),
    "nice": (Known("-n=", first_operand_ends=True), 0),
    "setsid": (Known("-f -w -c", first_operand_ends=True), 0),
    "stdbuf": (Known("-o= -e= -i=", first_operand_ends=True), 0),
    **{name: (Known(first_operand_ends=True), 0) for name in ("time", "nohup", "exec", "builtin", "command")},
}
_XARGS = Known("-0 -r -t -n= -L= -P= --null --no-run-if-empty", first_operand_ends=True)
_SHELLS = names("sh bash dash ash")
_SYSTEM_FOLDER = re.compile(r"/usr(?:/local)?/s?bin|/s?bin")
# In a container the environment is made by the image; here only one that stands in the folder itself is believed.
_IN_CONTAINER = re.compile(r"/?(?:[\w.-]+/)*\.?v?(?:env|irtualenv)[\w.-]*/bin")
# A package may put any name into an environment's folder, so only the tools that belong there are believed.
_PYTHON_TOOLS = (
    names("alembic flask fastapi pip pip3 uv poetry ruff mypy black isort pytest py.test coverage") | SERVERS
)
_PYTHON = re.compile(r"python(3(\.\d+)?)?")
_TESTS = names("pytest py.test")
_PROJECT_CODE = names("alembic flask fastapi pytest py.test coverage") | SERVERS
_EXTRA: dict[str, Callable[[Words], Effects]] = {"curl": curl, "psql": psql, "tee": tee, "awk": awk, "sed": sed}


Make = Callable[[Words], Effects]


@dataclass(frozen=True)
class _Place:
    """Where a command runs: ``contained`` in a container, ``moved`` after a ``cd``, ``left`` after one that may lead
    out of the project. ``folder`` is the project's, where it is known, and ``make`` tells what its targets do."""

    depth: int = 0
    contained: bool = False
    moved: bool = False
    left: bool = False
    folder: Path | None = None
    make: Make | None = None

    def deeper(self) -> _Place:
        return replace(self, depth=self.depth + 1)


_TEST_OPERATORS = frozenset({"=", "==", "!=", "<", ">", "-a", "-o", ")", "]", "-eq", "-ne", "-lt", "-le", "-gt", "-ge",
                             "-nt", "-ot", "-ef"})  # fmt: skip
# make puts the value of a variable of the environment into its recipes as it is.
_PASTED = frozenset("\n;&|<>()$`\"'\\#" + HOLE)


def effect_of_line(line: str) -> Effects:
    """The effect of one shell line, as a person types it."""
    if HOLE in line:
        return destroys("anything", "the line holds an unusual character")
    return effect_of_expanded(line)


def effect_of_expanded(line: str, make: Make | None = None, folder: Path | None = None) -> Effects:
    """The effect of a line in which HOLE stands for text that nobody knows, run in ``folder``; ``make`` judges the
    words behind a call of make."""
    return _line(line, _Place(folder=folder, make=make))


def _line(line: str, place: _Place) -> Effects:
    if place.depth > _DEEPEST:
        return destroys("anything", "commands nested too deep to read")
    try:
        found = parts(line)
    except Doubt as doubt:
        return destroys("anything", str(doubt))
    judged: list[Effects] = []
    for part in found:
        judged.append(_part(part, place))
        moves = _without_prefix(part.words)
        if moves[:1] in (("cd",), ("pushd",), ("popd",)):
            away = moves[1:] == () or not all(steady(word) for word in moves[1:])
            folder = place.folder / moves[1] if place.folder and not away else None
            left = place.left or (away and not place.contained)
            place = replace(place, moved=True, left=left, folder=folder)
    return worst(judged)


def _without_prefix(words: Words) -> Words:
    """The words of a builtin without the assignments and the words before it that keep it in this shell."""
    while words:
        inner = _unwrap(words[0], words[1:]) if words[0] in ("command", "builtin", "time") else None
        if _ASSIGNMENT.fullmatch(words[0]):
            inner = words[1:]
        if inner is None:
            break
        words = inner
    return words


def _part(part: Part, place: _Place) -> Effects:
    found = [_command(part.words, place, part)]
    for write in part.writes:
        if place.left:
            found.append(destroys("files", f"writes {write.target.replace(HOLE, '…')} outside the project"))
        else:
            found.append((append if write.appends else overwrite)(write.target, "the line"))
    return worst(found)


def _command(words: Words, place: _Place, part: Part | None = None) -> Effects:
    """A command given as words: as the shell runs it, or as ``exec`` hands it to a container."""
    if place.depth > _DEEPEST:
        return destroys("anything", "commands nested too deep to read")
    settings: list[tuple[str, str]] = []
    while words and (assigned := _ASSIGNMENT.fullmatch(words[0])):
        settings.append((assigned[1], assigned[2]))
        words = words[1:]
    kept = harmless if words else (lambda name, _: own(name) or harmless(name, _))
    if _runs(words) in ("make", "gmake") and any(_PASTED & set(value) for _, value in settings):
        return destroys("anything", "sets a variable of make to text that may hold a command")
    for name, value in settings:
        if not kept(name, value) or (name == "PYTHONPATH" and _runs(words) not in _PROJECT_CODE):
            return destroys("anything", f"sets {name}, which may decide what runs")
    if not words:
        return NOTHING
    found = _named(words, place, part)
    if place.left and found.effect == "write":
        return destroys(found.touches[0] if found.touches else "anything", f"{found.why}, outside the project")
    return found


def _runs(words: Words) -> str:
    """The tool that the words run, for tools that run the project's code anyway."""
    name = words[0].rpartition("/")[2] if words else ""
    return words[2] if _PYTHON.fullmatch(name) and words[1:2] == ("-m",) and len(words) > 2 else name


def _named(words: Words, place: _Place, part: Part | None) -> Effects:
    name, args = _name(words[0], place), words[1:]
    if only_tells(name, args):
        return reads()
    if name in _FEEDERS and args:
        return _FEEDERS[name](words, args, place)
    wrapped = _unwrap(name, args)
    if wrapped is not None:
        return _command(wrapped, place.deeper(), part) if wrapped else NOTHING
    if name in ("docker", "docker-compose"):
        return _docker(name, args, place)
    if name in _SHELLS:
        return _shell(words, args, place)
    if name in ("uv", "poetry", "pdm", "pipenv", "coverage") and args[:1] == ("run",):
        return _runner(name, args[1:], place)
    if _PYTHON.fullmatch(name):
        return _python(words, args, place)
    if name == "make" and place.make and not (place.moved or place.contained):
        return place.make(args)
    if name in (".", "source") and len(args) == 1 and args[0].endswith("/activate"):
        return reads() if _is_environment(args[0].removesuffix("/activate"), place) else unknown(words)
    return unknown(words) if _reaches_out(name, args, place, part) else _tool(name, words, args)


def _reaches_out(name: str, args: Words, place: _Place, part: Part | None) -> bool:
    """Whether the tool may do more here than its words say."""
    match name:
        case "git":  # a folder can bring a configuration of git that runs commands
            return place.moved
        case "kill":
            return part is not None and any(each.words[:1] not in ((), ("cat",)) for each in part.inner)
    return name in _TESTS and not place.contained and not _of_this_project(args)


def _xargs(words: Words, args: Words, place: _Place) -> Effects:
    """What arrives on standard input becomes further words, which nobody knows."""
    found = _XARGS.parse(args)
    fed = _command((*found.operands, HOLE), place.deeper()) if found and found.operands else unknown(words)
    return fed if fed.effect == "read" else unknown(words)


def _find(words: Words, args: Words, place: _Place) -> Effects:
    kept, commands = run_by_find(args)
    inner = [_command(command, place.deeper()) if command else unknown(words) for command in commands]
    return worst([find(kept), *(each if each.effect == "read" else unknown(words) for each in inner)])


_FEEDERS = {"xargs": _xargs, "find": _find}


def _of_this_project(args: Words) -> bool:
    """Whether no file of tests is given that lies elsewhere, whose code would be run."""
    return not any(word.startswith(("/", "~")) or ".." in word.partition("::")[0].split("/") for word in args)


def _name(word: str, place: _Place) -> str:
    """The tool's name; a path counts only in a system folder or a virtual environment."""
    folder, slash, name = word.rpartition("/")
    if not slash or _SYSTEM_FOLDER.fullmatch(folder):
        return name
    known = name in _PYTHON_TOOLS or _PYTHON.fullmatch(name)
    return name if known and _is_environment(folder, place) else word


def _is_environment(folder: str, place: _Place) -> bool:
    """Whether a folder of programs is that of a virtual environment: by its name in the project's folder and in a
    container, and elsewhere on this machine only where it is one."""
    if place.contained:
        return _IN_CONTAINER.fullmatch(folder) is not None
    environment, _, last = folder.rpartition("/")
    if last != "bin" or place.left:
        return False
    own_name = is_virtualenv(environment) and not place.moved
    if HOLE in environment or (place.folder is None and not environment.startswith("/")):
        return own_name
    there = (place.folder or Path("/")) / environment
    # Programs alone in a folder of that name are anybody's; one that is not there yet is made before it is used.
    return (there / "pyvenv.cfg").is_file() or (own_name and not (there / "bin").exists())


def _tool(name: str, words: Words, args: Words) -> Effects:
    if name in ("test", "[", "[[", "set"):
        return reads() if _is_plain_builtin(name, args) else unknown(words)
    if name in ("printf", "wait") and not _is_plain_builtin(name, args):
        return unknown(words)
    if name in PRINTERS:
        return reads()
    if name in ("export", "readonly", "local", "unset", "read"):
        return _variables(name, words, args)
    if name in _EXTRA:
        return _EXTRA[name](args)
    if name in TOOLS:
        return TOOLS[name](args)
    if name in DESTROYERS:
        return destroys(*DESTROYERS[name])
    return from_table(name, args) or unknown(words)


def _is_plain_builtin(name: str, args: Words) -> bool:
    """Whether a builtin of the shell is given nothing that may be evaluated, or change what follows."""
    match name:
        case "set":
            return all(re.fullmatch(r"[-+][eux]+o?|[-+]o|pipefail|errexit|nounset", word) for word in args)
        case "printf":
            return not any(word.startswith("-v") or word[:1] == HOLE for word in args[:1])
        case "wait":
            return all(re.fullmatch(rf"-n|%?\d+|{HOLE}", word) for word in args)
    # Bash evaluates a subscript in a test, and that may be a command.
    risky = any("$(" in word or "`" in word for word in args) or "-v" in args or "-R" in args
    return not (risky or _hides_operator(args if name == "test" else args[:-1]))


def _hides_operator(given: Words) -> bool:
    """Whether text that nobody knows may stand for the `-v` of a test."""
    return any(
        HOLE in word
        and after not in _TEST_OPERATORS
        and (place == 0 or given[place - 1] in ("!", "(", "-a", "-o", "&&", "||"))
        for place, (word, after) in enumerate(pairwise(given))
    )


def _variables(name: str, words: Words, args: Words) -> Effects:
    """The builtins that set variables: those of tools may not be touched, and a subscript would be evaluated."""
    rest = list(args)
    if name == "read":
        found = Known("-r -s -p= -n= -t= -e").parse(args)
        if found is None:
            return unknown(words)
        rest = list(found.operands)
    for word in rest:
        variable, equals, value = word.partition("=")
        fine = harmless(variable, value) or (name in ("read", "local", "readonly") and own(variable))
        # Exporting a variable of the line's own hands it to every later command.
        exported = name in ("export", "unset") and not equals and variable.islower() and own(variable)
        if not plain_name(variable) or not (fine or exported):
            return unknown(words)
    return reads()


def _unwrap(name: str, args: Words) -> Words | None:
    """The command inside a wrapper; None when ``name`` is none, or has an option that is not known."""
    if name not in _WRAPPERS:
        return None
    options, operands = _WRAPPERS[name]
    if name == "command" and args[:1] == ("-v",):
        return ()
    found = options.parse(args)
    if found is None:
        return None
    if name == "env" and not found.operands:
        return None
    return found.operands[operands:]


def _shell(words: Words, args: Words, place: _Place) -> Effects:
    rest = list(args)
    while rest and re.fullmatch(r"-[eulx]+|--login", rest[0]):
        rest.pop(0)
    if len(rest) < 2 or not re.fullmatch(r"-[eulx]*c", rest[0]):
        return unknown(words)
    if HOLE in rest[1]:
        return destroys("anything", "a variable becomes part of a shell line inside the command")
    return _line(rest[1], place.deeper())


_UV_RUN = Known(
    "--no-sync --frozen --locked --no-project -q --quiet --all-extras --all-groups --dev --no-dev --active --isolated"
    " --extra= --group= --python= -p=",
    first_operand_ends=True,
)


def _runner(name: str, rest: Words, place: _Place) -> Effects:
    """``uv run``, ``poetry run``, ``coverage run -m``: the inner command, and what the runner does before it."""
    whole = (name, "run", *rest)
    if name == "uv":
        found = _UV_RUN.parse(rest)
        if found is None or not found.operands:
            return unknown(whole)
        if not all(re.fullmatch(r"[\d.]+", value) for value in found.values("--python", "-p")):
            return unknown(whole)
        inner = _command(found.operands, place.deeper())
        if found.has("--no-sync", "--no-project"):
            return inner
        return worst([inner, writes("packages", "uv run installs what is missing")])
    if name == "coverage":
        return _command(("python", *rest), place.deeper()) if rest[:1] == ("-m",) else unknown(whole)
    if not rest or rest[0].startswith("-"):
        return unknown(whole)
    inner = _command(rest, place.deeper())
    # pdm and pipenv take a script of the project before a program of that name.
    return (
        inner if name == "poetry" else worst([inner, writes("packages", f"{name} run may run a script of the project")])
    )


def _python(words: Words, args: Words, place: _Place) -> Effects:
    while args and args[0] in ("-u", "-B", "-E", "-I", "-s"):
        args = args[1:]
    if args and args[0] in ("-V", "--version"):
        return reads()
    if len(args) < 2 or args[0] != "-m":
        return unknown(words)
    module, rest = args[1], args[2:]
    if module == "venv":
        found = Known("--upgrade-deps --copies --symlinks --prompt=").parse(rest)
        fine = found is not None and found.operands and all(map(is_virtualenv, found.operands))
        return writes("packages", "makes a virtual environment") if fine else unknown(words)
    if module == "http.server":
        found = Known("-b= --bind= -d= --directory= -p= --protocol=").parse(rest)
        fine = found is not None and all(map(visible, found.values("-d", "--directory")))
        return writes("service", "http.server starts a server") if fine else unknown(words)
    if module == "coverage" or module in _PYTHON_TOOLS:
        return _command((module, *rest), place.deeper())
    return unknown(words)


def _docker(name: str, args: Words, place: _Place) -> Effects:
    found = docker(name, args)
    if isinstance(found, Effects):
        return found
    inside_container = replace(place.deeper(), contained=True, moved=False, left=False, make=None)
    inner = _command(found.words, inside_container)
    judged = worst([inner, found.before]) if found.before else inner
    return replace(judged, why=judged.why or "the command in the container only looks")
