"""The shell lines of a make recipe."""

from __future__ import annotations

import re
from collections.abc import Sequence

from safemig.shell.effects import effect_of_expanded
from safemig.shell.outcome import Effects, destroys, worst
from safemig.shell.parser import HOLE, Doubt

_MAKE_REFERENCE = re.compile(
    r"\$(?:(?P<dollar>\$)|\((?P<round>[\w.-]+)\)|\{(?P<curly>[\w.-]+)\}|(?P<automatic>[@<*^?+%|A-Za-z])|(?P<other>.?))"
)
_RUNS_MAKE = frozenset({"MAKE", "MAKE_COMMAND", "SHELL", "MAKEFLAGS"})


def effect_of(recipe: Sequence[str]) -> Effects:
    """The effect of a make recipe: its raw lines, prefixes ``@ - +`` and continuations included."""
    try:
        lines = recipe_lines(recipe)
    except Doubt as doubt:
        return destroys("anything", str(doubt))
    return worst([effect_of_expanded(line) for line in lines])


def recipe_lines(recipe: Sequence[str]) -> tuple[str, ...]:
    """The shell lines of a make recipe: continuations joined, the prefixes ``@ - +`` gone, references to make's
    variables as HOLE, ``$$`` as ``$``. Raises Doubt for ``$(MAKE)``, ``$(shell …)`` and make's
    other functions."""
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
