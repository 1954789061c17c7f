"""Sketches of tables, made from code and from SQL alike, to show where two sources of a spec contradict each other.

A sketch never decides what the schema is: PostgreSQL does.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from safemig.migrations.fragments import Piece, parse
from safemig.migrations.from_python import argument, literal
from safemig.sql.text import Token, qualified, statements, table_elements

_TYPES = {
    "INTEGER": "INTEGER", "INT": "INTEGER", "INT4": "INTEGER", "STRING": "VARCHAR", "UNICODE": "VARCHAR",
    "CHARACTER VARYING": "VARCHAR", "UNICODETEXT": "TEXT", "BIGINTEGER": "BIGINT", "INT8": "BIGINT",
    "SMALLINTEGER": "SMALLINT", "INT2": "SMALLINT", "BOOL": "BOOLEAN", "DECIMAL": "NUMERIC", "DATETIME": "TIMESTAMP",
    "TIMESTAMP WITH TIME ZONE": "TIMESTAMPTZ", "TIMESTAMP WITHOUT TIME ZONE": "TIMESTAMP", "FLOAT8": "FLOAT",
    "DOUBLE PRECISION": "FLOAT", "DOUBLE": "FLOAT", "LARGEBINARY": "BYTEA", "SERIAL4": "SERIAL",
    "BIGSERIAL": "BIGSERIAL", "SERIAL8": "BIGSERIAL",
}  # fmt: skip
_ENDS_TYPE = (
    "NOT",
    "NULL",
    "DEFAULT",
    "PRIMARY",
    "UNIQUE",
    "CHECK",
    "REFERENCES",
    "CONSTRAINT",
    "GENERATED",
    "COLLATE",
)


@dataclass(frozen=True)
class Column:
    """One column: normalised type, whether it may be null, default as text ("" for none)."""

    type: str
    null: bool
    default: str


@dataclass
class Sketch:
    """One table. ``names`` maps a definition ("unique (a, b)") to the name it is given, "" where left open."""

    table: str
    line: int
    columns: dict[str, Column] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)


def sketches(piece: Piece) -> Mapping[str, Sketch]:
    """The tables that the piece makes, by name."""
    found = _from_python(piece) if piece.kind == "op" else _from_sql(piece)
    return {sketch.table: sketch for sketch in found}


def differences(first: Sketch, first_file: str, second: Sketch, second_file: str) -> Iterator[str]:
    """Sentences on what ``second`` says otherwise than ``first``, which is used."""
    here, there = f"{first_file}:{first.line}", f"{second_file}:{second.line}"
    table = first.table
    own, other = first.columns, second.columns
    yield from _only_one("column", table, (here, own), (there, other))
    for name in [name for name in own if name in other]:
        for what, mine, theirs in (
            ("type", own[name].type, other[name].type),
            ("nullability", _null(own[name]), _null(other[name])),
            ("default", own[name].default or "none", other[name].default or "none"),
        ):
            if mine != theirs:
                yield f"{there} gives {table}.{name} the {what} {theirs}, {here} {mine}; the latter is used"
    mine_by = {_expression(definition): definition for definition in first.names}
    theirs_by = {_expression(definition): definition for definition in second.names}
    shown = ({mine_by[key]: "" for key in mine_by}, {mine_by.get(key, theirs_by[key]): "" for key in theirs_by})
    yield from _only_one("definition", table, (here, shown[0]), (there, shown[1]))
    for key, definition in mine_by.items():
        name, said = first.names[definition], second.names.get(theirs_by.get(key, ""), "")
        # A name that one of them leaves open contradicts nothing.
        if name and said and name != said:
            yield f"{there} calls the {definition} of {table} {said}, {here} {name}; the latter is used"


def _only_one(
    what: str, table: str, first: tuple[str, Mapping[str, object]], second: tuple[str, Mapping[str, object]]
) -> Iterator[str]:
    """Sentences on what only one of the two has; the first is used."""
    for (place, mine), (other, theirs) in ((first, second), (second, first)):
        more = [name for name in mine if name not in theirs]
        if more:
            some = what + ("s" if len(more) > 1 else "")
            yield f"{place} has the {some} {', '.join(more)} of {table}, {other} does not; {first[0]} is used"


def _null(column: Column) -> str:
    return "NULL" if column.null else "NOT NULL"


def _type(text: str) -> str:
    name, bracket, rest = " ".join(text.split()).upper().partition("(")
    arguments, _, tail = rest.partition(")")
    plain = _TYPES.get((name.strip() + tail).strip(), (name.strip() + tail).strip())
    return f"{plain}({arguments.replace(' ', '')})" if bracket and arguments.strip() else plain


def _default(text: str) -> str:
    plain = " ".join(text.split()).strip().casefold()
    while plain.startswith("(") and plain.endswith(")"):
        plain = plain[1:-1].strip()
    plain = re.sub(r"::[\w ]+$", "", plain)
    plain = {"current_timestamp": "now()", "now ( )": "now()"}.get(plain, plain)
    return plain[1:-1] if len(plain) > 1 and plain[0] == plain[-1] == "'" else plain


def _expression(text: str) -> str:
    return re.sub(r"[\s()]+", "", text).casefold()


def _inner(text: str) -> str:
    """What stands in the brackets of a CHECK, on one line."""
    return " ".join(text.strip()[1:-1].split())


def _names_of(columns: list[str]) -> str:
    return "(" + ", ".join(columns) + ")"


# From Python -------------------------------------------------------------------------------------------------------


def _from_python(piece: Piece) -> Iterator[Sketch]:
    tree = parse(piece.code)
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)] if tree else []
    found: dict[str, Sketch] = {}
    for call in calls:
        name = _called(call)
        if name == "create_table" and literal(argument(call, 0, "table_name")):
            table = literal(argument(call, 0, "table_name"))
            found[table] = _python_table(call, Sketch(table, piece.lines[call.lineno - 1]))
    for call in calls:
        name = _called(call)
        table = literal(argument(call, 1, "source_table" if name == "create_foreign_key" else "table_name"))
        if table in found and name in ("create_index", "create_unique_constraint"):
            unique = name != "create_index" or _is_true(argument(call, -1, "unique"))
            kind = "unique index" if unique and name == "create_index" else "unique" if unique else "index"
            columns = _strings(argument(call, 2, "columns"))
            given = literal(argument(call, 0, "index_name" if name == "create_index" else "constraint_name"))
            found[table].names[f"{kind} {_names_of(columns)}"] = given
    yield from found.values()


def _python_table(call: ast.Call, sketch: Sketch) -> Sketch:
    for part in [node for node in call.args[1:] if isinstance(node, ast.Call)]:
        name, given = _called(part), literal(argument(part, -1, "name"))
        columns = [literal(node) for node in part.args if literal(node)]
        if name == "Column":
            _python_column(part, sketch)
        elif name == "PrimaryKeyConstraint":
            for column in columns:
                if column in sketch.columns:
                    old = sketch.columns[column]
                    sketch.columns[column] = Column(old.type, False, old.default)
        elif name == "UniqueConstraint":
            sketch.names[f"unique {_names_of(columns)}"] = given
        elif name == "ForeignKeyConstraint":
            sketch.names[f"foreign key {_names_of(_strings(argument(part, 0, 'columns')))}"] = given
        elif name == "CheckConstraint":
            sketch.names[f"check {_text(argument(part, 0, 'sqltext'))}"] = given
    return sketch


def _python_column(call: ast.Call, sketch: Sketch) -> None:
    name = literal(argument(call, 0, "name"))
    rest = call.args[1:]
    inner = [node for node in rest if isinstance(node, ast.Call)]
    foreign = next((node for node in inner if _called(node) == "ForeignKey"), None)
    primary = _is_true(argument(call, -1, "primary_key"))
    null = argument(call, -1, "nullable")
    may_be_null = _is_true(null) if null is not None else not primary
    default = argument(call, -1, "server_default")
    kind = _python_type(rest[0]) if rest and not (isinstance(rest[0], ast.Call) and rest[0] is foreign) else ""
    sketch.columns[name] = Column(kind, may_be_null, _default(_text(default)))
    if foreign is not None:
        sketch.names[f"foreign key {_names_of([name])}"] = literal(argument(foreign, -1, "name"))
    if _is_true(argument(call, -1, "unique")):
        sketch.names[f"unique {_names_of([name])}"] = ""


def _python_type(node: ast.expr) -> str:
    name = _called(node) if isinstance(node, ast.Call) else _last(node)
    if not isinstance(node, ast.Call):
        return _type(name)
    if name.upper() in ("DATETIME", "TIMESTAMP") and _is_true(argument(node, -1, "timezone")):
        return "TIMESTAMPTZ"
    numbers = [ast.unparse(value) for value in (*node.args, *(one.value for one in node.keywords)) if _is_number(value)]
    return _type(f"{name}({','.join(numbers)})")


def _is_number(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, int) and not isinstance(node.value, bool)


def _called(call: ast.expr) -> str:
    return _last(call.func) if isinstance(call, ast.Call) else ""


def _last(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _is_true(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is True


def _strings(node: ast.expr | None) -> list[str]:
    return [_text(one) for one in node.elts] if isinstance(node, ast.List | ast.Tuple) else []


def _text(node: ast.expr | None) -> str:
    """The text of a literal or of ``sa.text("…")``; the call itself for ``sa.func.now()``."""
    if node is None:
        return ""
    if isinstance(node, ast.Call) and _called(node) == "text" and node.args:
        return literal(node.args[0])
    if isinstance(node, ast.Call) and literal(node) == "":
        return f"{_called(node)}()"
    if isinstance(node, ast.Call):
        return literal(node)
    return str(node.value) if isinstance(node, ast.Constant) else f"{_last(node)}"


# From SQL ----------------------------------------------------------------------------------------------------------


def _from_sql(piece: Piece) -> Iterator[Sketch]:
    found: dict[str, Sketch] = {}
    for statement in statements(piece.code):
        own = statement.tokens
        words = [token.upper for token in own]
        if statement.head == "CREATE" and "TABLE" in words[:4]:
            at = words.index("TABLE") + 1
            while at < len(own) and own[at].upper in ("IF", "NOT", "EXISTS"):
                at += 1
            table = qualified(own, at)[0]
            found[table] = Sketch(table, piece.lines[statement.line - 1])
            for element in table_elements(statement):
                _sql_element(piece.code, element, found[table])
        elif statement.head == "CREATE" and "INDEX" in words[:3] and "ON" in words:
            table, after = qualified(own, words.index("ON") + 1)
            name = own[words.index("ON") - 1].name if words[words.index("ON") - 1] != "INDEX" else ""
            if table in found:
                kind = "unique index" if words[1] == "UNIQUE" else "index"
                found[table].names[f"{kind} {_names_of(_columns(own[after:]))}"] = name
    yield from found.values()


def _columns(own: tuple[Token, ...]) -> list[str]:
    """The names in the first pair of brackets."""
    opening = next((at for at, token in enumerate(own) if token.text == "("), len(own))
    closing = next((at for at, token in enumerate(own) if token.text == ")"), len(own))
    return [token.name for token in own[opening + 1 : closing] if token.name and token.upper not in ("DESC", "ASC")]


def _sql_element(text: str, element: tuple[Token, ...], sketch: Sketch) -> None:
    given = ""
    if element[0].upper == "CONSTRAINT" and len(element) > 2:
        given, element = element[1].name, element[2:]
    head = element[0].upper
    if head == "UNIQUE" and (len(element) > 1 and element[1].text == "("):
        sketch.names[f"unique {_names_of(_columns(element))}"] = given
    elif head == "FOREIGN":
        sketch.names[f"foreign key {_names_of(_columns(element))}"] = given
    elif head == "CHECK":
        sketch.names[f"check {_inner(text[element[1].start : element[-1].end])}"] = given
    elif head == "PRIMARY":
        for name in _columns(element):
            if name in sketch.columns:
                old = sketch.columns[name]
                sketch.columns[name] = Column(old.type, False, old.default)
    elif head not in ("EXCLUDE", "LIKE", "INDEX", "KEY") and element[0].name:
        _sql_column(text, element, sketch)


def _sql_column(text: str, element: tuple[Token, ...], sketch: Sketch) -> None:
    name, words = element[0].name, [token.upper for token in element]
    end = next((at for at, word in enumerate(words) if at and word in _ENDS_TYPE), len(element))
    kind = _type(text[element[1].start : element[end - 1].end]) if end > 1 else ""
    required = "PRIMARY" in words or kind in ("SERIAL", "BIGSERIAL")
    required = required or any(one == "NOT" and two == "NULL" for one, two in pairwise(words))
    sketch.columns[name] = Column(kind, not required, _sql_default(text, element, words))
    for at, word in enumerate(words):
        given = element[at - 1].name if at > 1 and words[at - 2] == "CONSTRAINT" else ""
        if word == "UNIQUE":
            sketch.names[f"unique {_names_of([name])}"] = given
        elif word == "REFERENCES":
            sketch.names[f"foreign key {_names_of([name])}"] = given
        elif word == "CHECK" and at + 1 < len(element):
            stop = _closing(element, at + 1)
            sketch.names[f"check {_inner(text[element[at + 1].start : element[stop].end])}"] = given


def _closing(element: tuple[Token, ...], at: int) -> int:
    depth = 0
    for place in range(at, len(element)):
        depth += {"(": 1, ")": -1}.get(element[place].text, 0)
        if depth == 0:
            return place
    return len(element) - 1


def _sql_default(text: str, element: tuple[Token, ...], words: list[str]) -> str:
    if "DEFAULT" not in words or (words[words.index("DEFAULT") - 1] == "BY"):
        return ""
    at = words.index("DEFAULT") + 1
    end = next((place for place in range(at, len(words)) if words[place] in _ENDS_TYPE and place > at), len(element))
    return _default(text[element[at].start : element[end - 1].end]) if at < len(element) else ""
