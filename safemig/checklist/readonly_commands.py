"""The commands that items name and that may be run to see whether an item is true: those that only look, and tests.

Nothing is run here. What stands behind a runner (``uv run``, ``poetry run``) is judged without it: where the command is
run, the project's own recipe says how a tool is called.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from safemig.base.action import Effect
from safemig.base.redaction import redact
from safemig.checklist.commands import is_folder
from safemig.checklist.references import is_command, only_looks
from safemig.plan_document.document import Item
from safemig.shell.effects import effect_of_line
from safemig.shell.outcome import Effects
from safemig.shell.parser import names, parts
from safemig.shell.quoting import HOLE, Doubt

_RUNNERS = frozenset({("uv", "run"), ("poetry", "run"), ("pdm", "run"), ("pipenv", "run")})
_RUNNER_OPTIONS = frozenset({"--frozen", "--locked", "--no-sync", "--all-extras", "--all-groups", "--dev", "-q"})
# pytest options can delete folders (--basetemp) and write files (--junitxml): only these are known to do neither.
_PYTEST_ALONE = re.compile(r"-[qvxsl]+|-r[a-zA-Z]+|--(?:quiet|verbose|exitfirst|no-header|no-summary|showlocals)")
_PYTEST_VALUE = re.compile(r"--(?:maxfail=\d+|tb=\w+|durations=\d+)")
_PYTEST_WORDS = re.compile(r"[\w ()-]+")
_TEST_PATH = re.compile(r"(?!/|-)(?:(?!\.\.)[\w./-])+(?:::[\w:.\[\],-]+)?")
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
_CURL_VALUE = names("-H --header -m --max-time --connect-timeout -A --user-agent -w --write-out -o --output")
_PSQL_VALUE = names("-d --dbname -h --host -p --port -U --username -v --set --variable -P --pset -F --field-separator")


_CURL_ALONE = re.compile(
    r"-[sSfiIvkgG]+|--(?:silent|show-error|fail|fail-with-body|include|head|verbose|insecure|get|compressed)"
)
_PSQL_ALONE = re.compile(r"-[tAqXxw]+|--(?:no-psqlrc|tuples-only|no-align|quiet|csv|expanded|no-password)")
_BELOW = re.compile(r"(?![/~-])(?!.*\.\.)[\w./-]+")
_CD = re.compile(r"cd\s+\S+\s*&&")
_INSIDE = ("python", "pytest", "alembic")


@dataclass(frozen=True)
class Looking:
    """A command that an item names. ``words`` are those to run, by ``tool`` (python, pytest, alembic, make, docker,
    curl, psql); no ``tool`` means that it is not run, and ``why`` why not. For psql the only word is its SQL."""

    item: Item
    line: str
    effect: Effect
    why: str
    tool: str = ""
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Known:
    """What a command's effect also depends on: ``recipe`` tells that of a make target (None: no such target), and
    ``database`` is the name of the application's database, "" when it is not known; ``folder`` is where commands are
    run, relative to the root, None when that is not known."""

    recipe: Callable[[str], Effects | None] = lambda _: None
    database: str = ""
    folder: str | None = None


class _Refused(Exception):
    def __init__(self, why: str, effect: Effect = "destructive") -> None:
        super().__init__(why)
        self.why, self.effect = why, effect


def lookings(items: Iterable[Item], known: Known) -> tuple[Looking, ...]:
    """Every command that the items name, each line once."""
    found: dict[str, Looking] = {}
    for item in items:
        for code in (code.strip() for code in item.codes):
            if is_command(code) and code not in found:
                found[code] = _looking(item, code, known)
    return tuple(found.values())


def to_run(items: Iterable[Item], known: Known | None = None) -> tuple[Looking, ...]:
    """Those of them that only look, or are tests. One that writes is proved by its effect and never run again."""
    return tuple(looking for looking in lookings(items, known or Known()) if looking.tool)


def _looking(item: Item, code: str, known: Known) -> Looking:
    try:
        words = _words(code, known.folder)
        tool = _tool(words[0])
        if tool not in _READERS:
            raise _Refused(f"it would write, or safemig does not know what `{words[0]}` does")
        effect, why, run = _READERS[tool](words, known)
    except _Refused as refused:
        return Looking(item, code, refused.effect, f"not run: {refused.why}")
    return Looking(item, code, effect, why, tool, run)


def _words(code: str, folder: str | None) -> tuple[str, ...]:
    """The words of a line that is one plain command, its runner left out."""
    if redact(code) != code:
        raise _Refused("it holds a password")
    try:
        found = parts(code)
    except Doubt as doubt:
        raise _Refused(str(doubt)) from None
    if len(found) == 2 and found[0].words[:1] == ("cd",) and not found[0].writes:
        if not _BELOW.fullmatch("".join(found[0].words[1:])) or not _CD.match(code):
            raise _Refused("it leaves the project's folder")
        if not is_folder(found[0].words[1], folder):
            raise _Refused("it is to run in another folder than the service's")
        found = found[1:]  # where it runs, the project's own recipe decides
    if len(found) != 1 or found[0].writes or not found[0].words:
        raise _Refused("it is more than one plain command")
    words = found[0].words
    if any(HOLE in word for word in words):
        raise _Refused("a part of it is only known to a shell")
    return _bare(words)


def _bare(words: tuple[str, ...]) -> tuple[str, ...]:
    """Without the runner."""
    if words[:2] in _RUNNERS:
        words = words[2:]
        while words and words[0] in _RUNNER_OPTIONS:
            words = words[1:]
    if _tool("".join(words[:1])) == "python" and words[1:3] in (("-m", "pytest"), ("-m", "alembic")):
        words = words[2:]
    if not words:
        raise _Refused("it names no command")
    return words


def _tool(word: str) -> str:
    name = word.removeprefix(".venv/bin/")
    return {"python3": "python", "docker-compose": "docker"}.get(name, name)


_Read = tuple[Effect, str, tuple[str, ...]]


def _read_effect(line: str) -> Effects:
    effects = effect_of_line(line)
    if effects.effect != "read":
        raise _Refused(f"it would write: {effects.why}", effects.effect)
    return effects


def _python(words: tuple[str, ...], _: Known) -> _Read:
    if len(words) != 3 or words[1] != "-c" or not only_looks(words[2]):
        raise _Refused("it does more than import, assert and print, so it may write")
    return "write", "it runs project code: what importing its modules does", ("python", "-c", words[2])


def _pytest(words: tuple[str, ...], _: Known) -> _Read:
    rest = list(words[1:])
    while rest:
        word = rest.pop(0)
        value = rest[0] if rest else ""
        if (word in ("-k", "-m") and _PYTEST_WORDS.fullmatch(value)) or (word, value) == ("-p", "no:cacheprovider"):
            rest.pop(0)
        elif not any(known.fullmatch(word) for known in (_TEST_PATH, _PYTEST_ALONE, _PYTEST_VALUE)):
            raise _Refused(f"safemig does not know what pytest's {word} writes")
    return "write", "a test run may leave rows in the database", words


def paths_of_tests(words: tuple[str, ...]) -> tuple[str, ...]:
    """The files and folders that a pytest command names, tests inside them left out."""
    places = [word for at, word in enumerate(words) if at and words[at - 1] not in ("-k", "-m", "-p")]
    return tuple(place.partition("::")[0] for place in places if _TEST_PATH.fullmatch(place))


def _alembic(words: tuple[str, ...], _: Known) -> _Read:
    brought = ("-c", "-n", "-x", "--config", "--name")
    if "".join(words[1:2]).startswith("-") or any(word.startswith(brought) for word in words):
        raise _Refused("it brings options of its own that may name other files")
    _read_effect(shlex.join(words))
    return "read", "it only looks, and runs the project's env.py", words


def _make(words: tuple[str, ...], known: Known) -> _Read:
    effects = known.recipe(words[1]) if len(words) == 2 and re.fullmatch(r"[\w.][\w.-]*", words[1]) else None
    if effects is None:
        raise _Refused("the Makefile has no such target")
    if effects.effect != "read":
        raise _Refused(f"it would write: {effects.why}", effects.effect)
    return "read", "its recipe only looks", words


def _docker(words: tuple[str, ...], known: Known) -> _Read:
    """What runs inside is judged as if it ran here."""
    at = words.index("exec") if "exec" in words[:3] else -1
    if at < 0 or words[:at] not in (("docker", "compose"), ("docker-compose",)):
        raise _Refused("it does not look into a running container of this project")
    rest = list(words[at + 1 :])
    while rest and rest[0] in ("-T", "-i", "-t", "-it", "--no-TTY", "--no-tty"):
        rest.pop(0)
    if len(rest) < 2 or rest[0].startswith("-"):
        raise _Refused("it brings options of its own")
    inner = _bare(tuple(rest[1:]))
    if _tool(inner[0]) not in _INSIDE:
        raise _Refused(f"safemig does not know what `{inner[0]}` does in a container")
    effect, why, _ = _READERS[_tool(inner[0])](inner, known)
    return effect, why, (*words[: at + 1], "-T", *rest)  # there is no terminal


def _split(address: str) -> SplitResult:
    try:
        return urlsplit(address)
    except ValueError:
        raise _Refused("its address cannot be read") from None


def _curl(words: tuple[str, ...], _: Known) -> _Read:
    """A GET of this machine. Without --fail curl ends well whatever the service answers, and would prove nothing."""
    effects = effect_of_line(shlex.join(words))
    if effects.effect == "write":
        raise _Refused(f"it would write: {effects.why}", effects.effect)
    rest, addresses = list(words[1:]), 0
    while rest:
        word = rest.pop(0)
        if word in _CURL_VALUE or word in ("-X", "--request"):
            rest = rest[1:]
        elif word.startswith("-"):
            if not _CURL_ALONE.fullmatch(word):  # -L may lead to another machine, -x asks through one
                raise _Refused(f"safemig does not know where curl's {word} leads")
        else:
            addresses += 1
            place = _split(word if "://" in word else f"http://{word}")
            if place.hostname not in _LOCAL or place.scheme not in ("http", "https"):
                raise _Refused("it asks another machine, or not by HTTP")
    if addresses != 1:
        raise _Refused("it does not ask one address")
    _read_effect(shlex.join(words))
    return "read", "it only asks the service", (words[0], "--fail", "--show-error", *words[1:])


def _psql_words(words: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """The statements that psql is given, and the databases that its words name."""
    rest, asked, places = list(words[1:]), [], []
    while rest:
        word = rest.pop(0)
        if word.startswith("--command="):
            asked.append(word.partition("=")[2])
        elif re.fullmatch(r"-[tAqXx]*c|--command", word):
            asked.append(rest.pop(0) if rest else "")
        elif word in _PSQL_VALUE:
            value = rest.pop(0) if rest else ""
            places += [value] if word in ("-d", "--dbname") else []
            if word in ("-p", "--port") or (word in ("-h", "--host") and value not in _LOCAL):
                raise _Refused("it asks a server that may be another than the application's")
        elif not word.startswith("-"):
            places.append(word)
        elif not _PSQL_ALONE.fullmatch(word):
            raise _Refused(f"safemig does not know what psql's {word} does")
    return asked, places


def _psql(words: tuple[str, ...], known: Known) -> _Read:
    asked, places = _psql_words(words)
    if any(_split(place).netloc.rpartition("@")[2] not in ("", *_LOCAL) or _split(place).query for place in places):
        raise _Refused("it asks a server that may be another than the application's")
    if any(_split(place).path.rpartition("/")[2] != known.database for place in places):
        raise _Refused("it asks another database than the application's, or one that safemig cannot tell")
    if not asked or any(one.lstrip().startswith("\\") for one in asked):
        raise _Refused("what it lists is looked up in the catalog, or proves nothing")
    _read_effect(shlex.join(words))
    return "read", "it only asks the database", ("; ".join(one.strip().rstrip(";") for one in asked),)


_READERS: dict[str, Callable[[tuple[str, ...], Known], _Read]] = {
    "python": _python,
    "pytest": _pytest,
    "alembic": _alembic,
    "make": _make,
    "docker": _docker,
    "curl": _curl,
    "psql": _psql,
}
