"""What a name or an expression of a revision stands for, and which calls on it are known to change no row."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from safemig.sql.functions import is_harmless

ValueKind = Literal[
    "data",  # plain values of Python, rows of a result: their content is not known
    "text",  # a string whose content is known; ``sql``: inside of text(…)
    "imported",  # what an import brought in, by its dotted name
    "builtin",
    "function",  # of the file's own
    "class",  # of the file's own
    "expression",  # made of SQLAlchemy's calls; it runs nothing
    "query",  # a SELECT or INSERT made of them, or DDL that makes something
    "write",  # an UPDATE or DELETE made of them
    "table",
    "enum",
    "batch",
    "connection",
    "context",
    "inspector",
    "unknown",
]


@dataclass(frozen=True)
class Value:
    """``name`` is the dotted name, the text, the batch's table or, of a query, "insert" where it adds rows; ``items``
    are the members of a list that is written out; ``code`` is a function or class with the number of its scope."""

    kind: ValueKind
    name: str = ""
    sql: bool = False
    items: tuple[Value, ...] = ()
    code: ast.AST | None = None
    scope: int = 0
    simple: bool = False


MAX_CHARACTERS = 200_000  # of a text that is put together
_FIELD = re.compile(r"(\{\w*\})")
DATA, UNKNOWN, EXPRESSION = Value("data"), Value("unknown"), Value("expression")
PLAIN: tuple[ValueKind, ...] = ("data", "text")
BUILT: tuple[ValueKind, ...] = ("expression", "query", "table", "enum")

OPERATIONS = "alembic.op."
# Operations that lose nothing whatever they are given; the others are judged one by one.
SAFE_OPERATIONS = frozenset({
    "add_column", "bulk_insert", "create_check_constraint", "create_exclude_constraint", "create_foreign_key",
    "create_index", "create_primary_key", "create_table", "create_table_comment", "create_unique_constraint",
    "drop_index", "drop_table_comment", "f", "get_bind", "get_context", "inline_literal",
})  # fmt: skip
LOOKS = frozenset({"f", "get_bind", "get_context", "inline_literal", "batch_alter_table"})

_DATA_METHODS = frozenset({
    "format", "format_map", "join", "strip", "lstrip", "rstrip", "lower", "upper", "title", "capitalize", "replace",
    "split", "rsplit", "splitlines", "partition", "rpartition", "startswith", "endswith", "removeprefix",
    "removesuffix", "encode", "decode", "zfill", "ljust", "rjust", "isdigit", "append", "extend", "insert", "add",
    "update", "pop", "remove", "discard", "sort", "reverse", "items", "keys", "values", "get", "setdefault", "copy",
    "index", "count", "find", "union", "difference", "intersection", "issubset", "isoformat", "strftime", "date",
    "timestamp", "astimezone", "total_seconds", "hexdigest", "hex", "info", "debug", "warning", "error", "exception",
    "log", "match", "search", "fullmatch", "findall", "sub", "group", "groups", "fetchall", "fetchone", "fetchmany",
    "first", "one", "one_or_none", "all", "scalar", "scalars", "scalar_one", "scalar_one_or_none", "mappings",
    "unique", "most_common", "_asdict", "close", "has_table",
})  # fmt: skip
CHANGES_IN_PLACE = frozenset({
    "append", "extend", "insert", "add", "update", "pop", "remove", "discard", "sort", "reverse", "setdefault",
})  # fmt: skip
_EXPRESSION_METHODS = frozenset({
    "where", "filter", "filter_by", "select_from", "order_by", "group_by", "having", "join", "outerjoin", "limit",
    "offset", "label", "is_", "is_not", "isnot", "is_distinct_from", "is_not_distinct_from", "in_", "not_in", "notin_",
    "like", "ilike", "notlike", "startswith", "endswith", "contains", "between", "desc", "asc", "any_", "op", "cast",
    "alias", "subquery", "scalar_subquery", "as_scalar", "cte", "correlate", "distinct", "union", "union_all",
    "intersect", "except_", "exists", "returning", "with_variant", "nulls_first", "nulls_last", "nullslast",
    "nullsfirst", "values", "from_select", "on_conflict_do_nothing", "bindparams", "columns", "execution_options",
    "with_only_columns", "add_columns", "with_for_update", "over", "within_group", "astext", "as_string", "get",
    "keys", "concat", "collate", "self_group", "key", "append_column", "append_constraint", "append", "extend",
    "items", "copy", "with_entities", "has_key", "regexp_match", "op_",
})  # fmt: skip
_CONNECTION_LOOKS = frozenset({
    "begin", "begin_nested", "commit", "in_transaction", "get_isolation_level", "get_transaction", "scalar_one",
})  # fmt: skip
_CONTEXT_LOOKS = frozenset({
    "autocommit_block", "begin_transaction", "get_current_revision", "get_current_heads", "is_transactional_ddl",
})  # fmt: skip
_BUILTINS = frozenset({
    "str", "int", "float", "bool", "bytes", "len", "list", "dict", "tuple", "set", "frozenset", "sorted", "range",
    "enumerate", "zip", "isinstance", "issubclass", "print", "format", "repr", "min", "max", "sum", "any", "all",
    "next", "iter", "reversed", "abs", "round", "hasattr", "map", "filter", "chr", "ord", "type", "divmod", "hash",
})  # fmt: skip
# Of the modules of Python: what is called by these names reaches nothing outside of the migration.
_MODULES: Mapping[str, frozenset[str] | None] = {
    "collections": None, "datetime": None, "decimal": None, "enum": None, "itertools": None, "math": None,
    "re": None, "string": None, "textwrap": None, "uuid": None,
    "typing": frozenset({"cast", "TypeVar", "NewType", "NamedTuple", "TypedDict"}), "fractions": None, "hashlib": None,
    "base64": None, "secrets": None, "random": None, "zoneinfo": None,
    "json": frozenset({"loads", "dumps"}), "time": frozenset({"time", "sleep", "monotonic", "perf_counter"}),
    "logging": frozenset({"getLogger", "info", "debug", "warning", "error", "exception"}),
    "warnings": frozenset({"warn", "filterwarnings", "simplefilter", "catch_warnings"}),
    "contextlib": frozenset({"suppress", "nullcontext"}), "copy": frozenset({"copy", "deepcopy"}),
    "operator": frozenset({"itemgetter"}), "dataclasses": frozenset({"dataclass", "field", "asdict"}),
    "os": frozenset({"join", "dirname", "abspath", "basename", "realpath", "exists", "isfile", "getenv", "get"}),
    "functools": frozenset({"wraps", "lru_cache", "cache"}), "__future__": frozenset(), "types": frozenset(),
}  # fmt: skip
_CONTEXT = {
    "is_offline_mode": DATA, "get_x_argument": DATA, "get_bind": Value("connection"), "get_context": Value("context"),
}  # fmt: skip
ENDS = frozenset({"sys.exit", "os._exit", "os.abort"})
_SQL_PACKAGES = ("sqlalchemy", "geoalchemy2", "pgvector", "sqlmodel", "sqlalchemy_utils")
# Parts of a dotted name behind which classes and functions run statements, open connections or call back.
_ACTING = frozenset(
    {"orm", "engine", "event", "events", "ext", "pool", "create_engine", "testing", "util", "inspection"}
)
_NOT_TYPES = frozenset({
    "Session", "Connection", "Engine", "DropTable", "DropColumn", "DropIndex", "DropSchema", "DropSequence",
    "Function", "FunctionElement", "TextClause", "ColumnClause",
    "DropConstraint", "DropView", "Delete", "Update", "DDLElement", "ExecutableDDLElement", "AsyncSession",
})  # fmt: skip
_CLASS_BUILDERS = frozenset({
    "declarative_base", "relationship", "mapped_column", "DeclarativeBase", "Mapped", "aliased", "registry",
    "MappedAsDataclass",
})  # fmt: skip
_EXPRESSIONS = frozenset({
    "column", "literal", "cast", "try_cast", "type_coerce", "and_", "or_", "not_", "null", "true", "false", "desc",
    "asc", "between", "nulls_first", "nulls_last", "nullsfirst", "nullslast", "collate", "distinct", "exists", "case",
    "extract", "tuple_", "bindparam", "values", "any_", "all_", "label", "lateral", "over", "within_group", "array",
    "hstore", "aggregate_order_by", "conv", "join", "outerjoin", "alias", "funcfilter", "custom_op",
})  # fmt: skip
# What SQL writes without parentheses; SQLAlchemy has each as a function that it renders so.
_VALUE_FUNCTIONS = frozenset({
    "current_date", "current_time", "current_timestamp", "localtime", "localtimestamp", "current_user", "session_user",
    "user",
})  # fmt: skip
_CREATES = frozenset({"CreateTable", "CreateIndex", "CreateSequence", "CreateSchema", "AddConstraint"})
TYPE_PLACES = frozenset({"Column", "column", "mapped_column", "cast", "type_coerce", "ARRAY", "bindparam"})


def is_of_python(dotted: str) -> bool:
    """Whether the name is one of the known modules of Python."""
    return dotted.partition(".")[0] in _MODULES


def of_import(dotted: str, arguments: tuple[Value, ...] = ()) -> Value | None:
    """What calling that imported name gives; None for a call that is not known to change nothing.

    ``sqlalchemy.text`` and its like, which hold SQL, are the caller's.
    """
    package, _, rest = dotted.partition(".")
    last = dotted.rpartition(".")[2]
    if package in _MODULES:
        allowed = _MODULES[package]
        return DATA if rest and (allowed is None or last in allowed) else None
    if package == "alembic":
        return _CONTEXT.get(last) if dotted == f"alembic.context.{last}" else None
    return _of_sqlalchemy(dotted, last, arguments) if package in _SQL_PACKAGES else None


def _of_sqlalchemy(dotted: str, last: str, arguments: tuple[Value, ...]) -> Value | None:
    parts = dotted.split(".")
    if "func" in parts[:-1] or "functions" in parts[:-1]:
        return EXPRESSION if _is_harmless_function(parts) else None
    if last in _CLASS_BUILDERS:
        return EXPRESSION
    if last == "inspect" or dotted.endswith(".Inspector.from_engine"):
        return Value("inspector")
    if _ACTING & set(parts[1:]) or last in _NOT_TYPES:
        return None
    match last:
        case "select" | "union" | "union_all" | "intersect" | "except_":
            return Value("query", "write" if any(argument.kind == "write" for argument in arguments) else "")
        case "insert":
            return Value("query", "insert")
        case "table" | "Table" | "MetaData":
            return Value("table")
        case "quoted_name":  # quote=False puts the name into the statement as it is
            return EXPRESSION if len(arguments) == 1 else None
    if last.lower() in ("enum", "domain"):
        return Value("enum")
    if last in _CREATES:
        return Value("query", "ddl")
    return EXPRESSION if last[:1].isupper() or last in _EXPRESSIONS else None


def _is_harmless_function(parts: Sequence[str]) -> bool:
    """Whether the SQL function behind ``func``, a schema's name in front of it, is known to change nothing."""
    behind = max(at for at, part in enumerate(parts) if part in ("func", "functions")) + 1
    name = tuple(part.lower() for part in parts[behind:])
    return (len(name) == 1 and name[0] in _VALUE_FUNCTIONS) or is_harmless(name)


