"""The options of a command against those that are known to keep its effect: POSIX and GNU spelling."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from safemig.shell.outcome import Words
from safemig.shell.quoting import HOLE

_NUMBER = re.compile(r"-\d+")


@dataclass(frozen=True)
class Parsed:
    """The options that were given, each with its value ("" for a flag), and the operands."""

    options: tuple[tuple[str, str], ...]
    operands: Words

    def values(self, *wanted: str) -> tuple[str, ...]:
        return tuple(value for name, value in self.options if name in wanted)

    def has(self, *wanted: str) -> bool:
        return any(name in wanted for name, _ in self.options)


@dataclass(frozen=True)
class Known:
    """The options of one command that keep its effect. ``text`` names them with blanks between; a closing ``=`` takes
    a value, ``-#`` is a number. ``holes``: an operand may be text that nobody knows, which may be an option as well;
    that is right only where no option of the command changes its effect."""

    text: str = ""
    holes: bool = False
    first_operand_ends: bool = False

    def parse(self, args: Words) -> Parsed | None:
        """None when an option is not known, or may be one."""
        flags, valued = _table(self.text)
        options: list[tuple[str, str]] = []
        operands: list[str] = []
        rest = list(args)
        while rest:
            word = rest.pop(0)
            if word == "--":
                operands += rest
                break
            if word.startswith(HOLE) and not self.holes:
                return None
            if not word.startswith("-") or word == "-":
                operands.append(word)
                if self.first_operand_ends:
                    operands += rest
                    break
                continue
            read = _option(word, rest, flags, valued)
            if read is None:
                return None
            options += read
        return Parsed(tuple(options), tuple(operands))


@lru_cache(maxsize=256)
def _table(text: str) -> tuple[frozenset[str], frozenset[str]]:
    words = text.split()
    return (
        frozenset(word for word in words if not word.endswith("=")),
        frozenset(word[:-1] for word in words if word.endswith("=")),
    )


def _option(word: str, rest: list[str], flags: Iterable[str], valued: frozenset[str]) -> list[tuple[str, str]] | None:
    """The options in one word; takes the value from ``rest`` where it stands in the next one."""
    if word in flags:
        return [(word, "")]
    if word in valued:
        return [(word, rest.pop(0))] if rest else None
    if "-#" in flags and _NUMBER.fullmatch(word):
        return [(word, "")]
    name, equals, value = word.partition("=")
    if equals and name in valued:
        return [(name, value)]
    return None if word.startswith("--") else _bundle(word, rest, flags, valued)


def _bundle(word: str, rest: list[str], flags: Iterable[str], valued: frozenset[str]) -> list[tuple[str, str]] | None:
    """``-xvf NAME`` and ``-p5432``: short options in one word."""
    found: list[tuple[str, str]] = []
    for place, letter in enumerate(word[1:], start=2):
        short = f"-{letter}"
        if short in valued:
            glued = word[place:]
            if not glued and not rest:
                return None
            return [*found, (short, glued or rest.pop(0))]
        if short not in flags:
            return None
        found.append((short, ""))
    return found
