"""Tables and enum types that are there although no revision makes them: the revision that is written makes them where
they are missing, and leaves them where they are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from checks.revisions.graph import Graph
from safemig.base.files import text as text_of
from safemig.migrations import downgrade as undo
from safemig.migrations.change import Wanted
from safemig.migrations.foreign_drops import made_names
from safemig.migrations.from_sql import executed, in_operations
from safemig.migrations.reconcile import enum_types
from safemig.migrations.reconcile.statements import parts
from safemig.migrations.writer import CannotAuthor, with_downgrade
from safemig.postgres.ddl import names as words
from safemig.sql.identifiers import unquote
from safemig.sql.text import Statement, qualified, statements

if TYPE_CHECKING:
    from safemig.runtimes.base import Runtime


class CannotAdopt(Exception):
    """A statement has no form that passes over what is there."""


def unmade(graph: Graph, names: Iterable[str]) -> tuple[str, ...]:
    """Those of the tables and types that the code of no revision names: no revision makes them."""
    made = {name.casefold() for revision in graph.revisions.values() for name in made_names(_text(Path(revision.file)))}
    return tuple(name for name in names if name.rpartition(".")[2].strip('"').casefold() not in made)


def _text(path: Path) -> str:
    try:
        return text_of(path)
    except (OSError, UnicodeDecodeError):
        return ""  # the graph, or the drift, says what is wrong with it


def adopted(wanted: Wanted) -> Wanted:
    """``wanted`` as operations that pass over what is there; CannotAdopt where a statement cannot be written so."""
    text = wanted.upgrade if wanted.kind == "sql" else _as_sql(wanted)
    try:
        back = undo.derive(replace(wanted, kind="sql", upgrade=text, downgrade=""))
    except undo.NoUndo as error:
        raise CannotAdopt(str(error)) from error
    # Each statement is read again by itself: its places are then those in its own text.
    own = [each for one in statements(text) for each in statements(one.text)]
    return _operations(wanted, [_guarded(one) for one in own], [executed(one) for one in statements(back)])


def _operations(wanted: Wanted, upgrade: Sequence[str], downgrade: Sequence[str]) -> Wanted:
    up, down = "\n".join(upgrade), "\n".join(downgrade)
    return replace(
        wanted, kind="op", upgrade=up, downgrade=down, upgrade_lines=(wanted.origin[1],) * (up.count("\n") + 1),
        downgrade_lines=(wanted.origin[1],) * (down.count("\n") + 1), imports=(),
    )  # fmt: skip


def _as_sql(wanted: Wanted) -> str:
    from safemig.sandbox.worker import rendered

    (found,) = rendered([wanted])
    if found.unread:
        raise CannotAdopt(found.unread)
    return found.sql


def _guarded(statement: Statement) -> str:
    """The statement as an operation that leaves what is there."""
    own = statement.tokens
    upper = [token.upper for token in own]
    if upper[:1] == ["COMMENT"] or "EXISTS" in upper[:8]:
        return executed(statement)
    if upper[:2] == ["CREATE", "TABLE"]:
        return _passing_over(statement, own[1].end)
    if upper[:1] == ["CREATE"] and "INDEX" in upper[1:3]:
        at = upper.index("INDEX")
        at += upper[at + 1] == "CONCURRENTLY"
        if upper[at + 1] != "ON":  # an index without a name has nothing to be known by
            return _passing_over(statement, own[at].end)
    if upper[:2] == ["CREATE", "TYPE"] and "ENUM" in upper[2:8]:
        name, at = qualified(own, 2)
        labels = [token.text[1:-1].replace("''", "'") for token in own[at:] if token.kind == "string"]
        return enum_operation(name, labels)
    raise CannotAdopt(f"{' '.join(statement.text.split())[:80]!r} has no form that passes over what is there")


def _passing_over(statement: Statement, at: int) -> str:
    (made,) = statements(f"{statement.text[:at]} IF NOT EXISTS{statement.text[at:]}")
    return executed(made)


def with_types(wanted: Wanted, found: Wanted, graph: Graph, runtime: Runtime) -> tuple[Wanted, tuple[str, ...]]:
    """``wanted`` with a first statement for each enum type of ``found`` that is there although no revision makes it,
    with the labels that it has; and those types. psycopg.Error and Unreachable are the caller's."""
    names = unmade(graph, enum_types.made(parts(found)))
    made = [(name, labels) for name in names if (labels := _labels(runtime, name))]
    if not made:
        return wanted, ()
    try:
        full = in_operations(with_downgrade(wanted))
    except CannotAuthor:
        return wanted, ()  # whoever writes the file says why it cannot be
    if full.kind == "sql":
        sides = (statements(full.upgrade), statements(full.downgrade))
        full = _operations(full, *([executed(one) for one in side] for side in sides))
    lines = [enum_operation(name, labels) for name, labels in made]
    numbers = (*((wanted.origin[1],) * len(lines)), *full.upgrade_lines)
    return replace(full, upgrade="\n".join((*lines, full.upgrade)), upgrade_lines=numbers), tuple(n for n, _ in made)


def enum_operation(name: str, labels: Sequence[str]) -> str:
    """The operation that makes an enum type where it is missing: CREATE TYPE has no IF NOT EXISTS."""
    *schema, own = map(unquote, words.PART.findall(name))
    place = f", schema={_quoted(schema[0])}" if schema and schema[0] != "public" else ""
    listed = ", ".join(map(_quoted, labels))
    return f"postgresql.ENUM({listed}, name={_quoted(own)}{place}).create(op.get_bind(), checkfirst=True)"


def _quoted(text: str) -> str:
    return f'"{text}"' if '"' not in text and "\\" not in text else repr(text)


def _labels(runtime: Runtime, name: str) -> tuple[str, ...]:
    """The labels of the enum type, () where it is not there."""
    query = "SELECT enumlabel::text FROM pg_enum WHERE enumtypid = to_regtype(%s) ORDER BY enumsortorder"
    with runtime.connect() as connection:
        return tuple(str(row[0]) for row in connection.execute(query, (words.dotted(name),)).fetchall())
