"""A revision that is there already, made on a throwaway database: its operations, what it sends and asks over its
connection, its loops and conditions over what is known. Python never runs it."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Any

from safemig.migrations.change import Wanted
from safemig.migrations.evaluator import Bind, Evaluation, Module, Refused, refusal, send
from safemig.migrations.fragments import parse
from safemig.sql.text import statements
from safemig.sql.volatile import elsewhere

if TYPE_CHECKING:
    from alembic.operations import Operations
    from alembic.runtime.migration import MigrationContext
    from sqlalchemy import Connection

MAX_TURNS = 1_000  # of a loop
_PLAIN = (str, int, float, bool, type(None), list, tuple, dict, set)
_BUILTINS: Mapping[str, Callable[..., Any]] = {
    "any": any, "all": all, "len": len, "set": set, "list": list, "tuple": tuple, "bool": bool, "str": str,
}  # fmt: skip
_RUNS = frozenset({"execute", "exec_driver_sql", "scalar"})
_RESULTS = frozenset({"scalar", "scalar_one", "scalar_one_or_none", "fetchall", "all", "first", "fetchone"})
_LOOKS = frozenset({
    "has_table", "get_table_names", "get_view_names", "get_schema_names", "get_columns", "get_indexes",
    "get_unique_constraints", "get_check_constraints", "get_foreign_keys", "get_pk_constraint",
})  # fmt: skip
_COMPARES: Mapping[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: lambda left, right: left == right, ast.NotEq: lambda left, right: left != right,
    ast.In: lambda left, right: left in right, ast.NotIn: lambda left, right: left not in right,
    ast.Is: lambda left, right: left is right, ast.IsNot: lambda left, right: left is not right,
    ast.Gt: lambda left, right: left > right, ast.Lt: lambda left, right: left < right,
}  # fmt: skip


def apply(step: Wanted, connection: Connection) -> None:
    """Runs the upgrade on the connection, in a transaction as Alembic has. Statements that change rows alone
    (``step.rows``) are left out where they are not evaluated, with ``rows_left`` in any case.

    Raises Refused for other code that is not evaluated, Failed for what PostgreSQL refuses."""
    from alembic.operations import Operations
    from alembic.runtime.migration import MigrationContext

    context = MigrationContext.configure(connection)
    with context.begin_transaction():
        Replay(Operations(context), context, step).replay()


class _Dialect:
    """The dialect of the connection, for its name alone."""


class _Inspector:
    """What SQLAlchemy's inspector tells of the throwaway database."""

    def __init__(self, real: Any) -> None:
        self.real = real


class _Result:
    """What a statement gave."""

    def __init__(self, real: Any) -> None:
        self.real = real


