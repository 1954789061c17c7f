"""The SQL that mends a difference between two schemas, from the definitions that PostgreSQL itself has printed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from checks.schema.difference import Difference, table_of
from checks.schema.snapshot import OWNED, Snapshot
from safemig import mend_other
from safemig.mend_words import Attributes, comment, dotted, last, listed, literal, materialized, owner

_SERIAL = {"smallint": "smallserial", "integer": "serial", "bigint": "bigserial"}


@dataclass(frozen=True)
class Mend:
    """Statements that make what was found into what was wanted; ``destructive`` when they can lose data."""

    sql: str
    destructive: bool = False


def mend(difference: Difference, wanted: Snapshot, found: Snapshot) -> Mend | None:
    """How to mend the difference; None where no statement alone does (``why_not``)."""
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
        plain = _column(name, difference.aspect, left, right)
        if plain is not None:
            return plain
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
    other = mend_other.change(difference, left, right)
    return Mend(*other) if other else None


def why_not(difference: Difference, wanted: Snapshot, found: Snapshot) -> str:
    """Why ``mend`` gives no SQL; "" where it gives some."""
    if mend(difference, wanted, found) is not None:
        return ""
    whole = difference.aspect in ("missing", "unexpected", "column order")
    if not whole and (difference.key not in found.objects or difference.key not in wanted.objects):
        return "it is there under another name: compare both definitions"
    return mend_other.reason(difference)


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
        "view": lambda: f"CREATE {materialized(attributes)}VIEW {dotted(name)} AS\n{definition};",
        "enum": lambda: f"CREATE TYPE {dotted(name)} AS ENUM ({_labels(attributes)});",
        "schema": lambda: f"CREATE SCHEMA {dotted(name)};",
        "extension": lambda: f"CREATE EXTENSION {dotted(name)};",
    }  # fmt: skip
    maker: Callable[[], str] | None = made.get(kind)
    sql = maker() if maker else mend_other.create(kind, name, attributes)
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
        return f"DROP {materialized(attributes)}VIEW {dotted(name)};"
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


def _table(name: str, wanted: Snapshot) -> str:
    """The table with its columns, constraints, indexes and comments; "" for forms that need more than these."""
    attributes = wanted.objects[f"table {name}"]
    simple = {"comment", "persistence", "row_security", "force_row_security"}
    partition = mend_other.partition(name, attributes)
    parted = attributes.get("form") == "partitioned"
    if set(attributes) - simple - {"form", "partition_key", "partition_bound", "inherits"} or (
        not partition and (set(attributes) - simple - ({"form", "partition_key"} if parted else set()))
    ):
        return ""
    mine = {
        key: value for key, value in wanted.objects.items()
        if table_of(key, value) == name and not value.get("inherited")
    }  # fmt: skip
    columns = sorted(
        ((key, value) for key, value in mine.items() if key.startswith("column ")), key=lambda one: _position(one[1])
    )
    own = [(key, value) for key, value in mine.items() if key.startswith("constraint ")]
    if partition:
        sql = [partition, *(create(key, wanted) for key, _ in own)]
    else:
        lines = [column_sql(last(key.partition(" ")[2]), value) for key, value in columns]
        lines += [f"CONSTRAINT {last(key.partition(' ')[2])} {value['definition']}" for key, value in own]
        unlogged = "UNLOGGED " if attributes.get("persistence") else ""
        below = f" PARTITION BY {attributes['partition_key']}" if parted else ""
        sql = [f"CREATE {unlogged}TABLE {dotted(name)} (\n    " + ",\n    ".join(lines) + f"\n){below};"]
    # An index on a partitioned table alone would stay invalid: it is made for the partitions with it.
    indexes = [create(key, wanted) for key in mine if key.startswith("index ") and not _follows(key, wanted)]
    sql += [one.replace(" ON ONLY ", " ON ", 1) for one in indexes]
    sql += [create(key, wanted) for key in mine if key.startswith(("trigger ", "policy ", "rule "))]
    for aspect, word in (("row_security", "ENABLE"), ("force_row_security", "FORCE")):
        sql += [f"ALTER TABLE {dotted(name)} {word} ROW LEVEL SECURITY;"] if attributes.get(aspect) else []
    sql += [comment(f"table {name}", attributes)] if "comment" in attributes else []
    sql += [comment(key, value) for key, value in (*columns, *(() if partition else own)) if "comment" in value]
    return "\n".join(sql)


def _follows(key: str, wanted: Snapshot) -> bool:
    """Whether a partition's index comes with its parent's."""
    own = wanted.objects[key]
    table = wanted.objects.get(f"table {table_of(key, own)}", {})
    tail = str(own["definition"]).partition(" USING ")[2]
    return bool(table.get("partition_bound")) and any(
        other.startswith("index ") and value.get("table") in listed(table, "inherits")
        and str(value["definition"]).partition(" USING ")[2] == tail
        for other, value in wanted.objects.items()
    )  # fmt: skip


def _position(attributes: Attributes) -> int:
    position = attributes.get("position")
    return position if isinstance(position, int) else 0


def _column(name: str, aspect: str, wanted: Attributes, found: Attributes) -> Mend | None:
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
        how = "" if value is None else f"GENERATED {str(value).upper()}"
        return Mend(
            f"{alter} DROP IDENTITY;" if value is None
            else f"{alter} SET {how};" if "identity" in found
            else f"{alter} ADD {how} AS IDENTITY;"
        )  # fmt: skip
    return None


def _enum(name: str, wanted: Attributes, found: Attributes) -> Mend | None:
    labels, there = listed(wanted, "labels"), listed(found, "labels")
    if [label for label in labels if label in there] != there:
        return None  # PostgreSQL takes no label away and moves none
    sql = []
    for at, label in enumerate(labels):
        if label not in there:
            after = f" AFTER {literal(labels[at - 1])}" if at else f" BEFORE {literal(there[0])}" if there else ""
            sql.append(f"ALTER TYPE {dotted(name)} ADD VALUE {literal(label)}{after};")
    return Mend("\n".join(sql)) if sql else None


def _labels(attributes: Attributes) -> str:
    return ", ".join(map(literal, listed(attributes, "labels")))
