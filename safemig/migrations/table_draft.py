"""A table as it is being put together, and the operations that make it."""

from __future__ import annotations

from dataclasses import dataclass, field

from safemig.migrations.fragments import Piece, parse
from safemig.migrations.from_python import objects


@dataclass
class Shape:
    """One table: ``elements`` stand in its create_table, ``after`` follows it; each with its line in the document.

    ``options`` are further arguments of create_table, ``fixed`` the names of constraints and indexes that are given.
    """

    table: str
    line: int
    elements: list[tuple[str, int]] = field(default_factory=list)
    after: list[tuple[str, int]] = field(default_factory=list)
    options: list[str] = field(default_factory=list)
    fixed: set[str] = field(default_factory=set)
    problems: list[tuple[int, str]] = field(default_factory=list)
    notes: list[tuple[int, str]] = field(default_factory=list)


def piece_of(shape: Shape, block: int, source: str) -> Piece | None:
    """The operations as a piece; None where they make no Python, which a hostile name may cause."""
    lines: list[tuple[str, int]] = []
    if shape.elements:
        lines += [("op.create_table(", shape.line), (f"    {quoted(shape.table)},", shape.line)]
        for code, line in shape.elements:
            lines += [(f"    {one}", line) for one in f"{code},".split("\n")]
        lines += [(f"    {option},", shape.line) for option in shape.options]
        lines += [(")", shape.line)]
    lines += [(one, line) for code, line in shape.after for one in code.split("\n")]
    text = "\n".join(code for code, _ in lines)
    tree = parse(text)
    if tree is None:
        return None
    what = objects(tree.body)
    return Piece(
        "op", "up", text, tuple(line for _, line in lines), block, what.keys, what.created, what.tables,
        frozenset(shape.fixed), source=source, problems=tuple(shape.problems),
        notes=tuple(shape.notes),
    )  # fmt: skip


def quoted(text: str) -> str:
    """The text as a Python string in double quotes."""
    import json

    return json.dumps(text, ensure_ascii=False)
