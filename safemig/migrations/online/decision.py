"""Which form of a change holds locks least on a table in use, whichever language asks for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from safemig.migrations.change import Change
from safemig.migrations.online import choices
from safemig.migrations.online.choices import Choice
from safemig.migrations.sql_operations import table_of

Kind = Literal["concurrently", "validated", "indexed", "checked", "filled", "kept"]


@dataclass(frozen=True)
class Form:
    """How a change is to be written: ``table`` has its schema in front unless that is public."""

    kind: Kind
    table: str
    choice: Choice


@dataclass(frozen=True)
class InUse:
    """The tables in use, the tables of the indexes that the change itself makes, and the partitioned tables and
    indexes."""

    tables: frozenset[str]
    indexes: Mapping[str, str]
    partitioned: frozenset[str] = frozenset()

    def form(self, change: Change) -> Form | None:
        """The form of the change; None where it stays as it is."""
        decide = _DECISIONS.get(type(change.operation).__name__)
        if decide is None or _is_conditional(change):
            return None
        found = decide(change.operation, table_of(change.operation))
        known = self.indexes.get(getattr(change.operation, "index_name", "") or "")
        table = found.table or known if found else ""
        # An index whose table is told nowhere was there before, and so was its table.
        if found is None or not (table in self.tables or table is None):
            return None
        if {table, getattr(change.operation, "index_name", "")} & self.partitioned:
            return _of_partitioned(found, change.operation)
        return found


def in_use(
    tables: Iterable[str], up: Iterable[Change], down: Iterable[Change], partitioned: Iterable[str] = ()
) -> InUse:
    """What is in use where the changes ``up`` are made, and taken back by ``down``, and what of it is partitioned."""
    made, made_again = _made_indexes(up), _made_indexes(down)
    # An index that goes was there before: the way back tells on which table.
    gone = {getattr(one.operation, "index_name", "") for one in up if type(one.operation).__name__ == "DropIndexOp"}
    known = {table for name, table in made_again.items() if name in gone - made.keys()}
    return InUse(frozenset({*tables, *known}), {**made_again, **made}, frozenset(partitioned))


def _made_indexes(own: Iterable[Change]) -> dict[str, str]:
    made = [one.operation for one in own if type(one.operation).__name__ == "CreateIndexOp"]
    return {getattr(one, "index_name", ""): table_of(one) for one in made}


def _of_partitioned(form: Form, operation: Any) -> Form:
    """What PostgreSQL refuses on a partitioned table stays as the spec writes it."""
    if form.kind == "concurrently":
        what = f"index {operation.index_name or '(unnamed)'}"
        return Form("kept", form.table, choices.partitioned_index(what, form.table or "its table"))
    if form.kind == "indexed":
        return Form("kept", form.table, choices.partitioned_unique(operation.constraint_name, form.table))
    if type(operation).__name__ == "CreateForeignKeyOp":
        return Form("kept", form.table, choices.partitioned_key(operation.constraint_name, form.table))
    return form


def _is_conditional(change: Change) -> bool:
    """ALTER TABLE ONLY and IF EXISTS, CREATE INDEX ON ONLY: of partitioned tables, and of what may not be there."""
    node = change.statement.node if change.statement else {}
    relation = node.get("relation") or {}
    return bool(relation) and ("inh" not in relation or ("cmds" in node and "missing_ok" in node))


def _index(operation: Any, table: str) -> Form | None:
    if "postgresql_concurrently" in operation.kw:
        return None
    return Form("concurrently", table, choices.index(operation.index_name or "", table))


def _dropped_index(operation: Any, table: str) -> Form | None:
    if "postgresql_concurrently" in operation.kw:
        return None
    return Form("concurrently", table, choices.dropped_index(operation.index_name))


def _validated(operation: Any, table: str) -> Form | None:
    name = operation.constraint_name
    if not name or "postgresql_not_valid" in operation.kw:
        return None
    return Form("validated", table, choices.checked(name, table))


def _unique(operation: Any, table: str) -> Form | None:
    name = operation.constraint_name
    if not name or any(value is not None for value in operation.kw.values()):
        return None
    return Form("indexed", table, choices.unique(name, table))


def _altered_column(operation: Any, table: str) -> Form | None:
    if operation.modify_nullable is not False or operation.modify_name or operation.modify_type is not None:
        return None  # with a new type the table is rewritten anyway
    return Form("checked", table, choices.not_null(operation.column_name, table))


def _added_column(operation: Any, table: str) -> Form | None:
    column = operation.column
    if column.computed is not None or column.identity is not None or _type(column) in _SERIALS:
        why = "it is a serial, an identity or a stored expression"
        return Form("kept", table, choices.rewrites(column.name, table, why))
    if not choices.differs_by_row(default_of(column)):
        return None
    hanging = (column.unique, column.index, column.primary_key, column.foreign_keys, column.constraints, column.comment)
    if any(hanging) or operation.if_not_exists:
        why = "its default differs from row to row, and more hangs on the column"
        return Form("kept", table, choices.rewrites(column.name, table, why))
    chosen = choices.filled if column.nullable else choices.three_steps
    return Form("filled", table, chosen(column.name, table))


_SERIALS = ("serial", "bigserial", "smallserial")


def _type(column: Any) -> str:
    spec = getattr(column.type, "get_col_spec", None)
    return str(spec()).lower() if spec else ""


def default_of(column: Any) -> str:
    """The expression of the column's default; "" for none and for a plain string."""
    from sqlalchemy.dialects import postgresql

    value = getattr(column.server_default, "arg", None)
    if value is None or isinstance(value, str):
        return ""
    dialect = postgresql.dialect(paramstyle="named")  # type: ignore[no-untyped-call]  # in others a % stands twice
    return str(value.compile(dialect=dialect))


_DECISIONS: Mapping[str, Callable[[Any, str], Form | None]] = {
    "CreateIndexOp": _index, "DropIndexOp": _dropped_index, "CreateForeignKeyOp": _validated,
    "CreateCheckConstraintOp": _validated, "CreateUniqueConstraintOp": _unique, "AlterColumnOp": _altered_column,
    "AddColumnOp": _added_column,
}  # fmt: skip
