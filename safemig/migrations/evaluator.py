"""Evaluates the operations of a spec on a connection: op.*, sa.*, postgresql.* and literals, nothing else.

The code is read from its tree, name by name against lists; Python never runs it. What is not listed is refused.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, Literal

from safemig.migrations.change import Wanted
from safemig.migrations.fragments import parse
from safemig.migrations.render import COMMIT
from safemig.migrations.sqlalchemy_values import is_batch, is_enum, is_function_namespace, is_schema_value, is_type
from safemig.sql.parser import MAX_CHARACTERS
from safemig.sql.text import Statement, statements

if TYPE_CHECKING:
    from alembic.operations import Operations
    from alembic.runtime.migration import MigrationContext
    from sqlalchemy import Connection, TextClause

OPERATIONS = frozenset({
    "add_column", "alter_column", "create_check_constraint", "create_exclude_constraint",
    "create_foreign_key", "create_index", "create_primary_key", "create_table", "create_table_comment",
    "create_unique_constraint", "drop_column", "drop_constraint", "drop_index", "drop_table",
    "drop_table_comment", "rename_table", "execute", "f", "inline_literal", "get_bind",
})  # fmt: skip
_FUNCTIONS = frozenset({
    "text", "func", "literal", "literal_column", "column", "null", "true", "false", "desc", "asc",
    "nulls_first", "nulls_last", "nullsfirst", "nullslast", "cast", "collate", "and_", "or_", "not_",
    "table",
})  # fmt: skip
_ITEMS = frozenset({
    "Column", "ForeignKey", "ForeignKeyConstraint", "PrimaryKeyConstraint", "UniqueConstraint",
    "CheckConstraint", "Index", "Identity", "Computed", "Sequence", "FetchedValue", "DefaultClause",
    "ExcludeConstraint",
})  # fmt: skip
_MODULES = {
    "sqlalchemy": "sqlalchemy", "sqlalchemy.types": "sqlalchemy.types", "sqlalchemy.schema": "sqlalchemy.schema",
    "sqlalchemy.sql": "sqlalchemy.sql", "sqlalchemy.sql.expression": "sqlalchemy.sql.expression",
    "sqlalchemy.sql.sqltypes": "sqlalchemy.sql.sqltypes", "sqlalchemy.sql.schema": "sqlalchemy.sql.schema",
    "sqlalchemy.dialects": "sqlalchemy.dialects",
    "sqlalchemy.dialects.postgresql": "sqlalchemy.dialects.postgresql",
}  # fmt: skip
_METHODS = frozenset({
    "desc", "asc", "nulls_first", "nulls_last", "nullsfirst", "nullslast", "with_variant", "collate",
})  # fmt: skip


class Refused(Exception):
    """Code that is none of the listed operations. ``line`` is 1-based in the evaluated text."""

    def __init__(self, line: int, text: str, why: str = "") -> None:
        super().__init__(f"line {line}: {text!r} is not evaluated" + (f": {why}" if why else ""))
        self.line, self.text, self.why = line, text, why


class Failed(Exception):
    """PostgreSQL refused a statement. ``line`` is 1-based in the evaluated text."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(f"line {line}: {message}")
        self.line, self.message = line, message


def apply(wanted: Wanted, connection: Connection, *, side: Literal["up", "down"] = "up", lenient: bool = False) -> None:
    """Runs the upgrade (or the downgrade) on the connection, in a transaction as Alembic has.

    Raises Refused for code that is not evaluated, Failed for what PostgreSQL refuses; with ``lenient`` a statement
    that PostgreSQL refuses is passed over. The connection must not be in a transaction; it is the caller's to close.
    """
    from alembic.runtime.migration import MigrationContext

    context = MigrationContext.configure(connection)
    with context.begin_transaction():
        evaluate(wanted, context, side, lenient=lenient)


