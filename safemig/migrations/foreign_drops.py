"""What a revision drops that no other revision made: tables of other tools, partitions, indexes made by hand.

Autogenerate drops all that the database has and the models have not, whoever made it. Read with ``ast``, never run.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable, Iterator

from safemig.migrations.fragments import parse
from safemig.migrations.from_python import argument, literal
from safemig.migrations.hazards import Risk
from safemig.sql.text import statements, tokens

_DROPS = {"drop_table": "table", "drop_index": "index", "drop_constraint": "constraint", "drop_column": "column"}
_DESCRIPTIONS = ("comment", "info", "doc")  # arguments of operations, columns and tables that say what they are for
_MAKING = ("CREATE", "ALTER", "DO")
_WORD = re.compile(r"\w+")
_BLANK = re.compile(r"\s")
# The words round a table and its columns in names that nobody wrote: PostgreSQL's own, and the usual conventions.
_BEFORE = ("ix_", "uq_", "fk_", "pk_", "ck_")
_BEHIND = ("_key", "_fkey", "_pkey", "_check", "_idx", "_excl")


def foreign_drops(text: str, others: Iterable[str]) -> tuple[Risk, ...]:
    """The drops of ``text``'s upgrade of what none of the other revisions' texts names where it makes something."""
    tree = parse(text)
    upgrades = [node for node in tree.body if _is_upgrade(node)] if tree else []
    drops = [drop for node in upgrades for drop in _drops(node)]
    if not drops:
        return ()
    names = {name for other in others for name in made_names(other)}
    return tuple(
        Risk(line, f"drops the {kind} {shown}, which no revision made: another tool's, or made by hand")
        for line, kind, shown, parts in drops
        if not _is_known(kind, parts, names)
    )


def _is_upgrade(node: ast.stmt) -> bool:
    return isinstance(node, ast.FunctionDef) and node.name.startswith("upgrade")


def _drops(root: ast.AST, table: str = "") -> Iterator[tuple[int, str, str, tuple[str, ...]]]:
    """Line, kind, the name as shown, and the names that must be known; ``table`` is the batch's."""
    for node in ast.iter_child_nodes(root):
        inner = table
        if isinstance(node, ast.With):
            inner = next((_first(item.context_expr) for item in node.items if _is_batch(item.context_expr)), table)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _DROPS:
            kind = _DROPS[node.func.attr]
            on_batch = bool(table) and ast.unparse(node.func.value) != "op"
            parts: tuple[str, ...]
            if kind == "column" and not on_batch:
                parts = (_name(argument(node, 0, "table_name")), _name(argument(node, 1, "column_name")))
            elif kind == "column":
                parts = (table, _first(node))
            else:
                parts = (_first(node),)
            yield node.lineno, kind, ".".join(part or "…" for part in parts), parts
        yield from _drops(node, inner)


def _is_batch(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "batch_alter_table"


def _first(node: ast.expr) -> str:
    return _name(node.args[0] if isinstance(node, ast.Call) and node.args else None)


def _name(node: ast.expr | None) -> str:
    """A literal name, also inside of ``op.f(…)``; "" for anything else, which no revision is known to have made."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "f" and node.args:
        return _name(node.args[0])
    return literal(node) if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def made_names(text: str) -> frozenset[str]:
    """The names that a revision's code and its SQL hold, but for its way back, what it drops, and its prose:
    docstrings, comments and descriptions make nothing. A string with blanks in it is a name as a whole, or SQL that
    makes something."""
    tree = parse(text)
    own = [node for node in tree.body if not _is_downgrade(node)] if tree else []
    return frozenset(name for node in own for name in _named(node))


def _is_downgrade(node: ast.stmt) -> bool:
    return isinstance(node, ast.FunctionDef) and node.name.startswith("downgrade")


def _named(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return  # a docstring
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _DROPS:
        return
    if isinstance(node, ast.keyword) and node.arg in _DESCRIPTIONS:
        return
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield from _in_string(node.value)
    if isinstance(node, ast.JoinedStr):  # what stands in for an expression is a name of its own, and none that is known
        yield from _in_string(
            "".join(str(each.value) if isinstance(each, ast.Constant) else "…" for each in node.values)
        )
    for inner in ast.iter_child_nodes(node):
        if not (isinstance(node, ast.JoinedStr) and isinstance(inner, ast.Constant)):
            yield from _named(inner)


def _in_string(text: str) -> Iterator[str]:
    if not _BLANK.search(text.strip()):
        yield from _WORD.findall(text)
        return
    yield text
    for statement in statements(text):
        if statement.head in _MAKING:
            yield from (token.name for token in statement.tokens if token.name)
            bodies = (token.text for token in statement.tokens if token.kind == "string" and token.text.startswith("$"))
            yield from (token.name for body in bodies for token in tokens(body.strip("$")) if token.name)


def _is_known(kind: str, parts: tuple[str, ...], names: Collection[str]) -> bool:
    if kind in ("index", "constraint"):
        return parts[0] in names or any(_is_spelled(stem, names) for stem in _stems(parts[0]))
    return all(part in names for part in parts)


def _stems(name: str) -> Iterator[str]:
    yield from (name.removeprefix(one) for one in _BEFORE if name.startswith(one))
    yield from (name.removesuffix(one) for one in _BEHIND if name.endswith(one))


def _is_spelled(stem: str, names: Collection[str]) -> bool:
    """Whether ``stem`` is a known name, or known names joined by underscores: a table, then its columns."""
    if stem in names:
        return True
    cuts = [at for at, letter in enumerate(stem) if letter == "_"]
    return any(stem[:at] in names and _is_spelled(stem[at + 1 :], names) for at in cuts)
