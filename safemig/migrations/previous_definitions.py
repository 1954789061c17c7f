"""The way back from replaced or dropped functions, views and triggers and from new types: as the schema before has
them."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

from checks.schema.difference import compare
from checks.schema.snapshot import Snapshot, part
from safemig.migrations.change import Change, Wanted
from safemig.migrations.changes import changes
from safemig.migrations.fragments import parse
from safemig.postgres.ddl import dependencies
from safemig.postgres.ddl.tables import mend

# Nothing but their definition is lost: no rows, as with a table or a materialised view.
_KINDS = ("function", "procedure", "view", "trigger", "rule")
_MAY_BE = re.compile(r"(?i)\b(?:replace|drop|type|type_)\b")


@dataclass(frozen=True)
class PutBack:
    """``ways`` are the SQL by the 0-based number of the statement that it takes back, ``anew`` the keys of objects
    that it has to make anew, so that privileges given on them are gone; ``whole``: there is one for each statement."""

    ways: Mapping[int, str] = field(default_factory=dict)
    anew: tuple[str, ...] = ()
    whole: bool = False


def needed(wanted: Wanted) -> bool:
    """Whether a downgrade is to be derived for a statement whose way back only the schema before it tells."""
    if wanted.downgrade.strip() or not _MAY_BE.search(wanted.upgrade):
        return False
    return any(_replaces(change) or _column(change) for change in changes(wanted))


def with_types(wanted: Wanted, before: Snapshot) -> Wanted:
    """``wanted`` with the types that its columns have before it, where it does not tell them itself."""
    found = []
    for schema, table, column in filter(None, map(_column, changes(wanted))):
        key = f"column {part(schema or 'public')}.{part(table)}.{part(column)}"
        name = f"{schema}.{table}" if schema and schema != "public" else table
        if key in before.objects:
            found.append((name, column, str(before.objects[key]["type"])))
    columns = [each[:2] for each in found]
    return replace(wanted, types=tuple(each for each in found if columns.count(each[:2]) == 1))


def _column(change: Change) -> tuple[str, str, str] | None:
    """Schema, table and name of a column that gets another type, where that before it is not told."""
    operation: Any = change.operation
    if type(operation).__name__ != "AlterColumnOp" or operation.modify_type is None:
        return None
    if operation.existing_type is not None or "postgresql_using" in operation.kw:
        return None
    return operation.schema or "", operation.table_name, operation.column_name


def ways_back(wanted: Wanted, before: Snapshot, run: Callable[[Wanted], Snapshot]) -> PutBack:
    """How each replacing or dropping statement is taken back, where the schemas around it tell that.

    ``run`` makes a change of one statement and gives the schema after it; ``before`` is the schema before all.
    """
    ways, anew, number = dict[int, str](), list[str](), -1
    groups = [(number, list(group)) for number, group in groupby(changes(wanted), key=lambda one: one.number)]
    for number, group in groups:
        after = run(_alone(wanted, group[0]))
        way = _way(before, after) if any(map(_replaces, group)) else None
        if way is not None:
            ways[number] = way[0]
            anew += way[1]
        before = after
    return PutBack(ways, tuple(dict.fromkeys(anew)), len(ways) == len(groups))


def _replaces(change: Change) -> bool:
    statement = change.statement
    if statement is None:
        return False
    if statement.kind == "DropStmt":
        kinds = ("FUNCTION", "PROCEDURE", "VIEW", "TRIGGER", "RULE")
        return str(statement.node.get("removeType")).removeprefix("OBJECT_") in kinds
    makers = ("CreateFunctionStmt", "ViewStmt", "CreateTrigStmt", "RuleStmt")
    return statement.kind in makers and bool(statement.node.get("replace"))


def _alone(wanted: Wanted, change: Change) -> Wanted:
    """The statement by itself, at its own lines of the upgrade, with the names that are assigned before it."""
    first, last = change.lines
    if wanted.kind == "sql":
        code = change.statement.text if change.statement else change.text
        return replace(wanted, upgrade="\n" * (first - 1) + code)
    kept, tree = set(range(first, last + 1)), parse(wanted.upgrade)
    for node in tree.body if tree else ():
        if node.lineno < first and isinstance(node, ast.Assign | ast.AnnAssign | ast.Import | ast.ImportFrom):
            kept |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    lines = wanted.upgrade.split("\n")[:last]
    return replace(wanted, upgrade="\n".join(line if at in kept else "" for at, line in enumerate(lines, 1)))


def _way(before: Snapshot, after: Snapshot) -> tuple[str, tuple[str, ...]] | None:
    """The SQL from ``after`` to ``before`` and what it makes anew; None where no such SQL is known."""
    differences = dependencies.ordered(compare(before, after, ignore=frozenset()), before, after)
    sql, anew = list[str](), list[str]()
    for difference in differences:
        found = mend(difference, before, after)
        kind = difference.key.partition(" ")[0]
        if kind not in _KINDS or found is None or _materialized(difference.key, before):
            return None
        sql.append(found.sql)
        made = difference.aspect == "missing" or (found.destructive and difference.aspect != "unexpected")
        anew += [difference.key] if made and kind not in ("trigger", "rule") else []
    return "\n".join(dict.fromkeys(sql)), tuple(anew)


def _materialized(key: str, schema: Snapshot) -> bool:
    return bool(schema.objects.get(key, {}).get("materialized"))
