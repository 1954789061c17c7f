"""What of a revision cannot be taken back, or loses data when it is applied; read with ``ast``, nothing is run."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from safemig.spec.pieces import parse
from safemig.spec.python_source import argument, literal, sql_of
from safemig.spec.sql import Statement, statements

_LOSES = ("drop_table", "drop_column")
_DROPS = ("drop_all", "drop", "invoke")
# Modules of Python whose calls reach nothing outside the migration.
_HARMLESS_MODULES = frozenset(
    {"__future__", "collections", "datetime", "decimal", "enum", "functools", "itertools", "json", "logging", "math",
     "operator", "re", "string", "textwrap", "time", "typing", "uuid", "warnings"}
)  # fmt: skip
# Functions whose SELECT changes no row.
_PLAIN_SQL = frozenset({
    "count", "max", "min", "sum", "coalesce", "now", "exists", "setval", "pg_sleep", "pg_advisory_lock",
    "pg_advisory_unlock", "pg_advisory_xact_lock", "set_config", "current_setting", "to_regclass", "in", "any",
    "pg_get_serial_sequence", "pg_catalog", "nextval", "values", "and", "or", "as", "from", "select", "where",
})  # fmt: skip
# Names whose calls reach nothing outside the file.
_PLAIN = frozenset({
    "str", "int", "float", "bool", "len", "list", "dict", "tuple", "set", "frozenset", "sorted", "range", "enumerate",
    "zip", "isinstance", "print", "format", "repr", "min", "max", "sum", "any", "all",
})  # fmt: skip
_SQL_CALLS = ("execute", "exec_driver_sql", "scalar", "scalars")


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
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    upgrade, downgrade = functions.get("upgrade"), functions.get("downgrade")
    if upgrade is None:
        return (Risk(1, "has no upgrade function, so what it does is not known"),)
    loading = [
        Risk(node.lineno, "does something as soon as it is loaded")
        for node in tree.body
        if isinstance(node, ast.Expr) and not isinstance(node.value, ast.Constant)
    ]
    if _does_nothing(upgrade.body):
        return tuple(loading)
    back = _no_way_back(upgrade, downgrade)
    return (*([back] if back else []), *loading, *_losses(upgrade, _harmless(tree), _foreign(tree), set(functions)))


def _no_way_back(upgrade: ast.stmt, downgrade: ast.FunctionDef | ast.AsyncFunctionDef | None) -> Risk | None:
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
    return all(
        isinstance(node, ast.Pass)
        or (isinstance(node, ast.Return) and (node.value is None or isinstance(node.value, ast.Constant)))
        or (isinstance(node, ast.Expr) and (isinstance(node.value, ast.Constant) or _prints(node.value)))
        for node in body
    )


def _prints(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "print"


def _harmless(tree: ast.Module) -> set[str]:
    """Names of SQLAlchemy and Alembic that the file imports by themselves."""
    return {
        alias.asname or alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in ("sqlalchemy", "alembic")
        for alias in node.names
    }


def _foreign(tree: ast.Module) -> set[str]:
    """Names of modules that may do anything: the project's, others' and those of Python's that reach outside."""
    known = {*_HARMLESS_MODULES, "sqlalchemy", "alembic", "sqlmodel", "geoalchemy2", "pgvector"}
    return {
        (alias.asname or alias.name).split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
        if (alias.name if isinstance(node, ast.Import) else node.module or "").split(".")[0] not in known
    }


def _losses(upgrade: ast.stmt, known: set[str], foreign: set[str], own: set[str]) -> Iterator[Risk]:
    for call in [node for node in ast.walk(upgrade) if isinstance(node, ast.Call)]:
        function = call.func
        if isinstance(function, ast.Name):
            if function.id in own or function.id in (*_LOSES, *_SQL_CALLS) or function.id not in known | _PLAIN:
                yield Risk(call.lineno, f"calls {function.id}(), and what that does is not read")
        elif isinstance(function, ast.Attribute):
            if ast.unparse(function).split(".")[0].split("(")[0] in foreign:
                yield Risk(call.lineno, f"calls {ast.unparse(function)[:60]}(), and what that does is not read")
            yield from _of_method(call, function)


