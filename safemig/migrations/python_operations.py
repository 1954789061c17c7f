"""Operations of a spec or revision, read by the allow-listed evaluator: recorded, not run."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from safemig.migrations.evaluator import Evaluation, Refused
from safemig.migrations.render import sql_of_operation

if TYPE_CHECKING:
    from alembic.operations.ops import MigrateOperation


class Recorder:
    """The operations of statements that are given one after the other; names that they assign stay known."""

    def __init__(self, imports: tuple[str, ...]) -> None:
        from alembic.operations import Operations
        from alembic.runtime.migration import MigrationContext
        from sqlalchemy.dialects import postgresql

        recorded: list[MigrateOperation] = []

        class Recording(Operations):
            def invoke(self, operation: MigrateOperation) -> Any:
                recorded.append(operation)

        dialect = postgresql.dialect(paramstyle="named")  # type: ignore[no-untyped-call]  # in others a % stands twice
        context = MigrationContext.configure(dialect=dialect, opts={"as_sql": True})
        self._recorded = recorded
        self._evaluation = _Recorded(Recording(context), context, imports, recorded)

    def read(self, code: str) -> tuple[MigrateOperation, ...]:
        """The operations of those statements; Refused where one is not evaluated, or Alembic has no SQL for it."""
        self._recorded.clear()
        try:
            self._evaluation.run(code, lenient=False)
            for operation in self._recorded:
                sql_of_operation(operation)
        except Refused:
            raise
        except Exception as error:  # what SQLAlchemy and Alembic raise for wrong arguments has no common class
            raise Refused(1, code.split("\n", 1)[0][:200], f"{type(error).__name__}: {error}") from error
        return tuple(self._recorded)


class _Recorded(Evaluation):
    def __init__(self, op: Any, context: Any, imports: tuple[str, ...], recorded: list[Any]) -> None:
        super().__init__(op, context, imports)
        self._recorded = recorded

    def _context_of(self, node: ast.expr) -> AbstractContextManager[Any]:
        if ast.unparse(node) == "op.get_context().autocommit_block()":
            return nullcontext()
        return super()._context_of(node)

    def _batch(self, positional: list[Any], named: Mapping[str, Any]) -> AbstractContextManager[Any]:
        """A batch whose operations are recorded with its table in them."""
        from alembic.operations import BatchOperations
        from alembic.operations.batch import BatchOperationsImpl

        def begun(table_name: str, schema: str | None = None, **_: Any) -> BatchOperations:
            options: tuple[Any, ...] = ("never", None, (), {}, (), {}, {}, None)
            impl = BatchOperationsImpl(self._op, table_name, schema, *options)  # type: ignore[no-untyped-call]
            return RecordingBatch(self._context, impl=impl)

        recorded = self._recorded

        class RecordingBatch(BatchOperations):
            def invoke(self, operation: MigrateOperation) -> Any:
                recorded.append(operation)

        return nullcontext(begun(*positional, **named))

    def _enum_method(self, method: Callable[..., Any]) -> Callable[..., Any]:
        """An enum's create and drop want a connection: one that only notes what is sent to it."""
        from alembic.operations.ops import ExecuteSQLOp
        from sqlalchemy import create_mock_engine

        dialect = self._context.impl.dialect
        bind = create_mock_engine(
            "postgresql+psycopg://",
            lambda ddl, *_, **__: self._recorded.append(ExecuteSQLOp(str(ddl.compile(dialect=dialect)))),
        )

        def call(_: Any, **__: Any) -> None:
            method(bind, checkfirst=False)

        return call
