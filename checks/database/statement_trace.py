"""What the statements of a revision do to the tables that were there before it, seen from within their own session.

For a throwaway server: event triggers note what a statement that is a transaction of its own leaves no trace of, and
questions between two statements read locks, scans and files. The tables may be empty: that a statement reads or writes
a whole table shows all the same.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import psycopg

Work = Literal["rewrite", "index", "scan"]

# Modes of table locks, the weakest first; those of one another's kind stand as PostgreSQL's documentation orders them.
MODES = (
    "AccessShareLock", "RowShareLock", "RowExclusiveLock", "ShareUpdateExclusiveLock", "ShareLock",
    "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock",
)  # fmt: skip
# The bits of pg_event_trigger_table_rewrite_reason().
_REASONS = {1: "its persistence changes", 2: "a column gets a default that is computed for each row",
            4: "the type of a column changes", 8: "its access method changes"}  # fmt: skip

_INSTALL = """
CREATE SCHEMA safemig_trace;
GRANT USAGE ON SCHEMA safemig_trace TO PUBLIC;
CREATE FUNCTION safemig_trace.command() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_catalog.set_config('safemig.locks', coalesce((
    SELECT pg_catalog.json_agg(pg_catalog.json_build_array(relation::bigint, mode,
                               coalesce(pg_catalog.pg_stat_get_xact_numscans(relation), 0)))
    FROM pg_catalog.pg_locks WHERE pid = pg_catalog.pg_backend_pid() AND locktype = 'relation' AND granted
      AND relation >= 16384)::text, '[]'), false);
END $$;
CREATE FUNCTION safemig_trace.rewrite() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_catalog.set_config('safemig.rewrites',
    pg_catalog.concat_ws(',', nullif(pg_catalog.current_setting('safemig.rewrites', true), ''),
      pg_catalog.pg_event_trigger_table_rewrite_oid() || ':' || pg_catalog.pg_event_trigger_table_rewrite_reason()),
    false);
END $$;
CREATE FUNCTION safemig_trace.dropped() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_catalog.set_config('safemig.drops', coalesce((
    SELECT pg_catalog.json_agg(object_type || ' ' || object_identity)
    FROM pg_catalog.pg_event_trigger_dropped_objects() WHERE original AND NOT is_temporary)::text, '[]'), false);
END $$;
CREATE FUNCTION safemig_trace.began() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_catalog.set_config('safemig.scans', coalesce((
    SELECT pg_catalog.json_agg(pg_catalog.json_build_array(c.oid::bigint, pg_catalog.pg_stat_get_xact_numscans(c.oid)))
    FROM pg_catalog.pg_class c
    WHERE c.oid >= 16384 AND c.relkind IN ('r', 'p', 'm') AND pg_catalog.pg_stat_get_xact_numscans(c.oid) > 0
  )::text, '[]'), false);
END $$;
CREATE EVENT TRIGGER safemig_trace_began ON ddl_command_start EXECUTE FUNCTION safemig_trace.began();
CREATE EVENT TRIGGER safemig_trace_command ON ddl_command_end EXECUTE FUNCTION safemig_trace.command();
CREATE EVENT TRIGGER safemig_trace_rewrite ON table_rewrite EXECUTE FUNCTION safemig_trace.rewrite();
CREATE EVENT TRIGGER safemig_trace_dropped ON sql_drop EXECUTE FUNCTION safemig_trace.dropped();
"""
_TABLES = """
SELECT c.oid::bigint, CASE n.nspname WHEN 'public' THEN '' ELSE n.nspname || '.' END || c.relname
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'safemig_trace')
  AND n.nspname !~ '^pg_(toast|temp)'
"""
_FRESH = """
SELECT set_config('safemig.locks', '', false), set_config('safemig.rewrites', '', false),
       set_config('safemig.drops', '', false), set_config('safemig.scans', '', false),
       pg_current_wal_insert_lsn()::text
"""
_NOTED = """
SELECT current_setting('safemig.locks', true), current_setting('safemig.rewrites', true),
       current_setting('safemig.drops', true), current_setting('safemig.scans', true),
       pg_wal_lsn_diff(pg_current_wal_insert_lsn(), %s)::bigint
"""
_SCANS = "SELECT oid::bigint, pg_stat_get_xact_numscans(oid)::bigint FROM unnest(%s::bigint[]::oid[]) oid"
_HELD = """
SELECT relation::bigint, mode FROM pg_locks WHERE
  pid = pg_backend_pid() AND locktype = 'relation' AND granted AND relation = ANY(%s::bigint[]::oid[])
"""
_FILES = "SELECT oid::bigint, relfilenode::bigint FROM pg_class WHERE oid = ANY(%s::bigint[]::oid[])"
_INDEXES = "SELECT indrelid::bigint, count(*) FROM pg_index WHERE indrelid = ANY(%s::bigint[]::oid[]) GROUP BY 1"
_RESULTS = """
SELECT attrelid::bigint, string_agg(attname || ' ' || atttypid || ' ' || atttypmod, ',' ORDER BY attnum)
FROM pg_attribute WHERE attnum > 0 AND NOT attisdropped AND attrelid = ANY(%s::bigint[]::oid[]) GROUP BY 1
"""


@dataclass(frozen=True)
class TableLock:
    """A lock that a statement has taken on a table, in PostgreSQL's own word for the mode."""

    table: str
    mode: str


@dataclass(frozen=True)
class TableWork:
    """What a statement does with all rows of a table: writes them anew, builds an index over them, reads them."""

    table: str
    kind: Work
    reason: str = ""


