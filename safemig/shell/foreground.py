"""Whether a command keeps the terminal, as `docker compose up` does, or returns: what is known of it, never a guess.

Read from the lines of a recipe, and from the arguments of a process that runs.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath
from typing import Literal

from safemig.shell.parser import names

Staying = Literal["foreground", "returns", "unknown"]

_OPERATOR = frozenset("();<>|&")
_KEYWORDS = names("if then elif else fi while until do done ! { }")
_WRAPPERS = names("exec env nohup time sudo command setsid nice")
_SERVERS = names("uvicorn gunicorn hypercorn granian daphne waitress-serve honcho pserve")
_RUNNERS = names("uv poetry pipenv pdm hatch rye")  # `uv run uvicorn …`
_RETURNING = names(
    "echo printf sleep true : cd test [ mkdir rm cp touch export set cat kill pkill seq for curl wget chmod ln mv grep"
    " alembic pip pip3 pytest systemctl supervisorctl pg_isready psql"
)
_FOLLOWS = names("logs attach watch stats events")
_COMPOSE_RETURNS = names(
    "build pull push start restart stop down create exec run rm kill ps config images ls pause unpause cp port"
)


def staying(lines: Iterable[str]) -> Staying:
    """Of a whole recipe: foreground where a command of it keeps the terminal, returns where none does, else unknown."""
    kinds = {kind for line in lines for kind in _of_line(line)}
    return "foreground" if "foreground" in kinds else "unknown" if "unknown" in kinds else "returns"


def of_words(words: Sequence[str]) -> Staying:
    """Of one simple command, as a shell splits it or as a process shows its arguments."""
    rest = _program(list(words))
    if not rest:
        return "returns"
    name, args = PurePosixPath(rest[0]).name, rest[1:]
    if name in ("docker", "podman", "nerdctl", "docker-compose", "podman-compose"):
        return _of_docker(name, args)
    if name in _SERVERS:
        return "returns" if name == "gunicorn" and {"-D", "--daemon"} & set(args) else "foreground"
    if name == "tail":
        return "foreground" if any(_has_flag(word, "fF", "--follow") for word in args) else "returns"
    if (name, args[:1]) in (("flask", ["run"]), ("fastapi", ["dev"]), ("fastapi", ["run"])) or "runserver" in args:
        return "foreground"
    return "returns" if name in _RETURNING else "unknown"


def _of_line(line: str) -> Iterator[Staying]:
    try:
        tokens = list(shlex.shlex(line.replace("\\\n", " "), posix=True, punctuation_chars=True))
    except ValueError:
        yield "unknown"
        return
    words: list[str] = []
    skip = False
    for token in [*tokens, ";"]:
        if not token or not _OPERATOR.issuperset(token):
            words += [] if skip else [token]
            skip = False
        elif "<" in token or ">" in token:
            skip = True  # the name of a file
            words = words[:-1] if words and words[-1].isdecimal() else words
        else:
            if words:
                yield "returns" if token.startswith("&") and not token.startswith("&&") else of_words(words)
            words = []


def _program(words: list[str]) -> list[str]:
    """The program and its arguments, without keywords, assignments and wrappers before it."""
    while words:
        head = PurePosixPath(words[0]).name
        if head in _KEYWORDS or head in _WRAPPERS or ("=" in words[0] and words[0].partition("=")[0].isidentifier()):
            words = words[1:]
        elif head in _RUNNERS and "run" in words[1:3]:
            words = words[words.index("run") + 1 :]
            while words and words[0].startswith("-"):
                words = words[1:]
        elif head.startswith("python") and words[1:2] == ["-m"]:
            words = words[2:]
        elif head.startswith("python") and len(words) > 1 and PurePosixPath(words[1]).name in _SERVERS:
            words = words[1:]  # how a script with an interpreter line shows in the list of processes
        else:
            break
    return words


def _of_docker(name: str, args: Sequence[str]) -> Staying:
    if name.endswith("-compose") and args[:1] == ["compose"]:  # the plugin's own process
        args = args[1:]
    elif not name.endswith("-compose"):
        if "compose" not in args:
            return _of_engine(args)
        args = args[args.index("compose") + 1 :]
    known = _FOLLOWS | _COMPOSE_RETURNS | {"up"}
    place = next((number for number, word in enumerate(args) if word in known), None)
    if place is None:
        return "unknown"
    command, rest = args[place], args[place + 1 :]
    if command == "up":
        detached = any(_has_flag(word, "d", "--detach", "--wait", "--no-start") for word in rest)
        return "returns" if detached else "foreground"
    if command in _COMPOSE_RETURNS:
        return "returns"  # of `exec` and `run` too nobody takes the service to be ready while they go on
    return _following(command, rest)


def _of_engine(args: Sequence[str]) -> Staying:
    command, rest = (args[0], args[1:]) if args else ("", ())
    if command in _FOLLOWS:
        return _following(command, rest)
    if command == "run" and not any(_has_flag(word, "d", "--detach") for word in rest):
        return "unknown"  # a service, or a job that ends
    return "returns" if command else "unknown"


def _following(command: str, rest: Sequence[str]) -> Staying:
    follows = command != "logs" or any(_has_flag(word, "f", "--follow") for word in rest)
    return "foreground" if follows else "returns"


def _has_flag(word: str, letters: str, *long: str) -> bool:
    """Whether the word is one of the long options, or a cluster of short ones with one of the letters."""
    if word.startswith("--"):
        return word.partition("=")[0] in long and not word.endswith("=false")
    return word.startswith("-") and word[1:].isalpha() and bool(set(letters) & set(word[1:]))
