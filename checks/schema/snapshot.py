"""A PostgreSQL schema as data: every object with its attributes, as the server itself prints them."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from checks.evidence import Evidence, Json
from checks.schema import queries

if TYPE_CHECKING:
    import psycopg

# PostgreSQL cuts an identifier at this many bytes.
LONGEST_NAME = 63
OWNED = "nextval(owned sequence)"
_PLAIN = re.compile(r"[^\s.\"(),]+")
_ODD = re.compile(r"[\s\"(),]")
_LARGEST = {"smallint": 2**15 - 1, "integer": 2**31 - 1, "bigint": 2**63 - 1}


@dataclass(frozen=True)
class Snapshot:
    """All objects of the schemas that are not PostgreSQL's own or an extension's.

    ``objects`` maps a key to its attributes; attributes at their default are left out. Keys are "table public.course",
    "column public.course.slug", "constraint public.course.ck_x", "index public.ix_x", "enum public.kind",
    "sequence …", "view …", "function public.f(integer)", "trigger public.course.t", "policy …", "extension …" and so
    on; a name stands in double quotes only where it would be ambiguous (a dot, a space, a bracket in it). A sequence
    that belongs to a serial or identity column is part of the column, an index that belongs to a constraint part of
    that.
    Left out: owners, privileges, tablespaces, versions of extensions, publications, subscriptions, event triggers,
    foreign servers, casts, operators and their classes, text search, collations, base types, which index a table is
    clustered on or replicated by, the statistics target of an index's column, comments on the index of a constraint
    or on an extension, the state of a trigger on one partition.
    """

    server_version: int
    objects: Mapping[str, Mapping[str, Json]]


class TableHeld(Exception):
    """Somebody holds a lock on a table that has to be read.

    ``name`` is "" when it was released before it could be named, ``pid`` 0 for that and for a prepared transaction.
    """

    def __init__(self, name: str, pid: int) -> None:
        holder = f"backend {pid}" if pid else "a prepared transaction (pg_prepared_xacts)"
        who = f"table {name} is held by {holder}" if name else "a table was held"
        super().__init__(f"{who} in ACCESS EXCLUSIVE mode, so its definition could not be read in time")
        self.name = name
        self.pid = pid


def take(connection: psycopg.Connection[Any], *, lock_timeout_ms: int = 2000) -> Snapshot:
    """The schema of the connection's database, read in one read-only transaction.

    Needs no privilege beyond connecting. Raises TableHeld when a definition cannot be read within ``lock_timeout_ms``,
    ValueError when the connection is inside a transaction, psycopg.Error for all that the server refuses.
    """
    import psycopg
    from psycopg.pq import TransactionStatus
    from psycopg.rows import tuple_row

    if connection.info.transaction_status != TransactionStatus.IDLE:
        raise ValueError("a snapshot needs a connection that is not inside a transaction")
    try:
        with connection.transaction(), connection.cursor(row_factory=tuple_row) as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            rows = _read(cursor, lock_timeout_ms)
    except psycopg.errors.LockNotAvailable as error:
        raise _held(connection) from error
    return Snapshot(connection.info.server_version, _objects(rows))


def take_inside(connection: psycopg.Connection[Any]) -> Snapshot:
    """The schema as the connection's open transaction sees it, which stays open and as it is."""
    from psycopg.rows import tuple_row

    # Rolled back to its savepoint, so that the settings of the reading end with it.
    with connection.transaction(force_rollback=True), connection.cursor(row_factory=tuple_row) as cursor:
        rows = _read(cursor, 2000)
    return Snapshot(connection.info.server_version, _objects(rows))


def _read(cursor: psycopg.Cursor[Any], lock_timeout_ms: int) -> list[tuple[list[str], list[tuple[Any, ...]]]]:
    settings = {**queries.SETTINGS, "lock_timeout": str(lock_timeout_ms)}
    calls = ", ".join("set_config(%s, %s, true)" for _ in settings)
    cursor.execute(f"SELECT {calls}".encode(), [part for item in settings.items() for part in item])
    rows: list[tuple[list[str], list[tuple[Any, ...]]]] = []
    for query in queries.QUERIES:
        cursor.execute(query.encode())
        rows.append(([column.name for column in cursor.description or ()], cursor.fetchall()))
    return rows


def _held(connection: psycopg.Connection[Any]) -> TableHeld:
    from psycopg.rows import tuple_row

    with connection.transaction(), connection.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute(queries.HOLDER.encode()).fetchone()
    return TableHeld(f"{part(row[0])}.{part(row[1])}", row[2]) if row else TableHeld("", 0)


