"""What revisions do to the tables that are there: their upgrades run on a throwaway copy of the schema, traced."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

from checks.database.statement_trace import Observer, RevisionTrace, StatementTrace, install
from safemig.base.redaction import redact
from safemig.migrations import evaluator, privileges
from safemig.migrations.change import Wanted
from safemig.sandbox.desired import engine
from safemig.sandbox.restore import load

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine


class _TracedEvaluation(evaluator.Evaluation):
    """Knows on which line it is."""

    line = 1

    def _statement(self, node: ast.stmt) -> None:
        self.line = node.lineno
        super()._statement(node)


def trace(
    dump: str, steps: Sequence[Wanted | None], scratch: Callable[[], AbstractContextManager[str]]
) -> tuple[RevisionTrace, ...]:
    """Each upgrade (None: an empty one) on top of those before it, up to the first that fails. ``revision`` is left
    empty. psycopg.Error and ScratchFails are the caller's."""
    import psycopg

    traces: list[RevisionTrace] = []
    with scratch() as conninfo:
        own = load(dump, conninfo, privileges.roles_of([one for one in steps if one is not None]))
        with psycopg.connect(conninfo, autocommit=True) as connection:
            install(connection)
        with engine(own) as target, target.connect() as connection:
            observer = Observer(_session(connection))
            for step in steps:
                traced = RevisionTrace("") if step is None else _traced(step, target, connection, observer)
                traces.append(traced)
                if traced.failure:
                    break
    return tuple(traces)


def _session(connection: Connection) -> Any:
    """psycopg's own connection, on which the looks are no statement of the revision."""
    found = connection.connection.dbapi_connection
    connection.rollback()
    return found


def _traced(step: Wanted, target: Engine, connection: Connection, observer: Observer) -> RevisionTrace:
    from alembic.operations import Operations
    from alembic.runtime.migration import MigrationContext

    context = MigrationContext.configure(connection)
    evaluation = _TracedEvaluation(Operations(context), context, step.imports)
    statements: list[StatementTrace] = []

    def note(sql: str) -> None:
        line = step.place(evaluation.line)[1]
        statements.append(observer.after(line, redact(sql)))

    failure = ""
    with _listening(target, observer.before, note):
        try:
            with context.begin_transaction():
                evaluation.run(step.upgrade, lenient=False)
        except evaluator.Refused as error:
            file, line = step.place(error.line)
            failure = f"{file}:{line}: {redact(error.text)!r} is not evaluated"
        except evaluator.Failed as error:
            file, line = step.place(error.line)
            failure = f"{file}:{line}: {redact(error.message)}"
    return RevisionTrace("", statements=tuple(statements), failure=failure)


@contextmanager
def _listening(target: Engine, before: Callable[[], None], after: Callable[[str], None]) -> Iterator[None]:
    """Calls them round each statement that SQLAlchemy sends."""
    from sqlalchemy import event

    def begin(*_: Any) -> None:
        before()

    def end(_: Any, __: Any, statement: str, *___: Any) -> None:
        after(statement)

    event.listen(target, "before_cursor_execute", begin)
    event.listen(target, "after_cursor_execute", end)
    try:
        yield
    finally:
        event.remove(target, "before_cursor_execute", begin)
        event.remove(target, "after_cursor_execute", end)
