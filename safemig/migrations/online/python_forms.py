"""Operations of Alembic in the form that holds locks least."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Collection

from safemig.migrations.fragments import parse
from safemig.migrations.from_python import argument, literal
from safemig.migrations.online import batch, choices
from safemig.migrations.online.choices import Choice, Text, number_at, short, sql_name
from safemig.migrations.render import escaped
from safemig.migrations.table_draft import quoted

_BLOCK = "with op.get_context().autocommit_block():"


def change(
    code: str, numbers: tuple[int, ...], existing: Collection[str], origin: int
) -> tuple[str, tuple[int, ...], tuple[Choice, ...]]:
    """The statements in the form that holds locks least, their lines in the spec, and what was chosen."""
    tree = parse(code)
    lines = code.split("\n")
    if tree is None:
        return code, numbers, ()
    made = Text([], [])
    chosen: list[Choice] = []
    at = 0
    for node in tree.body:
        begin, end = node.lineno - 1, node.end_lineno or node.lineno
        for number in range(at, min(begin, len(lines))):
            made.add(lines[number], number_at(numbers, number, origin))
        at = max(at, begin)
        found = _replaced(node, "\n".join(lines[begin:end]), existing) if _alone(node, tree) else None
        if found:
            made.add(found[0], number_at(numbers, begin, origin))
            chosen += found[1]
        else:
            for number in range(at, end):
                made.add(lines[number], number_at(numbers, number, origin))
        at = max(at, end)
    for number in range(at, len(lines)):
        made.add(lines[number], number_at(numbers, number, origin))
    if all(choice.kept for choice in chosen):
        return code, numbers, tuple(chosen)
    return "\n".join(made.lines), tuple(made.numbers), tuple(chosen)


def _alone(node: ast.stmt, tree: ast.Module) -> bool:
    """Whether it shares its lines with no other statement."""
    return not any(
        other is not node
        and other.lineno <= (node.end_lineno or node.lineno)
        and (other.end_lineno or 0) >= node.lineno
        for other in tree.body
    )


def _replaced(node: ast.stmt, text: str, existing: Collection[str]) -> tuple[str, tuple[Choice, ...]] | None:
    if batch.table_of(node) in existing:
        return _batch(node, text, existing)
    found = _replacement(node, text, existing)
    return (found[0], (found[1],)) if found else None


def _batch(node: ast.stmt, text: str, existing: Collection[str]) -> tuple[str, tuple[Choice, ...]] | None:
    """A batch whose operations have a gentler form, as operations of their own; None where none of them has."""
    table = batch.table_of(node)
    operations = batch.operations_of(node, text)
    if isinstance(operations, str):
        return text, (choices.batch(table, operations),)
    code: list[str] = []
    chosen: list[Choice] = []
    for one in operations:
        tree = parse(one)
        found = _replacement(tree.body[0], one, existing) if tree else None
        code.append(found[0] if found else one)
        chosen += [found[1]] if found else []
    return ("\n".join(code), tuple(chosen)) if any(not one.kept for one in chosen) else None


def _replacement(node: ast.stmt, text: str, existing: Collection[str]) -> tuple[str, Choice] | None:
    call = node.value if isinstance(node, ast.Expr) else None
    if (
        not isinstance(call, ast.Call)
        or not isinstance(call.func, ast.Attribute)
        or ast.unparse(call.func.value) != "op"
    ):
        return None
    if any(keyword.arg is None for keyword in call.keywords):
        return None
    maker = _MAKERS.get(call.func.attr)
    return maker(call, text, existing) if maker else None


def _create_index(call: ast.Call, text: str, existing: Collection[str]) -> tuple[str, Choice] | None:
    name, table = literal(argument(call, 0, "index_name")), _table(call, 1, "table_name")
    if table not in existing or argument(call, -1, "postgresql_concurrently") is not None:
        return None
    return _in_block(_with_argument(text, "postgresql_concurrently=True")), choices.index(name, table)


def _drop_index(call: ast.Call, text: str, existing: Collection[str]) -> tuple[str, Choice] | None:
    name, table = literal(argument(call, 0, "index_name")), _table(call, 1, "table_name")
    if table not in existing or argument(call, -1, "postgresql_concurrently") is not None:
        return None
    return _in_block(_with_argument(text, "postgresql_concurrently=True")), choices.index(name, table)


def _constraint(call: ast.Call, text: str, existing: Collection[str]) -> tuple[str, Choice] | None:
    foreign = isinstance(call.func, ast.Attribute) and call.func.attr == "create_foreign_key"
    name = literal(argument(call, 0, "constraint_name"))
    table = _table(call, 1, "source_table" if foreign else "table_name", "source_schema" if foreign else "schema")
    if not name or table not in existing or argument(call, -1, "postgresql_not_valid") is not None:
        return None
    if not foreign:
        # A naming convention would put its own words round the name of a CHECK, and VALIDATE needs the whole name.
        text = re.sub(rf"(?<!f\()([\"']){re.escape(name)}\1", f"op.f({quoted(name)})", text, count=1)
    validate = f"ALTER TABLE {sql_name(table)} VALIDATE CONSTRAINT {sql_name(name)}"
    code = _with_argument(text, "postgresql_not_valid=True") + "\n" + _in_block(f"op.execute({_python(validate)})")
    return code, choices.checked(name, table)


def _create_unique(call: ast.Call, text: str, existing: Collection[str]) -> tuple[str, Choice] | None:
    name, table = literal(argument(call, 0, "constraint_name")), _table(call, 1, "table_name")
    columns = argument(call, 2, "columns")
    plain = {"constraint_name", "table_name", "columns", "schema"}
    if not name or table not in existing or any(word.arg not in plain for word in call.keywords):
        return None
    if not isinstance(columns, ast.List | ast.Tuple) or not all(literal(one) for one in columns.elts):
        return None
    schema = argument(call, -1, "schema")
    tail = f", schema={ast.unparse(schema)}" if schema is not None else ""
    listed = ", ".join(quoted(literal(one)) for one in columns.elts)
    index = (
        f"op.create_index({quoted(name)}, {quoted(table.rpartition('.')[2])}, [{listed}], unique=True{tail}, "
        "postgresql_concurrently=True)"
    )
    use = f"ALTER TABLE {sql_name(table)} ADD CONSTRAINT {sql_name(name)} UNIQUE USING INDEX {sql_name(name)}"
    comments = [line for line in text.split("\n") if line.lstrip().startswith("#")]
    code = "\n".join([*comments, _in_block(index), f"op.execute({_python(use)})"])
    return code, choices.unique(name, table)


def _alter_column(call: ast.Call, text: str, existing: Collection[str]) -> tuple[str, Choice] | None:
    table, column = _table(call, 0, "table_name"), literal(argument(call, 1, "column_name"))
    nullable = argument(call, -1, "nullable")
    off = isinstance(nullable, ast.Constant) and nullable.value is False
    if table not in existing or not column or not off or argument(call, -1, "new_column_name") is not None:
        return None
    if argument(call, -1, "type_") is not None:
        return None  # the table is rewritten anyway
    return _checked_not_null(table, column, text), choices.not_null(column, table)


def _checked_not_null(table: str, column: str, last: str) -> str:
    """NOT NULL proved by a CHECK that writers do not wait for; ``last`` is the code that sets it."""
    name = short(f"ck_{table.rpartition('.')[2]}_{column}_not_null")
    target, check = sql_name(table), sql_name(name)
    add = f"ALTER TABLE {target} ADD CONSTRAINT {check} CHECK ({sql_name(column)} IS NOT NULL) NOT VALID"
    validate = f"ALTER TABLE {target} VALIDATE CONSTRAINT {check}"
    drop = f"ALTER TABLE {target} DROP CONSTRAINT {check}"
    return "\n".join(
        [
            f"op.execute({_python(add)})",
            _in_block(f"op.execute({_python(validate)})"),
            last,
            f"op.execute({_python(drop)})",
        ]
    )


def _add_column(call: ast.Call, text: str, existing: Collection[str]) -> tuple[str, Choice] | None:
    table, column = _table(call, 0, "table_name"), argument(call, 1, "column")
    if table not in existing or not isinstance(column, ast.Call) or not column.args:
        return None
    name, default = literal(argument(column, 0, "name")), argument(column, -1, "server_default")
    filled_at_once = [one for one in column.args if ast.unparse(one).startswith(("sa.Identity(", "sa.Computed("))]
    if filled_at_once:
        return text, choices.rewrites(name, table, "it is an identity or a stored expression")
    if default is None or not _differs_by_row(default):
        return None
    if len(column.args) != 2 or not {word.arg for word in column.keywords} <= {"nullable", "server_default"}:
        return text, choices.rewrites(name, table, "its default differs from row to row, and more hangs on the column")
    nullable = argument(column, -1, "nullable")
    off = isinstance(nullable, ast.Constant) and nullable.value is False
    schema = argument(call, -1, "schema")
    tail = f", schema={ast.unparse(schema)}" if schema is not None else ""
    bare = quoted(table.rpartition(".")[2])
    kind = ast.unparse(column.args[1])
    fill = f"UPDATE {sql_name(table)} SET {sql_name(name)} = DEFAULT WHERE {sql_name(name)} IS NULL"
    last = f"op.alter_column({bare}, {quoted(name)}, nullable=False{tail})"
    steps = [
        f"op.add_column({bare}, sa.Column({quoted(name)}, {kind}, nullable=True){tail})",
        f"op.alter_column({bare}, {quoted(name)}, server_default={ast.unparse(default)}{tail})",
        _in_block(f"op.execute({_python(fill)})"),
    ]
    comments = [line.strip() for line in text.split("\n") if line.lstrip().startswith("#")]
    if not off:
        return "\n".join([*comments, *steps]), choices.filled(name, table)
    return "\n".join([*comments, *steps, _checked_not_null(table, name, last)]), choices.three_steps(name, table)


def _differs_by_row(default: ast.expr) -> bool:
    """Whether PostgreSQL works the default out for each row: a function other than the clock of the transaction."""
    if isinstance(default, ast.Call) and ast.unparse(default.func) in ("sa.text", "text") and default.args:
        return choices.differs_by_row(literal(default.args[0]))
    if isinstance(default, ast.Call) and ast.unparse(default.func).startswith(("sa.func.", "func.")):
        return choices.differs_by_row(ast.unparse(default.func).rpartition(".")[2] + "()")
    return False


_MAKERS: dict[str, Callable[[ast.Call, str, Collection[str]], tuple[str, Choice] | None]] = {
    "create_index": _create_index,
    "drop_index": _drop_index,
    "create_foreign_key": _constraint,
    "create_check_constraint": _constraint,
    "create_unique_constraint": _create_unique,
    "alter_column": _alter_column,
    "add_column": _add_column,
}


def _table(call: ast.Call, place: int, name: str, schema_name: str = "schema") -> str:
    schema = literal(argument(call, -1, schema_name))
    prefix = f"{schema}." if schema not in ("", "public") else ""
    return prefix + literal(argument(call, place, name))


def _in_block(code: str) -> str:
    return "\n".join([_BLOCK, *(f"    {line}" if line.strip() else line for line in code.split("\n"))])


def _with_argument(text: str, extra: str) -> str:
    """The call with one more argument behind its last one, on a line of its own where the others have one."""
    end = text.rindex(")")
    head, tail = text[:end].rstrip(), text[end:]
    more = "" if head.endswith((",", "(")) else ","
    comment = "#" in head.rsplit("\n", 1)[-1]
    if "\n" not in text[:end] or (text[:end] == head and not comment):
        return f"{head}{more} {extra}{tail}"
    last = next(line for line in reversed(head.split("\n")) if line.strip())
    indent = last[: len(last) - len(last.lstrip())]
    if comment:  # a comma behind a comment would be part of it
        code, _, remark = head.rpartition("#")
        head, more = f"{code.rstrip()}{'' if code.rstrip().endswith((',', '(')) else ','}  #{remark}", ""
    space = text[len(text[:end].rstrip()) : end].rsplit("\n", 1)[-1]
    return f"{head}{more}\n{indent}{extra},\n{space}{tail}"


def _python(sql: str) -> str:
    return quoted(escaped(sql))
