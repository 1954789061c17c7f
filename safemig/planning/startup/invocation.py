"""What one simple command runs, as far as it may apply revisions: which script, which module, which inner command."""

from __future__ import annotations

import itertools
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from safemig.base.files import text as text_of
from safemig.planning.startup.world import World
from safemig.shell.tables import SERVERS
from safemig.shell.tools import DESTROYERS, PRINTERS, WRITERS

Kind = Literal["upgrade", "line", "script", "module", "file", "code", "make", "tests", "nothing", "quiet"]
APPLIES = re.compile(r"\balembic\b.*\bupgrade\b|\bdb\s+upgrade\b|\bdb-manage\b.*\bupgrade\b", re.S)
SERVED = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*(\(.*\))?")
SHELLS = frozenset(("sh", "bash", "dash", "ash", "zsh"))
_PYTHON = re.compile(r"python(\d(\.\d+)?)?")
_RELOADERS = frozenset(("watchfiles", "watchmedo", "nodemon", "hupper", "watchexec", "entr", "reflex"))
# These run what follows them, and nothing of their own.
_WRAPPERS = frozenset((
    "env", "tini", "dumb-init", "gosu", "su-exec", "nice", "setsid", "wait", "wait-for", "wait-for-it", "dockerize",
    "catatonit",
))  # fmt: skip
_TESTS = frozenset(("pytest", "py.test", "tox", "nox"))
_FASTAPI = ("main.py", "app.py", "api.py", "app/main.py", "app/app.py", "app/api.py")
_QUIET = (PRINTERS | frozenset(DESTROYERS) | {"rm"} | WRITERS) - SERVERS - _TESTS


@dataclass(frozen=True)
class Invocation:
    """One thing that a command runs.

    upgrade: the command ``text`` applies revisions; line: the shell line ``text``; script and file: ``path`` with
    ``words``; module: ``text`` with its ``attribute``; code: Python in ``text``; make: targets in ``words``; tests:
    the tests; nothing: a tool that is known to apply nothing here; quiet: one that never does. ``program``: Python
    runs it as a script; ``whole``: every function of it runs. ``reloads``: it runs again when a file changes.
    ``folder`` is where it looks for modules.
    """

    kind: Kind
    text: str = ""
    words: tuple[str, ...] = ()
    path: Path | None = None
    attribute: str = ""
    program: bool = False
    whole: bool = False
    reloads: bool = False
    folder: str = ""


def invocations(tokens: Sequence[str], world: World) -> tuple[Invocation, ...]:
    """What the command of these words runs; () where nothing of it is known. The first word that is known decides,
    whatever wraps it (``exec``, ``uv run``, ``wait-for-it.sh db:5432 --``)."""
    if tokens[0] in _QUIET:
        return (Invocation("quiet"),)
    for place, token in enumerate(tokens):
        rest = tuple(tokens[place + 1 :])
        known = tuple(_tool(token.rpartition("/")[2], token, rest, world))
        if known:
            return known
        path = world.program(token) if place == 0 or "/" in token or token.endswith((".sh", ".py")) else None
        if path is not None and path.is_file():
            return (Invocation("script", token, rest, path),)
        if place == 0 and (entry := _installed(token, world)):
            return (Invocation("module", entry[0], rest, attribute=entry[1], program=True),)
    text = shlex.join(tokens)
    return (Invocation("upgrade", text),) if APPLIES.search(text) else ()


def not_read(tokens: Sequence[str], world: World, *, known: bool) -> str:
    """What of a command runs first and is nothing that could be read; "" where there is no such thing: a script that is
    none of the project's files, or a word that only the shell knows. ``known``: what it runs is understood."""
    place = 1 if tokens[0] in (".", "source", *SHELLS) and len(tokens) > 1 else 0
    word = tokens[place]
    if tokens[0] in _QUIET or world.program(word) is not None:
        return ""
    if "$" in word:
        positional = re.fullmatch(r"\$\{?[@*\d]\}?", word) or "$(" in word
        return "" if known or positional else word
    name = word.rpartition("/")[2]
    script = name.endswith((".sh", ".bash")) or (place == 0 and "/" in word)
    own = name in _QUIET or is_python(name) or tuple(_tool(name, word, (), world))
    plain = own or name.removesuffix(".sh") in _WRAPPERS
    return word if script and not plain and not word.startswith("-") else ""


def is_python(word: str) -> bool:
    """Whether the word calls Python."""
    return bool(_PYTHON.fullmatch(word.rpartition("/")[2]))


