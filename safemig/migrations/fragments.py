"""Pieces: the parts of code blocks that change a schema, before they are put together to one source."""

from __future__ import annotations

import ast
import io
import tokenize
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Piece:
    """Statements of one block for one side.

    ``lines`` holds, for each line of ``code``, its 1-based line in the document. ``keys`` are the objects it makes,
    changes or drops ("table x", "index y", "constraint t.z", "column t.c"), ``created`` the tables it makes,
    ``tables`` all that it touches, ``names`` the names of constraints and indexes it fixes. ``whole``: it is a
    complete upgrade or downgrade function, not loose statements. ``block`` is the line of its block, ``file`` the file
    in which that stands. ``source`` is
    "model", "table" or "bullets" where the code was written from one; ``problems`` are (line, what) that keep it from
    use; ``notes`` are (line, what) that a person should see.
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
    source: str = ""
    problems: tuple[tuple[int, str], ...] = ()
    notes: tuple[tuple[int, str], ...] = ()
    file: str = ""

    @property
    def rank(self) -> int:
        """Which source counts before which: code, SQL, model, table, bullets."""
        return ("op", "sql", "model", "table", "bullets").index(self.source or self.kind)


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
    """The 1-based lines of Python code that begin inside a string; none when it cannot be read."""
    found: set[int] = set()
    begun: list[int] = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(code).readline):
            name = tokenize.tok_name[token.type]
            if name == "FSTRING_START":  # Python 3.12 cuts an f-string into tokens
                begun.append(token.start[0])
            elif name == "FSTRING_END":
                found.update(range(begun.pop() + 1, token.end[0] + 1))
            elif name == "STRING":
                found.update(range(token.start[0] + 1, token.end[0] + 1))
    except (tokenize.TokenError, SyntaxError):
        return frozenset()
    return frozenset(found)


def parse(code: str) -> ast.Module | None:
    """The tree of the code; None when Python itself cannot read it, hostile nesting included."""
    try:
        return ast.parse(code.removeprefix("\ufeff"))  # a byte order mark, which Python reads over in a file
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
