"""Rules as people write them, and whether one speaks of an action.

A rule is a command (``make migrate``), a command with ``*`` for any text (``make db-*``; a closing `` *`` is a word
boundary: ``make *`` is make with anything, never ``makefoo``), ``edit PATH`` or ``edit *`` for files below the
project's root, or ``*`` for every command and edit. ``docker-compose`` and ``docker compose`` are one tool.

A deny or ask rule speaks of a line as soon as one of its parts matches, wrapped or nested in whatever
(``cd x && timeout 5 make clean``, ``sh -c 'make clean'``), called by a path (``/bin/rm``), with options before its
verb (``docker --context x compose down``) or through a variable that the line sets. Where text that is only known when
the line runs may be what a rule names, it is asked in every mode. An allow rule speaks of a line only when every part
matches as it stands: a redirection to a file or a line that cannot be read is never covered. Rules see lines, not what
a make target's recipe calls: that is what its effect is for.
"""

from __future__ import annotations

import posixpath
import re
from functools import lru_cache

from safemig.base.action import Action
from safemig.policy.subjects import Subjects, flat, subjects
from safemig.shell.parser import parts
from safemig.shell.quoting import HOLE, Doubt


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
    found = _subjects(action.line, action.target)
    if any(pattern.fullmatch(text) for text in found.texts):
        return True
    # A line that cannot be read hides its parts: the rule's words anywhere in it are enough.
    return found.unreadable and _anywhere(rule).search(flat(action.line)) is not None


def hidden(rule: str, action: Action) -> bool:
    """Whether it cannot be told if a deny or ask rule speaks of this action: a part of its line is only known when it
    runs."""
    if action.kind != "command" or rule_problem(rule) or rule.strip().startswith("edit "):
        return False
    found = _subjects(action.line, action.target)
    return found.unreadable or any(_may_become(words, rule) for words in found.commands)


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
    text = flat(rule)
    if text.endswith(" *"):
        return re.compile(_starred(text[:-2]) + r"(?s:\s.*)?")
    return re.compile(_starred(text))


@lru_cache(maxsize=512)
def _anywhere(rule: str) -> re.Pattern[str]:
    return re.compile(_starred(flat(rule).removesuffix(" *").strip("*")))


def _text(words: tuple[str, ...]) -> str:
    return flat(" ".join(words))


@lru_cache(maxsize=512)
def _subjects(line: str, target: str) -> Subjects:
    """Every text under which a rule may know this command."""
    found = subjects(line)
    if target:
        found.texts.add(f"make {target}")
    return found


def _may_become(words: tuple[str, ...], rule: str) -> bool:
    """Whether a command with text that nobody knows may turn out to be what the rule names."""
    wanted = flat(rule).split()
    for place, word in enumerate(wanted):
        if place >= len(words):
            return False
        if HOLE in words[place]:
            return True
        if not re.fullmatch(_starred(word), words[place]):
            return False
        if "*" in word:
            return True
    # The rule is told by its words: what follows is text for it, or more than it names.
    return len(words) > len(wanted) and HOLE in words[len(wanted)]
