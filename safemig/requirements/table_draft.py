"""Tables that models, Markdown tables and bullets describe, written as the operations that make them."""

from __future__ import annotations

from collections.abc import Sequence

from safemig.migrations.table_draft import Shape, quoted
from safemig.requirements.column_text import ColumnDescription
from safemig.requirements.table_footnotes import TableRemark


def of_words(table: str, line: int, columns: Sequence[ColumnDescription], *, adds: bool = False) -> Shape:
    """The table that those columns make; with ``adds`` the columns alone, for a table that is there."""
    schema, _, name = table.rpartition(".")
    shape = Shape(name, line, options=[f"schema={quoted(schema)}"] if schema else [])
    several = sum(column.primary for column in columns) > 1
    tail = f", schema={quoted(schema)}" if schema else ""
    for column in columns:
        code = _column(column, several=several)
        if adds:
            shape.after.append((f"op.add_column({quoted(name)}, {code}{tail})", column.line))
            shape.after += [(one, column.line) for one in _beside(name, column, tail)]
        else:
            shape.elements.append((code, column.line))
        shape.problems += [(column.line, f"column {column.name}: {problem}") for problem in column.problems]
        if column.left:
            shape.notes.append((column.line, f"{column.left!r} of {name}.{column.name} says nothing to the schema"))
    for column in columns if not adds else ():
        checks = zip(_checks(name, column), column.checks, strict=True)
        shape.elements += [(f"sa.CheckConstraint({quoted(one)}, name={given})", column.line) for given, one in checks]
    for column in columns:
        if column.index and not (column.unique or column.primary):
            call = (
                f"op.create_index({quoted(f'ix_{name}_{column.name}')}, {quoted(name)}, [{quoted(column.name)}]{tail})"
            )
            shape.after.append((call, column.line))
    return shape


def add_remarks(shape: Shape, told: Sequence[TableRemark], *, apart: bool) -> None:
    """The keys, indexes and checks that the words below its columns add; ``apart``: the table is there already."""
    table, tail = quoted(shape.table), "".join(f", {option}" for option in shape.options)
    for one in told:
        columns = ", ".join(map(quoted, one.columns))
        plain = f"{'_'.join(one.columns)}"
        shape.fixed |= {one.name} - {""}
        if one.kind.endswith("index"):
            given, unique = one.name or f"ix_{shape.table}_{plain}", ", unique=True" if one.kind != "index" else ""
            call = f"op.create_index({quoted(given)}, {table}, [{columns}]{unique}{tail})"
            shape.after.append((call, one.line))
        elif one.kind == "unique" and apart:
            given = one.name or f"uq_{shape.table}_{plain}"
            call = f"op.create_unique_constraint({quoted(given)}, {table}, [{columns}]{tail})"
            shape.after.append((call, one.line))
        elif one.kind == "unique":
            given = f", name={quoted(one.name)}" if one.name else ""
            shape.elements.append((f"sa.UniqueConstraint({columns}{given})", one.line))
        elif one.kind == "check" and not apart:
            number = sum(code.startswith("sa.CheckConstraint") for code, _ in shape.elements)
            given = _made(f"{shape.table}_check{number or ''}")
            shape.elements.append((f"sa.CheckConstraint({quoted(one.text)}, name={given})", one.line))
        elif one.kind != "primary":
            said = one.text or one.kind
            shape.problems.append((one.line, f"{said!r} says more of {shape.table}; write it as SQL, or into its rows"))


def _beside(table: str, column: ColumnDescription, tail: str) -> list[str]:
    """What ADD COLUMN does not make of the column: its CHECKs."""
    return [
        f"op.create_check_constraint({given}, {quoted(table)}, {quoted(check)}{tail})"
        for given, check in zip(_checks(table, column), column.checks, strict=True)
    ]


def _checks(table: str, column: ColumnDescription) -> list[str]:
    return [_made(f"{table}_{column.name}_check{number or ''}") for number in range(len(column.checks))]


def _made(name: str) -> str:
    """A name that no convention changes: one for checks raises where a CHECK has none. It is PostgreSQL's own."""
    return f"op.f({quoted(name.encode()[:63].decode(errors='ignore'))})"


def _column(column: ColumnDescription, *, several: bool) -> str:
    # A column without a type is a problem: the code stands for its place only and is never used.
    parts = [quoted(column.name), column.type or "sa.Text()"]
    if column.reference:
        actions = "".join(f", on{which}={quoted(action)}" for which, action in column.actions)
        parts.append(f"sa.ForeignKey({quoted(column.reference)}{actions})")
    if column.identity:
        parts.append(f"sa.Identity({'always=True' if column.always else ''})")
    if column.primary:
        parts.append("primary_key=True")
        # SQLAlchemy makes one whole-number key a serial, whatever else it is.
        parts += ["autoincrement=False"] if several else []
    else:
        parts.append(f"nullable={column.null}")
    parts += ["unique=True"] if column.unique and not column.primary else []
    parts += [f"server_default={column.default}"] if column.default else []
    return f"sa.Column({', '.join(parts)})"
