"""Calls of Alembic's operations as Python text, laid out as black and ruff lay them out."""

from __future__ import annotations

import ast
import io
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from safemig.sql import type_names
from safemig.sql.text import Token

if TYPE_CHECKING:
    from alembic.operations.ops import AlterColumnOp, MigrateOperation
    from sqlalchemy.types import TypeEngine

# As black and ruff break lines.
WIDTH = 88
INDENT = "    "
AUTOCOMMIT = "with op.get_context().autocommit_block():"
COMMIT = "op.get_bind().commit()"  # of a transaction that env.py has begun: where it does, a block needs this before it


class Lossy(Exception):
    """The operations have no word for it, or none that is sure to be the same."""


@dataclass(frozen=True)
class Code:
    """A call: what is called, and its arguments in their order."""

    name: str
    parts: tuple[str | Code, ...]

    def flat(self) -> str:
        return f"{self.name}({', '.join(part if isinstance(part, str) else part.flat() for part in self.parts)})"

    def lines(self, margin: int = 0, *, broken: bool = False) -> list[str]:
        """The call as black writes it at that margin; ``broken``: its arguments below each other in any case."""
        if not broken and margin + len(self.flat()) + 1 <= WIDTH:
            return [self.flat()]
        found = [f"{self.name}("]
        for part in self.parts:
            inner = [part] if isinstance(part, str) else part.lines(margin + len(INDENT))
            found += [INDENT + line for line in inner[:-1]]
            found.append(f"{INDENT}{inner[-1]},")
        return [*found, ")"]


def string(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def escaped(text: str) -> str:
    r"""The text for sqlalchemy.text, which takes ":name" for a parameter and "\:" for a colon, but neither where one
    more colon follows the name, as in "[[:alpha:]]"."""
    return re.sub(r"(?<![:\w\\]):(?=\w+(?![:\w])|[\w$]+(?![:\w$]))|\\(?=:\w*(?![:\w]))", r"\\\g<0>", text)


def closing(own: Sequence[Token], at: int) -> int:
    """The place of the bracket that closes the one at that place."""
    depth = 0
    for place, token in enumerate(own[at:], at):
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        if not depth:
            return place
    return len(own)


def listed(names: Sequence[str]) -> str:
    """The names as a list of Python."""
    return f"[{', '.join(map(string, names))}]"


def call(operation: MigrateOperation) -> Code:
    """The call of an operation that takes another back, in Alembic's words."""
    from alembic.operations import ops

    schema = getattr(operation, "schema", None)
    where = [f"schema={string(schema)}"] if schema else []
    match operation:
        case ops.DropTableOp():
            return Code("op.drop_table", (name(operation.table_name), *where))
        case ops.DropColumnOp():
            return Code("op.drop_column", (name(operation.table_name), name(operation.column_name), *where))
        case ops.DropIndexOp():
            table = [f"table_name={name(operation.table_name)}"] if operation.table_name else []
            apart = ["postgresql_concurrently=True"] if operation.kw.get("postgresql_concurrently") else []
            return Code("op.drop_index", (name(operation.index_name), *table, *where, *apart))
        case ops.DropConstraintOp():
            kind = [f"type_={string(operation.constraint_type)}"] if operation.constraint_type else []
            parts = (name(operation.constraint_name), name(operation.table_name), *kind, *where)
            return Code("op.drop_constraint", parts)
        case ops.RenameTableOp():
            return Code("op.rename_table", (name(operation.table_name), name(operation.new_table_name), *where))
        case ops.CreateTableCommentOp():
            comment = [] if operation.comment is None else [string(operation.comment)]
            return Code("op.create_table_comment", (name(operation.table_name), *comment, *where))
        case ops.DropTableCommentOp():
            return Code("op.drop_table_comment", (name(operation.table_name), *where))
        case ops.AlterColumnOp():
            parts = (name(operation.table_name), name(operation.column_name), *_altered(operation), *where)
            return Code("op.alter_column", parts)
    raise Lossy


def name(text: object) -> str:
    """A name, in ``op.f`` where no naming convention may change it."""
    from sqlalchemy.sql.elements import conv

    return f"op.f({string(text)})" if isinstance(text, conv) else string(str(text or ""))


def _altered(operation: AlterColumnOp) -> Iterator[str]:
    if operation.modify_name:
        yield f"new_column_name={string(operation.modify_name)}"
    for word, type_ in (("type_", operation.modify_type), ("existing_type", operation.existing_type)):
        if type_ is not None:
            yield f"{word}={type_code(type_)}"
    if operation.modify_nullable is not None:
        yield f"nullable={operation.modify_nullable}"
    if operation.modify_server_default is not False:
        yield f"server_default={_value(operation.modify_server_default)}"
    if operation.modify_comment is not False:
        yield f"comment={_value(operation.modify_comment)}"


def _value(value: object) -> str:
    if value is None:
        return "None"
    if isinstance(value, str):
        return string(value)
    from sqlalchemy import TextClause

    if isinstance(value, TextClause):
        return f"sa.text({string(value.text)})"
    raise Lossy


def type_code(type_: TypeEngine[Any]) -> str:
    """The type as a call of SQLAlchemy; Lossy for one that only SQL has a name for."""
    from alembic.autogenerate import render_python_code
    from alembic.operations.ops import AddColumnOp, UpgradeOps
    from sqlalchemy import Column
    from sqlalchemy.types import UserDefinedType

    if isinstance(type_, UserDefinedType):
        if code := type_names.type_code(type_.get_col_spec()):
            return code
        raise Lossy
    code = render_python_code(UpgradeOps(ops=[AddColumnOp("t", Column("c", type_))]))
    for node in ast.walk(ast.parse(f"def upgrade():\n    {code.strip()}")):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("Column") and len(node.args) > 1:
            return ast.unparse(node.args[1])
    raise Lossy


def spoken_type(type_: TypeEngine[Any]) -> str:
    """The type as a call of SQLAlchemy that a revision can write with its usual imports; "" where only SQL says it.

    Within others (an array's, a domain's) Alembic names some types bare, which no revision imports.
    """
    from sqlalchemy.types import NullType

    if isinstance(type_, NullType):
        return ""
    try:
        code = type_code(type_)
    except Lossy:
        return ""
    names = {node.id for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Name)}
    return code if names <= {"sa", "postgresql"} else ""


def in_autocommit(operation: MigrateOperation, code: str) -> str:
    """The code of the operation outside of the transaction, where PostgreSQL demands that."""
    if not (getattr(operation, "kw", None) or {}).get("postgresql_concurrently"):
        return code
    return f"{AUTOCOMMIT}\n" + "\n".join(INDENT + line for line in code.split("\n"))


def sql_of_operation(operation: MigrateOperation) -> tuple[str, ...]:
    """The statements that Alembic sends for the operation, without semicolons."""
    from alembic.operations import Operations
    from alembic.operations.ops import ExecuteSQLOp
    from alembic.runtime.migration import MigrationContext
    from sqlalchemy.dialects import postgresql

    if isinstance(operation, ExecuteSQLOp):
        return (str(operation.sqltext),)
    output = io.StringIO()
    options = {"as_sql": True, "output_buffer": output, "literal_binds": True}
    # paramstyle named: in the others a % is printed twice, as a driver wants it.
    dialect = postgresql.dialect(paramstyle="named")  # type: ignore[no-untyped-call]
    context = MigrationContext.configure(dialect=dialect, opts=options)
    Operations(context).invoke(operation)
    return tuple(text.strip() for text in output.getvalue().split(";\n\n") if text.strip())
