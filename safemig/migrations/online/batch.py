"""The operations of a batch block one by one: on PostgreSQL a batch sends them in the order in which they stand."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Sequence

from safemig.migrations.fragments import parse
from safemig.migrations.from_python import argument, literal
from safemig.migrations.table_draft import quoted

# Where the table stands among the arguments of the same operation outside a batch.
_PLACES = {
    "add_column": 0, "drop_column": 0, "alter_column": 0, "create_index": 1, "create_foreign_key": 1,
    "create_check_constraint": 1, "create_unique_constraint": 1, "create_primary_key": 1, "drop_constraint": 1,
    "create_exclude_constraint": 1, "drop_index": 1,
}  # fmt: skip


def table_of(node: ast.stmt) -> str:
    """The table of a batch block, with its schema where that is not public; "" for any other statement."""
    call = _batch(node)
    if call is None:
        return ""
    schema = literal(argument(call, -1, "schema"))
    name = literal(argument(call, 0, "table_name"))
    return f"{schema}.{name}" if schema not in ("", "public") and name else name


def operations_of(node: ast.stmt, text: str) -> list[str] | str:
    """The block's operations as they are written outside a batch, comments above them included; or why it stays."""
    call, name = _batch(node), _name(node)
    if call is None or not isinstance(node, ast.With) or not name:
        return "it is no block of one batch"
    more = [word.arg for word in call.keywords if word.arg not in ("table_name", "schema")]
    if more or len(call.args) > 1:
        return f"its option {more[0] if more else 'schema'} decides how the table is changed"
    lines, found = text.split("\n"), list[str]()
    # The places of a node count from the whole text, its lines from the block's first.
    at = node.body[0].lineno - node.lineno
    at = next((number for number in range(1, at + 1) if lines[number].lstrip().startswith("#")), at)
    for inner in node.body:
        begin, end = inner.lineno - node.lineno, (inner.end_lineno or inner.lineno) - node.lineno + 1
        above = [line.strip() for line in lines[at:begin] if line.strip()]
        plain = _plain(textwrap.dedent("\n".join(lines[begin:end])), name, call)
        if not plain:
            return f"`{ast.unparse(inner)[:60]}` has no place outside a batch"
        found.append("\n".join([*above, plain]))
        at = end
    return found


def _batch(node: ast.stmt) -> ast.Call | None:
    call = node.items[0].context_expr if isinstance(node, ast.With) and len(node.items) == 1 else None
    if isinstance(call, ast.Call) and ast.unparse(call.func) == "op.batch_alter_table":
        return call if all(word.arg for word in call.keywords) else None
    return None


def _name(node: ast.stmt) -> str:
    given = node.items[0].optional_vars if isinstance(node, ast.With) else None
    return given.id if isinstance(given, ast.Name) else ""


def _plain(text: str, name: str, batch: ast.Call) -> str:
    """One operation of the batch with the table in its place; "" where it cannot stand alone."""
    read = _operation(text, name)
    if read is None:
        return ""
    method, call = read
    place = _PLACES[method]
    table, schema = quoted(literal(argument(batch, 0, "table_name"))), literal(argument(batch, -1, "schema"))
    edits = _names(call, name, text)
    if len(call.args) > place:
        edits.append((_offset(text, call.args[place]), 0, f"{table}, "))
    elif method in ("drop_index", "drop_constraint", "create_check_constraint"):
        edits.append((_end(text, call.args[-1]), 0, f", table_name={table}"))
    else:
        return ""
    if schema:
        word = "source_schema" if method == "create_foreign_key" else "schema"
        tail = max(_end(text, argument) for argument in (*call.args, *(word.value for word in call.keywords)))
        edits.append((tail, 0, f", {word}={quoted(schema)}"))
    return _edited(text, edits)


def _operation(text: str, name: str) -> tuple[str, ast.Call] | None:
    """Method and call of an operation of the batch whose arguments leave a place for the table; None for all else."""
    tree = parse(text)
    node = tree.body[0] if tree and len(tree.body) == 1 else None
    call = node.value if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) else None
    if call is None or not isinstance(call.func, ast.Attribute) or ast.unparse(call.func.value) != name:
        return None
    options = {word.arg for word in call.keywords}
    if call.func.attr not in _PLACES or options & {None, "insert_before", "insert_after", "table_name"}:
        return None
    return (call.func.attr, call) if call.args and len(call.args) >= _PLACES[call.func.attr] else None


def _names(call: ast.Call, name: str, text: str) -> list[tuple[int, int, str]]:
    """Each use of the batch, as in ``batch_op.f("ix")``, becomes ``op``."""
    return [
        (_offset(text, node), len(name), "op")
        for node in ast.walk(call)
        if isinstance(node, ast.Name) and node.id == name
    ]  # fmt: skip


def _edited(text: str, edits: Sequence[tuple[int, int, str]]) -> str:
    for at, length, new in sorted(edits, reverse=True):
        text = text[:at] + new + text[at + length :]
    return text if parse(text) is not None else ""


def _offset(text: str, node: ast.expr) -> int:
    return _place(text, node.lineno, node.col_offset)


def _end(text: str, node: ast.expr) -> int:
    return _place(text, node.end_lineno or node.lineno, node.end_col_offset or 0)


def _place(text: str, line: int, column: int) -> int:
    """The character offset of a place that ``ast`` gives as line and UTF-8 column."""
    lines = text.split("\n")
    return sum(len(one) + 1 for one in lines[: line - 1]) + len(lines[line - 1].encode()[:column].decode())
