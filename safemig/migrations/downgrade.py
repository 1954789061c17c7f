"""The downgrade that follows from an upgrade, where one does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from safemig.migrations import render
from safemig.migrations.change import Change, Wanted
from safemig.migrations.changes import changes, sql_of
from safemig.migrations.from_sql import executed
from safemig.migrations.sql_operations import table_of
from safemig.sql.identifiers import qualify_if_needed
from safemig.sql.opposites import opposite, target
from safemig.sql.parser import kind_of, relation
from safemig.sql.text import statements

if TYPE_CHECKING:
    from alembic.operations.ops import AddColumnOp, AlterColumnOp, CreateTableOp, MigrateOperation


class NoUndo(Exception):
    """No downgrade follows from a statement. ``line`` is 1-based in the upgrade's text."""

    def __init__(self, line: int, text: str) -> None:
        super().__init__(f"line {line}: nothing takes back {text!r}")
        self.line, self.text = line, text


def derive(wanted: Wanted, known: Mapping[int, str] | None = None, *, whole: str = "") -> str:
    """The statements that take the upgrade back, the last first. NoUndo where one of them loses what was there.

    ``known`` has the way back of some statements of SQL, by their 0-based number (``previous_definitions``),
    ``whole`` is the code that the upgrade's statements were taken from (``changes``).
    """
    own, ways = changes(wanted, whole=whole), known or {}
    taken = {opposite(change.statement) for change in own if change.statement is not None} - {""}
    parts = [
        _in_language(ways[number], wanted) if number in ways else _way_back(tuple(group), own, taken, wanted)
        for number, group in groupby(own, key=lambda change: change.number)
    ]
    return "\n".join(part for part in reversed(parts) if part)


def _way_back(statement: Sequence[Change], own: Sequence[Change], taken: set[str], wanted: Wanted) -> str:
    """What takes the changes of one statement back, in the language of the upgrade; ``taken`` are the ways back of all
    the statements."""
    operations = [
        one for change in reversed(statement) for one in reversed(list(_reversed(change, own, taken, wanted.tables)))
    ]
    if wanted.kind == "op":
        return "\n".join(_code(operation, wanted) for operation in operations)
    return "\n".join(_listed([sql for operation in operations for sql in render.sql_of_operation(operation)]))


def _in_language(sql: str, wanted: Wanted) -> str:
    return sql if wanted.kind == "sql" else "\n".join(executed(statement) for statement in statements(sql))


def _code(operation: MigrateOperation, wanted: Wanted) -> str:
    sql = sql_of(operation)
    if sql is None:
        try:
            code = "\n".join(render.call(operation).lines(len(render.INDENT)))
        except render.Lossy:
            sql = ";\n".join(render.sql_of_operation(operation))
        else:
            return render.in_autocommit(operation, code)
    return _in_language(sql, wanted)


def _listed(texts: Sequence[str]) -> Iterator[str]:
    """The statements, those on one table as one with a list of actions, as they were made."""
    heads = {text.split(" ")[2] for text in texts if text.startswith("ALTER TABLE ")}
    head = f"ALTER TABLE {heads.pop()} " if len(heads) == 1 and len(texts) > 1 else ""
    if head and all(text.startswith(head) for text in texts) and not any(" RENAME " in text for text in texts):
        yield f"{head}{', '.join(text.removeprefix(head) for text in texts)};"
    else:
        yield from (f"{text};" for text in texts)


def _reversed(
    change: Change, own: Sequence[Change], taken: set[str], made: Sequence[str]
) -> Iterator[MigrateOperation]:
    from alembic.operations.ops import ExecuteSQLOp

    if change.problem:
        raise _none(change)
    operation, statement = change.operation, change.statement
    if statement is not None and (target(statement) in made or _validates(change, own) or _is_local(change)):
        return  # rows, privileges and comments go with their table, a validated constraint with itself
    reverse = _REVERSES.get(type(operation).__name__)
    if reverse is not None:
        found = list(reverse(operation))
        if not found:
            raise _none(change)
        for one in found:
            with_table = table_of(one) in made and type(one).__name__ in _WITH_TABLE
            if not with_table and (sql_of(one) or "").replace("IF EXISTS ", "") not in taken:
                yield one
    else:
        text = opposite(statement) if statement is not None else ""
        if not text:
            raise _none(change)
        yield ExecuteSQLOp(text)


_WITH_TABLE = ("CreateTableCommentOp", "DropTableCommentOp")


def _none(change: Change) -> NoUndo:
    """Of the statement itself, without the comments before it."""
    lines = [line for line in change.text.split("\n") if line.strip() and not line.lstrip().startswith(("--", "#"))]
    return NoUndo(change.lines[0], (lines[0].strip() if lines else change.text)[:120])


def _is_local(change: Change) -> bool:
    """Whether it sets something for its own transaction alone."""
    statement = change.statement
    return statement is not None and statement.kind == "VariableSetStmt" and bool(statement.node.get("is_local"))


