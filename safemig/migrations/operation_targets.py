"""What an operation of Alembic is about: the table, column or constraint that its arguments write out."""

from __future__ import annotations

import ast

from safemig.migrations.from_python import argument, literal

_CONSTRAINTS = frozenset({
    "create_check_constraint", "create_unique_constraint", "create_foreign_key", "create_primary_key",
    "create_exclude_constraint",
})  # fmt: skip


def makes(node: ast.Call, method: str, batch: str) -> str:
    """The table, constraint or column that the operation makes, as ``Acts.makes`` names it."""
    words = {word.arg for word in node.keywords}
    if None in words or "if_not_exists" in words:
        return ""
    if method == "create_table":
        return qualified(node, literal(argument(node, 0, "table_name")))
    if method == "add_column":
        table = batch or qualified(node, literal(argument(node, 0, "table_name")))
        column = argument(node, 0 if batch else 1, "column")
        name = literal(argument(column, 0, "name")) if isinstance(column, ast.Call) else ""
        return f"column {table}.{name}" if table and name else ""
    return constraint(node, batch) if method in _CONSTRAINTS else ""


def constraint(node: ast.Call, batch: str) -> str:
    """``constraint TABLE.NAME`` of an operation on a constraint; "" where one of them is not written out."""
    words = {word.arg: word.value for word in node.keywords}
    table = words.get("table_name") or words.get("source_table") or (node.args[1] if len(node.args) > 1 else None)
    named = batch or qualified(node, literal(table))
    name = literal(argument(node, 0, "constraint_name"))
    return f"constraint {named}.{name}" if named not in ("", "…") and name else ""


def qualified(node: ast.Call, table: str) -> str:
    """The table with its schema, as ``safemig.sql.parser.relation`` names it."""
    words = {word.arg: word.value for word in node.keywords}
    schema = words.get("schema") or words.get("source_schema")
    if schema is None or is_none(schema) or literal(schema) == "public":
        return table
    return f"{literal(schema)}.{table}" if literal(schema) and table else ""


def is_none(node: ast.expr) -> bool:
    """Whether the argument is written out as None or False, which asks for nothing."""
    return isinstance(node, ast.Constant) and (node.value is None or node.value is False)


def changes(node: ast.Call) -> bool:
    """Whether the arguments of ``alter_column`` ask for a change besides naming what there is."""
    words = [word.arg for word in node.keywords]
    return any(not word or not word.startswith(("existing_", "table_name", "column_name", "schema")) for word in words)
