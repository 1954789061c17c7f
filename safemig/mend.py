"""The SQL that mends a difference between two schemas, from the definitions that PostgreSQL itself has printed."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from checks.evidence import Json
from checks.schema.difference import Difference, table_of
from checks.schema.snapshot import OWNED, Snapshot

Attributes = Mapping[str, Json]
_PART = re.compile(r'"(?:[^"]|"")*"|[^.]+')
# Names that mean something else when they stand bare.
RESERVED = frozenset({
    "all", "analyse", "analyze", "and", "any", "array", "as", "asc", "asymmetric", "authorization", "binary",
    "both", "case", "cast", "check", "collate", "collation", "column", "concurrently", "constraint", "create",
    "cross", "current_catalog", "current_date", "current_role", "current_schema", "current_time",
    "current_timestamp", "current_user", "default", "deferrable", "desc", "distinct", "do", "else", "end",
    "except", "false", "fetch", "for", "foreign", "freeze", "from", "full", "grant", "group", "having", "ilike",
    "in", "initially", "inner", "intersect", "into", "is", "isnull", "join", "lateral", "leading", "left",
    "like", "limit", "localtime", "localtimestamp", "natural", "not", "notnull", "null", "offset", "on", "only",
    "or", "order", "outer", "overlaps", "placing", "primary", "references", "returning", "right", "select",
    "session_user", "similar", "some", "symmetric", "system_user", "table", "tablesample", "then", "to",
    "trailing", "true", "union", "unique", "user", "using", "variadic", "verbose", "when", "where", "window",
    "with",
})  # fmt: skip
_SERIAL = {"smallint": "smallserial", "integer": "serial", "bigint": "bigserial"}


@dataclass(frozen=True)
class Mend:
    """Statements that make what was found into what was wanted; ``destructive`` when they can lose data."""

    sql: str
    destructive: bool = False


def mend(difference: Difference, wanted: Snapshot, found: Snapshot) -> Mend | None:
    """How to mend the difference; None where no statement alone does (the order of columns, a removed enum label)."""
    kind, _, name = difference.key.partition(" ")
    if difference.aspect == "missing":
        sql = create(difference.key, wanted)
        return Mend(sql) if sql else None
    if difference.aspect == "unexpected":
        sql = drop(difference.key, found)
        return Mend(sql, True) if sql else None
    left, right = wanted.objects.get(difference.key), found.objects.get(difference.key)
    if left is None or right is None:
        return None  # matched under another name
    if difference.aspect == "comment":
        return Mend(comment(difference.key, left))
    if kind == "column":
        return _column(name, difference.aspect, left)
    if kind == "enum":
        return _enum(name, left, right)
    if kind == "index" and difference.aspect == "valid":
        return Mend(f"REINDEX INDEX CONCURRENTLY {dotted(name)};")
    if kind in ("constraint", "index", "trigger") and difference.aspect == "definition":
        return Mend(f"{drop(difference.key, found)}\n{create(difference.key, wanted)}")
    if kind in ("view", "function", "procedure") and difference.aspect == "definition":
        return Mend(create(difference.key, wanted).replace("CREATE VIEW", "CREATE OR REPLACE VIEW", 1))
    if kind == "table" and difference.aspect == "row_security":
        return Mend(
            f"ALTER TABLE {dotted(name)} {'ENABLE' if left.get('row_security') else 'DISABLE'} ROW LEVEL SECURITY;"
        )
    return None


def create(key: str, wanted: Snapshot) -> str:
    """The statements that make that object of ``wanted``; "" where the snapshot does not hold all of it."""
    kind, _, name = key.partition(" ")
    attributes = wanted.objects[key]
    definition = str(attributes.get("definition", "")).rstrip().rstrip(";")
    made = {
        "table": lambda: _table(name, wanted),
        "column": lambda: f"ALTER TABLE {owner(name)} ADD COLUMN {column_sql(last(name), attributes)};",
        "constraint": lambda: f"ALTER TABLE {owner(name)} ADD CONSTRAINT {last(name)} {definition};",
        "index": lambda: f"{definition};",
        "trigger": lambda: f"{definition};",
        "function": lambda: f"{definition};",
        "procedure": lambda: f"{definition};",
        "rule": lambda: f"{definition};",
        "statistics": lambda: f"{definition};",
        "view": lambda: f"CREATE {_materialized(attributes)}VIEW {dotted(name)} AS\n{definition};",
        "enum": lambda: f"CREATE TYPE {dotted(name)} AS ENUM ({_labels(attributes)});",
        "schema": lambda: f"CREATE SCHEMA {dotted(name)};",
        "extension": lambda: f"CREATE EXTENSION {dotted(name)};",
        "sequence": lambda: f"CREATE SEQUENCE {dotted(name)}{_sequence(attributes)};",
    }  # fmt: skip
    maker: Callable[[], str] | None = made.get(kind)
    if maker is None:
        return ""
    sql = maker()
    return f"{sql}\n{comment(key, attributes)}" if sql and "comment" in attributes and kind != "table" else sql


def drop(key: str, found: Snapshot) -> str:
    """The statement that drops that object of ``found``; "" where there is none."""
    kind, _, name = key.partition(" ")
    attributes = found.objects.get(key, {})
    if kind == "column":
        return f"ALTER TABLE {owner(name)} DROP COLUMN {last(name)};"
    if kind == "constraint":
        return f"ALTER TABLE {owner(name)} DROP CONSTRAINT {last(name)};"
    if kind in ("trigger", "policy", "rule"):
        return f"DROP {kind.upper()} {last(name)} ON {owner(name)};"
    if kind in ("function", "procedure", "aggregate"):
        return f"DROP {kind.upper()} {name};"
    if kind == "view":
        return f"DROP {_materialized(attributes)}VIEW {dotted(name)};"
    plain = {
        "table": "FOREIGN TABLE" if attributes.get("form") == "foreign" else "TABLE", "index": "INDEX",
        "enum": "TYPE", "type": "TYPE", "domain": "DOMAIN", "sequence": "SEQUENCE", "schema": "SCHEMA",
        "extension": "EXTENSION", "statistics": "STATISTICS",
    }  # fmt: skip
    return f"DROP {plain[kind]} {dotted(name)};" if kind in plain else ""


def column_sql(name: str, attributes: Attributes) -> str:
    """A column as it stands in CREATE TABLE and ADD COLUMN; ``name`` is quoted already."""
    type_ = str(attributes["type"])
    parts = [name, _SERIAL.get(type_, type_) if attributes.get("default") == OWNED else type_]
    if attributes.get("collation"):
        parts.append(f"COLLATE {attributes['collation']}")
    if attributes.get("generated"):
        stored = "" if attributes.get("generation") == "virtual" else " STORED"
        parts.append(f"GENERATED ALWAYS AS ({attributes['generated']}){stored}")
    elif attributes.get("identity"):
        parts.append(f"GENERATED {str(attributes['identity']).upper()} AS IDENTITY")
    elif "default" in attributes and attributes["default"] != OWNED:
        parts.append(f"DEFAULT {attributes['default']}")
    if attributes.get("not_null"):
        parts.append("NOT NULL")
    return " ".join(parts)


def owner(name: str) -> str:
    """The table of a column, constraint or trigger as SQL writes it."""
    return ".".join(map(_quoted, _PART.findall(name)[:-1]))


def last(name: str) -> str:
    """The object's own name as SQL writes it."""
    return _quoted(_PART.findall(name)[-1])


