"""Which test commands of a recipe lose their exit status on its way: to a pipe, to `|| true`, to make's `-`.

Read from the text of Makefile and scripts; nothing is run. A status that is lost proves nothing, so that the tests are
then judged by what they print.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from checks.tests.run import Statuses
from safemig.base.files import head
from safemig.shell.makefile import Makefile, expand
from safemig.shell.recipes import script_of, words

_DOLLARS = "\0"
_DEEPEST = 4
_RUNNERS = frozenset({"pytest", "py.test", "stestr", "tox", "nox", "ward", "unittest"})
# Those whose summary is read, and words beside which a runner need not run any test, or not print one.
_SUMMING = frozenset({"pytest", "py.test", "unittest"})
_NO_SUMMARY = frozenset(
    {"build", "pull", "push", "up", "down", "stop", "logs", "sync", "lock", "tree", "remove", "--co", "--collect-only",
     "--collectonly", "--help", "-h", "--fixtures", "--markers", "--cache-show", "--cache-clear", "--setup-plan"}
)  # fmt: skip
_REPEATS = frozenset({"xargs", "parallel", "find", "watch", "entr"})
_FOR = re.compile(r"^(?:\S+\s+)*?for\s+\w+\s+in\s+(?P<items>[^$*?`(\[{]+)$")
_LOOP = re.compile(r"^(?:(?:then|else|do|\{|\()\s+)*(?:for|while|until|select)\s")
_BRANCH = re.compile(r"^(?:(?:then|else|do|\{|\()\s+)*(?:if|case)\s|^[\w-]+\s*\(\)")
# What only speaks of a runner, or brings it.
_NO_RUN = frozenset({"install", "add", "echo", "printf", "which", "type", "command", "tee", "cat", "rm", "grep"})
# Programs that are no tests whatever their words are: make may ignore their errors.
_HARMLESS = frozenset(
    {"docker", "podman", "docker-compose", "rm", "mkdir", "cp", "mv", "kill", "pkill", "dropdb", "createdb", "psql",
     "sleep", "true", "echo", "find", "git"}
)  # fmt: skip
_OPENS = re.compile(r"^(?:(?:then|else|do|\{|\(|elif|time)\s+)+")
_CONDITION = re.compile(r"^(?:if|elif|while|until)\s+")
_CLOSES = re.compile(r"^(?:fi|esac|\}|\))\s*$")
_EXITS = re.compile(r"\bexit\s+(?:[1-9$]|\"\$)|\bfalse\b|\breturn\s+[1-9$]")
_KEEPS = re.compile(r"^\w+=\"?\$\??|^\w+=\$\{?\w+")
_UP = re.compile(r"\b(?:docker|podman|nerdctl)[\s-]compose\b.*\sup\b")
_TOLD = re.compile(r"\s(?:-d|--detach|--wait|--exit-code-from|--abort-on-container-failure)\b")
_COMPOSE_UP = "compose returns 0 whatever its containers return"
_SET = re.compile(r"^set\s+(?P<options>[-+].*)$")
_SHELL_WORDS = frozenset({"sh", "bash", "dash", "ash", "zsh"})


@dataclass(frozen=True)
class _Shell:
    """How a shell takes failures: ``errexit`` ends at the first, ``pipefail`` hands on that of any part of a pipe."""

    errexit: bool = False
    pipefail: bool = False

    def after(self, command: str) -> _Shell:
        """After a `set` command."""
        found = _SET.match(command)
        if not found:
            return self
        options, on = found["options"], found["options"].startswith("-")
        errexit = on if re.search(r"(?:^|\s)[-+][a-z]*e|errexit", options) else self.errexit
        return replace(self, errexit=errexit, pipefail=on if "pipefail" in options else self.pipefail)


@dataclass(frozen=True)
class _Part:
    """A simple command, and the operator behind it: one of ; && || | & or "" at the end."""

    text: str
    operator: str


@dataclass(frozen=True)
class _Test:
    """A test command, and why its status is lost ("" where it arrives). ``other``: it may not run at all, for it is one
    of several ways, or it is only containers that may hold tests. ``times``: how often it runs, None where nobody
    knows. ``sums``: it surely runs, and ends with a summary."""

    text: str
    lost: str = ""
    other: bool = False
    times: int | None = 1
    sums: bool = False


def statuses(makefile: Makefile | None, target: str, line: str, root: Path) -> Statuses:
    """What becomes of the exit statuses of the test commands behind ``target`` of the Makefile, or behind ``line``."""
    reader = _Reader(makefile, root, ignores=bool(target) and (makefile is None or makefile.target(target) is None))
    found = tuple(reader.of_target(target, 0) if target and makefile else reader.of_line(line, _Shell(), 0))
    if any(not test.other for test in found):
        found = tuple(test for test in found if test.lost != _COMPOSE_UP)
    lost = tuple(dict.fromkeys(f"`{_short(test.text)}`: {test.lost}" for test in found if test.lost))
    commands = sum(test.times or 1 for test in found if not test.other)
    summaries = sum(test.times or 0 for test in found if test.sums and not test.other)
    uncounted = tuple(dict.fromkeys(f"`{_short(test.text)}`" for test in found if test.lost and test.times is None))
    return Statuses(lost, commands, reader.ignores, summaries, uncounted)


@dataclass
class _Reader:
    makefile: Makefile | None
    root: Path
    ignores: bool = False  # make may ignore the error of something that may be a test

    def of_target(self, name: str, depth: int, made: set[str] | None = None) -> Iterator[_Test]:
        """The test commands that making ``name`` runs, those of its prerequisites first; one make makes each once."""
        made = set() if made is None else made
        target = self.makefile.target(name) if self.makefile else None
        if self.makefile is None or target is None or name in made or depth > _DEEPEST:
            return
        made.add(name)
        for prerequisite in target.prerequisites:
            yield from self.of_target(prerequisite, depth + 1, made)
        variables = {**self.makefile.variables, **target.variables}
        shell = _shell_of(variables)
        lines = [expand(line.replace("$$", _DOLLARS), variables).replace(_DOLLARS, "$") for line in target.recipe]
        if self.makefile.target(".ONESHELL"):
            lines = ["\n".join(lines)] if lines else []
        for line in lines:
            text = line.lstrip("@-+ \t")
            ignored = "-" in line[: len(line) - len(text)] or self._ignores_all(name)
            self.ignores = self.ignores or (ignored and not _harmless(text))
            for test in self.of_line(text, shell, depth):
                yield replace(test, lost=test.lost or "make goes on whatever it returns") if ignored else test

    def _ignores_all(self, name: str) -> bool:
        if self.makefile is None:
            return False
        special = self.makefile.target(".IGNORE")
        flags = words(self.makefile.variables.get("MAKEFLAGS", ""))
        asked = any(flag in ("-i", "--ignore-errors") or re.fullmatch(r"-?[a-z]*i[a-z]*", flag) for flag in flags)
        return asked or (special is not None and (not special.prerequisites or name in special.prerequisites))

    def of_line(self, text: str, shell: _Shell, depth: int) -> Iterator[_Test]:
        """The test commands of a shell text, each with what becomes of its status within the text."""
        parts = _parts(text)
        for at, part in enumerate(parts):
            shell = shell.after(part.text)
            times, branch = _times(parts, at), _in_branch(parts, at)
            for test in self._of_command(part.text, shell, depth):
                other = part.text.startswith(("else", "elif")) or (at > 0 and parts[at - 1].operator == "||")
                yield replace(
                    test,
                    lost=test.lost or _lost(parts, at, shell),
                    other=test.other or other,
                    times=None if times is None or test.times is None else times * test.times,
                    sums=test.sums and not branch,
                )

    def _of_command(self, text: str, shell: _Shell, depth: int) -> Iterator[_Test]:
        plain = _CONDITION.sub("", _OPENS.sub("", text)).strip("() ")
        tokens = words(plain)
        if depth > _DEEPEST or not tokens:
            return
        inner = next((tokens[at + 2] for at in range(len(tokens) - 2) if _takes_text(tokens, at)), "")
        if inner:
            yield from self.of_line(inner, _Shell(), depth + 1)
        elif tokens[0] in ("make", "$(MAKE)", "${MAKE}"):
            names = [word for word in tokens[1:] if not word.startswith("-") and "=" not in word]
            made: set[str] = set()
            for name in names:
                for test in self.of_target(name, depth + 1, made):
                    ignored = any(word in ("-i", "--ignore-errors") for word in tokens)
                    yield replace(test, lost=test.lost or "make -i goes on whatever it returns") if ignored else test
        elif self.makefile and (script := script_of(plain, "", self.makefile, self.root)):
            body = head(script, 65_536)
            yield from self.of_line(_code(body), _shell_of_script(tokens, body, shell), depth + 1)
        elif _runs_tests(tokens):
            repeats = tokens[0].rsplit("/", 1)[-1] in _REPEATS
            hidden = "find returns 0 whatever it returns" if tokens[0] == "find" and "+" not in tokens else ""
            yield _Test(plain, hidden, times=None if repeats else 1, sums=_sums_up(tokens))
        elif _UP.search(plain) and not _TOLD.search(plain):
            yield _Test(plain, _COMPOSE_UP, other=True)


def _shell_of(variables: dict[str, str]) -> _Shell:
    flags = f"{variables.get('SHELL', '')} {variables.get('.SHELLFLAGS', '')}"
    return _Shell(bool(re.search(r"\s-[a-z]*e|errexit", flags)), "pipefail" in flags)


def _shell_of_script(tokens: Sequence[str], body: str, shell: _Shell) -> _Shell:
    """The options that a script starts with: of the line that runs it, else of its first line, which only holds where
    it is run by itself."""
    if tokens[0] in (".", "source"):
        return shell
    given = tokens[1:] if tokens[0].rsplit("/", 1)[-1] in _SHELL_WORDS else body.split("\n", 1)[0].split()[1:]
    return _Shell().after(" ".join(("set", *(word for word in given if word.startswith("-") or word == "pipefail"))))


def _takes_text(tokens: Sequence[str], at: int) -> bool:
    """Whether a shell at that place is given its text: `sh -c TEXT`, `bash -lc TEXT`."""
    name, option = tokens[at].rsplit("/", 1)[-1], tokens[at + 1]
    return name in _SHELL_WORDS and bool(re.fullmatch(r"-[a-z]*c", option))


def _runs_tests(tokens: Sequence[str]) -> bool:
    names = [word.rsplit("/", 1)[-1] for word in tokens]
    if _NO_RUN & set(names) or "--version" in tokens:
        return False
    django = any(first == "manage.py" and second == "test" for first, second in pairwise(names))
    return django or bool(_RUNNERS & set(names))


def _sums_up(tokens: Sequence[str]) -> bool:
    """Whether a test command that comes to its end prints a summary that is read."""
    names = {word.rsplit("/", 1)[-1] for word in tokens}
    return bool(names & (_SUMMING | {"manage.py"})) and not names & _NO_SUMMARY


def _times(parts: Sequence[_Part], at: int) -> int | None:
    """How often the command at that place runs for the loops around it; None where that is not written there."""
    open_loops: list[str] = []
    for part in parts[: at + 1]:
        if _LOOP.match(part.text):
            open_loops.append(part.text)
        elif part.text.startswith("done") and open_loops:
            open_loops.pop()
    times = 1
    for text in open_loops:
        items = _FOR.match(text)
        if items is None:
            return None
        times *= len(items["items"].split())
    return times


def _in_branch(parts: Sequence[_Part], at: int) -> bool:
    """Whether the command at that place stands in a condition, a case or a function, so that it may not run."""
    depth = 0
    for part in parts[: at + 1]:
        closes = part.text.startswith(("fi", "esac")) or part.text == "}"
        depth += bool(_BRANCH.match(part.text)) - (closes and depth > 0)
    return depth > 0


def _harmless(text: str) -> bool:
    """Whether all its commands are known to be no tests, however they end. What runs in a container may be any."""
    for part in _parts(text):
        tokens = words(_OPENS.sub("", part.text))
        if not tokens or tokens[0] not in _HARMLESS or {"exec", "run"} & set(tokens):
            return False
    return True


def _lost(parts: Sequence[_Part], at: int, shell: _Shell) -> str:
    """Why the status of the command at that place does not become the text's own; "" when it does."""
    rest = " ".join(part.text for part in parts[at + 1 :])
    if parts[at].text.startswith("! "):
        return "`!` turns its status round"
    if _CONDITION.match(_OPENS.sub("", parts[at].text)):
        return "" if _EXITS.search(rest) else "the condition takes its status"
    if parts[at].operator == "|":
        end = next((n for n in range(at, len(parts)) if parts[n].operator != "|"), at)
        if not shell.pipefail:
            return f"the status is that of `{_short(parts[end].text)}`"
        at = end
    listed = False  # an && list that fails before its end does not end a shell with -e
    while parts[at].operator in ("&&", "|") and at + 1 < len(parts):
        listed, at = listed or parts[at].operator == "&&", at + 1
    return _after(parts, at, shell.errexit and not listed)