def of_method(value: Value, method: str) -> Value | None:
    """What a method of that value gives; None for one that is not known to change nothing."""
    match value.kind, method:
        case "table", "insert":
            return Value("query", "insert")
        case "table", "select":
            return Value("query", "")
        case "table", "reflect":
            return DATA
        case ("table" | "enum" | "expression", "create" | "create_all") | ("enum", "drop"):
            return Value("data", "ddl")
        case "query", _ if method in _EXPRESSION_METHODS:
            return EXPRESSION if method in _GIVE_PART else Value("query", value.name)
        case "inspector", _:
            return DATA if method.startswith(("get_", "has_")) else None
        case "connection", "connect" | "execution_options":
            return value
        case "connection", _:
            return DATA if method in _CONNECTION_LOOKS else None
        case "context", _:
            return DATA if method in _CONTEXT_LOOKS else None
        case kind, _ if kind in PLAIN:
            return DATA if method in _DATA_METHODS else None
        case kind, _ if kind in BUILT:
            return EXPRESSION if method in _EXPRESSION_METHODS else None
    return None


_GIVE_PART = frozenset({"cte", "subquery", "scalar_subquery", "as_scalar", "alias", "exists", "label"})


def attribute(value: Value, name: str) -> Value:
    """What an attribute that is read, and not called, stands for."""
    if value.kind in ("imported", "batch"):
        return Value(value.kind, f"{value.name}.{name}")
    if value.kind in PLAIN or value.kind in ("inspector", "builtin"):
        return DATA
    if value.kind in BUILT or (value.kind == "class" and value.simple):
        return EXPRESSION
    if value.kind in ("connection", "context") and name == "dialect":
        return DATA
    if value.kind == "context" and name in ("bind", "connection"):
        return Value("connection")
    return UNKNOWN