def dotted(name: str) -> str:
    """A snapshot's name as SQL writes it."""
    return ".".join(map(_quoted, _PART.findall(name)))


def _quoted(part: str) -> str:
    if part.startswith('"') or (re.fullmatch(r"[a-z_][a-z0-9_$]*", part) and part not in RESERVED):
        return part
    return '"' + part.replace('"', '""') + '"'


def _table(name: str, wanted: Snapshot) -> str:
    """The table with its columns, constraints, indexes and comments; "" for forms that need more than these."""
    attributes = wanted.objects[f"table {name}"]
    if set(attributes) - {"comment", "persistence", "row_security"}:
        return ""
    mine = {key: value for key, value in wanted.objects.items() if table_of(key, value) == name}
    columns = sorted(
        ((key, value) for key, value in mine.items() if key.startswith("column ")), key=lambda one: _position(one[1])
    )
    lines = [column_sql(last(key.partition(" ")[2]), value) for key, value in columns]
    own = [(key, value) for key, value in mine.items() if key.startswith("constraint ")]
    lines += [f"CONSTRAINT {last(key.partition(' ')[2])} {value['definition']}" for key, value in own]
    unlogged = "UNLOGGED " if attributes.get("persistence") else ""
    sql = [f"CREATE {unlogged}TABLE {dotted(name)} (\n    " + ",\n    ".join(lines) + "\n);"]
    sql += [create(key, wanted) for key in mine if key.startswith(("index ", "trigger "))]
    if attributes.get("row_security"):
        sql.append(f"ALTER TABLE {dotted(name)} ENABLE ROW LEVEL SECURITY;")
    if "comment" in attributes:
        sql.append(comment(f"table {name}", attributes))
    sql += [comment(key, value) for key, value in (*columns, *own) if "comment" in value]
    return "\n".join(sql)


