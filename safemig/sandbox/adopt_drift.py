"""The revision that brings what the revisions make and what a database has together: it makes each where it is missing,
and leaves it where it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from checks.evidence import Json
from checks.schema.difference import Difference, short, table_of
from checks.schema.snapshot import Snapshot
from safemig.migrations import downgrade as undo
from safemig.migrations.change import Wanted
from safemig.migrations.from_sql import executed
from safemig.postgres.ddl import names as words
from safemig.sandbox.adopt_table import CannotAdopt, enum_operation
from safemig.sql.text import Statement, statements

_SERIAL = {"smallint": "smallserial", "integer": "serial", "bigint": "bigserial"}
_OWNED = "nextval(owned sequence)"
_OF_COLUMNS = frozenset({"position", "type", "not_null", "default", "identity", "generated", "generation"})
Attributes = Mapping[str, Json]


def adopting(differences: Sequence[Difference], found: Snapshot, made: Snapshot) -> Wanted:
    """The revision for those ``differences`` of ``found`` from what the revisions have ``made``. CannotAdopt where one
    of them has no form that adds alone: what differs on both sides, or what has no IF NOT EXISTS."""
    up = list(_operations(differences, found, made))
    if not up:
        raise CannotAdopt("none of it is made by a statement")
    sql = "\n".join(text for text in up if text.startswith(("CREATE ", "ALTER ")))
    wanted = Wanted("sql", sql, "", (), frozenset(), ("the drift", 1))
    try:
        back = undo.derive(wanted) if sql else ""
    except undo.NoUndo as error:
        raise CannotAdopt(str(error)) from error
    upgrade = [*(text for text in up if text.startswith("postgresql.")), *map(executed, _each(sql))]
    downgrade = [executed(one) for one in _each(back)]
    downgrade += [text.replace(".create(", ".drop(") for text in up if text.startswith("postgresql.")]
    return Wanted("op", "\n".join(upgrade), "\n".join(downgrade), (), frozenset(), ("the drift", 1))


def _each(sql: str) -> Iterator[Statement]:
    for one in statements(sql):
        yield from statements(one.text)


def _operations(differences: Sequence[Difference], found: Snapshot, made: Snapshot) -> Iterator[str]:
    sources = {"unexpected": found, "missing": made}
    tables = {one.key.partition(" ")[2] for one in differences if one.key.startswith("table ")}
    order = ("extension", "enum", "table", "column", "index")
    ranked = sorted(differences, key=lambda one: (_rank(one.key, order), one.key))
    for one in ranked:
        kind, _, name = one.key.partition(" ")
        source = sources.get(one.aspect)
        if source is None:
            raise CannotAdopt(f"{short(one.key)} differs in its {one.aspect}: which of the two is meant is not told")
        attributes = source.objects[one.key]
        if kind == "table":
            yield _table(name, attributes, source)
        elif kind in ("column", "constraint") and table_of(one.key, attributes) in tables:
            continue
        elif kind == "column":
            table, own = _split(name)
            yield f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {own} {_column(one.key, attributes)};"
        elif kind == "index" and "valid" not in attributes:
            head, _, rest = str(attributes["definition"]).partition(" INDEX ")
            yield f"{head} INDEX IF NOT EXISTS {rest};"
        elif kind == "enum":
            labels = attributes["labels"]
            assert isinstance(labels, list)
            yield enum_operation(name, [str(label) for label in labels])
        elif kind == "extension":
            yield f"CREATE EXTENSION IF NOT EXISTS {name};"
        else:
            raise CannotAdopt(f"{short(one.key)} has no form that passes over what is there")


def _rank(key: str, order: Sequence[str]) -> int:
    kind = key.partition(" ")[0]
    return order.index(kind) if kind in order else len(order)


def _split(name: str) -> tuple[str, str]:
    """The table, and the own name of what is in it, each as it stands in SQL."""
    parts = words.PART.findall(name)
    return ".".join(parts[:-1]).removeprefix("public."), parts[-1]


def _column(key: str, attributes: Attributes) -> str:
    if more := attributes.keys() - _OF_COLUMNS:
        raise CannotAdopt(f"{short(key)} has its {', '.join(sorted(more))}, which is not written")
    type_, default = str(attributes["type"]), attributes.get("default")
    if default == _OWNED:
        return _SERIAL.get(type_, type_)
    text = type_.removeprefix("public.")
    if attributes.get("identity"):
        return f"{text} GENERATED {str(attributes['identity']).upper()} AS IDENTITY"
    if attributes.get("generated"):
        text += f" GENERATED ALWAYS AS ({attributes['generated']}) STORED"
    elif default is not None:
        text += f" DEFAULT {default}"
    return f"{text} NOT NULL" if attributes.get("not_null") else text


def _table(name: str, attributes: Attributes, source: Snapshot) -> str:
    if attributes:
        raise CannotAdopt(f"table {name} has its {', '.join(sorted(attributes))}, which is not written")
    columns = {key: each for key, each in source.objects.items() if _is_of("column", key, each, name)}
    lines = [
        f"{_split(key.partition(' ')[2])[1]} {_column(key, each)}"
        for key, each in sorted(columns.items(), key=lambda one: int(str(one[1].get("position", 0))))
    ]
    lines += [
        f"CONSTRAINT {_split(key.partition(' ')[2])[1]} {each['definition']}"
        for key, each in source.objects.items()
        if _is_of("constraint", key, each, name)
    ]
    inner = ",\n    ".join(lines)
    return f"CREATE TABLE IF NOT EXISTS {name.removeprefix('public.')} (\n    {inner}\n);"


def _is_of(kind: str, key: str, attributes: Attributes, table: str) -> bool:
    return key.startswith(f"{kind} ") and table_of(key, attributes) == table