def _tool(name: str, token: str, rest: tuple[str, ...], world: World) -> Iterator[Invocation]:
    """What a well-known tool runs; nothing at all where ``name`` is none."""
    if name in SHELLS:
        yield from _shell(rest, world)
    elif name == "alembic" or (name == "flask" and "db" in rest):
        applies = "upgrade" in rest and "--sql" not in rest
        yield Invocation("upgrade", shlex.join((name, *rest))) if applies else Invocation("nothing")
    elif _PYTHON.fullmatch(name):
        yield from _python(rest, world)
    elif name in SERVERS or name in ("fastapi", "flask", "waitress-serve", "pserve"):
        yield from _served(name, rest, world)
    elif name in _RELOADERS:
        after = rest[rest.index("--") + 1 :] if "--" in rest else ()
        inner = [*(word for word in rest if " " in word), *([shlex.join(after)] if after else [])]
        yield from (Invocation("line", text, reloads=True) for text in inner or [shlex.join(rest)] if text)
    elif name == "make" or token in ("$(MAKE)", "${MAKE}"):
        yield Invocation("make", words=rest)
    elif name in _TESTS:
        yield Invocation("tests")


def _shell(rest: tuple[str, ...], world: World) -> Iterator[Invocation]:
    while rest and rest[0].startswith(("-", "+")):
        option, rest = rest[0], rest[1:]
        if re.fullmatch(r"-[a-z]*c", option) and rest:
            yield Invocation("line", rest[0])
            return
    path = world.find(rest[0]) if rest else None
    if path is not None and path.is_file():
        yield Invocation("script", rest[0], rest[1:], path)


def _python(rest: tuple[str, ...], world: World) -> Iterator[Invocation]:
    while rest and rest[0].startswith("-") and rest[0] not in ("-m", "-c"):
        rest = rest[1:]
    if len(rest) > 1 and rest[0] == "-m":
        name, more = rest[1], rest[2:]
        known = tuple(_tool("pytest" if name == "unittest" else name, name, more, world))
        yield from known or (Invocation("module", name, more, program=True),)
    elif len(rest) > 1 and rest[0] == "-c":
        yield Invocation("code", rest[1])
    elif rest and (path := world.find(rest[0])) and path.is_file():
        yield Invocation("file", rest[0], rest[1:], path, program=True)


def _served(name: str, rest: tuple[str, ...], world: World) -> Iterator[Invocation]:
    """The application that a server's command line names."""
    joined = (word.partition("=") for word in rest if word.startswith("--"))
    options = dict(itertools.pairwise(rest)) | {name: value for name, equals, value in joined if equals}
    again = _reloads(name, rest, world)
    folder = options.get("--app-dir") or options.get("--chdir") or ""
    told = options.get("-c") or options.get("--config") or "gunicorn.conf.py"
    settings = world.find(told) if name == "gunicorn" else None
    if settings is not None and settings.is_file():
        yield Invocation("file", path=settings, whole=True, reloads=again)
    if name == "flask":
        yield from (replace(one, reloads=again) for one in _flask(options, world))
        return
    named = next((word for word in rest if SERVED.fullmatch(word)), "")
    if named:
        module, _, attribute = named.partition(":")
        attribute = attribute.partition("(")[0]
        yield Invocation("module", module, attribute=attribute, reloads=again, folder=folder)
        return
    given = tuple(word for word in rest if word.endswith(".py")) or _FASTAPI if name == "fastapi" else ()
    path = next((path for word in given if (path := world.find(word))), None)
    yield Invocation("file", path=path, reloads=again) if path else Invocation("nothing")


def _reloads(name: str, rest: tuple[str, ...], world: World) -> bool:
    """Whether the server starts the application again when a file of it changes."""
    match name:
        case "fastapi" if "dev" in rest:
            return True
        case "flask" if "--debug" in rest or world.variable("FLASK_DEBUG") in ("1", "true"):
            return True
    return "--reload" in rest


def _flask(options: dict[str, str], world: World) -> Iterator[Invocation]:
    told = options.get("--app") or options.get("-A") or world.variable("FLASK_APP")
    told = told or ("wsgi" if world.find("wsgi.py") else "app")
    module, _, attribute = told.partition(":")
    module = module.removesuffix(".py").replace("/", ".")
    for factory in (attribute.partition("(")[0],) if attribute else ("create_app", "make_app"):
        yield Invocation("module", module, attribute=factory)


def _installed(token: str, world: World) -> tuple[str, str] | None:
    """Module and function behind a program that the project's own pyproject.toml installs."""
    import tomllib

    path = world.find("pyproject.toml") or world.folder / "pyproject.toml"
    try:
        document = tomllib.loads(text_of(path))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return None
    tool = document.get("tool", {}).get("poetry", {})
    told = {**tool.get("scripts", {}), **document.get("project", {}).get("scripts", {})}.get(token)
    module, colon, attribute = str(told).partition(":") if isinstance(told, str) else ("", "", "")
    return (module, attribute) if colon else None
