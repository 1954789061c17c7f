"""What the text of a shell script says: its lines, here-documents, substitutions and variables.

What a variable holds that nobody sets here is not known; it stays in the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_HEREDOC = re.compile(r"<<-?\s*([\"']?)(\w+)\1")
_VARIABLE = re.compile(r"\$(?:(?P<plain>[A-Za-z_]\w*)|\{(?P<curly>[A-Za-z_]\w*)(?::?-(?P<default>[^{}$]*))?\})")
_HOLE = re.compile(r"\$(?:\{[^{}]*\}|\w+|[@*#?!$-])?")
UNKNOWN = "$"  # what stands for a substitution


@dataclass(frozen=True)
class Line:
    """A logical line of a script with its number, and the text of the here-document that it reads."""

    number: int
    text: str
    document: str = ""


def script_lines(body: str) -> Iterator[Line]:
    """The lines, continuations joined, comments left out. Those of a here-document are its lines as well: what is
    handed to a shell, or written to a script, may be run."""
    held, first, end = "", 0, ""
    document: list[str] = []
    opening: Line | None = None
    for number, text in enumerate(body.splitlines(), 1):
        if opening is not None:
            if text.strip() == end:
                yield Line(opening.number, opening.text, "\n".join(document))
                opening, document = None, []
                continue
            document.append(text)
            yield Line(number, text)
            continue
        first = first if held else number
        held += text.removesuffix("\\")
        if text.endswith("\\"):
            continue
        if not held.lstrip().startswith("#"):
            mark = _HEREDOC.search(held)
            if mark:
                opening, end = Line(first, held), mark[2]
            else:
                yield Line(first, held)
        held = ""
    if opening is not None:
        yield opening


def substituted(text: str) -> tuple[str, tuple[str, ...]]:
    """The text with UNKNOWN for each substitution of a command, and these commands. Single quotes keep what is in them;
    ``$(NAME)`` is a variable of make."""
    out: list[str] = []
    inner: list[str] = []
    place, single, double = 0, False, False
    while place < len(text):
        here = text[place]
        if here == "\\" and not single:
            out.append(text[place : place + 2])
            place += 2
            continue
        double = double != (here == '"' and not single)
        single = single != (here == "'" and not double)
        end = -1 if single else _end_of_substitution(text, place)
        if end < 0:
            out.append(here)
            place += 1
            continue
        inner.append(text[place + 2 : end - 1] if here == "$" else text[place + 1 : end - 1])
        out.append(UNKNOWN)
        place = end
    return "".join(out), tuple(inner)


def _end_of_substitution(text: str, place: int) -> int:
    """Where the substitution that begins at ``place`` is over; -1 where none begins."""
    if text[place] == "`":
        end = text.find("`", place + 1)
        return end + 1 if end > 0 else -1
    if not text.startswith("$(", place) or text.startswith("$((", place):
        return -1
    depth = 0
    for end in range(place + 1, len(text)):
        depth += {"(": 1, ")": -1}.get(text[end], 0)
        if depth == 0:
            return -1 if re.fullmatch(r"\w+", text[place + 2 : end]) else end + 1
    return -1


def expanded(text: str, variables: Mapping[str, str]) -> str:
    """The text with the variables that are known, and with the defaults of those that are not."""

    def value(found: re.Match[str]) -> str:
        name = found["plain"] or found["curly"]
        return variables.get(name) or (found["default"] if found["default"] is not None else found.group())

    return _VARIABLE.sub(value, text) if "$" in text else text


def tail(word: str) -> str:
    """What stands in a path behind the last part that is not known; "" where nothing is told by it."""
    holes = list(_HOLE.finditer(word))
    rest = word[holes[-1].end() :] if holes else ""
    return rest.lstrip("/") if rest.startswith("/") else ""
