"""SQL statements in the form that holds locks least."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from safemig.migrations.change import Change, Wanted
from safemig.migrations.changes import changes
from safemig.migrations.online.choices import Choice, Text, number_at, short
from safemig.migrations.online.decision import Form, InUse, default_of
from safemig.migrations.sql_operations import table_text
from safemig.sql.identifiers import quote_if_needed
from safemig.sql.text import Statement, statements


def change(wanted: Wanted, use: InUse) -> tuple[str, tuple[int, ...], tuple[Choice, ...]]:
    """The upgrade in the form that holds locks least, its lines in the spec, and what was chosen."""
    own = [(statement, _pieces(statement)) for statement in statements(wanted.upgrade)]
    flat = [piece for _, pieces in own for piece in pieces]
    read = _read([piece.bare for piece in flat])
    made, chosen = Text([], []), list[Choice]()
    for statement, pieces in own:
        forms = [use.form(found) if (found := read.get(piece.bare)) else None for piece in pieces]
        more = [form.choice for form in forms if form]
        text = statement.text
        if any(not choice.kept for choice in more):
            written = [
                _written(piece, read[piece.bare], form) if form else piece.text
                for piece, form in zip(pieces, forms, strict=True)
            ]
            text = (lead(statement) if len(pieces) > 1 else "") + ";\n".join(written)
        # A semicolon behind a comment would be part of it.
        line = number_at(wanted.upgrade_lines, statement.line - 1, wanted.origin[1])
        made.add(f"{text}\n;" if "--" in text.rsplit("\n", 1)[-1] else f"{text};", line)
        chosen += more
    if all(choice.kept for choice in chosen):
        return wanted.upgrade, wanted.upgrade_lines, tuple(chosen)
    return "\n".join(made.lines), tuple(made.numbers), tuple(chosen)


def _read(texts: Sequence[str]) -> dict[str, Change]:
    """Each statement that is one change."""
    found = changes(Wanted("sql", ";\n".join(texts), "", (), frozenset(), ("", 0)))
    numbers = [one.number for one in found]
    return {
        texts[one.number]: one for one in found
        if one.number < len(texts) and numbers.count(one.number) == 1 and not one.problem
    }  # fmt: skip


def _pieces(statement: Statement) -> list[Statement]:
    """An ALTER TABLE as one statement for each of its actions, in the order in which PostgreSQL takes them; every other
    statement as it is."""
    commas = list(_commas(statement)) if statement.head == "ALTER" else []
    if not commas or commas[-1] + 1 >= len(statement.tokens):
        return [statement]
    (first, *_) = found = changes(Wanted("sql", statement.bare, "", (), frozenset(), ("", 0)))
    tree = first.statement
    if tree is None or tree.kind != "AlterTableStmt" or len(found) != len(commas) + 1:
        return [statement]
    own, begin = statement.tokens, statement.tokens[0].start
    name = [token for token in own[: commas[0]] if token.upper in ("ONLY", "EXISTS")]
    at = own.index(name[-1]) + 1 if name else 2
    while own[at + 1].text == ".":
        at += 2
    head = statement.bare[: own[at].end - begin]
    starts = [own[at + 1], *(own[comma + 1] for comma in commas)]
    ends = [*(own[comma - 1] for comma in commas), own[-1]]
    actions = [statement.bare[a.start - begin : b.end - begin] for a, b in zip(starts, ends, strict=True)]
    ordered = sorted(zip(found, actions, strict=True), key=lambda pair: _pass(pair[0]))
    return [piece for _, action in ordered for piece in statements(f"{head} {action}")]


_PASSES = {"DropColumnOp": 0, "DropConstraintOp": 0, "AddColumnOp": 2}


def _pass(change: Change) -> int:
    """PostgreSQL takes the actions of one statement in this order, whatever theirs is."""
    kind = type(change.operation).__name__
    if kind == "AlterColumnOp" and getattr(change.operation, "modify_type", None) is not None:
        return 1
    return _PASSES.get(kind, 3)


def _commas(statement: Statement) -> Iterator[int]:
    depth = 0
    for at, token in enumerate(statement.tokens):
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(token.text, 0)
        if token.text == "," and not depth:
            yield at


def _written(statement: Statement, change: Change, form: Form) -> str:
    operation: Any = change.operation
    table = table_text(operation)
    before, bare = lead(statement), statement.bare
    match form.kind:
        case "concurrently":
            word = next(token for token in statement.tokens if token.upper == "INDEX")
            at = word.end - statement.tokens[0].start
            return f"{before}{bare[:at]} CONCURRENTLY{bare[at:]}{statement.text[len(before) + len(bare) :]}"
        case "validated":
            return f"{before}{bare} NOT VALID;\n{validated(table, operation.constraint_name)}"
        case "indexed":
            name, columns = (
                quote_if_needed(operation.constraint_name),
                ", ".join(map(quote_if_needed, operation.columns)),
            )
            index = f"CREATE UNIQUE INDEX CONCURRENTLY {name} ON {table} ({columns})"
            return f"{before}{index};\n{from_index(table, operation.constraint_name)}"
        case "checked":
            return before + ";\n".join(_not_null(table, operation.table_name, operation.column_name))
        case "filled":
            return before + ";\n".join(_filled(table, operation))
    return statement.text


def _filled(table: str, operation: Any) -> Iterator[str]:
    column = operation.column
    name = quote_if_needed(column.name)
    yield f"ALTER TABLE {table} ADD COLUMN {name} {column.type.get_col_spec()}"
    yield f"ALTER TABLE {table} ALTER COLUMN {name} SET DEFAULT {default_of(column)}"
    yield fill(table, column.name)
    if not column.nullable:
        yield from _not_null(table, operation.table_name, column.name)


def fill(table: str, column: str) -> str:
    """Gives the rows that are there the default of a new column."""
    name = quote_if_needed(column)
    return f"UPDATE {table} SET {name} = DEFAULT WHERE {name} IS NULL"


def validated(table: str, constraint: str) -> str:
    """Validates a constraint of the table, whose name is written as SQL writes it."""
    return f"ALTER TABLE {table} VALIDATE CONSTRAINT {quote_if_needed(constraint)}"


def from_index(table: str, constraint: str) -> str:
    """Makes a unique constraint of the index of its name."""
    name = quote_if_needed(constraint)
    return f"ALTER TABLE {table} ADD CONSTRAINT {name} UNIQUE USING INDEX {name}"


def proof_of_not_null(table: str, bare: str, column: str) -> tuple[str, str, str]:
    """A CHECK that the column has no NULL, its validation, which no writer waits for, and how it goes again."""
    check = short(f"ck_{bare}_{column}_not_null")
    shown = quote_if_needed(check)
    add = f"ALTER TABLE {table} ADD CONSTRAINT {shown} CHECK ({quote_if_needed(column)} IS NOT NULL) NOT VALID"
    return add, validated(table, check), f"ALTER TABLE {table} DROP CONSTRAINT {shown}"


def _not_null(table: str, bare: str, column: str) -> list[str]:
    add, validate, drop = proof_of_not_null(table, bare, column)
    return [add, validate, f"ALTER TABLE {table} ALTER COLUMN {quote_if_needed(column)} SET NOT NULL", drop]


def lead(statement: Statement) -> str:
    """The comments before the statement."""
    from safemig.sql.text import tokens

    first = next(token for token in tokens(statement.text) if token.kind != "comment")
    return statement.text[: first.start]
