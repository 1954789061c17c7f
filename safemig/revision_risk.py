"""What of a revision cannot be taken back, or loses data when it is applied; read with ``ast``, nothing is run.

A list says what is known to lose nothing; everything else counts, with its line.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from safemig import sql_risk
from safemig.migrations.fragments import parse
from safemig.migrations.from_python import argument, literal
from safemig.revision_names import Names, column_types, is_harmless
from safemig.sql.text import statements
from safemig.sql.type_changes import keeps, of_code

_OPERATIONS = frozenset({
    "add_column", "alter_column", "batch_alter_table", "bulk_insert", "create_check_constraint",
    "create_exclude_constraint", "create_foreign_key", "create_index", "create_primary_key", "create_table",
    "create_table_comment", "create_unique_constraint", "drop_constraint", "drop_index", "drop_table_comment", "f",
    "get_bind", "get_context", "inline_literal", "rename_table",
})  # fmt: skip
_SQL_CALLS = ("execute", "exec_driver_sql", "executemany", "scalar", "scalars")
# Names of what runs no code but is written round a literal statement.
_AROUND = ("text", "DDL", "dedent", "cleandoc")
_BUILDS = ("select", "insert", "exists")
_Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Risk:
    """``what`` is said of the 1-based ``line``; ``final``: there is no way back from the revision."""

    line: int
    what: str
    final: bool = False


def risks(text: str) -> tuple[Risk, ...]:
    """Why the revision with that text counts as destructive, the missing way back first; () when nothing says so.

    What cannot be read counts: a file that is no Python, SQL that is no literal, a call of the project's own code.
    """
    tree = parse(text)
    if tree is None:
        return (Risk(1, "is no Python that can be read, so what it does is not known"),)
    functions = {node.name: node for node in tree.body if isinstance(node, _Function)}
    upgrade, downgrade = functions.get("upgrade"), functions.get("downgrade")
    names = Names.of(tree)
    if upgrade is None or names.is_assigned("upgrade"):
        return (Risk(1, "has no upgrade function, so what it does is not known"),)
    loading = tuple(_loading(tree, names))
    if _does_nothing(upgrade.body) and not upgrade.decorator_list:
        return loading
    back = _no_way_back(upgrade, downgrade)
    return (*([back] if back else []), *loading, *_done(upgrade, functions, names))


def _no_way_back(upgrade: ast.stmt, downgrade: _Function | None) -> Risk | None:
    if downgrade is None:
        return Risk(upgrade.lineno, "has no downgrade", final=True)
    if _does_nothing(downgrade.body):
        return Risk(downgrade.lineno, "its downgrade does nothing", final=True)
    for node in ast.walk(downgrade):
        if isinstance(node, ast.Raise):
            error = ast.unparse(node.exc).partition("(")[0] if node.exc else "an error"
            return Risk(node.lineno, f"its downgrade raises {error}", final=True)
    return None


def _does_nothing(body: Sequence[ast.stmt]) -> bool:
    for node in body:
        if isinstance(node, ast.Return):
            return node.value is None or isinstance(node.value, ast.Constant)
        says = isinstance(node, ast.Expr) and (isinstance(node.value, ast.Constant) or _prints(node.value))
        if not (isinstance(node, ast.Pass) or says):
            return False
    return True


def _prints(node: ast.expr) -> bool:
    return (
        isinstance(node, ast.Call)
        and ast.unparse(node.func) == "print"
        and not any(isinstance(inner, ast.Call) for one in node.args for inner in ast.walk(one))
    )


def _loading(tree: ast.Module, names: Names) -> Iterator[Risk]:
    """What happens without a call of the upgrade."""
    for node in tree.body:
        if isinstance(node, ast.Expr) and not isinstance(node.value, ast.Constant):
            yield Risk(node.lineno, "does something as soon as it is loaded")
        elif isinstance(node, _Function):
            for one in (*node.decorator_list, *node.args.defaults, *(one for one in node.args.kw_defaults if one)):
                yield from _judged(one, names)
            if node.name == "upgrade" and node.decorator_list:
                yield Risk(node.lineno, "its upgrade is wrapped, and what that does is not read")
        else:
            yield from _judged(node, names)


def _done(upgrade: _Function, functions: dict[str, _Function], names: Names) -> Iterator[Risk]:
    """What the upgrade does, and the file's own functions that it names."""
    waiting, seen = [upgrade], {"upgrade"}
    while waiting:
        function = waiting.pop(0)
        for node in function.body:
            yield from _judged(node, names)
            for inner in ast.walk(node):
                if isinstance(inner, ast.Name) and inner.id in functions and inner.id not in seen:
                    seen.add(inner.id)
                    waiting.append(functions[inner.id])


