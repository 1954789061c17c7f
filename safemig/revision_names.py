"""What the names in a revision file stand for, and which calls are known to change nothing; read with ``ast``."""

from __future__ import annotations

import ast
import builtins
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from safemig.sql_risk import PLAIN

# Modules of Python whose calls reach nothing outside the migration.
_MODULES = frozenset(
    {"__future__", "collections", "datetime", "decimal", "enum", "functools", "itertools", "json", "logging", "math",
     "operator", "re", "string", "textwrap", "time", "typing", "uuid", "warnings"}
)  # fmt: skip
_SQL_PACKAGES = ("sqlalchemy", "geoalchemy2", "pgvector", "sqlmodel", "sqlalchemy_utils")
# Functions of SQLAlchemy that only build expressions, classes and readers.
_EXPRESSIONS = frozenset({
    "text", "select", "column", "table", "literal", "literal_column", "cast", "type_coerce", "and_", "or_", "not_",
    "null", "true", "false", "desc", "asc", "between", "nulls_first", "nulls_last", "nullsfirst", "nullslast",
    "collate", "distinct", "exists", "case", "extract", "tuple_", "bindparam", "inspect", "insert", "update",
    "delete", "values", "any_", "all_", "union", "union_all", "label", "lateral", "over", "within_group",
    "declarative_base", "relationship", "mapped_column", "sessionmaker", "quoted_name", "aggregate_order_by",
    "array", "hstore",
})  # fmt: skip
_BUILTINS = frozenset({
    "str", "int", "float", "bool", "len", "list", "dict", "tuple", "set", "frozenset", "sorted", "range",
    "enumerate", "zip", "isinstance", "print", "format", "repr", "min", "max", "sum", "any", "all", "next", "iter",
    "reversed", "abs", "round", "hasattr",
})  # fmt: skip
# Methods by which strings, lists, dictionaries, queries and readers of a schema are worked with: they change no row.
_METHODS = frozenset({
    "format", "join", "strip", "lstrip", "rstrip", "lower", "upper", "title", "replace", "split", "rsplit",
    "partition", "rpartition", "startswith", "endswith", "removeprefix", "removesuffix", "encode", "decode",
    "append", "extend", "insert", "items", "keys", "values", "get", "setdefault", "copy", "index", "count",
    "isoformat", "strftime", "add_argument", "hexdigest", "info", "debug", "warning", "error", "exception",
    "get_table_names", "get_view_names", "get_columns", "get_indexes", "get_foreign_keys", "get_pk_constraint",
    "get_enums", "get_unique_constraints", "get_check_constraints", "get_schema_names", "has_table", "has_column",
    "has_index", "has_schema", "fetchall", "fetchone", "first", "one", "one_or_none", "all", "scalar_one",
    "scalar_one_or_none", "mappings", "rowcount", "begin", "begin_nested", "connect", "autocommit_block",
    "execution_options", "bindparams", "columns", "get_bind", "get_context", "get_x_argument", "is_offline_mode",
    "create", "select", "where", "filter", "filter_by", "select_from", "order_by", "group_by", "having",
    "outerjoin", "limit", "offset", "label", "is_", "is_not", "isnot", "is_distinct_from", "in_", "not_in",
    "notin_", "like", "ilike", "contains", "between", "desc", "asc", "any_", "op", "cast", "alias", "subquery",
    "scalar_subquery", "cte", "correlate", "distinct", "union", "on_conflict_do_nothing", "returning",
    "with_variant", "nulls_first", "nulls_last", "query",
})  # fmt: skip
_OPERATIONS = "alembic.op."