def _position(attributes: Attributes) -> int:
    position = attributes.get("position")
    return position if isinstance(position, int) else 0


def _column(name: str, aspect: str, wanted: Attributes) -> Mend | None:
    alter = f"ALTER TABLE {owner(name)} ALTER COLUMN {last(name)}"
    value = wanted.get(aspect)
    if aspect == "not_null":
        return Mend(f"{alter} {'SET' if value else 'DROP'} NOT NULL;")
    if aspect == "default" and value != OWNED:
        return Mend(f"{alter} DROP DEFAULT;" if value is None else f"{alter} SET DEFAULT {value};")
    if aspect == "type":
        return Mend(f"{alter} TYPE {value} USING {last(name)}::{value};", True)
    if aspect == "collation" and value:
        return Mend(f"{alter} TYPE {wanted['type']} COLLATE {value};")
    if aspect == "identity":
        return Mend(
            f"{alter} DROP IDENTITY;" if value is None else f"{alter} ADD GENERATED {str(value).upper()} AS IDENTITY;"
        )
    return None


def _enum(name: str, wanted: Attributes, found: Attributes) -> Mend | None:
    labels, there = _list(wanted, "labels"), _list(found, "labels")
    if [label for label in labels if label in there] != there:
        return None  # PostgreSQL takes no label away and moves none
    sql = []
    for at, label in enumerate(labels):
        if label not in there:
            after = f" AFTER {_literal(labels[at - 1])}" if at else f" BEFORE {_literal(there[0])}" if there else ""
            sql.append(f"ALTER TYPE {dotted(name)} ADD VALUE {_literal(label)}{after};")
    return Mend("\n".join(sql)) if sql else None


def _list(attributes: Attributes, name: str) -> list[str]:
    value = attributes.get(name)
    return [str(one) for one in value] if isinstance(value, list) else []


def _labels(attributes: Attributes) -> str:
    return ", ".join(map(_literal, _list(attributes, "labels")))


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _materialized(attributes: Attributes) -> str:
    return "MATERIALIZED " if attributes.get("materialized") else ""


def _sequence(attributes: Attributes) -> str:
    words = {"type": "AS", "increment": "INCREMENT", "minimum": "MINVALUE", "maximum": "MAXVALUE", "start": "START",
             "cache": "CACHE"}  # fmt: skip
    said = "".join(f" {word} {attributes[name]}" for name, word in words.items() if name in attributes)
    return said + (" CYCLE" if attributes.get("cycle") else "")


def comment(key: str, attributes: Attributes) -> str:
    """COMMENT ON that object, with what its attributes say; NULL takes it away."""
    kind, _, name = key.partition(" ")
    said = attributes.get("comment")
    text = "NULL" if said is None else _literal(str(said))
    if kind in ("constraint", "trigger", "policy", "rule"):
        return f"COMMENT ON {kind.upper()} {last(name)} ON {owner(name)} IS {text};"
    word = {"enum": "TYPE", "view": f"{_materialized(attributes)}VIEW"}.get(kind, kind.upper())
    target = name if kind in ("function", "procedure", "aggregate") else dotted(name)
    return f"COMMENT ON {word} {target} IS {text};"