def evaluate(wanted: Wanted, context: MigrationContext, side: Literal["up", "down"], *, lenient: bool = False) -> None:
    """As ``apply``, in that context of Alembic as it stands."""
    from alembic.operations import Operations

    code = wanted.upgrade if side == "up" else wanted.downgrade
    if wanted.kind == "sql":
        _run_sql(code, context, lenient)
    else:
        Evaluation(Operations(context), context, wanted.imports).run(code, lenient)


@contextmanager
def _attempt(context: MigrationContext) -> Iterator[None]:
    """What PostgreSQL refuses in here leaves no trace, and is no error."""
    assert context.connection is not None
    savepoint = context.connection.begin_nested()
    try:
        yield
    except Failed:
        savepoint.rollback()
    else:
        savepoint.commit()


def needs_autocommit(statement: Statement) -> bool:
    """Whether PostgreSQL refuses the statement inside a transaction, or it is of no use there, as validating a
    constraint and filling a new column: the lock of adding it would last until the end of it."""
    words = [token.upper for token in statement.tokens]
    filling = words[:1] == ["UPDATE"] and words[-5:-3] == ["DEFAULT", "WHERE"] and words[-2:] == ["IS", "NULL"]
    validating = words[:2] == ["ALTER", "TABLE"] and words[-3:-1] == ["VALIDATE", "CONSTRAINT"]
    if filling or validating or ("CONCURRENTLY" in words[:6] and statement.head in ("CREATE", "DROP", "REINDEX")):
        return True
    return words[:2] == ["ALTER", "TYPE"] and "ADD" in words and "VALUE" in words


def _run_sql(code: str, context: MigrationContext, lenient: bool) -> None:
    for statement in statements(code):
        alone = needs_autocommit(statement) and not lenient
        with _attempt(context) if lenient else context.autocommit_block() if alone else nullcontext():
            _run_statement(statement, context)


def _run_statement(statement: Statement, context: MigrationContext) -> None:
    from sqlalchemy.exc import DBAPIError

    assert context.connection is not None
    try:
        # no_parameters: a % in the statement is a %, not a placeholder.
        context.connection.exec_driver_sql(statement.text, execution_options={"no_parameters": True})
    except DBAPIError as error:
        raise Failed(_line_of(error, statement), _message(error)) from error


def send(context: MigrationContext, statement: str | TextClause, parameters: Any) -> Any:
    """What the statement gives on the context's connection; a string without parameters goes as it stands."""
    assert context.connection is not None
    if not isinstance(statement, str):
        return context.connection.execute(statement, parameters)
    options = {} if parameters else {"no_parameters": True}
    return context.connection.exec_driver_sql(statement, parameters, execution_options=options)


def _line_of(error: Any, statement: Statement) -> int:
    """The line that PostgreSQL points at, else the first of the statement."""
    position = getattr(getattr(error.orig, "diag", None), "statement_position", None)
    if not position:
        return statement.line
    lead = statement.text.count("\n", 0, max(int(position) - 1, 0))
    return statement.line + lead - _leading(statement)


def _leading(statement: Statement) -> int:
    """How many lines of comments stand before the statement's first token."""
    first = statement.tokens[0].text
    return statement.text.count("\n", 0, max(statement.text.find(first), 0))


def _message(error: Any) -> str:
    diag = getattr(error.orig, "diag", None)
    parts = [getattr(diag, name, None) for name in ("message_primary", "message_detail", "message_hint")]
    said = "; ".join(part for part in parts if part)
    return said or str(error.orig).strip()


class Bind:
    """``op.get_bind()``: an enum is made and dropped on it."""


class Module:
    """A module of SQLAlchemy from which only listed names are taken."""

    def __init__(self, path: str) -> None:
        self.path = path


