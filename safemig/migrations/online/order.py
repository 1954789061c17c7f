"""Statements outside of the transaction stand first in a revision: one that fails then leaves nothing half done."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from safemig.migrations.change import Change, Wanted
from safemig.migrations.changes import changes
from safemig.migrations.fragments import parse
from safemig.migrations.online.autocommit import is_block, unwrapped
from safemig.migrations.online.choices import number_at

# What an index of another table or of other columns does not stand on.
_BESIDE = frozenset({
    "CreateIndexOp", "DropIndexOp", "CreateForeignKeyOp", "CreateCheckConstraintOp", "CreateUniqueConstraintOp",
    "DropConstraintOp", "CreateTableCommentOp", "DropTableCommentOp", "CreateTableOp", "AddColumnOp", "AlterColumnOp",
    "DropColumnOp",
})  # fmt: skip


@dataclass(frozen=True)
class _Piece:
    """A statement with the comments above it, and the spec's line of each of its lines."""

    lines: tuple[str, ...]
    numbers: tuple[int, ...]
    apart: bool
    own: tuple[Change, ...]


def apart_first(wanted: Wanted) -> tuple[Wanted, tuple[str, ...]]:
    """``wanted`` with what is made CONCURRENTLY before everything else of its direction. What stands on a statement
    before it is made within the transaction instead: the names of those indexes come with it."""
    if wanted.kind != "op" or "concurrently" not in (wanted.upgrade + wanted.downgrade).lower():
        return wanted, ()
    up, up_lines, held = _ordered(wanted, "up")
    down, down_lines, _ = _ordered(wanted, "down")
    whole = replace(wanted, upgrade=up, upgrade_lines=up_lines, downgrade=down, downgrade_lines=down_lines)
    return whole, held


def _ordered(wanted: Wanted, side: Literal["up", "down"]) -> tuple[str, tuple[int, ...], tuple[str, ...]]:
    code, numbers = (
        (wanted.upgrade, wanted.upgrade_lines) if side == "up" else (wanted.downgrade, wanted.downgrade_lines)
    )
    pieces = _pieces(wanted, side, code, numbers)
    first, rest, held = list[_Piece](), list[_Piece](), list[str]()
    for piece in pieces:
        if not piece.apart:
            rest.append(piece)
        elif all(_is_beside(piece, one) for one in rest):
            first.append(piece)
        else:
            text, places = unwrapped("\n".join(piece.lines), piece.numbers, wanted.origin[1])
            rest.append(replace(piece, lines=tuple(text.split("\n")), numbers=places, apart=False))
            held += [str(getattr(one.operation, "index_name", "") or "") for one in piece.own]
    if not pieces or [*first, *rest] == pieces:
        return code, tuple(numbers), ()
    made = [*first, *rest]
    lines = [line for piece in made for line in piece.lines]
    return "\n".join(lines), tuple(number for piece in made for number in piece.numbers), tuple(filter(None, held))


def _pieces(wanted: Wanted, side: Literal["up", "down"], code: str, numbers: Sequence[int]) -> list[_Piece]:
    tree, lines, at = parse(code), code.split("\n"), 0
    read = changes(wanted, side)
    pieces = list[_Piece]()
    for position, node in enumerate(tree.body if tree else ()):
        end = node.end_lineno or node.lineno
        if node.lineno <= at:
            return []  # two statements on one line stay as they are
        own = tuple(one for one in read if one.number == position)
        apart = is_block(node) and bool(re.search(r"(?i)concurrently", ast.unparse(node)))
        places = tuple(number_at(tuple(numbers), row, wanted.origin[1]) for row in range(at, end))
        pieces.append(_Piece(tuple(lines[at:end]), places, apart, own))
        at = end
    if pieces and at < len(lines):
        last = pieces[-1]
        places = tuple(number_at(tuple(numbers), row, wanted.origin[1]) for row in range(at, len(lines)))
        pieces[-1] = replace(last, lines=(*last.lines, *lines[at:]), numbers=(*last.numbers, *places))
    return pieces


def _is_beside(piece: _Piece, earlier: _Piece) -> bool:
    """Whether the index does not stand on what the earlier statement makes, by the words of its own."""
    if not earlier.own or any(one.problem or one.operation is None for one in (*piece.own, *earlier.own)):
        return False
    words = set(re.findall(r"\w+", "\n".join(piece.lines)))
    return all(_is_other(one.operation, words) for one in earlier.own)


def _is_other(operation: Any, words: set[str]) -> bool:
    kind = type(operation).__name__
    if kind not in _BESIDE:
        return False
    names = {
        "CreateTableOp": [getattr(operation, "table_name", "")],
        "AddColumnOp": [str(getattr(getattr(operation, "column", None), "name", ""))],
        "AlterColumnOp": [getattr(operation, "column_name", ""), getattr(operation, "modify_name", "") or ""],
        "DropColumnOp": [getattr(operation, "column_name", "")],
        "DropIndexOp": [getattr(operation, "index_name", "")],
    }.get(kind, [])
    return not words & set(names)
