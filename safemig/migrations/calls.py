"""The calls of a revision: operations of Alembic, statements that are run, and everything else that is called."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from safemig.migrations.from_python import argument, literal
from safemig.migrations.operation_targets import changes, constraint, is_none, makes, qualified
from safemig.migrations.python_definitions import asked_for_its_name
from safemig.migrations.python_events import RunsSql
from safemig.migrations.python_values import (
    BUILT,
    CHANGES_IN_PLACE,
    DATA,
    ENDS,
    EXPRESSION,
    LOOKS,
    OPERATIONS,
    PLAIN,
    SAFE_OPERATIONS,
    TYPE_PLACES,
    UNKNOWN,
    Value,
    formatted,
    is_harmless_builtin,
    is_of_python,
    of_import,
    of_method,
    replaced,
    shown,
    text_of,
)
from safemig.migrations.raw_text import check_raw_text
from safemig.sql.hazards import Hazard
from safemig.sql.type_changes import keeps, of_code

if TYPE_CHECKING:
    from safemig.migrations.python_reader import Reader

_RUNS = frozenset({"execute", "exec_driver_sql", "executemany", "scalar", "scalars"})
_SQL_TEXT = frozenset({"text", "literal_column", "DDL"})
_NO_LITERAL = "runs statements that are no literal, so what they do is not known"
_BUILT_OF_TEXT = "builds a statement of text that is no literal, so what it does is not known"
# No class of theirs that is not known already is a column's type.
_NO_TYPES = sys.stdlib_module_names | {"sqlalchemy", "alembic"}


def call(reader: Reader, node: ast.Call, at: int) -> Value:
    """What the call gives; what it does is told to the reader."""
    function = node.func
    if isinstance(function, ast.Attribute):
        owner = reader.value(function.value, at, used=True)
        if owner.kind == "batch":
            return _operation(reader, node, function.attr, at, table=owner.name)
        if owner.kind != "imported":
            return _method(reader, node, owner, function.attr, at)
        called = replace(owner, name=f"{owner.name}.{function.attr}")
    else:
        called = reader.value(function, at, used=True)
    match called.kind:
        case "imported" if called.name.startswith(OPERATIONS):
            return _operation(reader, node, called.name.removeprefix(OPERATIONS), at)
        case "imported":
            return _imported(reader, node, called.name, at)
        case "function":
            return _own(reader, node, called, at)
        case "builtin" if called.name in ("exit", "quit"):
            reader.raises(node, "SystemExit")
            return UNKNOWN
        case "builtin" if is_harmless_builtin(called.name):
            given = _arguments(reader, node, at)
            if not all(_may_be_called(one) for one in _called_back(called.name, node, given)):
                return _not_read(reader, node)
            return DATA if all(one.kind in (*PLAIN, "function") for one in given) else _of_builtin(called.name, given)
        case "class" if called.simple:
            _arguments(reader, node, at)
            return DATA
    _arguments(reader, node, at)
    return _not_read(reader, node)


def _not_read(reader: Reader, node: ast.Call) -> Value:
    return reader.unknown(node, f"calls {shown(node.func)}(), and what that does is not read")


def _called_back(name: str, node: ast.Call, given: Sequence[Value]) -> Iterator[Value]:
    """The arguments that Python's own function of that name calls."""
    if name in ("map", "filter") or (name == "iter" and len(node.args) == 2):
        yield from given[:1]
    yield from (
        value for word, value in zip(node.keywords, given[len(node.args) :], strict=True) if word.arg in ("key", None)
    )


def _may_be_called(value: Value) -> bool:
    """Whether calling it changes nothing, or has been followed."""
    if value.kind == "builtin":
        return is_harmless_builtin(value.name)
    if value.kind == "imported":
        return of_import(value.name) is not None
    return value.kind in (*PLAIN, *BUILT, "function")


def _hands_on(node: ast.Call, given: Sequence[Value]) -> bool:
    """Whether a function that is not known goes to a function of Python's modules, which may call it."""
    nodes = (*node.args, *(word.value for word in node.keywords))
    return any(
        isinstance(one, ast.Name | ast.Attribute)
        and (value.kind in ("imported", "builtin") or (value.kind == "unknown" and isinstance(one, ast.Attribute)))
        and not _may_be_called(value)
        for one, value in zip(nodes, given, strict=True)
    )


