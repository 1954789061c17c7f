"""Pieces: the parts of code blocks that change a schema, before they are put together to one source."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Piece:
    """Statements of one block for one side.

    ``lines`` holds, for each line of ``code``, its 1-based line in the document. ``keys`` are the objects it makes,
    changes or drops ("table x", "index y", "constraint t.z", "column t.c"), ``created`` the tables it makes,
    ``tables`` all that it touches, ``names`` the names of constraints and indexes it fixes. ``whole``: it is a
    complete upgrade or downgrade function, not loose statements. ``block`` is the line of its block.
    """

    kind: Literal["op", "sql"]
    side: Literal["up", "down"]
    code: str
    lines: tuple[int, ...]
    block: int
    keys: frozenset[str]
    created: tuple[str, ...]
    tables: frozenset[str]
    names: frozenset[str]
    imports: tuple[str, ...] = ()
    whole: bool = False
    drops_only: bool = False


@dataclass(frozen=True)
class Objects:
    """What some statements are about, in the terms of ``Piece``."""

    keys: frozenset[str] = frozenset()
    created: tuple[str, ...] = ()
    tables: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    drops_only: bool = False


def reindent(code: str, columns: int, indent: str = "") -> str:
    """The Python code with ``columns`` columns taken from each line and ``indent`` put before it.

    The inner lines of strings stay as they are: their white space is part of the value.
    """
    inner = inner_lines(code)
    result = []
    for number, line in enumerate(code.split("\n"), 1):
        if number in inner:
            result.append(line)
            continue
        margin = len(line) - len(line.lstrip(" \t"))
        stripped = line[min(columns, margin) :]
        result.append(indent + stripped if stripped.strip() else "")
    return "\n".join(result)


def inner_lines(code: str) -> frozenset[int]:
    """The 1-based lines of Python code that begin inside a string; none when it cannot be parsed."""
    tree = parse(code)
    if tree is None:
        tree = parse("if 1:\n" + code)
        shift = 1
    else:
        shift = 0
    found: set[int] = set()
    for node in ast.walk(tree) if tree else ():
        if not isinstance(node, ast.Constant | ast.JoinedStr):
            continue
        if node.end_lineno and node.end_lineno > node.lineno:
            found.update(range(node.lineno + 1 - shift, node.end_lineno + 1 - shift))
    # Strings joined by juxtaposition are one node; the lines that begin with a quote begin outside.
    lines = code.split("\n")
    return frozenset(number for number in found if not _opens(lines, number))


def _opens(lines: Sequence[str], number: int) -> bool:
    start = re.match(r"\s*[rRbBfFuU]{0,2}(?!'''|\"\"\")['\"]", lines[number - 1])
    return bool(start)


def parse(code: str) -> ast.Module | None:
    """The tree of the code; None when Python itself cannot read it, hostile nesting included."""
    try:
        return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
