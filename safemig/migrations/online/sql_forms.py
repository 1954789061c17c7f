"""SQL statements in the form that holds locks least."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from safemig.migrations.online import choices
from safemig.migrations.online.choices import Choice, Text, number_at, short, sql_name
from safemig.sql.text import Statement, Token, qualified, statements, tokens


def change(
    code: str, numbers: tuple[int, ...], existing: Collection[str], origin: int
) -> tuple[str, tuple[int, ...], tuple[Choice, ...]]:
    """The statements in the form that holds locks least, their lines in the spec, and what was chosen."""
    made = Text([], [])
    chosen: list[Choice] = []
    for statement in statements(code):
        number = number_at(numbers, statement.line - 1, origin)
        text, more = _one(statement, existing)
        # A semicolon behind a comment would be part of it.
        made.add(f"{text}\n;" if "--" in text.rsplit("\n", 1)[-1] else f"{text};", number)
        chosen += more
    if all(choice.kept for choice in chosen):
        return code, numbers, tuple(chosen)
    return "\n".join(made.lines), tuple(made.numbers), tuple(chosen)


def _one(statement: Statement, existing: Collection[str]) -> tuple[str, list[Choice]]:
    """The statement, or what stands in its place, with what was chosen; a list of changes is cut where that helps."""
    commas = list(_commas(statement))
    if statement.head != "ALTER" or not commas or commas[-1] + 1 >= len(statement.tokens):
        found = _sql(statement, existing)
        return (found[0], [found[1]]) if found else (statement.text, [])
    own = statement.tokens
    _, at = qualified(own, 2)
    begins = [own[at], *(own[comma + 1] for comma in commas)] if at < len(own) else []
    ends = [*(own[comma - 1] for comma in commas), own[-1]]
    table = _source(statement, own[0].start, own[at - 1].end)
    changes = [_source(statement, a.start, b.end) for a, b in zip(begins, ends, strict=False)]
    cut = [f"{table} {one}" for one in sorted(changes, key=_pass)]
    parts = [_one(one, existing) for text in cut for one in statements(text)]
    chosen = [choice for _, more in parts for choice in more]
    if all(choice.kept for choice in chosen):
        return statement.text, chosen
    return _lead(statement) + ";\n".join(text for text, _ in parts), chosen


def _pass(change: str) -> int:
    """PostgreSQL takes the changes of one statement in this order, whatever theirs is."""
    words = [token.upper for token in tokens(change)]
    if words[:1] == ["DROP"]:
        return 0
    if "TYPE" in words[2:5]:
        return 1
    constraint = words[1:2] and words[1] in ("CONSTRAINT", "CHECK", "UNIQUE", "PRIMARY", "FOREIGN", "EXCLUDE")
    return 2 if words[:1] == ["ADD"] and not constraint else 3


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
    if table not in existing:
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
    if (
        words[:1] == ["ADD"]
        and words[1:]
        and words[1] not in ("CONSTRAINT", "CHECK", "UNIQUE", "PRIMARY", "FOREIGN", "EXCLUDE")
    ):
        return _add_column(statement, table, at)
    rest = [word for word in words if word != "COLUMN"]
    if rest[:1] == ["ALTER"] and rest[-3:] == ["SET", "NOT", "NULL"] and len(rest) == 5:
        column = own[at + (2 if words[1] == "COLUMN" else 1)]
        return _lead(statement) + ";\n".join(_not_null(shown, table, column)), choices.not_null(column.name, table)
    return None


def _not_null(shown: str, table: str, column: Token) -> list[str]:
    check = sql_name(short(f"ck_{table.rpartition('.')[2]}_{column.name}_not_null"))
    return [
        f"ALTER TABLE {shown} ADD CONSTRAINT {check} CHECK ({column.text} IS NOT NULL) NOT VALID",
        f"ALTER TABLE {shown} VALIDATE CONSTRAINT {check}",
        f"ALTER TABLE {shown} ALTER COLUMN {column.text} SET NOT NULL",
        f"ALTER TABLE {shown} DROP CONSTRAINT {check}",
    ]


def _add_column(statement: Statement, table: str, at: int) -> tuple[str, Choice] | None:
    own, words = statement.tokens, [token.upper for token in statement.tokens]
    shown = _source(statement, own[2].start, own[at - 1].end)
    first = at + 1
    while first < len(own) and words[first] in ("COLUMN", "IF", "NOT", "EXISTS"):
        first += 1
    if first >= len(own):
        return None
    column, more = own[first], words[first + 1 :]
    if "GENERATED" in more or any(word in ("SERIAL", "BIGSERIAL", "SMALLSERIAL") for word in more[:1]):
        return statement.text, choices.rewrites(
            column.name, table, "it is a serial, an identity or a stored expression"
        )
    if "DEFAULT" not in more:
        return None
    default = _default(own, first + 1 + more.index("DEFAULT"))
    if not default or not choices.differs_by_row(_source(statement, default[0].start, default[-1].end)):
        return None
    rest = [token for token in own[first + 1 :] if token not in default and token.upper != "DEFAULT"]
    said = [token.upper for token in rest]
    not_null = said[-2:] == ["NOT", "NULL"]
    kind = rest[:-2] if not_null else rest
    if "EXISTS" in words[at:first] or any(word in _OWN_OBJECTS for word in said) or not kind or "NULL" in said[:-1]:
        return statement.text, choices.rewrites(
            column.name, table, "its default differs from row to row, and more hangs on the column"
        )
    type_ = " ".join(_source(statement, token.start, token.end) for token in kind)
    value = _source(statement, default[0].start, default[-1].end)
    steps = [
        f"{_lead(statement)}ALTER TABLE {shown} ADD COLUMN {column.text} {type_}",
        f"ALTER TABLE {shown} ALTER COLUMN {column.text} SET DEFAULT {value}",
        f"UPDATE {shown} SET {column.text} = DEFAULT WHERE {column.text} IS NULL",
    ]
    if not not_null:
        return ";\n".join(steps), choices.filled(column.name, table)
    return ";\n".join([*steps, *_not_null(shown, table, column)]), choices.three_steps(column.name, table)


# What else may be said of a column, and makes an object of its own.
_OWN_OBJECTS = ("PRIMARY", "UNIQUE", "CHECK", "REFERENCES", "CONSTRAINT")


def _default(own: tuple[Token, ...], at: int) -> tuple[Token, ...]:
    """The tokens of the default that begins behind that place: up to the next word of a column's definition."""
    depth, end = 0, at + 1
    while end < len(own):
        depth += {"(": 1, ")": -1}.get(own[end].text, 0)
        if depth == 0 and end > at + 1 and own[end].upper in ("NOT", "NULL", *_OWN_OBJECTS, "COLLATE"):
            break
        end += 1
    return own[at + 1 : end]


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