def _of_builtin(name: str, given: tuple[Value, ...]) -> Value:
    """A list or the like of values that are no plain ones stays what it is of; a question about them is data."""
    if name in ("len", "bool", "isinstance", "issubclass", "hasattr", "repr", "str", "print", "type", "hash", "any"):
        return DATA
    return EXPRESSION if all(one.kind not in ("unknown", "connection", "context") for one in given) else UNKNOWN


def _arguments(reader: Reader, node: ast.Call, at: int, *, types: bool = False) -> tuple[Value, ...]:
    """The values of the arguments, the keywords' behind the others. A function among them may be called with anything
    of the others; SQL among them becomes a part of what is built."""
    given = []
    for argument_ in (*node.args, *(word.value for word in node.keywords)):
        value = _type(reader, argument_, at) if types else None
        value = value if value is not None else reader.value(argument_, at)
        reader.consume(argument_, value)
        given.append(value)
    with_data = all(one.kind in (*PLAIN, "function", "builtin") for one in given)
    for argument_, value in zip((*node.args, *(word.value for word in node.keywords)), given, strict=True):
        if value.kind == "function" and value.code is not None:
            count = len(value.code.args.args) if isinstance(value.code, ast.FunctionDef | ast.Lambda) else 0
            reader.follow(argument_, value, (DATA if with_data else UNKNOWN,) * count)
    return tuple(given)