def _validates(change: Change, own: Sequence[Change]) -> bool:
    """Whether it validates a constraint that one of those changes adds: it is gone when that is taken back."""
    table, name = _action(change, "AT_ValidateConstraint")
    return bool(name) and any(
        _action(other, "AT_AddConstraint") == (table, name)
        or (table_of(other.operation), getattr(other.operation, "constraint_name", "")) == (table, name)
        for other in own
    )


def _action(change: Change, kind: str) -> tuple[str, str]:
    """The table and the constraint of that action of an ALTER TABLE; empty for every other change."""
    statement = change.statement
    if statement is None or statement.kind != "AlterTableStmt":
        return "", ""
    action = kind_of(statement.node["cmds"][0])[1]
    name = action.get("name") or kind_of(action.get("def"))[1].get("conname", "")
    return (relation(statement.node.get("relation")), name) if action.get("subtype") == kind else ("", "")


def _create_table(operation: CreateTableOp) -> Iterator[MigrateOperation]:
    """The table goes, and then the types that create_table makes on its way and drop_table leaves behind."""
    from alembic.operations.ops import DropTableOp, ExecuteSQLOp
    from sqlalchemy import Column, Enum

    for column in operation.columns:
        type_ = column.type if isinstance(column, Column) else None
        if isinstance(type_, Enum) and type_.name and getattr(type_, "create_type", True) and type_.native_enum:
            yield ExecuteSQLOp(f"DROP TYPE IF EXISTS {_quoted(type_.schema, type_.name)}")
    yield DropTableOp(operation.table_name, schema=operation.schema)


def _quoted(schema: str | None, name: str) -> str:
    return qualify_if_needed(schema or "", name)


def _add_column(operation: AddColumnOp) -> Iterator[MigrateOperation]:
    from alembic.operations.ops import DropColumnOp

    yield DropColumnOp(operation.table_name, operation.column.name, schema=operation.schema)


def _of_named(name: str) -> Callable[[Any], Iterator[MigrateOperation]]:
    """Alembic's own opposite of what makes a named object; a name that is left open is PostgreSQL's to give."""

    def reverse(operation: Any) -> Iterator[MigrateOperation]:
        if getattr(operation, name):
            yield operation.reverse()

    return reverse


def _rename_table(operation: Any) -> Iterator[MigrateOperation]:
    from alembic.operations.ops import RenameTableOp

    yield RenameTableOp(operation.new_table_name, operation.table_name, schema=operation.schema)


def _comment_table(operation: Any) -> Iterator[MigrateOperation]:
    yield operation.reverse()


def _uncomment_table(operation: Any) -> Iterator[MigrateOperation]:
    if operation.existing_comment is not None:
        yield operation.reverse()


def _alter_column(operation: AlterColumnOp) -> Iterator[MigrateOperation]:
    """The column as it was. What the operation does not tell of the column before, a default or a comment, is taken for
    none, and seen when the revision is proved; what it drops has to be told."""
    from alembic.operations.ops import AlterColumnOp

    back: dict[str, Any] = {}
    if operation.modify_type is not None:
        if operation.existing_type is None or "postgresql_using" in operation.kw:
            return
        back |= {"modify_type": operation.existing_type, "existing_type": operation.modify_type}
    if operation.modify_nullable is not None:
        back["modify_nullable"] = not operation.modify_nullable
    for name in ("server_default", "comment"):
        new, old = getattr(operation, f"modify_{name}"), getattr(operation, f"existing_{name}")
        if new is not False:
            if new is None and (old is None or old is False):
                return
            back[f"modify_{name}"] = None if old is False else old
    if operation.modify_name:
        back["modify_name"] = operation.column_name
    if back:
        yield AlterColumnOp(
            operation.table_name, operation.modify_name or operation.column_name, schema=operation.schema, **back
        )


_REVERSES: Mapping[str, Callable[[Any], Iterator[MigrateOperation]]] = {
    "CreateTableOp": _create_table, "AddColumnOp": _add_column, "CreateIndexOp": _of_named("index_name"),
    "CreateUniqueConstraintOp": _of_named("constraint_name"), "CreateCheckConstraintOp": _of_named("constraint_name"),
    "CreatePrimaryKeyOp": _of_named("constraint_name"), "CreateForeignKeyOp": _of_named("constraint_name"),
    "CreateExcludeConstraintOp": _of_named("constraint_name"), "RenameTableOp": _rename_table,
    "AlterColumnOp": _alter_column, "CreateTableCommentOp": _comment_table, "DropTableCommentOp": _uncomment_table,
    "DropTableOp": lambda _: iter(()), "DropColumnOp": lambda _: iter(()), "DropIndexOp": lambda _: iter(()),
    "DropConstraintOp": lambda _: iter(()),
}  # fmt: skip