def _of_method(call: ast.Call, function: ast.Attribute) -> Iterator[Risk]:
    if function.attr in _LOSES:
        place = 1 if function.attr == "drop_column" and ast.unparse(function.value) == "op" else 0
        names = [literal(argument(call, at, "")) or "…" for at in range(place + 1)]
        yield Risk(call.lineno, f"drops the {function.attr.removeprefix('drop_')} {'.'.join(names)} with its data")
    elif function.attr in _DROPS and ast.unparse(function.value).rpartition(".")[2] != "enum":
        if not _is_type(function.value):
            yield Risk(call.lineno, f"calls {ast.unparse(function)[:60]}(), which may drop tables with their data")
    elif function.attr == "alter_column":
        if any(keyword.arg == "postgresql_using" for keyword in call.keywords):
            yield Risk(call.lineno, "changes a type with USING, and what does not fit the new one is lost")
    elif function.attr in _SQL_CALLS:
        text = sql_of(call)
        if not text:
            yield Risk(call.lineno, "runs statements that are no literal, so what they do is not known")
        yield from (Risk(call.lineno, what) for one in statements(text) if (what := _loses(one)))


def _is_type(node: ast.expr) -> bool:
    """``sa.Enum(…).drop(…)``: a type holds no rows."""
    return isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2].lower() in ("enum", "domain")


def _fills(words: Sequence[str]) -> bool:
    """Whether an UPDATE sets only what is NULL: SET c = … WHERE c IS NULL."""
    if "SET" not in words or "WHERE" not in words:
        return False
    column, at = words[words.index("SET") + 1], words.index("WHERE")
    return list(words[at + 1 : at + 4]) == [column, "IS", "NULL"] and "OR" not in words[at:]


def _loses(statement: Statement) -> str:
    """What data an SQL statement takes away; "" for none."""
    words = [token.upper for token in statement.tokens]
    first = " ".join(token.text for token in statement.tokens[:6])
    if statement.head in ("TRUNCATE", "DELETE", "MERGE"):
        return f"takes rows away ({first} …)"
    if statement.head in ("WITH", "EXPLAIN") and {"DELETE", "UPDATE", "MERGE", "TRUNCATE"} & set(words):
        return f"takes rows away or overwrites them ({first} …)"
    if statement.head == "UPDATE" and not _fills(words):
        return f"overwrites what rows hold ({first} …)"
    if statement.head in ("SELECT", "WITH", "EXPLAIN"):
        called = [one.text for one, after in pairwise(statement.tokens) if after.text == "(" and one.upper]
        unknown = [one.lower() for one in called if one.lower() not in _PLAIN_SQL]
        return f"calls {unknown[0]}(), and what that does is not read" if unknown else ""
    if words[:2] == ["ALTER", "TABLE"] and "TYPE" in words and "USING" in words[words.index("TYPE") :]:
        return f"changes a type with USING, and what does not fit the new one is lost ({first} …)"
    if words[:1] == ["DROP"] and words[1:2] and words[1] in ("TABLE", "SCHEMA", "MATERIALIZED", "DATABASE", "OWNED"):
        return f"drops what holds data ({first})"
    if words[:2] == ["DROP", "TYPE"] or "CASCADE" in words[-2:]:
        return f"drops what others may hang on ({first})" if words[0] == "DROP" or "DROP" in words else ""
    if words[:2] == ["ALTER", "TABLE"] and "DROP" in words:
        after = [words[at + 1] for at, word in enumerate(words[:-1]) if word == "DROP"]
        kept = ("CONSTRAINT", "DEFAULT", "NOT", "IDENTITY", "EXPRESSION")
        return f"drops a column with its data ({first} …)" if any(word not in kept for word in after) else ""
    return "runs a block of code that is not read (DO)" if statement.head in ("DO", "CALL") else ""