def _type(reader: Reader, node: ast.expr, at: int) -> Value | None:
    """A type of the project's own where a column's type stands: a class that is made to be asked its name, and whose
    making is trusted."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name)):
        return None
    last = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
    called = reader.value(node.func, at, used=True)
    own = called.kind == "class" and bool(called.name)
    if not (last[:1].isupper() and (own or (called.kind == "imported" and of_import(called.name) is None))):
        return None
    if called.kind == "imported" and called.name.partition(".")[0] in _NO_TYPES:
        return None
    if own:
        asked_for_its_name(reader, node, called)
    _arguments(reader, node, at)
    return EXPRESSION


def _own(reader: Reader, node: ast.Call, called: Value, at: int) -> Value:
    """A function of the file: it is followed with what it is given, operations among that."""
    sure = reader.certain(node, at) and _runs_whole(called.code)
    given: list[Value] = []
    for argument_ in node.args:
        value = reader.value(argument_.value if isinstance(argument_, ast.Starred) else argument_, at, used=True)
        given += (
            value.items or (DATA if value.kind in PLAIN else UNKNOWN,) * 9
            if isinstance(argument_, ast.Starred)
            else [value]
        )
    named = {word.arg or "**": reader.value(word.value, at, used=True) for word in node.keywords}
    return reader.follow(node, called, given, named, sure=sure)


def _runs_whole(code: ast.AST | None) -> bool:
    """Whether calling the function runs all of it: no coroutine, no generator, and nothing returns before its end."""
    leaves = (ast.Return, ast.Yield, ast.YieldFrom)
    if not isinstance(code, ast.FunctionDef) or code.decorator_list:
        return False
    return not any(isinstance(inner, leaves) for inner in ast.walk(code))


def _imported(reader: Reader, node: ast.Call, dotted: str, at: int) -> Value:
    last = dotted.rpartition(".")[2]
    if dotted in ENDS:
        reader.raises(node, "SystemExit")
        return UNKNOWN
    is_sql = last in _SQL_TEXT and dotted.startswith(("sqlalchemy.", "sqlmodel."))
    if is_sql or dotted in ("textwrap.dedent", "inspect.cleandoc"):
        (value, *_) = (*_arguments(reader, node, at), UNKNOWN)
        if value.kind == "text" and is_sql:
            reader.texts.append(RunsSql(node.lineno, value.name, "either"))
            return replace(value, sql=True)
        if value.kind == "text":
            return value
        if is_sql:
            reader.unknown(node, _BUILT_OF_TEXT if last == "literal_column" else _NO_LITERAL)
        return DATA
    given = _arguments(reader, node, at, types=last in TYPE_PLACES)
    given = given[:1] if last == "quoted_name" and _is_always_quoted(node) else given
    made = of_import(dotted, given)
    if made is None:
        return _of_unknown(reader, node, dotted)
    if is_of_python(dotted) and _hands_on(node, given):
        return _not_read(reader, node)
    check_raw_text(reader, node, last, at)
    return replace(made, items=tuple(one for one in given if one.sql)) if made.kind == "expression" else made


def _of_unknown(reader: Reader, node: ast.Call, dotted: str) -> Value:
    """What is imported and not known to do nothing, with what is known of it."""
    last = dotted.rpartition(".")[2]
    if last in ("update", "delete") and dotted.startswith("sqlalchemy"):
        return _write(reader, node, last)
    if last in ("Session", "sessionmaker", "scoped_session"):
        return reader.unknown(node, f"works with an ORM session ({last}), and what it writes is not read")
    return _not_read(reader, node)


def _is_always_quoted(node: ast.Call) -> bool:
    """``quoted_name(name, True)`` or ``quoted_name(name, quote=True)``."""
    if len(node.args) + len(node.keywords) != 2:
        return False
    quote = node.args[1] if len(node.args) > 1 else node.keywords[-1].value
    return isinstance(quote, ast.Constant) and quote.value is True


def _write(reader: Reader, node: ast.AST, method: str) -> Value:
    what = "takes rows away" if method == "delete" else "overwrites what rows hold"
    reader.note(node, Hazard("data loss", f"{what} (a statement built by {method}())"))
    return Value("write")


def _method(reader: Reader, node: ast.Call, owner: Value, method: str, at: int) -> Value:
    if owner.kind in ("connection", "context", "unknown") and method in _RUNS:
        told = _runs(reader, node, at)
        return told if owner.kind != "unknown" else _not_read(reader, node)
    if owner.kind in ("table", "expression", "write", "query") and method in ("update", "delete"):
        _arguments(reader, node, at)
        return _write(reader, node, method)
    if method in ("drop", "drop_all") and owner.kind != "enum":
        _arguments(reader, node, at)
        return reader.unknown(node, f"calls {shown(node.func)}(), which may drop tables with their data")
    if owner.kind == "text":
        return _of_text(reader, node, owner, method, at)
    given = _arguments(reader, node, at)
    if method in CHANGES_IN_PLACE:
        reader.forget(owner)
    if owner.kind == "write":
        return owner
    if owner.kind == "query" and method in ("on_conflict_do_update", "on_duplicate_key_update"):
        reader.note(node, Hazard("data loss", f"overwrites what rows hold (a statement built by {method}())"))
        return Value("write")
    made = of_method(owner, method)
    if made is None or (method in ("first", "one", "all", "scalar", "scalars") and owner.kind == "data" and given):
        return _not_read(reader, node)
    if made.name == "ddl":
        reader.acts(node)
    return made


def _of_text(reader: Reader, node: ast.Call, owner: Value, method: str, at: int) -> Value:
    given = _arguments(reader, node, at)
    match method, given:
        case "bindparams" | "columns" | "execution_options", _ if owner.sql:
            return owner
        case (("strip" | "lstrip" | "rstrip"), ()):
            return replace(owner, name=getattr(owner.name, method)())
        case "replace", (old, new) if _are_texts(given):
            return replace(replaced(owner.name, old.name, new.name), sql=owner.sql)
        case "join", (joined,) if joined.items and _are_texts(joined.items):
            return text_of([item.name for item in joined.items], owner.name)
        case "format", _ if _are_texts(given) and None not in [word.arg for word in node.keywords]:
            count = len(node.args)
            words = {word.arg or "": value.name for word, value in zip(node.keywords, given[count:], strict=True)}
            return formatted(owner.name, [value.name for value in given[:count]], words)
    return DATA if of_method(Value("text"), method) else _not_read(reader, node)


def _are_texts(values: Sequence[Value]) -> bool:
    return all(value.kind == "text" for value in values)


def _runs(reader: Reader, node: ast.Call, at: int) -> Value:
    """A statement that is run: by ``op.execute`` or a connection."""
    words = {word.arg: word.value for word in node.keywords}
    given = node.args[0] if node.args else words.get("sqltext") or words.get("statement")
    if given is None or isinstance(given, ast.Starred):
        return reader.unknown(node, _NO_LITERAL)
    value = reader.value(given, at)
    for other in (*node.args[1:], *(word.value for word in node.keywords if word.value is not given)):
        reader.value(other, at)
    if value.kind == "text":
        reader.runs(node, value.name, certain=reader.certain(node, at))
    elif value.kind == "query":
        if value.name:
            reader.acts(node, rows=value.name in ("insert", "write"))
    elif value.kind == "write":
        reader.acts(node, rows=True)
    else:
        reader.unknown(node, _NO_LITERAL)
        reader.acts(node)
    return DATA


# Operations of Alembic


def _operation(reader: Reader, node: ast.Call, method: str, at: int, table: str = "") -> Value:
    """``op.…``, or with a table a method of its batch."""
    if method == "execute" and not table:
        return _runs(reader, node, at)
    given = _arguments(reader, node, at, types=method == "alter_column")
    check_raw_text(reader, node, method, at)
    if method not in LOOKS and (method != "alter_column" or changes(node)):
        made = makes(node, method, table) if reader.certain(node, at) else ""
        reader.acts(node, made, rows=method == "bulk_insert")
    if method == "batch_alter_table":
        return _batch(reader, node)
    hazard = _hazard(reader, node, method, at, given, in_batch=bool(table))
    if hazard is not None:
        reader.note(node, hazard, constraint(node, table))
    return {"get_bind": Value("connection"), "get_context": Value("context"), "f": given[0] if given else DATA,
            "inline_literal": EXPRESSION}.get(method, Value("table") if method == "create_table" else DATA)  # fmt: skip


def _batch(reader: Reader, node: ast.Call) -> Value:
    words = {word.arg: word.value for word in node.keywords}
    recreate = argument(node, 2, "recreate")
    made_anew = "copies the table into a new one and drops it (recreate), which takes what others have hung on it"
    if None in words or any(isinstance(argument, ast.Starred) for argument in node.args):
        reader.unknown(node, "alters a table by arguments that are no literal, so what they do is not known")
    elif recreate is not None and literal(recreate) not in ("auto", "never"):
        reader.note(node, Hazard("data loss", made_anew))
    return Value("batch", qualified(node, literal(argument(node, 0, "table_name"))) or "…")


def _hazard(
    reader: Reader, node: ast.Call, method: str, at: int, given: tuple[Value, ...], *, in_batch: bool
) -> Hazard | None:
    match method:
        case "drop_table" | "drop_column":
            place = 1 if method == "drop_column" and not in_batch else 0
            names = [_shown_name(node, given, number) for number in range(place + 1)]
            return Hazard("data loss", f"drops the {method.removeprefix('drop_')} {'.'.join(names)} with its data")
        case "invoke":
            return Hazard("unknown", f"calls {shown(node.func)}(), which may drop tables with their data")
        case "drop_constraint":
            return Hazard("constraint dropped", f"drops the constraint {_shown_name(node, given, 0)}")
        case "rename_table":
            old, new = _shown_name(node, given, 0), _shown_name(node, given, 1)
            return Hazard("rename", f"renames the table {old} to {new}, which running code may use by its old name")
        case "alter_column":
            return _alters(reader, node, at, in_batch=in_batch)
    if method in SAFE_OPERATIONS:
        return None
    return Hazard("unknown", f"calls {shown(node.func)}(), and what that does is not read")


def _shown_name(node: ast.Call, given: tuple[Value, ...], place: int) -> str:
    """The name that the argument at that place holds, as far as it is known."""
    known = place < len(node.args) and given[place].kind == "text"
    return given[place].name if known else "…"


def _alters(reader: Reader, node: ast.Call, at: int, *, in_batch: bool) -> Hazard | None:
    words = {word.arg: word.value for word in node.keywords}
    type_, using, renamed = words.get("type_"), words.get("postgresql_using"), words.get("new_column_name")
    column = literal(argument(node, 0 if in_batch else 1, "column_name")) or "…"
    if None in words or any(isinstance(argument, ast.Starred) for argument in node.args) or len(node.args) > 2:
        return Hazard("unknown", "alters a column by arguments that are no literal, so what they do is not known")
    if using is not None and not is_none(using):
        return Hazard("data loss", "changes a type with USING, and what does not fit the new one is lost")
    if type_ is not None and not is_none(type_):
        before, after = _type_of(reader, words.get("existing_type"), at), _type_of(reader, type_, at)
        if not keeps(before or "unknown", after):
            change = f" from {before or '…'} to {after or '…'}"
            return Hazard("data loss", f"changes a type{change}, and what does not fit the new one may be lost")
        return Hazard("type change", f"changes the type of the column {column} to {after}")
    if renamed is not None and not is_none(renamed):
        new = literal(renamed) or "…"
        return Hazard("rename", f"renames the column {column} to {new}, which running code may use by its old name")
    return None


def _type_of(reader: Reader, node: ast.expr | None, at: int) -> str:
    """The type that the code stands for; "" where the class is not SQLAlchemy's own."""
    function = node.func if isinstance(node, ast.Call) else node
    if function is None:
        return ""
    named = reader.value(function, at, used=True)
    return of_code(node) if named.kind == "imported" and named.name.startswith("sqlalchemy.") else ""
