"""The rows of every table before and after a command: what it left, deleted, emptied or dropped, and who else wrote.

Counts tell what is lost, not who lost it. Three things make up for that: the relfilenode (TRUNCATE gives a table a new
one, a rolled back TRUNCATE does not), the age of the rows (a table that was emptied and filled again has as many, but
younger ones), and the sessions that were there before the command and wrote meanwhile. The counters of pg_stat come
late, for they are sent when a session ends or idles, so that they decide only where the rows are too many to count.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

from checks.attempts import attempts
from checks.evidence import Evidence, Json
from checks.text import plain

if TYPE_CHECKING:
    import psycopg

LARGE = 100_000  # rows: more are not counted
SETTLE_SECONDS = 2.0  # for the command's sessions to be gone after it: their counters come with their end
LATE_COUNTERS = 0.6  # seconds: before version 15 a collector writes them every 500 ms

Kind = Literal["dropped", "made anew", "emptied", "fewer", "replaced", "truncated", "more", "new"]

_TABLES = """
SELECT n.nspname, c.relname, c.oid::bigint, coalesce(pg_relation_filenode(c.oid), 0)::bigint,
       coalesce(pg_stat_get_tuples_inserted(c.oid), 0), coalesce(pg_stat_get_tuples_updated(c.oid), 0),
       coalesce(pg_stat_get_tuples_deleted(c.oid), 0),
       has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence <> 't'
  AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'
ORDER BY 1, 2
"""
_SESSIONS = """
SELECT pid, backend_start::text, coalesce(usename, ''), coalesce(application_name, ''), coalesce(query, ''),
       backend_xid IS NOT NULL, coalesce(query_start >= %(since)s::timestamptz, false)
FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
  AND application_name <> %(us)s
