"""SQL statements in the form that holds locks least."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from safemig import gentle_choices as choices
from safemig.gentle_choices import Choice, Text, number_at, short, sql_name
from safemig.spec.sql import Statement, qualified, statements, tokens


def change(
    code: str, numbers: tuple[int, ...], existing: Collection[str], origin: int
) -> tuple[str, tuple[int, ...], tuple[Choice, ...]]:
    """The statements in the form that holds locks least, their lines in the spec, and what was chosen."""
    made = Text([], [])
    chosen: list[Choice] = []
    for statement in statements(code):
        number = number_at(numbers, statement.line - 1, origin)
        found = _sql(statement, existing)
        text = found[0] if found else statement.text
        # A semicolon behind a comment would be part of it.
        made.add(f"{text}\n;" if "--" in text.rsplit("\n", 1)[-1] else f"{text};", number)
        chosen += [found[1]] if found else []
    return ("\n".join(made.lines), tuple(made.numbers), tuple(chosen)) if chosen else (code, numbers, ())


def _sql(statement: Statement, existing: Collection[str]) -> tuple[str, Choice] | None:
    own, words = statement.tokens, [token.upper for token in statement.tokens]
    if words[:1] == ["CREATE"] and "INDEX" in words[:3] and "CONCURRENTLY" not in words[:5] and "ON" in words:
        on = words.index("ON")
        table = qualified(own, on + (2 if words[on + 1] == "ONLY" else 1))[0]
        if table not in existing:
            return None
        word = own[words.index("INDEX")]
        name = own[on - 1].name if words[on - 1] != "INDEX" else ""
        return _inserted(statement, word.end, " CONCURRENTLY"), choices.index(name, table)
    if words[:2] != ["ALTER", "TABLE"] or words[2:3] in (["IF"], ["ONLY"]):
        return None
    table, at = qualified(own, 2)
    if table not in existing or _several(statement):
        return None
    return _sql_alter(statement, table, words[at:], at)


def _sql_alter(statement: Statement, table: str, words: list[str], at: int) -> tuple[str, Choice] | None:
    own = statement.tokens
    shown = _source(statement, own[2].start, own[at - 1].end)
    if words[:2] == ["ADD", "CONSTRAINT"] and len(words) > 4:
        name, kind = own[at + 2], words[3]
        if kind in ("CHECK", "FOREIGN") and words[-2:] != ["NOT", "VALID"]:
            validate = f"ALTER TABLE {shown} VALIDATE CONSTRAINT {name.text}"
            return f"{_body(statement)} NOT VALID;\n{validate}", choices.checked(name.name, table)
        if kind == "UNIQUE" and own[at + 4].text == "(" and own[-1].text == ")":
            columns = _source(statement, own[at + 4].start, own[-1].end)
            index = f"CREATE UNIQUE INDEX CONCURRENTLY {name.text} ON {shown} {columns}"
            use = f"ALTER TABLE {shown} ADD CONSTRAINT {name.text} UNIQUE USING INDEX {name.text}"
            return f"{_lead(statement)}{index};\n{use}", choices.unique(name.name, table)
    rest = [word for word in words if word != "COLUMN"]
    if rest[:1] == ["ALTER"] and rest[-3:] == ["SET", "NOT", "NULL"] and len(rest) == 5:
        column = own[at + (2 if words[1] == "COLUMN" else 1)]
        check = sql_name(short(f"ck_{table.rpartition('.')[2]}_{column.name}_not_null"))
        steps = [
            f"{_lead(statement)}ALTER TABLE {shown} ADD CONSTRAINT {check} CHECK ({column.text} IS NOT NULL) NOT VALID",
            f"ALTER TABLE {shown} VALIDATE CONSTRAINT {check}",
            f"ALTER TABLE {shown} ALTER COLUMN {column.text} SET NOT NULL",
            f"ALTER TABLE {shown} DROP CONSTRAINT {check}",
        ]
        return ";\n".join(steps), choices.not_null(column.name, table)
    return None


def _several(statement: Statement) -> bool:
    """Whether one ALTER TABLE makes several changes."""
    return any(True for _ in _commas(statement))


def _commas(statement: Statement) -> Iterator[int]:
    depth = 0
    for at, token in enumerate(statement.tokens):
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        if token.text == "," and not depth:
            yield at


def _offset(statement: Statement) -> int:
    """Where the statement's text begins in the code that its tokens count from."""
    first = statement.tokens[0]
    return first.start - len(_lead(statement))


def _lead(statement: Statement) -> str:
    """The comments before the statement."""
    first = next(token for token in tokens(statement.text) if token.kind != "comment")
    return statement.text[: first.start]


def _source(statement: Statement, start: int, end: int) -> str:
    offset = _offset(statement)
    return statement.text[start - offset : end - offset]


def _body(statement: Statement) -> str:
    """The statement with its comments before it, without those behind it."""
    return statement.text[: statement.tokens[-1].end - _offset(statement)]


def _inserted(statement: Statement, at: int, more: str) -> str:
    place = at - _offset(statement)
    return statement.text[:place] + more + statement.text[place:]
