"""Every text under which a rule may know a command line, and whether the line hides one.

A command is known by its name, whatever folder it is called from; by its words without the options that stand before
its verb; behind wrappers and runners, in a shell line inside the line, and with the variables that the line itself
sets. What a variable, a substitution or an unreadable line hides is said, never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from safemig.shell.parser import names, parts
from safemig.shell.quoting import HOLE, Doubt
from safemig.shell.tables import TABLES
from safemig.shell.tools import DESTROYERS, PRINTERS

Words = tuple[str, ...]
_DEEPEST = 4
_MOST = 400  # forms of one command; a line with more options before its verb than that is taken as hidden
_OPTION_WITH_VALUE = frozenset({"-C", "-f", "-I", "-j", "-l", "-o", "-W", "--directory", "--file", "--makefile"})
_MAKE_VARIABLE = re.compile(r"\$[({](\w+)[)}]")
_SETTING = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)
# They run nothing of what stands behind them, so a variable there hides no command.
_RUN_NOTHING = (PRINTERS | frozenset(DESTROYERS) | frozenset(TABLES) | names("curl psql rm kill alembic date")) - names(
    "env find poetry coverage npm tox nox pre-commit"
)


@dataclass
class Subjects:
    """``texts`` are the forms that a rule is compared with; ``commands`` the words of each command that holds text
    that nobody knows; ``unreadable`` says that a part of the line could not be read at all."""

    texts: set[str] = field(default_factory=set)
    commands: list[Words] = field(default_factory=list)
    unreadable: bool = False


def flat(text: str) -> str:
    """One blank between words, and one name for both spellings of docker compose."""
    return " ".join(text.replace("docker-compose", "docker compose").split())


def subjects(line: str) -> Subjects:
    found = Subjects()
    found.texts.add(flat(line))
    _collect(line, found, 0)
    return found


def _collect(line: str, found: Subjects, depth: int) -> None:
    try:
        each = parts(line)
    except Doubt:
        found.unreadable = True
        return
    settings: dict[str, str] = {}
    for part in each:
        words = part.words
        while words and (setting := _SETTING.fullmatch(words[0])):
            if HOLE not in setting[2]:
                settings[setting[1]] = setting[2]
            words = words[1:]
        _command(words, found, depth)
    told = _told(line, settings)
    if told != line and depth < _DEEPEST:
        _collect(told, found, depth + 1)


def _command(words: Words, found: Subjects, depth: int) -> None:
    """Each tail of the words is a candidate, which sees through every wrapper and into containers; a word that is a
    line of its own (sh -c '…') is read as one."""
    if any(word.rpartition("/")[2] == "xargs" for word in words):
        # What arrives on standard input becomes further words, which nobody knows.
        words = (*words, HOLE)
    for place, word in enumerate(words):
        tail = words[place:]
        name = word.rpartition("/")[2]
        module = word[2:] if re.match(r"-m\w", word) else name
        for form in {(word, *tail[1:]), (name, *tail[1:]), (module, *tail[1:])}:
            for known in _forms(form, found):
                found.texts.add(flat(" ".join(known)))
                # A wrapped command whose very name is not known has an unknown effect, and is asked for that.
                named = place == 0 or (HOLE not in known[0] and _may_run(words[0]))
                if named and any(HOLE in each for each in known):
                    found.commands.append(tuple(flat(" ".join(known)).split()))
        if name in ("make", "gmake"):
            found.texts.update(f"make {target}" for target in _targets(tail[1:]))
        if (" " in word or "\n" in word) and depth < _DEEPEST:
            for inner in _lines_in(word):
                _collect(inner, found, depth + 1)


def _lines_in(word: str) -> Iterator[str]:
    """The shell lines that a word may hold: itself, what is glued to an option, and the value of a setting."""
    if word.startswith("--eval="):
        # A rule of make. Its variables are the Makefile's: as in every recipe, deny rules do not look through them, and
        # what they hide counts in the effect of the line.
        yield _MAKE_VARIABLE.sub(r"\1", word.removeprefix("--eval=").partition(";")[2] or word)
        return
    yield word
    if re.match(r"-\w", word):
        yield word[2:]
    for place in (at.end() for at in re.finditer("=", word[:200])):
        yield word[place:].removeprefix("!")


def _may_run(word: str) -> bool:
    return word.rpartition("/")[2] not in _RUN_NOTHING


def _forms(words: Words, found: Subjects) -> Iterator[Words]:
    """The words as they are, and without the options before the verb: an option may or may not take the next word."""
    waiting: list[tuple[Words, Words]] = [(words[:1], words[1:])]
    count = 0
    while waiting:
        kept, rest = waiting.pop()
        while rest and not rest[0].startswith("-"):
            # `docker container rm` is `docker rm`.
            kept = kept if kept == ("docker",) and rest[0] == "container" else (*kept, rest[0])
            rest = rest[1:]
        count += 1
        if count > _MOST:
            found.unreadable = True
            return
        yield (*kept, *rest)
        if rest and len(kept) < 3:
            waiting.append((kept, rest[1:]))
            if "=" not in rest[0] and len(rest) > 1:
                waiting.append((kept, rest[2:]))


def _told(line: str, settings: dict[str, str]) -> str:
    """The line with the variables that it sets itself in the place of their names."""
    for name, value in settings.items():
        # A function, for a backslash in a value is no reference to a group.
        line = re.sub(rf"\$(?:{name}\b|\{{{name}\}})", lambda _, value=value: value, line)  # type: ignore[misc]
    return line


def _targets(words: Words) -> list[str]:
    targets: list[str] = []
    skip = False
    for word in words:
        if not skip and not word.startswith("-") and "=" not in word:
            targets.append(word)
        skip = word in _OPTION_WITH_VALUE
    return targets
