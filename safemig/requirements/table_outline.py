"""Outlines of tables, whichever language makes them, to show where two sources of a spec contradict each other.

An outline never decides what the schema is: PostgreSQL does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from safemig.migrations.change import Wanted
from safemig.migrations.changes import changes
from safemig.migrations.fragments import Piece
from safemig.migrations.sql_operations import table_of
from safemig.sql import type_changes


@dataclass(frozen=True)
class Column:
    """One column: its type as PostgreSQL names it, whether it may be null, its default as text ("" for none)."""

    type: str
    null: bool
    default: str


@dataclass(frozen=True)
class Outline:
    """One table. ``names`` maps a definition ("unique (a, b)") to the name it is given, "" where left open."""

    table: str
    line: int
    columns: Mapping[str, Column]
    names: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Outlines:
    """The tables that a source makes, by name, and (1-based line, why) of what could not be read in it."""

    tables: Mapping[str, Outline]
    unread: tuple[tuple[int, str], ...]


@lru_cache(maxsize=256)  # a source is compared with each other one of its tables
def outlines(piece: Piece) -> Outlines:
    """The tables that the piece makes."""
    found: dict[str, Outline] = {}
    unread: list[tuple[int, str]] = []
    code = Wanted(piece.kind, piece.code, "", (), frozenset(), ("", 1), imports=piece.imports)
    for change in changes(code):
        line = piece.lines[change.lines[0] - 1]
        made: Any = change.operation
        table = table_of(made)
        match type(made).__name__:
            case "NoneType" if change.problem:
                unread.append((line, change.problem))
            case "CreateTableOp":
                found[table] = _outline(made, table, line)
            case "CreateIndexOp" if table in found:
                kind = "unique index" if made.unique else "index"
                found[table].names[f"{kind} {_listed(map(str, made.columns))}"] = str(made.index_name or "")
            case "CreateUniqueConstraintOp" if table in found:
                found[table].names[f"unique {_listed(made.columns)}"] = str(made.constraint_name or "")
    return Outlines(found, tuple(unread))


def _outline(operation: Any, name: str, line: int) -> Outline:
    import sqlalchemy as sa

    # Rendered once, the columns stand in a table; a copy of them would be without their foreign keys.
    attached = [element.table for element in operation.columns if isinstance(element, sa.Column)]
    table = operation.to_table() if not attached or attached[0] is None else attached[0]
    columns = {
        column.name: Column(_type(column.type), _may_be_null(column), _default(column.server_default))
        for column in table.columns
    }
    names: dict[str, str] = {}
    for constraint in table.constraints:
        match constraint:
            case sa.UniqueConstraint():
                definition = f"unique {_listed(constraint.columns.keys())}"
            case sa.ForeignKeyConstraint():
                definition = f"foreign key {_listed(constraint.column_keys)}"
            case sa.CheckConstraint():
                definition = f"check {' '.join(str(constraint.sqltext).split())}"
            case _:
                continue
        names[definition] = str(constraint.name or "")
    for index in table.indexes:
        names[f"{'unique index' if index.unique else 'index'} {_listed(index.columns.keys())}"] = str(index.name or "")
    names = dict(sorted(names.items()))  # sets of SQLAlchemy have another order in each run
    return Outline(name, line, columns, names)


def _type(type_: Any) -> str:
    """The type as PostgreSQL prints it, in capitals."""
    from sqlalchemy.dialects import postgresql

    text = str(type_.compile(postgresql.dialect()))  # type: ignore[no-untyped-call]
    return str(type_changes.read(text) or " ".join(text.split())).upper()


def _may_be_null(column: Any) -> bool:
    return bool(column.nullable) and not column.primary_key and not _type(column.type).endswith("SERIAL")


def _default(value: Any) -> str:
    """The default without brackets, quotes and cast around it."""
    argument = getattr(value, "arg", None)
    text = " ".join(str("" if argument is None else argument).split()).casefold()
    while text.startswith("(") and text.endswith(")"):
        text = text[1:-1].strip()
    literal, cast, _ = text.rpartition("::")
    text = {"current_timestamp": "now()"}.get(literal if cast else text, literal if cast else text)
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == "'" else text


def _expression(text: str) -> str:
    """The definition without what two ways of writing it may differ in."""
    return "".join(text.replace("(", "").replace(")", "").split()).casefold()


def _listed(columns: Iterable[str]) -> str:
    return f"({', '.join(columns)})"


def contradictions(used: Piece, other: Piece) -> Iterator[str]:
    """Sentences on what ``other`` says otherwise of the tables of ``used``, and on what cannot be compared."""
    own, their = outlines(used), outlines(other)
    for table in own.tables:
        if table in their.tables:
            yield from _differences(own.tables[table], used.file, their.tables[table], other.file)
    for line, why in their.unread:
        yield f"{other.file}:{line} is not compared with {used.file}:{used.lines[0]}: {why}"


def _differences(first: Outline, first_file: str, second: Outline, second_file: str) -> Iterator[str]:
    """Sentences on what ``second`` has otherwise than ``first``, which is used."""
    here, there = f"{first_file}:{first.line}", f"{second_file}:{second.line}"
    table, own, other = first.table, first.columns, second.columns
    yield from _only_one("column", table, (here, own), (there, other))
    for name in [name for name in own if name in other]:
        for what, mine, theirs in (
            ("type", own[name].type, other[name].type),
            ("nullability", _null(own[name]), _null(other[name])),
            ("default", own[name].default or "none", other[name].default or "none"),
        ):
            if mine != theirs:
                yield f"{there} gives {table}.{name} the {what} {theirs}, {here} {mine}; the latter is used"
    mine_by = {_expression(definition): definition for definition in first.names}
    theirs_by = {_expression(definition): definition for definition in second.names}
    shown = ({mine_by[key]: "" for key in mine_by}, {mine_by.get(key, theirs_by[key]): "" for key in theirs_by})
    yield from _only_one("definition", table, (here, shown[0]), (there, shown[1]))
    for key, definition in mine_by.items():
        name, their_name = first.names[definition], second.names.get(theirs_by.get(key, ""), "")
        # A name that one of them leaves open contradicts nothing.
        if name and their_name and name != their_name:
            yield f"{there} calls the {definition} of {table} {their_name}, {here} {name}; the latter is used"


def _only_one(
    what: str, table: str, first: tuple[str, Mapping[str, object]], second: tuple[str, Mapping[str, object]]
) -> Iterator[str]:
    """Sentences on what only one of the two has; the first is used."""
    for (place, mine), (other, theirs) in ((first, second), (second, first)):
        more = [name for name in mine if name not in theirs]
        if more:
            some = what + ("s" if len(more) > 1 else "")
            yield f"{place} has the {some} {', '.join(more)} of {table}, {other} does not; {first[0]} is used"


def _null(column: Column) -> str:
    return "NULL" if column.null else "NOT NULL"