def _judged(root: ast.AST, names: Names) -> Iterator[Risk]:
    used = {id(node.func) for node in ast.walk(root) if isinstance(node, ast.Call)}
    types = column_types(root)
    used |= {id(node.value) for node in ast.walk(root) if isinstance(node, ast.Attribute)}
    for node in ast.walk(root):
        if isinstance(node, ast.Call) and id(node) not in types:
            yield from _of_call(node, names)
        elif isinstance(node, ast.Name | ast.Attribute) and id(node) not in used and names.is_op(node):
            # Given to another name or function: what is done with it is not followed.
            yield Risk(node.lineno, f"hands {ast.unparse(node)} on, and what is done with it is not read")


def _of_call(call: ast.Call, names: Names) -> Iterator[Risk]:
    function = call.func
    origin = names.origin(function)
    method = origin.rpartition(".")[2] or (function.attr if isinstance(function, ast.Attribute) else "")
    on_op = names.is_operation(function)
    if method in ("drop_table", "drop_column"):
        place = 1 if method == "drop_column" and origin.startswith("alembic.op.") else 0
        said = [literal(argument(call, at, "")) or "…" for at in range(place + 1)]
        yield Risk(call.lineno, f"drops the {method.removeprefix('drop_')} {'.'.join(said)} with its data")
    elif method in ("drop", "drop_all") or (on_op and method == "invoke"):
        if not (method == "drop" and isinstance(function, ast.Attribute) and names.is_type(function.value)):
            yield Risk(call.lineno, f"calls {_short(function)}(), which may drop tables with their data")
    elif method == "alter_column":
        yield from _alters(call)
    elif method in _SQL_CALLS and (isinstance(function, ast.Attribute) or on_op):
        yield from _runs(call, method, names)
    elif not (method in _OPERATIONS if on_op else is_harmless(call, origin, names)):
        yield Risk(call.lineno, f"calls {_short(function)}(), and what that does is not read")


def _short(function: ast.expr) -> str:
    text = " ".join(ast.unparse(function).split())
    return text if len(text) <= 60 else text[:59] + "…"


def _alters(call: ast.Call) -> Iterator[Risk]:
    words = {word.arg: word.value for word in call.keywords}
    type_ = words.get("type_")
    if None in words:
        yield Risk(call.lineno, "alters a column by arguments that are no literal, so what they do is not known")
    elif "postgresql_using" in words:
        yield Risk(call.lineno, "changes a type with USING, and what does not fit the new one is lost")
    elif type_ is not None:
        before, after = of_code(words.get("existing_type")), of_code(type_)
        if not keeps(before or "unknown", after):
            change = f" from {before or '…'} to {after or '…'}"
            yield Risk(call.lineno, f"changes a type{change}, and what does not fit the new one may be lost")


def _runs(call: ast.Call, method: str, names: Names) -> Iterator[Risk]:
    given = argument(call, 0, "sqltext") or argument(call, -1, "statement")
    if given is None and method in ("scalar", "scalars") and not call.keywords:
        return  # what a query has found
    if given is not None and _builds(given):
        return
    text = _sql(given, names)
    found = statements(text)
    if not found:
        yield Risk(call.lineno, "runs statements that are no literal, so what they do is not known")
    yield from (Risk(call.lineno, what) for one in found if (what := sql_risk.loses(one)))


def _sql(node: ast.expr | None, names: Names) -> str:
    """The statement that a literal holds, by a name of its own or inside of ``text(…)``; "" for anything else."""
    if isinstance(node, ast.Name):
        return names.strings.get(node.id, "")
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name):
        name = node.func.attr if isinstance(node.func, ast.Attribute) else names.origin(node.func).rpartition(".")[2]
        if name in _AROUND and len(node.args) == 1:
            return _sql(node.args[0], names)
        if isinstance(node.func, ast.Attribute) and name in ("bindparams", "execution_options", "columns"):
            return _sql(node.func.value, names)
    return literal(node) if isinstance(node, ast.Constant) else ""


def _builds(node: ast.expr) -> bool:
    """A query or an insert made of SQLAlchemy's calls; each of them is judged by itself."""
    while isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name):
        if isinstance(node.func, ast.Name) or node.func.attr in _BUILDS:
            return (node.func.id if isinstance(node.func, ast.Name) else node.func.attr) in _BUILDS
        node = node.func.value
    return False
