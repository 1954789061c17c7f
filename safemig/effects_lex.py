"""A POSIX shell line as parts and words, or a doubt: what cannot be read with certainty is refused, never guessed.

Expansions whose text nobody knows before the shell runs (variables, globs, braces) stand in a word as HOLE, so that
no comparison with a known word or option succeeds by accident.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

HOLE = "\ufffc"
LONGEST = 8_000
# Writing to these changes nothing.
SINKS = frozenset({"/dev/null", "/dev/stdout", "/dev/stderr", "/dev/tty"})

# Substitutions that only print something, and that take no code as an argument.
_PRINTERS = frozenset({"cat", "pwd", "seq", "date", "id", "whoami", "basename", "dirname", "uname", "nproc"})

_PIECE = re.compile(
    r"""
      (?P<joined>\\\n)
    | \\(?P<escaped>.)
    | '(?P<single>[^']*)'
    | "(?P<double>(?:[^"\\]|\\.)*)"
    | (?P<dollar>\$)
    | (?P<redirect>(?:[0-9]+|&)?(?:<<<|<<|>>|>\||>&|<&|<>|>|<))
    | (?P<operator>&&|\|\||\|&|;(?!;)|\||&|\n|\(|\))
    | (?P<space>[ \t\r]+)
    | (?P<comment>\#[^\n]*)
    | (?P<plain>[^\s\\'"$<>;|&()`\#]+)
    """,
    re.VERBOSE | re.DOTALL,
)
_EXPANSION = re.compile(
    r"""
      \$\(\([\w\s+*/%<>=!-]*\)\)
    | \$\((?P<command>[^()`$"'\\;|&<>{}\n]*)\)
    | \$\{\#?[A-Za-z_]\w*(?::?[-=+?][\w./:@\ %,~-]*)?\}
    | \$\{[A-Za-z_]\w*(?:\#\#?|%%?)[\w./:@*-]*\}
    | \$(?:[A-Za-z_]\w*|[0-9@*\#?$!_-])
    | (?P<literal>\$(?=[\s/.,:;)\]%]|$))
    """,
    re.VERBOSE,
)
_GLOB = re.compile(r"[*?\[{]")
_MAKE_REFERENCE = re.compile(
    r"\$(?:(?P<dollar>\$)|\((?P<round>[\w.-]+)\)|\{(?P<curly>[\w.-]+)\}|(?P<automatic>[@<*^?+%|A-Za-z])|(?P<other>.?))"
)
_RUNS_MAKE = frozenset({"MAKE", "MAKE_COMMAND", "SHELL", "MAKEFLAGS"})


def names(text: str) -> frozenset[str]:
    """The words of ``text`` as a set: how the tables of known names are written."""
    return frozenset(text.split())


class Doubt(ValueError):
    """The line cannot be read with certainty; the text says why."""


@dataclass(frozen=True)
class Part:
    """One simple command: its words without quotes, and the files it writes by redirection."""

    words: tuple[str, ...]
    writes: tuple[str, ...] = ()


def parts(line: str) -> tuple[Part, ...]:
    """The simple commands of a shell line, split on ``&& || ; | |& &``, parentheses and newlines.

    Raises Doubt for here-documents, unbalanced quotes, functions, arrays, process and command substitution (other
    than a single printing command such as ``$(cat x.pid)``) and lines over 8,000 characters.
    """
    if len(line) > LONGEST:
        raise Doubt(f"the line has more than {LONGEST} characters")
    if any(not (c.isprintable() or c in "\n\t\r") for c in line):
        raise Doubt("the line holds control characters")
    return _Reader(line).read()


class _Reader:
    """Reads one line piece by piece; holds the word and the part that are being built."""

    def __init__(self, line: str) -> None:
        self.line = line
        self.done: list[Part] = []
        self.words: list[str] = []
        self.writes: list[str] = []
        self.word: str | None = None
        self.bare = ""
        self.redirect = ""

    def read(self) -> tuple[Part, ...]:
        place = 0
        while place < len(self.line):
            piece = _PIECE.match(self.line, place)
            if piece is None:
                raise Doubt(f"cannot read the line at {self.line[place : place + 20]!r}")
            place = self._take(piece)
        self._end_part()
        return tuple(self.done)

    def _take(self, piece: re.Match[str]) -> int:
        kind, text = str(piece.lastgroup), str(piece[piece.lastgroup or 0])
        if kind == "dollar":
            return self._expand(piece.start())
        if kind == "comment" and self.word is not None:
            self._add("#")
            return piece.start() + 1
        if kind == "plain":
            self._add(text, bare=text)
        elif kind in ("single", "escaped"):
            self._add(text)
        elif kind == "double":
            self._add(_inside_double(text))
        elif kind == "space":
            self._end_word()
        elif kind == "operator":
            self._operator(text)
        elif kind == "redirect":
            self._begin_redirect(text)
        return piece.end()

    def _add(self, text: str, bare: str = "") -> None:
        self.word = (self.word or "") + text
        self.bare += bare

    def _expand(self, place: int) -> int:
        text, end = _expansion(self.line, place)
        self._add(text)
        return end

    def _operator(self, text: str) -> None:
        if text == "(" and (self.word is not None or self.words or self.redirect):
            raise Doubt("a function, an array or a process substitution")
        self._end_part()

    def _begin_redirect(self, text: str) -> None:
        if text[0].isdigit() and self.word is not None:
            raise Doubt("a number glued to a word before a redirection")
        self._end_word()
        operator = text.lstrip("0123456789")
        if self.redirect or operator in ("<<", "<<<"):
            raise Doubt("a here-document or a redirection without a target")
        self.redirect = operator

    def _end_word(self) -> None:
        if self.word is None:
            return
        word, bare = self.word, self.bare
        self.word, self.bare = None, ""
        if _GLOB.search(bare) and word not in ("[", "[[", "{"):
            word += HOLE
        if not self.redirect:
            self.words.append(word)
            return
        duplicates = self.redirect in (">&", "<&") and (word.isdigit() or word == "-")
        if ">" in self.redirect and not duplicates and word not in SINKS:
            self.writes.append(word)
        self.redirect = ""

    def _end_part(self) -> None:
        self._end_word()
        if self.redirect:
            raise Doubt("a redirection without a target")
        if self.words or self.writes:
            self.done.append(Part(tuple(self.words), tuple(self.writes)))
        self.words, self.writes = [], []


def _expansion(text: str, place: int) -> tuple[str, int]:
    found = _EXPANSION.match(text, place)
    if found is None:
        raise Doubt(f"cannot read the expansion at {text[place : place + 20]!r}")
    command = found["command"]
    if command is not None:
        words = command.split()
        if not words or words[0] not in _PRINTERS or (words[0] == "date" and len(words) > 1 and words[1][0] != "+"):
            raise Doubt(f"a command inside the command: $({command.strip()})")
    return ("$" if found["literal"] else HOLE), found.end()


def _inside_double(text: str) -> str:
    out: list[str] = []
    place = 0
    while place < len(text):
        here = text[place]
        if here == "`":
            raise Doubt("a command inside the command (backquotes)")
        if here == "\\" and place + 1 < len(text):
            after = text[place + 1]
            out.append("" if after == "\n" else after if after in '$`"\\' else here + after)
            place += 2
        elif here == "$" and place + 1 < len(text):
            expanded, place = _expansion(text, place)
            out.append(expanded)
        else:
            out.append(here)
            place += 1
    return "".join(out)


def recipe_lines(recipe: Sequence[str]) -> tuple[str, ...]:
    """The shell lines of a make recipe: continuations joined, the prefixes ``@ - +`` gone, references to make's
    variables as HOLE, ``$$`` as ``$``. Raises Doubt for ``$(MAKE)``, ``$(shell …)`` and make's other functions."""
    joined: list[str] = []
    open_line = False
    for raw in recipe:
        for text in raw.split("\n"):
            if open_line:
                joined[-1] += "\n" + text.removeprefix("\t")
            else:
                joined.append(text)
            open_line = (len(text) - len(text.rstrip("\\"))) % 2 == 1
    if any(HOLE in line for line in joined):
        raise Doubt("the recipe holds an unusual character")
    return tuple(_MAKE_REFERENCE.sub(_make_reference, line.lstrip(" \t@+-")) for line in joined)


def _make_reference(found: re.Match[str]) -> str:
    if found["dollar"]:
        return "$"
    if found["automatic"]:
        return HOLE
    name = found["round"] or found["curly"]
    if not name:
        raise Doubt(f"a function of make at {found.string[found.start() : found.start() + 20]!r}")
    if name in _RUNS_MAKE:
        raise Doubt(f"$({name}) runs other recipes")
    return HOLE