def _after(parts: Sequence[_Part], at: int, ends: bool) -> str:
    operator, following = parts[at].operator, parts[at + 1 :]
    if not following or operator == "":
        return ""
    after = " ".join(part.text for part in following)
    if operator == "||":
        again = _runs_tests(words(following[0].text))
        return "" if again or _EXITS.search(after) else f"`|| {_short(following[0].text)}` hides its status"
    if operator == "&":
        return "it runs in the background"
    if ends or (_KEEPS.match(following[0].text) and _EXITS.search(after)):
        return ""
    return _closed(parts, at + 1, ends)


def _closed(parts: Sequence[_Part], at: int, ends: bool) -> str:
    """Behind a `;`: what closes a branch hands the status on, any other command puts its own in its place."""
    while at < len(parts) and parts[at].text.startswith(("else", "elif")):
        at = next((n for n in range(at, len(parts)) if parts[n].text.strip() == "fi"), len(parts))
    if at >= len(parts):
        return ""
    if _CLOSES.match(parts[at].text):
        return _after(parts, at, ends)
    if parts[at].text.startswith("done"):
        return "of a loop only the last status counts"
    return f"the status is that of `{_short(parts[-1].text)}`"


def _parts(text: str) -> list[_Part]:
    """The simple commands of a shell text with the operators between them, cut outside quotes."""
    parts: list[_Part] = []
    current, quote, at = "", "", 0
    while at < len(text):
        character = text[at]
        operator = "" if quote else _operator(text, at)
        if quote:
            quote = "" if character == quote and text[at - 1] != "\\" else quote
        elif character in "\"'":
            quote = character
        if operator:
            if current.strip():
                parts.append(_Part(current.strip(), {"\n": ";", "|&": "|", ";;": ";"}.get(operator, operator)))
            current, at = "", at + len(operator)
            continue
        current, at = current + character, at + 1
    return [*parts, _Part(current.strip(), "")] if current.strip() else parts


def _operator(text: str, at: int) -> str:
    for operator in ("&&", "||", "|&", ";;", ";", "|", "&", "\n"):
        if text.startswith(operator, at):
            # 2>&1 and &>file redirect; a backslash before it makes it plain text.
            redirects = operator in ("&", "|") and (text[at - 1 : at] in (">", "<") or text[at + 1 : at + 2] == ">")
            return "" if redirects or text[at - 1 : at] == "\\" else operator
    return ""


def _code(body: str) -> str:
    """A script without its comments, continued lines joined."""
    joined = re.sub(r"\\\r?\n", " ", body)
    return "\n".join(line for line in joined.splitlines() if not line.lstrip().startswith("#"))


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 80 else line[:79] + "…"