def is_builtin(name: str) -> bool:
    """Whether the name is Python's own."""
    return hasattr(builtins, name)


def is_harmless_builtin(name: str) -> bool:
    """Whether calling Python's own function or exception of that name changes nothing."""
    own = getattr(builtins, name, None)
    return name in _BUILTINS or (isinstance(own, type) and issubclass(own, BaseException))


def joined(first: Value, second: Value) -> Value:
    """What a name stands for that may be either."""
    if first == second:
        return first
    if first.kind in PLAIN and second.kind in PLAIN:
        return DATA
    if first.kind in BUILT and second.kind in BUILT:
        return EXPRESSION
    return UNKNOWN


def combined(parts: tuple[Value, ...]) -> Value:
    """What an operation or a list of these values stands for."""
    if all(part.kind in PLAIN for part in parts):
        return DATA
    if all(part.kind in (*PLAIN, *BUILT, "class") or is_type_name(part) for part in parts):
        return EXPRESSION
    return UNKNOWN


def is_type_name(value: Value) -> bool:
    """Whether it is a class of SQLAlchemy or of Python that is named and not called: ``sa.Integer``."""
    return value.kind == "builtin" or (value.kind == "imported" and not f"{value.name}.".startswith(OPERATIONS))


def is_library_type(value: Value) -> bool:
    """As ``is_type_name``, of Python or a package whose classes are known to do nothing when they are made."""
    package, _, name = value.name.partition(".")
    harmless = package in _MODULES or (package in _SQL_PACKAGES and not _ACTING & {*name.split(".")} - {"orm", "ext"})
    return is_type_name(value) and (value.kind == "builtin" or harmless)


