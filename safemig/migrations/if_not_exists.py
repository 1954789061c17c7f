"""IF NOT EXISTS over something that is there in another form: PostgreSQL passes it over, and nothing is made."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from checks.schema.difference import compare
from checks.schema.snapshot import Snapshot, part, take_inside
from safemig.migrations import evaluator, from_python
from safemig.migrations.change import Wanted
from safemig.migrations.from_python import argument, literal
from safemig.migrations.reconcile.statements import Part, parts
from safemig.postgres.ddl.names import dotted
from safemig.sql.text import Statement, qualified, statements

if TYPE_CHECKING:
    import psycopg
    from sqlalchemy import Connection, Engine

_GUARD = re.compile(r"(?i)\bIF\s+NOT\s+EXISTS\b|\bif_not_exists\s*=\s*True\b")
_CONCURRENTLY = re.compile(r"(?i)\bCONCURRENTLY\b")
_OPERATION_CONCURRENTLY = re.compile(r",\s*postgresql_concurrently\s*=\s*True")


@dataclass(frozen=True)
class _Target:
    """An object with IF NOT EXISTS before it: its key in a snapshot, and what drops it."""

    key: str
    drop: str


def other_form(wanted: Wanted, target: Engine, base: Snapshot) -> tuple[int, str] | None:
    """The first object that is there in another form than its IF NOT EXISTS asks for: the 1-based line in the upgrade,
    and its key. The scratch database is left as it is (``base``); tables are left to ``restate``."""
    if not _GUARD.search(wanted.upgrade):
        return None
    with target.connect() as connection, connection.begin() as transaction:
        for part in parts(wanted):
            text = _OPERATION_CONCURRENTLY.sub("", _CONCURRENTLY.sub("", part.text))
            step = replace(wanted, upgrade=text + (";" if wanted.kind == "sql" else ""), upgrade_lines=())
            for each in _targets(part):
                if each.key in base.objects and _differs(step, each, connection, base):
                    transaction.rollback()
                    return part.line, each.key
            _run(step, connection)
        transaction.rollback()
    return None


def _differs(step: Wanted, target: _Target, connection: Connection, base: Snapshot) -> bool:
    """Whether the object is another one when it is dropped and made by the statement."""
    with connection.begin_nested() as savepoint:
        connection.exec_driver_sql(target.drop)
        _run(step, connection)
        after = take_inside(cast("psycopg.Connection[Any]", connection.connection.driver_connection))
        savepoint.rollback()
    made = replace(after, objects={key: value for key, value in after.objects.items() if key == target.key})
    there = replace(base, objects={target.key: base.objects[target.key]})
    return any(difference.aspect != "position" for difference in compare(made, there))


def _run(step: Wanted, connection: Connection) -> None:
    from alembic.runtime.migration import MigrationContext

    context = MigrationContext.configure(connection)
    evaluator.evaluate(step, context, "up", lenient=True)


def _targets(one: Part) -> Iterator[_Target]:
    if one.node is None:
        yield from (found for each in statements(one.text) for found in _by_sql(each))
        return
    for call in ast.walk(one.node):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
            if call.func.attr == "execute":
                yield from (found for each in statements(from_python.sql_of(call)) for found in _by_sql(each))
            elif isinstance(guard := argument(call, -1, "if_not_exists"), ast.Constant) and guard.value is True:
                yield from _by_operation(call, call.func.attr)


def _by_operation(call: ast.Call, method: str) -> Iterator[_Target]:
    schema = literal(argument(call, -1, "schema"))
    if method == "create_index" and (name := literal(argument(call, 0, "index_name"))):
        yield _index(schema, name)
    column = argument(call, 1, "column")
    if method == "add_column" and isinstance(column, ast.Call):
        table, name = literal(argument(call, 0, "table_name")), literal(argument(column, 0, "name"))
        yield _column(f"{schema}.{table}" if schema else table, name)


def _by_sql(statement: Statement) -> Iterator[_Target]:
    own = statement.tokens
    upper = [token.upper for token in own]
    places = [at for at in range(len(own) - 3) if upper[at : at + 3] == ["IF", "NOT", "EXISTS"]]
    for at in places:
        name, behind = qualified(own, at + 3)
        if upper[:1] == ["CREATE"] and "INDEX" in upper[1:at]:
            on = behind + 1 + (upper[behind + 1 : behind + 2] == ["ONLY"])
            table = qualified(own, on)[0] if upper[behind : behind + 1] == ["ON"] else ""
            yield _index(table.rpartition(".")[0], name)
        elif upper[:2] == ["ALTER", "TABLE"]:
            begin = 2 + 2 * (upper[2:4] == ["IF", "EXISTS"])
            begin += upper[begin] == "ONLY"
            yield _column(qualified(own, begin)[0], name)
        elif upper[:2] == ["CREATE", "SEQUENCE"]:
            yield _whole("sequence", name)
        elif upper[:3] == ["CREATE", "MATERIALIZED", "VIEW"]:
            yield _whole("view", name, "MATERIALIZED VIEW")


def _index(schema: str, name: str) -> _Target:
    full = f"{part(schema or 'public')}.{part(name)}"
    return _Target(f"index {full}", f"DROP INDEX {dotted(full)} CASCADE")


def _column(table: str, name: str) -> _Target:
    schema, _, own = table.rpartition(".")
    full = f"{part(schema or 'public')}.{part(own)}"
    return _Target(
        f"column {full}.{part(name)}", f"ALTER TABLE {dotted(full)} DROP COLUMN {dotted(part(name))} CASCADE"
    )


def _whole(kind: str, name: str, word: str = "") -> _Target:
    schema, _, own = name.rpartition(".")
    full = f"{part(schema or 'public')}.{part(own)}"
    return _Target(f"{kind} {full}", f"DROP {word or kind.upper()} {dotted(full)} CASCADE")
