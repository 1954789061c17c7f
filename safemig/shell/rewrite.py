"""Takes a recipe line that runs a tool in the service and says how the same line would run the tests."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from safemig.shell.makefile import expand

# A tool in its command, with how it is called: what stands before it (runner, folder) is what the tests keep.
_TOOL = re.compile(
    r"""(?<![\w./-])
    (?P<start>(?:(?:uv|poetry|pipenv|pdm|hatch|rye)\s+run\s+(?:--?[\w-]+(?:=\S+)?\s+)*)?)
    (?:
      (?P<python>(?:[\w.$(){}-]*/)*python[\d.]*)\s+(?:-[A-Zbdusv]\s+)*(?:-m\s+(?P<module>[\w.]+)|(?P<script>[\w./-]+\.py\b)|(?=-c\s))
      |(?P<folder>(?:[\w.$(){}-]*/)*)
       (?P<tool>alembic|flask|uvicorn|gunicorn|fastapi|ruff|mypy|black|isort|flake8|aerich)(?=[\s"';&|)]|$)
    )
    """,
    re.VERBOSE,
)
_PYTEST = re.compile(
    r"""(?<![\w./-])
    (?P<start>(?:(?:uv|poetry|pipenv|pdm|hatch|rye)\s+run\s+(?:--?[\w-]+(?:=\S+)?\s+)*)?)
    (?:(?P<python>(?:[\w.$(){}-]*/)*python[\d.]*)\s+-m\s+pytest|(?P<folder>(?:[\w.$(){}-]*/)*)pytest)(?=[\s"';&|)]|$)
    """,
    re.VERBOSE,
)
_COMPOSE = re.compile(
    r"(?:docker-compose|docker\s+compose|podman-compose|podman\s+compose)\b"
    r"(?P<general>(?:\s+-\S+(?:[= ](?!exec\b|run\b)[^-\s]\S*)?)*)\s+(?P<verb>exec|run)\b"
)
_WITH_VALUE = frozenset({"-e", "--env", "-u", "--user", "-w", "--workdir", "--index"})
_WITH_VALUE_RUN = _WITH_VALUE | {"--name", "--entrypoint", "-l", "--label", "-p", "--publish", "-v", "--volume"}
_REFERENCE = re.compile(r"\$[({](\w+)[)}]")
# What a command has to have done before it for the tool to be found: the rest of a compound line is not ours.
_SETTING = re.compile(r"^[\s(]*(?:cd\s|source\s|\.\s|export\s|set\s+-)")
_SEPARATOR = re.compile(r"""\\.|"(?:\\.|[^"\\])*"|'[^']*'|(?P<between>(?:&&|\|\|?|;|(?<![>&])&(?![>&]))\s*)""")
# Where a command begins: at the start, after what separates commands, in a shell's -c; variables may be set.
_BEGIN = re.compile(r"""(?:^@?|[;&|(]|\s-\w*c\s*["']|\b(?:then|do|else|env|time|exec))\s*(?:[A-Za-z_]\w*=\S*\s+)*$""")


# A word of a shell line, quotes and all; the options that stand between a tool and its sub-command are such words.
_WORD = r"""(?:"[^"]*"|'[^']*'|\\.|[^\s;&|"'\\])+"""
_LOOP = re.compile(r"(?:^|[;&|(@\s])(?:for\s+\w+\s+in\s|while\s|xargs\b|parallel\b)")
_TO_UPGRADE = re.compile(rf"(?P<options>(?:\s+(?!upgrade\b){_WORD})*)\s+upgrade\b")


@dataclass(frozen=True)
class Place:
    """Where a recipe line runs its tool: ``compose`` when through compose, in ``service`` ("" when unclear)."""

    compose: bool
    service: str
    tool: str


def place(line: str, variables: Mapping[str, str]) -> Place:
    """Where the line runs what, with the variables it uses expanded."""
    whole = expand(line, variables).replace("\\\n", " ")
    found = _COMPOSE.search(whole)
    rest = whole[found.end() :] if found else whole
    service, inner = _service(rest, found["verb"]) if found else ("", rest)
    tool = _TOOL.search(inner)
    name = "" if tool is None else (tool["tool"] or tool["module"] or tool["script"] or "python")
    return Place(found is not None, service, name)


def _service(rest: str, verb: str) -> tuple[str, str]:
    """The service named after ``exec`` or ``run`` and its options, and what follows it."""
    words = [(found.group(), found.end()) for found in re.finditer(r"\S+", rest)]
    valued = _WITH_VALUE_RUN if verb == "run" else _WITH_VALUE
    index = 0
    while index < len(words) and words[index][0].startswith("-"):
        index += 2 if words[index][0] in valued else 1
    if index >= len(words):
        return "", ""
    word, end = words[index]
    return word.strip("\"'"), rest[end:]


def test_line(line: str, variables: Mapping[str, str], tests: str) -> str | None:
    """The line with its tool replaced by pytest; None when no tool is seen in it.

    Everything that leads to the tool stays as written: compose command, flags, service, folder, runner. What the line
    did beside that (a second command, an echo) goes.
    """
    line = _unfold(line, variables)
    found = _tool(line)
    return None if found is None else _assemble(line, found.start(), _pytest(found, tests))


def _tool(line: str) -> re.Match[str] | None:
    """The tool that the line runs: after the compose command, else where a command begins, else anywhere."""
    compose = _COMPOSE.search(line)
    every = list(_TOOL.finditer(line, compose.end() if compose else 0))
    at_begin = (found for found in every if _BEGIN.search(line[: found.start()]))
    return next(at_begin, every[0] if every else None)


def python_line(line: str, variables: Mapping[str, str], code: str) -> str | None:
    """The line with its tool, or its pytest, replaced by ``python -c`` with that code; None when neither is seen.

    The code must hold no quote and nothing that a shell replaces: it is quoted by whatever is free where it stands.
    """
    line = _unfold(line, variables)
    found = _PYTEST.search(line) or _tool(line)
    if found is None or re.search(r"[\"'$`\\]", code):
        return None
    begun = _open_quote(line[: found.start()])
    quote = "'" if begun >= 0 and line[begun] == '"' else '"'
    python = found["python"] or f"{found['folder'] or ''}python"
    return _assemble(line, found.start(), f"{found['start']}{python} -c {quote}{code}{quote}").lstrip("@")


def command_line(line: str, variables: Mapping[str, str], words: Sequence[str]) -> str | None:
    """The line with its tool, or its pytest, replaced by that command; None when neither is seen, or when it stands in
    quotes within quotes. ``words`` are python, pytest or alembic and its arguments, quoted here as the place needs."""
    line = _unfold(line, variables)
    found = _PYTEST.search(line) or _tool(line)
    if found is None:
        return None
    name = words[0]
    if found["python"]:
        program = found["python"] if name == "python" else f"{found['python']} -m {name}"
    else:
        program = f"{found['folder'] or ''}{name}"
    command = " ".join([f"{found['start']}{program}", shlex.join(words[1:])])
    begun = _open_quote(line[: found.start()])
    if begun >= 0:
        if _open_quote(line[begun + 1 : found.start()]) >= 0:
            return None
        inside = line[begun] == "'"
        command = command.replace("'", "'\\''") if inside else re.sub(r'(["\\$`])', r"\\\1", command)
    return _assemble(line, found.start(), command).lstrip("@")


def current_line(line: str, variables: Mapping[str, str]) -> str | None:
    """The line with ``current --verbose`` in place of ``upgrade …``; None when it upgrades nothing by Alembic.

    The options before the sub-command (-c, -n, -x, db) and all that leads to the tool stay as written: what is looked
    at is the database that the upgrade would reach."""
    return next(current_lines(line, variables), None)


def current_lines(line: str, variables: Mapping[str, str]) -> Iterator[str]:
    """The same for every upgrade in the line, in order."""
    line = _unfold(line, variables)
    compose = _COMPOSE.search(line)
    for tool in _TOOL.finditer(line, compose.end() if compose else 0):
        if (tool["tool"] or tool["module"]) in ("alembic", "flask") and (rest := _TO_UPGRADE.match(line, tool.end())):
            command = f"{tool.group()}{rest['options']} current --verbose"
            yield _assemble(line, tool.start(), command)


def repeats(line: str) -> bool:
    """Whether the line runs a command again and again, with other words each time."""
    return bool(_LOOP.search(line))


def one_off_line(line: str, variables: Mapping[str, str], services: Mapping[str, Sequence[str]]) -> str | None:
    """A line that runs a service whose own command upgrades (`docker compose run --rm migrate`), with the command that
    only looks behind it; None for any other. ``services`` are the words of each one's command, not its entry point."""
    line = _unfold(line, variables, compose=True)
    found = _COMPOSE.search(line)
    if found is None or found["verb"] != "run":
        return None
    service, inner = _service(line[found.end() :], "run")
    made = current_line(shlex.join(services.get(service, ())), {}) if not inner.strip() else None
    return f"{line.rstrip()} {made.replace('$', '$$')}" if made else None


def bare_line(line: str, variables: Mapping[str, str], tests: str) -> str | None:
    """A line that only opens a shell or another tool in the service, turned into one that runs the tests there."""
    line = _unfold(line, variables, compose=True)
    found = _COMPOSE.search(line)
    if found is None:
        return None
    service, inner = _service(line[found.end() :], found["verb"])
    if not service:
        return None
    end = len(line) - len(inner)
    return _assemble(line, end, " " + " ".join(["python", "-m", "pytest", *_arguments(tests)]))


def _unfold(line: str, variables: Mapping[str, str], *, compose: bool = False) -> str:
    """Continuations joined, make's ``-`` and ``+`` dropped (a failing test must fail), and variables written out
    that hide the tool itself."""
    joined = re.sub(r"\\\r?\n[\t ]*", "", line).strip()
    lead = re.match(r"[-+@\s]*", joined)
    start = lead.group() if lead else ""
    joined = ("@" if "@" in start else "") + joined[len(start) :]

    def one(found: re.Match[str]) -> str:
        value = variables.get(found[1], "")
        hides = _COMPOSE.search(expand(value, variables)) if compose else _TOOL.search(expand(value, variables))
        return value if hides else found.group()

    for _ in range(5):
        written = _REFERENCE.sub(one, joined)
        if written == joined:
            break
        joined = written
    return joined


def _pytest(found: re.Match[str], tests: str) -> str:
    """How this line's runner starts pytest."""
    words = " ".join(["pytest", *_arguments(tests)])
    start = found["start"]
    if found["python"]:
        return f"{start}{found['python']} -m {words}"
    # A tool called by its path (.venv/bin/alembic) has pytest beside it.
    return f"{start}{found['folder'] or ''}{words}"


def _arguments(tests: str) -> list[str]:
    """The tests' folder where it can stand in a recipe inside quotes without any of its own."""
    return [tests] if re.fullmatch(r"[\w./-]+", tests) and not tests.startswith("-") else []


def _assemble(line: str, at: int, command: str) -> str:
    """What leads to the tool at ``at``, the command, and the end of each quote and group that it stands in."""
    head, closing = _lead(line[:at])
    return head + command + closing


def _lead(text: str) -> tuple[str, str]:
    """The part of ``text`` that the next command needs before it, and what closes its open quotes and groups."""
    opened = _open_quote(text)
    if opened < 0:
        head = _prepared(text)
        return head, ")" * _open_groups(head)
    head = _prepared(text[:opened])
    inner, closing = _lead(text[opened + 1 :])
    return head + text[opened] + inner, closing + text[opened] + ")" * _open_groups(head)


def _open_quote(text: str) -> int:
    """Where the outermost quote that stays open begins, -1 when there is none."""
    index = 0
    while index < len(text):
        if text[index] == "\\":
            index += 2
        elif text[index] in "\"'":
            end = index + 1
            while end < len(text) and text[end] != text[index]:
                end += 2 if text[end] == "\\" and text[index] == '"' else 1
            if end >= len(text):
                return index
            index = end + 1
        else:
            index += 1
    return -1


def _open_groups(text: str) -> int:
    bare = re.sub(r"\$\([^)]*\)|\"[^\"]*\"|'[^']*'", "", text)
    return max(0, bare.count("(") - bare.count(")"))


def _prepared(text: str) -> str:
    """The last command of a compound line with those before it that it needs (cd, export); the others go."""
    quiet = re.match(r"\s*@?", text)
    start = quiet.end() if quiet else 0
    pieces = []
    last = start
    for found in _SEPARATOR.finditer(text, start):
        if found["between"]:
            pieces.append(text[last : found.end()])
            last = found.end()
    kept = [piece for piece in pieces if _SETTING.match(piece)]
    final = re.sub(r"^(?:then|do|else)\s+", "", text[last:])
    return text[:start] + "".join(kept) + final
