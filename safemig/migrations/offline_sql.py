"""The statements that operations come to, as text, as ``alembic upgrade --sql`` prints them."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from safemig.migrations.change import Wanted
from safemig.migrations.evaluator import Evaluation, Refused


@dataclass(frozen=True)
class Rendered:
    """``sql``, or ``unread``: why it cannot be told, with file and line."""

    sql: str = ""
    unread: str = ""


def render(step: Wanted) -> Rendered:
    """The statements of the upgrade, in order. The code is read from its tree, Python never runs it."""
    from alembic.operations import Operations
    from alembic.runtime.migration import MigrationContext
    from alembic.util import CommandError
    from sqlalchemy.dialects import postgresql
    from sqlalchemy.exc import SQLAlchemyError

    if step.kind == "sql":
        return Rendered(step.upgrade)
    output = io.StringIO()
    # paramstyle named: in the others a % is printed twice, as a driver wants it.
    dialect = postgresql.dialect(paramstyle="named")  # type: ignore[no-untyped-call]
    options = {"as_sql": True, "output_buffer": output, "literal_binds": True}
    context = MigrationContext.configure(dialect=dialect, opts=options)
    try:
        _Rendering(Operations(context), context, step.imports).run(step.upgrade, lenient=False)
    except Refused as error:
        file, line = step.place(error.line)
        return Rendered(unread=f"{file}:{line}: {error.text!r} is not evaluated" + (f": {error.why}" * bool(error.why)))
    except (SQLAlchemyError, CommandError) as error:  # a batch makes its statements at its end
        file, line = step.origin
        return Rendered(unread=f"{file}:{line}: {error}")
    return Rendered(output.getvalue().replace(";\n\n", ";\n").strip())


class _Rendering(Evaluation):
    def _enum_method(self, method: Callable[..., Any]) -> Callable[..., Any]:
        """An enum's create and drop want a connection: one that only notes what is sent to it."""
        from sqlalchemy import create_mock_engine

        impl = self._context.impl
        bind = create_mock_engine(
            "postgresql+psycopg://", lambda ddl, *_, **__: impl.static_output(f"{ddl.compile(dialect=impl.dialect)};")
        )

        def call(_: Any, **__: Any) -> None:
            method(bind, checkfirst=False)

        return call
