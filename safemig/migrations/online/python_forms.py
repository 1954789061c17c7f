"""Operations of Alembic in the form that holds locks least."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

from safemig.migrations.change import Change, Wanted
from safemig.migrations.changes import changes
from safemig.migrations.fragments import parse
from safemig.migrations.from_python import argument, sql_of
from safemig.migrations.from_sql import executed
from safemig.migrations.online import batch, choices, sql_forms
from safemig.migrations.online.choices import Choice, Text, number_at
from safemig.migrations.online.decision import Form, InUse
from safemig.migrations.render import AUTOCOMMIT, escaped
from safemig.migrations.sql_operations import table_text
from safemig.migrations.table_draft import quoted
from safemig.sql.text import statements


def change(wanted: Wanted, use: InUse) -> tuple[str, tuple[int, ...], tuple[Choice, ...]]:
    """The upgrade in the form that holds locks least, its lines in the spec, and what was chosen."""
    code, numbers, origin = wanted.upgrade, wanted.upgrade_lines, wanted.origin[1]
    tree, lines = parse(code), code.split("\n")
    if tree is None:
        return code, numbers, ()
    read = changes(wanted)
    made, chosen = Text([], []), list[Choice]()
    at = 0
    for position, node in enumerate(tree.body):
        begin, end = node.lineno - 1, node.end_lineno or node.lineno
        for number in range(at, min(begin, len(lines))):
            made.add(lines[number], number_at(numbers, number, origin))
        at = max(at, begin)
        own = [one for one in read if one.number == position]
        text = "\n".join(lines[begin:end])
        found = _replaced(node, text, own, wanted, use) if _alone(node, tree) else None
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


_Written = tuple[str, tuple[Choice, ...]]


def _replaced(node: ast.stmt, text: str, own: list[Change], wanted: Wanted, use: InUse) -> _Written | None:
    if batch.table_of(node) in use.tables:
        return _batch(node, text, wanted, use)
    call = node.value if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) else None
    if call is None or any(one.problem for one in own) or any(keyword.arg is None for keyword in call.keywords):
        return None
    if ast.unparse(call.func) == "op.execute":
        return _executed(call, text, use)
    return _operation(call, text, own[0], use) if len(own) == 1 else None


def _operation(call: ast.Call, text: str, own: Change, use: InUse) -> _Written | None:
    form = use.form(own)
    if form is None:
        return None
    return _written(call, text, own.operation, form), (form.choice,)


def _executed(call: ast.Call, text: str, use: InUse) -> _Written | None:
    """SQL in ``op.execute``, in the form that its statements have by themselves."""
    sql = sql_of(call).replace("\\:", ":")
    if not sql or len(call.args) + len(call.keywords) != 1:
        return None
    better, _, chosen = sql_forms.change(Wanted("sql", sql, "", (), frozenset(), ("", 0)), use)
    if all(choice.kept for choice in chosen):
        return (text, chosen) if chosen else None
    return "\n".join([*_comments(text), *(executed(statement) for statement in statements(better))]), chosen


def _batch(node: ast.stmt, text: str, wanted: Wanted, use: InUse) -> _Written | None:
    """A batch whose operations have a gentler form, as operations of their own; None where none of them has."""
    operations = batch.operations_of(node, text)
    if isinstance(operations, str):
        return text, (choices.batch(batch.table_of(node), operations),)
    step = Wanted("op", "\n".join(operations), "", (), frozenset(), wanted.origin, imports=wanted.imports)
    read = changes(step, whole=wanted.upgrade)
    code, chosen = list[str](), list[Choice]()
    for number, one in enumerate(operations):
        tree, own = parse(one), [each for each in read if each.number == number and not each.problem]
        node = tree.body[0] if tree else ast.Pass()
        call = node.value if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) else None
        found = _operation(call, one, own[0], use) if call is not None and len(own) == 1 else None
        code.append(found[0] if found else one)
        chosen += found[1] if found else ()
    return ("\n".join(code), tuple(chosen)) if any(not one.kept for one in chosen) else None


def _written(call: ast.Call, text: str, operation: Any, form: Form) -> str:
    match form.kind:
        case "concurrently":
            return _in_block(_with_argument(text, "postgresql_concurrently=True"))
        case "validated":
            return _validated(text, operation)
        case "indexed":
            return _from_index(text, operation)
        case "checked":
            return "\n".join(_checked_not_null(operation, operation.column_name, text))
        case "filled":
            return "\n".join([*_comments(text), *_filled(call, operation)])
    return text


def _validated(text: str, operation: Any) -> str:
    name = operation.constraint_name
    if type(operation).__name__ == "CreateCheckConstraintOp":
        # A naming convention would put its own words round the name of a CHECK, and VALIDATE needs the whole name.
        text = re.sub(rf"(?<!f\()([\"']){re.escape(name)}\1", f"op.f({quoted(name)})", text, count=1)
    validate = sql_forms.validated(table_text(operation), name)
    return f"{_with_argument(text, 'postgresql_not_valid=True')}\n{_in_block(_execute(validate))}"


def _from_index(text: str, operation: Any) -> str:
    name, listed = operation.constraint_name, ", ".join(quoted(str(column)) for column in operation.columns)
    index = f"op.create_index({quoted(name)}, {quoted(operation.table_name)}, [{listed}], unique=True"
    index += f"{_schema(operation)}, postgresql_concurrently=True)"
    use = _execute(sql_forms.from_index(table_text(operation), name))
    return "\n".join([*_comments(text), _in_block(index), use])


def _checked_not_null(operation: Any, column: str, last: str) -> Iterator[str]:
    """NOT NULL proved by a CHECK that writers do not wait for; ``last`` is the code that sets it."""
    add, validate, drop = sql_forms.proof_of_not_null(table_text(operation), operation.table_name, column)
    yield from (_execute(add), _in_block(_execute(validate)), last, _execute(drop))


def _filled(call: ast.Call, operation: Any) -> Iterator[str]:
    """The column without its default, the default, and the rows that are there; then NOT NULL."""
    column, name, tail = argument(call, 1, "column"), quoted(operation.column.name), _schema(operation)
    assert isinstance(column, ast.Call)
    kind = argument(column, 1, "type_")
    table, default = quoted(operation.table_name), argument(column, -1, "server_default")
    assert kind is not None
    assert default is not None
    yield f"op.add_column({table}, sa.Column({name}, {ast.unparse(kind)}, nullable=True){tail})"
    yield f"op.alter_column({table}, {name}, server_default={ast.unparse(default)}{tail})"
    yield _in_block(_execute(sql_forms.fill(table_text(operation), operation.column.name)))
    if not operation.column.nullable:
        last = f"op.alter_column({table}, {name}, nullable=False{tail})"
        yield from _checked_not_null(operation, operation.column.name, last)


def _schema(operation: Any) -> str:
    return f", schema={quoted(operation.schema)}" if operation.schema else ""


def _comments(text: str) -> list[str]:
    return [line.strip() for line in text.split("\n") if line.lstrip().startswith("#")]


def _in_block(code: str) -> str:
    return "\n".join([AUTOCOMMIT, *(f"    {line}" if line.strip() else line for line in code.split("\n"))])


def _execute(sql: str) -> str:
    return f"op.execute({quoted(escaped(sql))})"


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