"""
# Statements that write nothing; a session whose last one is another may have written.
_READS = re.compile(
    r"\s*(?:select|show|begin|start|rollback|abort|values|table|explain|declare|fetch|move|close|discard|reset|set"
    r"|deallocate|prepare|listen|unlisten|savepoint|release)\b|\s*$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Table:
    """One table at one moment. ``rows`` is None where they are too many (``large``) or may not be read; ``kept`` are
    those of them that were written before the earlier look."""

    oid: int
    file: int
    rows: int | None
    kept: int | None
    inserted: int
    updated: int
    deleted: int
    large: bool = False


@dataclass(frozen=True)
class Rows:
    """All tables at one moment of the server's clock; ``next_xid`` is the first transaction that comes after it and
    ``sessions`` are those that were there, as [pid, start]."""

    at: str
    next_xid: str
    tables: Mapping[str, Table]
    sessions: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True)
class Change:
    """What became of one table. ``before`` and ``after`` are rows, None where they were not counted; ``lost`` is the
    least number of rows that are gone."""

    table: str
    change: Kind
    before: int | None
    after: int | None
    lost: int = 0


def count(connection: psycopg.Connection, us: str, earlier: Rows | None = None) -> Rows:
    """The tables as they are. With ``earlier``, the sessions that came since get a moment to be gone first.

    ``connection`` is in autocommit mode and called ``us``. A table that is held or refused counts as not readable.
    """
    if earlier:
        _settle(connection, us, earlier)
    connection.execute("SELECT set_config('lock_timeout', '2s', false), set_config('statement_timeout', '30s', false)")
    row = connection.execute(
        "SELECT clock_timestamp()::text, (txid_snapshot_xmax(txid_current_snapshot()) % 4294967296)::text"
    ).fetchone()
    at, next_xid = (str(row[0]), str(row[1])) if row else ("", "0")
    sessions = tuple((each[0], each[1]) for each in _sessions(connection, us, at))
    since = earlier.next_xid if earlier else ""
    return Rows(at, next_xid, dict(_tables(connection, since)), sessions)


def _tables(connection: psycopg.Connection, since: str) -> Iterator[tuple[str, Table]]:
    for schema, name, oid, file, inserted, updated, deleted, readable in connection.execute(_TABLES).fetchall():
        rows, kept = _count(connection, schema, name, since) if readable else (None, None)
        large = rows is not None and rows > LARGE
        counted = (None, None) if large else (rows, kept)
        yield f"{schema}.{name}", Table(oid, file, *counted, inserted, updated, deleted, large)


def _count(connection: psycopg.Connection, schema: str, name: str, since: str) -> tuple[int | None, int | None]:
    import psycopg
    from psycopg import sql

    kept = sql.SQL("count(*) FILTER (WHERE age(x) > age({}::text::xid))").format(since) if since else sql.SQL("NULL")
    query = sql.SQL("SELECT count(*), {} FROM (SELECT xmin AS x FROM ONLY {} LIMIT {}) AS counted").format(
        kept, sql.Identifier(schema, name), LARGE + 1
    )
    try:
        row = connection.execute(query).fetchone()
    except psycopg.Error:
        return None, None
    return (int(row[0]), None if row[1] is None else int(row[1])) if row else (None, None)


def _sessions(connection: psycopg.Connection, us: str, since: str) -> list[tuple[int, str, str, str, str, bool, bool]]:
    return connection.execute(_SESSIONS, {"us": us, "since": since}).fetchall()


def _settle(connection: psycopg.Connection, us: str, earlier: Rows) -> None:
    for _ in attempts(SETTLE_SECONDS, 0.05):
        if not _come(connection, us, earlier):
            break
    if connection.info.server_version < 150000:
        time.sleep(LATE_COUNTERS)


def _come(connection: psycopg.Connection, us: str, earlier: Rows) -> bool:
    known = set(earlier.sessions)
    return any((each[0], each[1]) not in known for each in _sessions(connection, us, earlier.at))


def writers(connection: psycopg.Connection, us: str, earlier: Rows, *, ended: bool = False) -> dict[str, str]:
    """The sessions that are none of the command's and may have written since: "pid start" -> in words.

    Those were there before it; once it has ``ended``, also those that are still there.
    """
    known = set(earlier.sessions)
    found: dict[str, str] = {}
    for pid, start, user, application, query, writes, since in _sessions(connection, us, earlier.at):
        foreign = ended or (pid, start) in known
        if foreign and (writes or (since and not _READS.match(query))):
            who = f"session {pid} of {user}" + (f" ({application})" if application else "")
            found[f"{pid} {start}"] = plain(f"{who}: {' '.join(query.split())}", 200)
    return found


def changes(before: Rows, after: Rows) -> tuple[Change, ...]:
    """What became of each table between the two looks, those that are as they were left out."""
    found = [_gone(name, old, after.tables.get(name)) for name, old in before.tables.items()]
    new = [Change(name, "new", None, table.rows) for name, table in after.tables.items() if name not in before.tables]
    return (*(change for change in found if change), *new)


def _gone(name: str, old: Table, new: Table | None) -> Change | None:
    had = old.rows or 0
    if new is None:
        return Change(name, "dropped", old.rows, None, had)
    if new.oid != old.oid:
        return Change(name, "made anew", old.rows, new.rows, had)
    emptied = new.file != old.file and not new.kept
    if old.large and new.rows is not None:  # more than LARGE before, countable now
        return Change(name, "emptied" if emptied else "fewer", None, new.rows, LARGE - new.rows)
    if old.rows is None or new.rows is None:
        return _by_counters(name, old, new)
    if emptied and new.kept is not None and (had or _raised(old.inserted, new.inserted)):
        return Change(name, "emptied" if had else "truncated", old.rows, new.rows, had)
    if new.rows < had:
        return Change(name, "fewer", old.rows, new.rows, had - new.rows)
    return _replaced(name, old, new) or (Change(name, "more", old.rows, new.rows) if new.rows > had else None)


def _replaced(name: str, old: Table, new: Table) -> Change | None:
    """Rows that are younger than the earlier look and cannot all have been updated: others were deleted for them."""
    deleted = _raised(old.deleted, new.deleted)
    lost = min((old.rows or 0) - (new.kept or 0) - _raised(old.updated, new.updated), deleted)
    return Change(name, "replaced", old.rows, new.rows, lost) if new.kept is not None and lost > 0 else None


def _by_counters(name: str, old: Table, new: Table) -> Change | None:
    """For rows that were not counted: more deleted than inserted is a loss, and so is another file with nothing old."""
    inserted, deleted = _raised(old.inserted, new.inserted), _raised(old.deleted, new.deleted)
    if new.file != old.file and inserted:
        return Change(name, "emptied", old.rows, new.rows)
    if deleted > inserted:
        return Change(name, "fewer", old.rows, new.rows, deleted - inserted)
    return Change(name, "more", old.rows, new.rows) if inserted > deleted else None


def _raised(before: int, after: int) -> int:
    return max(0, after - before)  # statistics that were reset in between tell nothing


def evidence(
    before: Rows, after: Rows, others: Sequence[str], *, subject: str, repeat: str, began: str, ended: str
) -> Evidence:
    """Evidence of kind "rows": ``tables`` (how many were compared), ``not_counted``, ``changes``, ``others``."""
    unread = [name for name, table in after.tables.items() if table.rows is None and not table.large]
    data: dict[str, Json] = {
        "tables": len(before.tables),
        "not_counted": [*unread],
        "changes": [asdict(change) for change in changes(before, after)],
        "others": [*others],
    }
    return Evidence("rows", subject, True, began, ended, repeat, data)
