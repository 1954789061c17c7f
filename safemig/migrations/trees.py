"""The statements of a text with their trees: cut apart here, parsed in one child process."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from safemig.sql.parser import Parsed, parse_apart
from safemig.sql.parser import Statement as Tree
from safemig.sql.text import Statement, statements


def trees(text: str) -> tuple[tuple[Statement, Tree | None], ...]:
    """Each statement with its tree; None where PostgreSQL's parser has none for it."""
    own = statements(text)
    read = parsed(tuple(one.bare for one in own))
    return tuple((one, tree_of(read[one.bare])) for one in own)


def tree_of(read: Parsed) -> Tree | None:
    """The one statement that was read; None for none and for several."""
    return read.statements[0] if len(read.statements) == 1 else None


@lru_cache(maxsize=64)
def parsed(texts: tuple[str, ...]) -> Mapping[str, Parsed]:
    """Each text as PostgreSQL's parser reads it; one child process reads them all."""
    return dict(zip(texts, parse_apart(texts), strict=True)) if texts else {}