@dataclass(frozen=True)
class StatementTrace:
    """One statement: the 1-based ``line`` of the file that sends it, how long it took (on tables without rows), how
    much WAL it wrote, what it locked and did. ``alone``: it was a transaction of its own. ``results`` are tables whose
    columns, as ``SELECT *`` gives them, were taken away or are of another type or name."""

    line: int
    sql: str
    milliseconds: float = 0.0
    wal: int = 0
    alone: bool = False
    locks: tuple[TableLock, ...] = ()
    work: tuple[TableWork, ...] = ()
    drops: tuple[str, ...] = ()
    results: tuple[str, ...] = ()

    @property
    def tables(self) -> frozenset[str]:
        """The tables that were there and that it locks or works on, however weakly."""
        return frozenset((*(one.table for one in self.locks), *(one.table for one in self.work)))


@dataclass(frozen=True)
class RevisionTrace:
    """The statements of one upgrade, in order; ``failure`` says why it was not traced to its end, with file and line.

    ``path`` and ``sha256`` are those of the file that was traced."""

    revision: str
    path: str = ""
    sha256: str = ""
    statements: tuple[StatementTrace, ...] = ()
    failure: str = ""


def strongest(modes: Iterable[str]) -> str:
    """The mode that conflicts with most; one that is not known counts as the strongest."""
    return max(modes, key=lambda mode: MODES.index(mode) if mode in MODES else len(MODES))


@dataclass
class _Before:
    lsn: str
    held: Mapping[int, set[str]]
    scans: Mapping[int, int]
    files: Mapping[int, int]
    indexes: Mapping[int, int]
    results: Mapping[int, str]
    alone: bool
    moment: float = field(default_factory=time.perf_counter)


def install(connection: psycopg.Connection) -> bool:
    """Makes the event triggers; whether this role may (a superuser). Without them statements that are transactions of
    their own show less."""
    import psycopg

    try:
        connection.execute(_INSTALL)
    except psycopg.errors.InsufficientPrivilege:
        return False
    return True


class Observer:
    """Looks before and after each statement of one session; ``tables`` are those that were there at first."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        rows = self._rows(_TABLES)
        self._tables: dict[int, str] = {int(oid): str(name) for oid, name in rows}
        self._before: _Before | None = None

    def _rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with self._connection.cursor() as cursor:
            return cursor.execute(query.encode(), values or None).fetchall()

    def _held(self) -> dict[int, set[str]]:
        """oid -> the modes in which this transaction holds that table."""
        found: dict[int, set[str]] = {}
        for oid, mode in self._rows(_HELD, [*self._tables]):
            found.setdefault(oid, set()).add(mode)
        return found

    def _numbers(self, query: str) -> dict[int, int]:
        return {int(oid): int(number or 0) for oid, number in self._rows(query, [*self._tables])}

    def before(self) -> None:
        """To be called before a statement."""
        (fresh,) = self._rows(_FRESH)
        alone = self._connection.autocommit
        self._before = _Before(
            fresh[-1], {} if alone else self._held(), self._numbers(_SCANS), self._numbers(_FILES),
            self._numbers(_INDEXES), dict(self._rows(_RESULTS, [*self._tables])), alone,
        )  # fmt: skip

    def after(self, line: int, sql: str) -> StatementTrace:
        """To be called after a statement that succeeded; what it did."""
        assert self._before is not None
        before, milliseconds = self._before, (time.perf_counter() - self._before.moment) * 1000
        scans = self._numbers(_SCANS)
        ((locks, rewrites, drops, began, wal),) = self._rows(_NOTED, before.lsn)
        held, known = self._held(), before.scans
        if before.alone:  # by now the transaction is over, and its counters may have gone to the server's statistics
            known = {int(oid): int(number) for oid, number in _decoded(began)}
            scans = {}
            for oid, mode, number in _decoded(locks):
                scans[oid] = number
                held.setdefault(oid, set()).add(mode)
        scanned = {oid for oid, number in scans.items() if number > known.get(oid, 0)}
        new = {oid: modes - before.held.get(oid, set()) for oid, modes in held.items() if oid in self._tables}
        return StatementTrace(
            line, sql, round(milliseconds, 3), int(wal), before.alone,
            tuple(TableLock(self._tables[oid], strongest(modes)) for oid, modes in new.items() if modes),
            tuple(self._work(before, scanned, _reasons(rewrites))),
            tuple(map(str, _decoded(drops))), tuple(self._results(before)),
        )  # fmt: skip

    def _work(self, before: _Before, scanned: set[int], reasons: Mapping[int, str]) -> Iterator[TableWork]:
        files, indexes = self._numbers(_FILES), self._numbers(_INDEXES)
        for oid, name in self._tables.items():
            if oid in reasons or (oid in files and files[oid] != before.files.get(oid, files[oid])):
                yield TableWork(name, "rewrite", reasons.get(oid, ""))
            elif indexes.get(oid, 0) > before.indexes.get(oid, 0):
                yield TableWork(name, "index")
            elif oid in scanned:
                yield TableWork(name, "scan")

    def _results(self, before: _Before) -> list[str]:
        after = dict(self._rows(_RESULTS, [*self._tables]))
        return [
            self._tables[oid]
            for oid, columns in before.results.items()
            if oid in after and not set(columns.split(",")) <= set(after[oid].split(","))
        ]


def _decoded(text: str | None) -> list[Any]:
    import json

    found = json.loads(text) if text else []
    return found if isinstance(found, list) else []


def _reasons(text: str | None) -> dict[int, str]:
    found: dict[int, str] = {}
    for each in filter(None, (text or "").split(",")):
        oid, _, bits = each.partition(":")
        found[int(oid)] = ", ".join(words for bit, words in _REASONS.items() if int(bits) & bit)
    return found
