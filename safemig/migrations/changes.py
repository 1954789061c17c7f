"""The one reader of a schema change: operations and SQL in either language, as a list of changes."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from contextlib import suppress
from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from safemig.migrations.change import Change, Wanted
from safemig.migrations.evaluator import Refused
from safemig.migrations.fragments import parse as parse_python
from safemig.migrations.python_operations import Recorder
from safemig.migrations.sql_operations import operation, sql_type
from safemig.migrations.trees import parsed as parsed_texts
from safemig.sql.parser import Parsed, Statement
from safemig.sql.text import statements

if TYPE_CHECKING:
    from alembic.operations.ops import MigrateOperation


def changes(wanted: Wanted, side: Literal["up", "down"] = "up", whole: str = "") -> tuple[Change, ...]:
    """The changes of the upgrade or the downgrade, in their order. None of it is run; SQL is parsed in a child.

    ``whole`` is the code that the statements were taken from: the names that it assigns are known to them.
    """
    code = wanted.upgrade if side == "up" else wanted.downgrade
    if wanted.kind == "sql":
        return tuple(_typed(one, wanted) for one in _of_sql(code, side))
    recorder = Recorder(wanted.imports)
    tree = parse_python(whole)
    for node in tree.body if tree else ():
        if isinstance(node, ast.Assign | ast.AnnAssign):
            with suppress(Refused):
                recorder.read(ast.unparse(node))
    return tuple(_typed(one, wanted) for one in _of_python(code, recorder, side))


def _typed(change: Change, wanted: Wanted) -> Change:
    """The change with the type that the column has before it, where the upgrade itself does not tell that."""
    if change.side == "down" or type(change.operation).__name__ != "AlterColumnOp":
        return change
    operation: Any = copy(change.operation)
    before = known_type(wanted, operation.schema, operation.table_name, operation.column_name)
    if operation.modify_type is None or operation.existing_type is not None or not before:
        return change
    operation.existing_type = sql_type(before)
    return replace(change, operation=operation)


def known_type(wanted: Wanted, schema: str | None, table: str, column: str) -> str:
    """The type that the column has before the change; "" where that is not known."""
    name = f"{schema}.{table}" if schema and schema != "public" else table
    return next((type_ for *key, type_ in wanted.types if key == [name, column]), "")


def _of_sql(code: str, side: Literal["up", "down"]) -> Iterator[Change]:
    own = statements(code)
    trees = parsed_texts(tuple(one.bare for one in own))
    for number, one in enumerate(own):
        whole = Change(side, one.text, (one.line, one.line + one.bare.count("\n")), number)
        yield from _read(whole, trees[one.bare])


def _read(whole: Change, parsed: Parsed) -> Iterator[Change]:
    if parsed.error or len(parsed.statements) != 1:
        yield replace(whole, problem=parsed.error or "it is no single statement")
        return
    for statement in _single(parsed.statements[0]):
        yield replace(whole, operation=operation(statement), statement=statement)


def _single(statement: Statement) -> Iterator[Statement]:
    """An ALTER TABLE once for each of its actions; every other statement as it is."""
    actions: Sequence[object] = statement.node.get("cmds", ())
    if statement.kind != "AlterTableStmt" or len(actions) < 2:
        yield statement
    else:
        yield from (replace(statement, node={**statement.node, "cmds": [action]}) for action in actions)


def _of_python(code: str, recorder: Recorder, side: Literal["up", "down"]) -> Iterator[Change]:
    tree = parse_python(code)
    if tree is None:
        yield Change(side, code, (1, code.count("\n") + 1), 0, problem="Python cannot read it")
        return
    read: list[tuple[Change, tuple[MigrateOperation, ...]]] = []
    for number, node in enumerate(tree.body):
        end = node.end_lineno or node.lineno
        text = ast.get_source_segment(code, node) or ast.unparse(node)
        whole = Change(side, text, (node.lineno, end), number)
        try:
            read.append((whole, recorder.read(text)))
        except Refused as error:
            read.append((replace(whole, problem=str(error)), ()))
    executed = [sql for _, operations in read for one in operations if (sql := sql_of(one)) is not None]
    trees = parsed_texts(tuple(one.bare for sql in executed for one in statements(sql)))
    for whole, operations in read:
        if whole.problem:
            yield whole
        for one in operations:
            sql = sql_of(one)
            if sql is None:
                yield replace(whole, operation=one)
                continue
            for inner in statements(sql):
                yield from _read(whole, trees[inner.bare])


def sql_of(operation: MigrateOperation) -> str | None:
    """The SQL of ``op.execute`` as PostgreSQL gets it; None for every other operation."""
    from alembic.operations.ops import ExecuteSQLOp
    from sqlalchemy import TextClause

    if not isinstance(operation, ExecuteSQLOp):
        return None
    text = operation.sqltext.text if isinstance(operation.sqltext, TextClause) else str(operation.sqltext)
    return text.replace("\\:", ":")
