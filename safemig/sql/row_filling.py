"""Whether an UPDATE only fills what holds nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from safemig.sql.parser import Node, kind_of, relation, strings


def fills(node: Node, made: Collection[str]) -> bool:
    """Whether an UPDATE sets columns only where each of them is NULL, SET c = … WHERE c IS NULL [AND …], or is new."""
    targets = [kind_of(target)[1] for target in node.get("targetList", ())]
    set_ = {str(target.get("name", "")) for target in targets}
    if not targets or any("indirection" in target for target in targets):
        return False
    table = node.get("relation", {})
    names = {(table.get("alias") or {}).get("aliasname") or table.get("relname"), ""}
    set_ -= {column for column in set_ if f"column {relation(table)}.{column}" in made}
    return set_ <= {column for owner, column in _null_columns(node.get("whereClause")) if owner in names}


def _null_columns(condition: Node | None) -> Iterator[tuple[str, str]]:
    """(table, column) of the columns that a condition demands to be NULL, whatever else it demands."""
    kind, node = kind_of(condition)
    if kind == "BoolExpr" and node.get("boolop") == "AND_EXPR":
        for part in node.get("args", ()):
            yield from _null_columns(part)
    elif kind == "NullTest" and node.get("nulltesttype") == "IS_NULL":
        parts = strings(kind_of(node.get("arg"))[1].get("fields")) if kind_of(node.get("arg"))[0] == "ColumnRef" else ()
        if parts:
            yield ".".join(parts[:-1]), parts[-1]