def is_operation(value: Value) -> bool:
    """Whether it is Alembic's operations, one of them, or a batch of them."""
    return value.kind == "batch" or (value.kind == "imported" and f"{value.name}.".startswith(OPERATIONS))


def text_of(parts: Sequence[str], between: str = "") -> Value:
    """The text that those parts make; one that grows too long is not kept."""
    length = sum(map(len, parts)) + len(parts) * len(between)
    return Value("text", between.join(parts)) if length <= MAX_CHARACTERS else DATA


def filled(text: Value, given: Value) -> Value:
    """``text % given``: a text where both are known, and nothing but ``%s`` stands in it."""
    parts = given.items or (given,)
    pieces = text.name.replace("%%", "\0").split("%s")
    if any(part.kind != "text" for part in parts) or len(pieces) != len(parts) + 1 or "%" in "".join(pieces):
        return DATA
    names = [*(part.name for part in parts), ""]
    return text_of(
        [piece for pair in zip((piece.replace("\0", "%") for piece in pieces), names, strict=True) for piece in pair]
    )


def formatted(text: str, positional: Sequence[str], named: Mapping[str, str]) -> Value:
    """``text.format(…)``: a text where nothing but plain fields stand in it, without widths or attributes."""
    parts: list[str] = []
    count = 0
    for piece in _FIELD.split(text.replace("{{", "\0").replace("}}", "\1")):
        if _FIELD.fullmatch(piece) is None:
            parts.append(piece.replace("\0", "{").replace("\1", "}"))
            if "{" in piece or "}" in piece:
                return DATA
            continue
        key = piece[1:-1] or str(count)
        count += not piece[1:-1]
        value = named.get(key) or (positional[int(key)] if key.isdecimal() and int(key) < len(positional) else None)
        if value is None:
            return DATA
        parts.append(value)
    return text_of(parts)


def replaced(text: str, old: str, new: str) -> Value:
    """``text.replace(old, new)``."""
    return text_of(text.split(old), new) if old else DATA


def member(value: Value) -> Value:
    """What an element of the value stands for."""
    if value.kind in PLAIN:
        return DATA
    return EXPRESSION if value.kind in BUILT else UNKNOWN


def shown(node: ast.AST) -> str:
    """The code in one line of at most 60 characters."""
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 60 else text[:59] + "…"