@dataclass(frozen=True)
class Names:
    """``imports`` give names the dotted names behind them, ``strings`` the literal of a name assigned once.

    ``batches`` are the names of ``with op.batch_alter_table(…) as name``, ``types`` those of enum types; ``assigned``
    are all that get a value beside an import, and ``defined`` the file's own functions and classes.
    """

    imports: Mapping[str, str]
    strings: Mapping[str, str]
    batches: frozenset[str]
    types: frozenset[str]
    assigned: frozenset[str]
    defined: frozenset[str]

    @classmethod
    def of(cls, tree: ast.Module) -> Names:
        """The names of the file, wherever in it they are made."""
        nodes = list(ast.walk(tree))
        imports = dict(pair for node in nodes if isinstance(node, ast.Import | ast.ImportFrom) for pair in _named(node))
        times = Counter(node.id for node in nodes if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load))
        times.update(node.arg for node in nodes if isinstance(node, ast.arg))
        kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
        defined = frozenset(node.name for node in nodes if isinstance(node, kinds))
        own = {name: origin for name, origin in imports.items() if not times[name] and name not in defined}
        first = cls(own, {}, frozenset(), frozenset(), frozenset(times), defined)
        values = {
            target.id: node.value
            for node in nodes
            if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None
            for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
            if isinstance(target, ast.Name) and times[target.id] == 1
        }
        strings = {
            name: value.value
            for name, value in values.items()
            if isinstance(value, ast.Constant) and isinstance(value.value, str)
        }
        types = frozenset(name for name, value in values.items() if first.is_type(value))
        batches = frozenset(
            item.optional_vars.id
            for node in nodes
            if isinstance(node, ast.With | ast.AsyncWith)
            for item in node.items
            if isinstance(item.optional_vars, ast.Name) and isinstance(item.context_expr, ast.Call)
            and first.origin(item.context_expr.func) == f"{_OPERATIONS}batch_alter_table"
        )  # fmt: skip
        return cls(own, strings, batches, types, frozenset(times), defined)

    def origin(self, node: ast.expr) -> str:
        """The dotted name of what an import brought in, "" for anything else."""
        if isinstance(node, ast.Name):
            return self.imports.get(node.id, "")
        if isinstance(node, ast.Attribute):
            before = self.origin(node.value)
            return f"{before}.{node.attr}" if before else ""
        return ""

    def is_operation(self, function: ast.expr) -> bool:
        """Whether it is ``op.…``, by whatever name, or a method of a batch."""
        owner = function.value if isinstance(function, ast.Attribute) else None
        on_batch = isinstance(owner, ast.Name) and owner.id in self.batches
        return on_batch or self.origin(function).startswith(_OPERATIONS)

    def is_op(self, node: ast.expr) -> bool:
        """Whether it is ``op`` or one of its operations."""
        return f"{self.origin(node)}.".startswith(_OPERATIONS)

    def is_type(self, node: ast.expr) -> bool:
        """Whether it is an enum type or a domain, made there or under a name: it holds no rows."""
        if isinstance(node, ast.Name):
            return node.id in self.types
        if not isinstance(node, ast.Call):
            return False
        origin = self.origin(node.func)
        return origin.startswith("sqlalchemy") and origin.rpartition(".")[2].lower() in ("enum", "domain")

    def is_assigned(self, name: str) -> bool:
        """Whether the name gets a value beside an import or a ``def``."""
        return name in self.assigned or name in self.imports


def _named(node: ast.Import | ast.ImportFrom) -> list[tuple[str, str]]:
    if isinstance(node, ast.Import):
        return [(one.asname, one.name) if one.asname else (one.name.split(".")[0],) * 2 for one in node.names]
    module = "." * node.level + (node.module or "")
    return [(one.asname or one.name, f"{module}.{one.name}") for one in node.names]


def is_harmless(call: ast.Call, origin: str, names: Names) -> bool:
    """Whether a call that is no operation and runs no statement is known to change nothing.

    The file's own functions are: what they do is read with the upgrade.
    """
    function = call.func
    if origin:
        package, last = origin.partition(".")[0], origin.rpartition(".")[2]
        if package in _SQL_PACKAGES:
            if ".func." in origin:
                return last.lower() in PLAIN
            return last[:1].isupper() or last in _EXPRESSIONS or last in _METHODS
        return package in _MODULES or (package == "alembic" and last in _METHODS)
    if isinstance(function, ast.Name):
        if function.id in names.defined:
            return True
        return function.id not in names.assigned and (function.id in _BUILTINS or _is_error(function.id))
    return isinstance(function, ast.Attribute) and function.attr in _METHODS


def column_types(root: ast.AST) -> set[int]:
    """The ids of the calls that stand as the type of a column: a class of the project's, made to be asked its name."""
    found: set[int] = set()
    for node in ast.walk(root):
        if isinstance(node, ast.Call):
            places = [word.value for word in node.keywords if word.arg in ("type_", "existing_type")]
            if ast.unparse(node.func).rpartition(".")[2] == "Column":
                places += node.args
            found |= {id(one) for one in places if isinstance(one, ast.Call) and _is_class(one.func)}
    return found


def _is_class(function: ast.expr) -> bool:
    return isinstance(function, ast.Attribute | ast.Name) and ast.unparse(function).rpartition(".")[2][:1].isupper()


def _is_error(name: str) -> bool:
    found = getattr(builtins, name, None)
    return isinstance(found, type) and issubclass(found, BaseException)
