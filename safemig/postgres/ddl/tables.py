"""The SQL that mends a difference between two schemas, from the definitions that PostgreSQL itself has printed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from checks.schema.difference import Difference, table_of
from checks.schema.snapshot import OWNED, Snapshot, part
from safemig.postgres.ddl import objects, options
from safemig.postgres.ddl.names import Attributes, comment, dotted, last, listed, literal, materialized, owner

_SERIAL = {"smallint": "smallserial", "integer": "serial", "bigint": "bigserial"}


@dataclass(frozen=True)
class Mend:
    """Statements that make what was found into what was wanted; ``destructive`` when they can lose data."""

    sql: str
    destructive: bool = False


def mend(difference: Difference, wanted: Snapshot, found: Snapshot) -> Mend | None:
    """How to mend the difference; None where no statement alone does (``why_not``)."""
    kind, _, name = difference.key.partition(" ")
    if difference.key == "schema public":  # listed for another comment than its first only
        return Mend(comment(difference.key, wanted.objects.get(difference.key, {"comment": "standard public schema"})))
    if difference.aspect == "missing":
        freed = kind == "sequence" and objects.hidden(name, wanted, found)
        sql = f"ALTER SEQUENCE {dotted(name)} OWNED BY NONE;" if freed else create(difference.key, wanted)
        return Mend(sql) if sql else None
    if difference.aspect == "unexpected":
        return None if _held(difference.key, found) else Mend(drop(difference.key, found), True)
    left, right = wanted.objects.get(difference.key), found.objects.get(difference.key)
    if left is None or right is None:
        return None  # matched under another name
    if difference.aspect == "enforcement":
        off = str(right.get("enforcement", "")).removeprefix("off on ").split(", ")
        return Mend("\n".join(f"ALTER TABLE {table} ENABLE TRIGGER ALL;" for table in off)) if off != [""] else None
    if difference.aspect == "comment":
        return Mend(comment(difference.key, left))
    if kind == "column" and (plain := _column(name, difference.aspect, left, right)):
        return plain
    return _definition(difference, wanted, found)


def _held(key: str, found: Snapshot) -> str:
    """Why an object that nobody wants is not dropped by itself, or ""."""
    kind, _, name = key.partition(" ")
    if kind == "sequence" and objects.numbered(name, found):
        return "a column's default still takes its numbers from it: mend that first"
    if kind == "index" and _follows(key, found):
        return "it comes and goes with the index of the partitioned table"
    return "" if drop(key, found) else f"no statement drops a {kind} by itself"


def _definition(difference: Difference, wanted: Snapshot, found: Snapshot) -> Mend | None:
    kind, _, name = difference.key.partition(" ")
    left, right = wanted.objects[difference.key], found.objects[difference.key]
    if kind == "enum":
        return _enum(name, left, right)
    if difference.aspect == "valid" and kind in ("constraint", "index"):
        return _valid(difference.key, left, right, found)
    if difference.aspect == "definition" and kind in ("constraint", "index", "trigger", "statistics"):
        return Mend(f"{drop(difference.key, found)}\n{create(difference.key, wanted)}")
    if kind == "view" and difference.aspect in ("definition", "materialized"):
        return _view(difference.key, wanted, found)
    if kind in ("function", "procedure") and difference.aspect == "definition":
        return _function(difference.key, wanted, found)
    other = objects.change(difference, left, right)
    return Mend(*other) if other else None


def why_not(difference: Difference, wanted: Snapshot, found: Snapshot) -> str:
    """Why ``mend`` gives no SQL; "" where it gives some."""
    if mend(difference, wanted, found) is not None:
        return ""
    if difference.aspect == "unexpected":
        return _held(difference.key, found)
    whole = difference.aspect in ("missing", "unexpected", "column order")
    if not whole and (difference.key not in found.objects or difference.key not in wanted.objects):
        return "it is there under another name: compare both definitions"
    return objects.reason(difference)


def create(key: str, wanted: Snapshot) -> str:
    """The statements that make that object of ``wanted``; "" where the snapshot does not hold all of it."""
    kind, _, name = key.partition(" ")
    attributes = wanted.objects[key]
    definition = str(attributes.get("definition", "")).rstrip().rstrip(";")
    state = "enabled" in attributes
    made = {
        "table": lambda: _table(name, wanted),
        "column": lambda: "\n".join([
            f"ALTER TABLE {owner(name)} ADD COLUMN {column_sql(last(name), attributes)};",
            *_column_more(name, attributes),
        ]),
        "constraint": lambda: "\n".join([
            f"ALTER TABLE {owner(name)} ADD CONSTRAINT {last(name)} {definition};", *_stored(name, attributes),
        ]),
        "index": lambda: f"{_whole_index(definition, attributes)};",
        "trigger": lambda: f"{definition};" + (f"\n{options.enabled(key, attributes)}" if state else ""),
        "function": lambda: f"{definition};",
        "procedure": lambda: f"{definition};",
        "rule": lambda: f"{definition};" + (f"\n{options.enabled(key, attributes)}" if state else ""),
        "statistics": lambda: f"{definition};"
        + (f"\n{options.target(name, attributes)}" if "target" in attributes else ""),
        "view": lambda: options.view(name, attributes),
        "enum": lambda: f"CREATE TYPE {dotted(name)} AS ENUM ({_labels(attributes)});",
        "schema": lambda: f"CREATE SCHEMA {dotted(name)};",
        "extension": lambda: f"CREATE EXTENSION {dotted(name)} SCHEMA {dotted(part(str(attributes['schema'])))};",
    }  # fmt: skip
    maker: Callable[[], str] | None = made.get(kind)
    sql = maker() if maker else objects.create(kind, name, attributes)
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
    partition = objects.partition(name, attributes)
    if not _is_plain(attributes, bool(partition)):
        return ""
    mine = {
        key: value for key, value in wanted.objects.items()
        if table_of(key, value) == name and not value.get("inherited")
    }  # fmt: skip
    columns, own = _of_kind("column", mine), _of_kind("constraint", mine)
    if partition:
        sql = [partition, *(create(key, wanted) for key, _ in own)]
    else:
        sql = [*_create(name, attributes, columns, own)]
    sql += [create(key, wanted) for key in mine if key.startswith("index ") and not _follows(key, wanted)]
    sql += [create(key, wanted) for key in mine if key.startswith(("trigger ", "policy ", "rule "))]
    sql += _settings(name, attributes)
    told = [(f"table {name}", attributes), *columns, *(() if partition else own)]
    sql += [comment(key, value) for key, value in told if "comment" in value]
    return "\n".join(sql)


_Objects = Sequence[tuple[str, Attributes]]


def _of_kind(kind: str, objects_: Mapping[str, Attributes]) -> _Objects:
    """The objects of one kind, columns in the order of the table."""
    return sorted(
        ((key, value) for key, value in objects_.items() if key.startswith(f"{kind} ")),
        key=lambda pair: _position(pair[1]),
    )


def _is_plain(attributes: Attributes, is_partition: bool) -> bool:
    """Whether a table of these attributes needs no more than what is written here."""
    known = {
        "comment", "persistence", "row_security", "force_row_security", "options", "replica_identity", "inherits",
    }  # fmt: skip
    known |= {"form", "partition_key"} if attributes.get("form") == "partitioned" else set()
    known |= {"partition_bound"} if is_partition else set()
    return known.issuperset(attributes) and attributes.get("replica_identity") != "index"


def _create(name: str, attributes: Attributes, columns: _Objects, constraints: _Objects) -> Iterator[str]:
    """CREATE TABLE with its columns and constraints, and what is said of these in statements of their own."""
    lines = [column_sql(last(key.partition(" ")[2]), value) for key, value in columns]
    lines += [f"CONSTRAINT {last(key.partition(' ')[2])} {value['definition']}" for key, value in constraints]
    unlogged = "UNLOGGED " if attributes.get("persistence") else ""
    parents = listed(attributes, "inherits")
    below = f" INHERITS ({', '.join(parents)})" if parents else ""
    below += f" PARTITION BY {attributes['partition_key']}" if attributes.get("form") == "partitioned" else ""
    below += f" WITH ({options.options(attributes)})" if "options" in attributes else ""
    yield f"CREATE {unlogged}TABLE {dotted(name)} (\n    " + ",\n    ".join(lines) + f"\n){below};"
    for key, value in columns:
        yield from _column_more(key.partition(" ")[2], value)
    for key, value in constraints:
        yield from _stored(key.partition(" ")[2], value)


def _settings(name: str, attributes: Attributes) -> Iterator[str]:
    """What is set once the table is there."""
    for aspect, word in (("row_security", "ENABLE"), ("force_row_security", "FORCE")):
        if attributes.get(aspect):
            yield f"ALTER TABLE {dotted(name)} {word} ROW LEVEL SECURITY;"
    if "replica_identity" in attributes:
        yield f"ALTER TABLE {dotted(name)} REPLICA IDENTITY {str(attributes['replica_identity']).upper()};"


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
    if aspect == "default" and wanted["type"] != found["type"]:
        return None  # goes with the type
    if aspect == "default" and value == OWNED:
        owning = objects.owning(name, found)
        return Mend(owning) if owning else None
    if aspect == "default":
        return Mend(f"{alter} DROP DEFAULT;" if value is None else f"{alter} SET DEFAULT {value};")
    if aspect == "type":
        return _type(name, wanted, found)
    if aspect == "collation" and wanted["type"] == found["type"]:
        return Mend(f"{alter} TYPE {wanted['type']}{f' COLLATE {value}' if value else ''};")
    if aspect == "identity":
        how = "" if value is None else f"GENERATED {str(value).upper()}"
        return Mend(
            f"{alter} DROP IDENTITY;" if value is None
            else f"{alter} SET {how};" if "identity" in found
            else f"{alter} ADD {how} AS IDENTITY;"
        )  # fmt: skip
    return None


def _type(name: str, wanted: Attributes, found: Attributes) -> Mend:
    """The type with its collation and default; a type of the project is reached by way of text."""
    column, type_, default = last(name), wanted["type"], wanted.get("default")
    way = "::text" if "." in f"{type_}{found['type']}" else ""
    collation = f" COLLATE {wanted['collation']}" if wanted.get("collation") else ""
    said = [f"ALTER COLUMN {column} TYPE {type_}{collation} USING {column}{way}::{type_}"]
    if OWNED not in (default, found.get("default")) and (way or default != found.get("default")):
        said = [f"ALTER COLUMN {column} DROP DEFAULT", *said] if "default" in found else said
        said += [f"ALTER COLUMN {column} SET DEFAULT {default}"] if default is not None else []
    return Mend(f"ALTER TABLE {owner(name)} {', '.join(said)};", True)


def _valid(key: str, wanted: Attributes, found: Attributes, there: Snapshot) -> Mend | None:
    """REINDEX; on a partitioned table it does nothing, and nobody wants an index that is not valid."""
    name = key.partition(" ")[2]
    table = there.objects.get(f"table {table_of(key, found)}", {})
    if wanted.get("valid") is False or table.get("form") == "partitioned":
        return None
    schema = owner(owner(name)) if key.startswith("constraint ") else owner(name)
    return Mend(f"REINDEX INDEX CONCURRENTLY {schema}.{last(name)};")


def _view(key: str, wanted: Snapshot, found: Snapshot) -> Mend:
    name = key.partition(" ")[2]
    left, right = wanted.objects[key], found.objects[key]
    said = [comment(key, left)] if "comment" in left else []
    if options.replaceable(left, right):
        return Mend("\n".join([options.view(name, left, replace=True), *said]))
    # Made anew with all that hangs on it now; the privileges on it are gone.
    hanging = [
        create(one, wanted) for one, value in wanted.objects.items()
        if one in found.objects and table_of(one, value) == name and one.startswith(("index ", "trigger ", "rule "))
    ]  # fmt: skip
    return Mend("\n".join([drop(key, found), options.view(name, left), *said, *hanging]), True)


def _function(key: str, wanted: Snapshot, found: Snapshot) -> Mend:
    """PostgreSQL replaces one of the same arguments and result; another one is made anew, and its grants are gone."""
    heads = [str(of.objects[key]["definition"]).partition("\n LANGUAGE ")[0] for of in (wanted, found)]
    if heads[0] == heads[1]:
        return Mend(create(key, wanted))
    return Mend(f"{drop(key, found)}\n{create(key, wanted)}", True)


def _whole_index(definition: str, attributes: Attributes) -> str:
    # An index on a partitioned table alone would stay invalid: it is made for the partitions with it.
    return definition if attributes.get("valid") is False else definition.replace(" ON ONLY ", " ON ", 1)


def _column_more(name: str, attributes: Attributes) -> list[str]:
    numbers = objects.numbering(name, attributes, {})
    return [*options.column_more(name, attributes), *([numbers] if numbers else [])]


def _stored(name: str, attributes: Attributes) -> list[str]:
    """The options of the index behind a constraint."""
    given = options.options(attributes)
    return [f"ALTER INDEX {owner(owner(name))}.{last(name)} SET ({given});"] if given else []


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