class Evaluation:
    """The names of one run of statements, and how each node of their tree comes to a value."""

    def __init__(self, op: Operations, context: MigrationContext, imports: tuple[str, ...]) -> None:
        self._op = op
        self._context = context
        self._scope: dict[str, Any] = {
            "op": op, "sa": Module("sqlalchemy"), "sqlalchemy": Module("sqlalchemy"),
            "postgresql": Module("sqlalchemy.dialects.postgresql"),
        }  # fmt: skip
        for line in imports:
            tree = parse(line)
            for node in tree.body if tree else ():
                self._import(node)

    def run(self, code: str, lenient: bool) -> None:
        tree = parse(code)
        if tree is None:
            raise Refused(1, code.split("\n", 1)[0], "Python cannot read it")
        for node in _flat(tree.body) if lenient else tree.body:
            with _attempt(self._context) if lenient else nullcontext():
                self._statement(node)

    def _import(self, node: ast.stmt) -> None:
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if node.module != "alembic":
                    module = Module(node.module or "")
                    self._scope[alias.asname or alias.name] = self._member(module, alias.name, node)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name in _MODULES:
                    name = alias.asname or alias.name.split(".")[0]
                    self._scope[name] = Module(alias.name if alias.asname else name)

    def _statement(self, node: ast.stmt) -> None:
        if isinstance(node, ast.Import | ast.ImportFrom):
            self._import(node)
        elif isinstance(node, ast.Expr):
            if ast.unparse(node) != COMMIT:  # of a transaction that env.py has begun: here there is none
                self._value(node.value)
        elif isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            self._scope[node.targets[0].id] = self._value(node.value)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
            self._scope[node.target.id] = self._value(node.value)
        elif isinstance(node, ast.With) and len(node.items) == 1:
            self._with(node)
        elif not isinstance(node, ast.Pass):
            raise refusal(node, "only operations, assignments and batches are")

    def _with(self, node: ast.With) -> None:
        from sqlalchemy.exc import DBAPIError

        item = node.items[0]
        try:
            with self._context_of(item.context_expr) as value:
                if isinstance(item.optional_vars, ast.Name):
                    self._scope[item.optional_vars.id] = value
                for inner in node.body:
                    self._statement(inner)
        except DBAPIError as error:  # a batch sends its statements at its end
            raise Failed(node.lineno, _message(error)) from error

    def _context_of(self, node: ast.expr) -> AbstractContextManager[Any]:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if ast.unparse(node.func) == "op.get_context().autocommit_block" and not node.args:
                return self._context.autocommit_block()
            if node.func.attr == "batch_alter_table" and self._value(node.func.value) is self._op:
                return self._batch(*self._arguments(node))
        raise refusal(node, "only op.batch_alter_table and autocommit_block are")

    def _batch(self, positional: list[Any], named: Mapping[str, Any]) -> AbstractContextManager[Any]:
        batch: AbstractContextManager[Any] = self._op.batch_alter_table(*positional, **named)
        return batch

    def _value(self, node: ast.expr) -> Any:
        if isinstance(node, ast.Constant):
            if node.value is Ellipsis:
                raise refusal(node, "a placeholder")
            return node.value
        if isinstance(node, ast.Name):
            if node.id not in self._scope:
                raise refusal(node, "the name is not known")
            return self._scope[node.id]
        if isinstance(node, ast.List | ast.Tuple | ast.Set):
            values = [self._value(element) for element in node.elts]
            return values if isinstance(node, ast.List) else tuple(values)
        if isinstance(node, ast.Dict) and all(node.keys):
            return {self._value(k): self._value(v) for k, v in zip(node.keys, node.values, strict=True) if k}
        if isinstance(node, ast.UnaryOp | ast.BinOp | ast.JoinedStr):
            return self._computed(node)
        if isinstance(node, ast.Attribute):
            return self._attribute(self._value(node.value), node)
        if isinstance(node, ast.Call):
            return self._call(node)
        raise refusal(node, "no literal and no operation")

    def _computed(self, node: ast.UnaryOp | ast.BinOp | ast.JoinedStr) -> Any:
        """Negative numbers and strings put together from strings."""
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            value = self._value(node.operand)
            if isinstance(value, int | float):
                return -value
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            left, right = self._value(node.left), self._value(node.right)
            if isinstance(left, str) and isinstance(right, str) and len(left) + len(right) <= MAX_CHARACTERS:
                return left + right
        elif isinstance(node, ast.JoinedStr):
            parts = [
                self._value(value.value if isinstance(value, ast.FormattedValue) else value) for value in node.values
            ]
            plain = all(not isinstance(value, ast.FormattedValue) or value.format_spec is None for value in node.values)
            if plain and all(isinstance(part, str | int) for part in parts):
                texts = [str(part) for part in parts]
                if sum(map(len, texts)) <= MAX_CHARACTERS:
                    return "".join(texts)
        raise refusal(node, "not computed")

    def _attribute(self, owner: Any, node: ast.Attribute) -> Any:
        if isinstance(owner, Module):
            return self._member(owner, node.attr, node)
        if owner is self._op and node.attr in OPERATIONS:
            return self._operation(node.attr)
        if is_batch(owner) and node.attr in OPERATIONS - {"execute", "get_bind", "inline_literal"}:
            return getattr(owner, node.attr)
        if is_function_namespace(owner) and not node.attr.startswith("_"):
            return getattr(owner, node.attr)
        if node.attr in _METHODS and is_schema_value(owner) and not isinstance(owner, type):
            return getattr(owner, node.attr)
        if node.attr in ("create", "drop") and is_enum(owner):
            return self._enum_method(getattr(owner, node.attr))
        raise refusal(node, "not one of the listed names")

    def _member(self, module: Module, name: str, node: ast.AST) -> Any:
        import importlib

        path = f"{module.path}.{name}"
        if path in _MODULES:
            return Module(path)
        if module.path not in _MODULES or name.startswith("_"):
            raise refusal(node, "not one of the listed names")
        value = getattr(importlib.import_module(module.path), name, None)
        if value is None or not (name in _ITEMS or name in _FUNCTIONS or is_type(value, name)):
            raise refusal(node, "not a type, constraint or expression of a schema")
        return value

    def _operation(self, name: str) -> Callable[..., Any]:
        if name == "get_bind":
            return Bind
        if name == "execute":
            return self._execute
        method: Callable[..., Any] = getattr(self._op, name)
        return method

    def _execute(self, sqltext: Any, **options: Any) -> None:
        from sqlalchemy import TextClause

        if options or not isinstance(sqltext, str | TextClause):
            raise TypeError("op.execute takes SQL as a literal or sa.text of one")
        self._op.execute(sqltext)

    def _enum_method(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(bind: Any, *, checkfirst: bool = True) -> None:
            if not isinstance(bind, Bind):
                raise TypeError("an enum is made on op.get_bind()")
            method(self._context.connection, checkfirst=checkfirst)

        return call

    def _call(self, node: ast.Call) -> Any:
        from sqlalchemy.exc import DBAPIError

        function = self._value(node.func)
        if isinstance(function, Module | str | int) or not callable(function) or function is self._op:
            raise refusal(node, "not callable")
        positional, named = self._arguments(node)
        try:
            return function(*positional, **named)
        except DBAPIError as error:
            raise Failed(node.lineno, _message(error)) from error
        except (Refused, Failed):
            raise
        except Exception as error:  # what SQLAlchemy and Alembic raise for wrong arguments has no common class
            raise refusal(node, f"{type(error).__name__}: {error}") from error

    def _arguments(self, node: ast.Call) -> tuple[list[Any], Mapping[str, Any]]:
        positional = [self._value(argument) for argument in node.args]
        if any(keyword.arg is None for keyword in node.keywords):
            raise refusal(node, "** is not evaluated")
        named = {keyword.arg: self._value(keyword.value) for keyword in node.keywords if keyword.arg}
        for value in (*positional, *named.values()):
            if isinstance(value, Module) or value is self._op:
                raise refusal(node, "a module is no value")
        return positional, named


def _flat(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements without autocommit blocks round them: a savepoint cannot outlive the commit of such a block."""
    for node in body:
        if isinstance(node, ast.With) and "autocommit_block" in ast.unparse(node.items[0].context_expr):
            yield from node.body
        else:
            yield node


def refusal(node: ast.AST, why: str) -> Refused:
    """That what stands there is not evaluated, and why."""
    return Refused(getattr(node, "lineno", 1), ast.unparse(node)[:200], why)