class Replay(Evaluation):
    """See ``apply``."""

    def __init__(self, op: Operations, context: MigrationContext, step: Wanted) -> None:
        super().__init__(op, context, step.imports)
        self._step = step
        self._scope.setdefault("sqlmodel", Module("sqlmodel"))
        for line in step.imports:
            tree = parse(line)
            for node in tree.body if tree else ():
                if isinstance(node, ast.Assign | ast.AnnAssign):  # of the module: a name that stays unknown is refused
                    self._try(node)

    def replay(self) -> None:
        tree = parse(self._step.upgrade)
        if tree is None:
            raise Refused(1, self._step.upgrade.split("\n", 1)[0], "Python cannot read it")
        for node in tree.body:
            of_rows = node.lineno in self._step.rows
            if of_rows and self._step.rows_left:
                self._forget(node)
            elif of_rows:
                self._try(node)
            else:
                self._statement(node)

    def _import(self, node: ast.stmt) -> None:
        """What is not known of an import is refused where it is used: it may be needed for rows alone."""
        if not isinstance(node, ast.ImportFrom):
            super()._import(node)
            return
        for alias in node.names:
            with suppress(Refused):
                super()._import(ast.copy_location(ast.ImportFrom(node.module, [alias], node.level), node))

    def _try(self, node: ast.stmt) -> None:
        try:
            self._statement(node)
        except Refused:
            self._forget(node)

    def _forget(self, node: ast.AST) -> None:
        """What the statement gives a value to is not known any more, nor is what it may have changed in place."""
        given = {
            inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store)
        }
        changeable = {name for name, value in self._scope.items() if isinstance(value, list | dict | set)}
        for name in given | changeable:
            self._scope.pop(name, None)

    # Statements

    def _statement(self, node: ast.stmt) -> None:
        if isinstance(node, ast.For) and not node.orelse:
            for turn in self._turns(node.iter):
                self._bind(node.target, turn)
                self._block(node.body)
        elif isinstance(node, ast.If):
            self._block(node.body if self._truth(node.test) else node.orelse)
        else:
            super()._statement(node)

    def _block(self, body: Sequence[ast.stmt]) -> None:
        for node in body:
            self._statement(node)

    def _turns(self, node: ast.expr) -> Iterator[Any]:
        value = self._value(node)
        if not isinstance(value, list | tuple | set) or len(value) > MAX_TURNS:
            raise refusal(node, "only lists that are known are gone through")
        yield from tuple(value)

    def _bind(self, target: ast.expr, value: Any) -> None:
        if isinstance(target, ast.Name):
            self._scope[target.id] = value
        elif isinstance(target, ast.Tuple) and isinstance(value, list | tuple) and len(value) == len(target.elts):
            for inner, part in zip(target.elts, value, strict=True):
                self._bind(inner, part)
        else:
            raise refusal(target, "what it stands for is not known")

    # Expressions

    def _truth(self, node: ast.expr) -> bool:
        value = self._value(node)
        if not isinstance(value, _PLAIN):
            raise refusal(node, "whether it holds is not known")
        return bool(value)

    def _value(self, node: ast.expr) -> Any:
        match node:
            case ast.Name(id=name) if name not in self._scope and name in _BUILTINS:
                return _BUILTINS[name]
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return not self._truth(operand)
            case ast.BoolOp(op=ast.And(), values=values):
                return all(self._truth(one) for one in values)
            case ast.BoolOp(values=values):
                return any(self._truth(one) for one in values)
            case ast.Compare(left=left, ops=[operator], comparators=[right]) if type(operator) in _COMPARES:
                return self._compared(node, self._value(left), _COMPARES[type(operator)], self._value(right))
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp():
                return self._comprehended(node)
            case ast.Subscript(value=owner, slice=ast.Constant(value=key)):
                return self._part(node, self._value(owner), key)
        return super()._value(node)

    def _compared(self, node: ast.expr, left: Any, compare: Callable[[Any, Any], bool], right: Any) -> bool:
        if not isinstance(left, _PLAIN) or not isinstance(right, _PLAIN):
            raise refusal(node, "only plain values are compared")
        try:
            return compare(left, right)
        except TypeError as error:
            raise refusal(node, str(error)) from error

    def _comprehended(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp) -> Any:
        if len(node.generators) != 1 or node.generators[0].is_async:
            raise refusal(node, "only one list is gone through")
        part, outer, found = node.generators[0], dict(self._scope), []
        for turn in self._turns(part.iter):
            self._bind(part.target, turn)
            if all(self._truth(test) for test in part.ifs):
                found.append(self._value(node.elt))
        self._scope = outer
        return set(found) if isinstance(node, ast.SetComp) else found

    def _part(self, node: ast.expr, owner: Any, key: Any) -> Any:
        if not isinstance(owner, dict | list | tuple):
            raise refusal(node, "only a part of what is known is")
        try:
            return owner[key]
        except (LookupError, TypeError) as error:
            raise refusal(node, f"{type(error).__name__}: {error}") from error

    def _attribute(self, owner: Any, node: ast.Attribute) -> Any:
        match owner, node.attr:
            case Bind(), "dialect":
                return _Dialect()
            case Bind(), "engine":
                return owner
            case Bind(), name if name in _RUNS:
                return self._runner(node, scalar=name == "scalar")
            case _Dialect(), "name":
                return "postgresql"
            case _Inspector(), name if name in _LOOKS:
                return getattr(owner.real, name)
            case _Result(), name if name in _RESULTS:
                return lambda: _plain(node, owner.real, name)
        if owner is self._op and node.attr == "get_context":
            return Bind
        if owner is self._op and node.attr == "bulk_insert":
            return self._op.bulk_insert
        return super()._attribute(owner, node)

    def _member(self, module: Module, name: str, node: ast.AST) -> Any:
        import sqlalchemy

        if (module.path, name) == ("sqlalchemy", "inspect"):
            return self._inspect
        if (module.path, name) in (("sqlmodel", "sql"), ("sqlmodel.sql", "sqltypes")):
            return Module(f"{module.path}.{name}")
        if name == "AutoString" and module.path.startswith("sqlmodel"):
            return sqlalchemy.String  # what SQLModel's own type is on PostgreSQL
        return super()._member(module, name, node)

    def _inspect(self, bind: Any) -> _Inspector:
        import sqlalchemy

        if not isinstance(bind, Bind):
            raise TypeError("only the revision's own connection is inspected")
        return _Inspector(sqlalchemy.inspect(self._context.connection))

    def _runner(self, node: ast.expr, *, scalar: bool) -> Callable[..., Any]:
        def run(statement: Any, parameters: Any = None) -> Any:
            from sqlalchemy import TextClause

            if not isinstance(statement, str | TextClause) or not isinstance(parameters, list | dict | type(None)):
                raise TypeError("only SQL that is written out is run")
            for one in statements(str(statement)):
                if why := elsewhere(one):
                    raise TypeError(why)
            result = _Result(send(self._context, statement, parameters))
            return _plain(node, result.real, "scalar") if scalar else result

        return run


def _plain(node: ast.AST, result: Any, method: str) -> Any:
    """What a statement gave, as plain values: what follows may hang on it."""
    from sqlalchemy.exc import SQLAlchemyError

    try:
        if method.startswith("scalar"):
            value = getattr(result, method)()
        else:
            rows = [tuple(row) for row in islice(result, MAX_TURNS + 1)]
            value = rows if method in ("fetchall", "all") else next(iter(rows), None)
    except SQLAlchemyError as error:
        raise refusal(node, str(error).splitlines()[0]) from error
    if not isinstance(value, _PLAIN):
        raise refusal(node, "what the statement gave is no plain value")
    return value
