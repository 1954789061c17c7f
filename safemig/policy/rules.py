"""Rules as people write them, and whether one speaks of an action.

A rule is a command (``make migrate``), a command with ``*`` for any text (``make db-*``; a closing `` *`` is a word
boundary: ``make *`` is make with anything, never ``makefoo``), ``edit PATH`` or ``edit *`` for files below the
project's root, or ``*`` for every command and edit. ``docker-compose`` and ``docker compose`` are one tool.

A deny or ask rule speaks of a line as soon as one of its parts matches, wrapped or nested in whatever
(``cd x && timeout 5 make clean``, ``sh -c 'make clean'``). An allow rule speaks of a line only when every part matches
as it stands: a redirection to a file or a line that cannot be read is never covered. Rules see lines, not what a make
target's recipe calls: that is what its effect is for.
"""

from __future__ import annotations

import posixpath
import re
from functools import lru_cache

from safemig.base.action import Action
from safemig.shell.parser import HOLE, Doubt, Part, names, parts

_COMPOSE_VALUE = names("-f --file -p --project-name --profile --env-file --project-directory --progress --ansi")
_OPTION_WITH_VALUE = frozenset({"-C", "-f", "-I", "-j", "-l", "-o", "-W", "--directory", "--file", "--makefile"})


def rule_problem(rule: str) -> str:
    """Why a text is no rule; "" when it is one."""
    if not rule.strip():
        return "a rule cannot be empty"
    if "\n" in rule or not rule.isprintable():
        return "a rule is one line of printable text"
    if rule.strip() == "edit":
        return "an edit rule names a path: `edit backend/Makefile` or `edit *`"
    return ""


def blocks(rule: str, action: Action) -> bool:
    """Whether a deny or ask rule speaks of this action: generous, any part of it is enough."""
    if rule_problem(rule):
        return action.kind != "look"
    if action.kind == "edit":
        return _names_path(rule, action.path)
    if action.kind == "look" and not action.line:
        return False
    if rule.strip() == "*":
        return True
    pattern = _pattern(rule)
    if any(pattern.fullmatch(text) for text in _subjects(action)):
        return True
    # A line that cannot be read hides its parts: the rule's words anywhere in it are enough.
    return not _readable(action.line) and _anywhere(rule).search(_flat(action.line)) is not None


def covers(rule: str, action: Action) -> bool:
    """Whether an allow rule speaks of the whole of this action: strict, every part must match."""
    if rule_problem(rule):
        return False
    if action.kind == "edit":
        return inside(action.path) and _names_path(rule, action.path)
    found = plain_parts(action.line)
    if not found:
        return False
    if rule.strip() == "*":
        return True
    pattern = _pattern(rule)
    return all(pattern.fullmatch(_text(words)) for words in found)


def inside(path: str) -> bool:
    """Whether a relative path stays below the project's root."""
    normal = posixpath.normpath(path)
    return bool(path) and not normal.startswith(("/", "..")) and normal != "."


def plain_parts(line: str) -> tuple[tuple[str, ...], ...]:
    """The commands of a line that can be read whole: no unknown text, no redirection to a file; else nothing."""
    try:
        found = parts(line)
    except Doubt:
        return ()
    if any(part.writes or any(HOLE in word for word in part.words) for part in found):
        return ()
    return tuple(part.words for part in found)


def _names_path(rule: str, path: str) -> bool:
    words = rule.strip()
    if words == "*":
        return True
    verb, _, wanted = words.partition(" ")
    if verb != "edit":
        return False
    return re.fullmatch(_starred(posixpath.normpath(wanted.strip())), posixpath.normpath(path)) is not None


def _starred(text: str) -> str:
    return "(?s:.*)".join(re.escape(piece) for piece in re.sub(r"\*+", "*", text).split("*"))


@lru_cache(maxsize=512)
def _pattern(rule: str) -> re.Pattern[str]:
    text = _flat(rule)
    if text.endswith(" *"):
        return re.compile(_starred(text[:-2]) + r"(?s:\s.*)?")
    return re.compile(_starred(text))


@lru_cache(maxsize=512)
def _anywhere(rule: str) -> re.Pattern[str]:
    return re.compile(_starred(_flat(rule).removesuffix(" *").strip("*")))


def _flat(text: str) -> str:
    return " ".join(text.replace("docker-compose", "docker compose").split())


def _text(words: tuple[str, ...]) -> str:
    return _flat(" ".join(words))


def _readable(line: str) -> bool:
    try:
        parts(line)
    except Doubt:
        return False
    return True


def _subjects(action: Action) -> set[str]:
    """Every text under which a rule may know this command."""
    found = {_flat(action.line)}
    if action.target:
        found.add(f"make {action.target}")
    _collect(action.line, found, 0)
    return found


def _collect(line: str, found: set[str], depth: int) -> None:
    try:
        each: tuple[Part, ...] = parts(line)
    except Doubt:
        return
    for part in each:
        words = part.words
        # Each tail of the words is a candidate, which sees through every wrapper and into containers; a word that
        # is a line of its own (sh -c '…') is read as one.
        for place, word in enumerate(words):
            tail = words[place:]
            found.add(_text(tail))
            if word.rpartition("/")[2] == "make":
                found.update(f"make {target}" for target in _targets(tail[1:]))
            if found_compose := _compose(tail):
                found.add(found_compose)
            if " " in word and depth < 4:
                _collect(word, found, depth + 1)


def _compose(words: tuple[str, ...]) -> str:
    """``docker compose -f x.yml down`` as ``docker compose down``; "" for anything else."""
    rest = words[2:] if words[:2] == ("docker", "compose") else words[1:] if words[0] == "docker-compose" else ()
    while rest and rest[0].startswith("-"):
        rest = rest[2:] if rest[0] in _COMPOSE_VALUE else rest[1:]
    return _text(("docker", "compose", *rest)) if rest else ""


def _targets(words: tuple[str, ...]) -> list[str]:
    targets: list[str] = []
    skip = False
    for word in words:
        if not skip and not word.startswith("-") and "=" not in word:
            targets.append(word)
        skip = word in _OPTION_WITH_VALUE
    return targets