def _objects(results: list[tuple[list[str], list[tuple[Any, ...]]]]) -> dict[str, dict[str, Json]]:
    objects: dict[str, dict[str, Json]] = {}
    sequences: list[tuple[str, dict[str, Any]]] = []
    odd = _ODD.search
    for names, rows in results:
        more = names[2:]  # every query begins with kind and parts
        suffixed, checked, sequence, extended = (name in more for name in ("_suffix", "_not_null", "_owner", "_more"))
        for row in rows:
            parts = row[1]
            found = {name: value for name, value in zip(more, row[2:], strict=True) if value is not None}
            joined = ".".join(parts)
            if joined.count(".") >= len(parts) or odd(joined):
                joined = ".".join(map(part, parts))
            key = f"{row[0]} {joined}"
            if sequence:
                sequences.append((key, found))
                continue
            if suffixed:
                key += found.pop("_suffix")
            elif checked:
                column = found.pop("_not_null", None)
                if column and (
                    "inherited" in found or _plain_not_null(found["definition"], parts[1], column, parts[2])
                ):
                    continue
            elif extended and "_more" in found:
                found.update(found.pop("_more"))
            if objects.setdefault(key, found) is not found:
                objects[key].update(found)
    for key, found in sequences:
        _place_sequence(key, found, objects)
    return {key: objects[key] for key in sorted(objects)}


def _plain_not_null(definition: str, table: str, column: str, name: str) -> bool:
    """Whether a NOT NULL constraint says no more than the column's attribute: its name is the automatic one."""
    return automatic(name, table, column, "not_null") and re.search(r"NO INHERIT|NOT VALID", definition) is None


def automatic(name: str, table: str, column: str, label: str) -> bool:
    """Whether PostgreSQL would have made this name itself: table_column_label, shortened and numbered if need be."""
    plain = f"{table}_{column}_{label}"
    if len(plain.encode()) <= LONGEST_NAME:
        return name == plain or (name.startswith(plain) and name[len(plain) :].isdecimal())
    match = re.fullmatch(rf"(.+)_{label}\d*", name)
    return match is not None and len(name.encode()) >= LONGEST_NAME - 4 and match[1][:8] == plain[:8]


def _place_sequence(key: str, found: dict[str, Any], objects: dict[str, dict[str, Json]]) -> None:
    """Puts a sequence where it belongs: into the column it serves, else among the objects."""
    owner, call = found.pop("_owner", None), found.pop("_call")
    column = objects.get(f"column {'.'.join(map(part, owner))}") if owner else None
    if column is not None and owner and (column.get("default") == call or "identity" in column):
        if column.get("default") == call:
            column["default"] = OWNED
        special = _special(found, str(column["type"]))
        name = key.partition(" ")[2]
        if not automatic(last_name(name), owner[1], owner[2], "seq"):
            special["name"] = name
        if special:
            column["sequence"] = special
        return
    if owner:
        found["owned_by"] = ".".join(map(part, owner))
    objects[key] = found


def _special(found: Mapping[str, Any], type_: str) -> dict[str, Json]:
    """What of a sequence differs from the one that a serial or identity column of that type gets."""
    largest = _LARGEST.get(found["type"], 0)
    rising = found["increment"] > 0
    usual = {
        "type": type_,
        "start": found["minimum"] if rising else found["maximum"],
        "increment": 1,
        "minimum": 1 if rising else -largest - 1,
        "maximum": largest if rising else -1,
        "cache": 1,
        "cycle": False,
        "comment": None,
    }
    return {name: value for name, value in found.items() if value != usual.get(name)}


def part(name: str) -> str:
    """A name as it stands in a key."""
    return name if _PLAIN.fullmatch(name) else '"' + name.replace('"', '""') + '"'


def last_name(name: str) -> str:
    """The last part of a dotted name or of a key, without its quotes."""
    match = re.search(r'(?:"((?:[^"]|"")*)"|([^."\s]+))\Z', name)
    return (match[1].replace('""', '"') if match[1] is not None else match[2]) if match else name


def tables(snapshot: Snapshot) -> tuple[str, ...]:
    """The names of all tables, as they stand in the keys ("public.course")."""
    return tuple(key.partition(" ")[2] for key in snapshot.objects if key.startswith("table "))


def fingerprint(snapshot: Snapshot) -> str:
    """sha256 (hex) over the objects, for "is this database still as it was": the server's version is not part of it.

    Two databases may differ in it only because one was restored from a dump; difference.compare knows that.
    """
    return hashlib.sha256(_canonical(cast(Json, snapshot.objects)).encode()).hexdigest()


def _canonical(value: Json) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def evidence(snapshot: Snapshot, began: str, ended: str, repeat: str) -> Evidence:
    """Evidence of kind "schema": ``fingerprint``, ``counts`` (kind -> number), ``tables``, ``server_version``.

    The snapshot itself is bulk and belongs into a file.
    """
    counts = Counter(key.partition(" ")[0] for key in snapshot.objects)
    data: dict[str, Json] = {
        "fingerprint": fingerprint(snapshot),
        "counts": dict(sorted(counts.items())),
        "tables": list(tables(snapshot)),
        "server_version": snapshot.server_version,
    }
    return Evidence("schema", "schema", True, began, ended, repeat, data)
