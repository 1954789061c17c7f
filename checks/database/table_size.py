"""How large tables are in the live database and who works on them now: what a lock on them would mean.

A size is asked for with a lock_timeout: a table that somebody holds is measured by the catalog alone.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psycopg

LOCK_TIMEOUT = "200ms"

# The parts of a partitioned table count for it: what scans or rewrites it does so with each of them.
_TABLES = """
WITH RECURSIVE named AS (
  SELECT c.oid, CASE n.nspname WHEN 'public' THEN '' ELSE n.nspname || '.' END || c.relname AS name
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'm')
), parts AS (
  SELECT oid AS root, oid FROM named WHERE name = ANY(%(names)s)
  UNION ALL SELECT p.root, i.inhrelid FROM parts p JOIN pg_inherits i ON i.inhparent = p.oid
)
SELECT n.name,
       sum(greatest(c.reltuples, coalesce(pg_stat_get_live_tuples(c.oid), 0), 0))::bigint,
       {bytes},
       (SELECT count(*) FROM pg_index x WHERE x.indrelid = p.root)
FROM parts p JOIN named n ON n.oid = p.root JOIN pg_class c ON c.oid = p.oid
GROUP BY n.name, p.root
"""
_MEASURED = "coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint"
# What VACUUM and ANALYZE have seen last, of the table, its indexes and its out-of-line values.
_ESTIMATED = """coalesce(sum((c.relpages + coalesce((SELECT relpages FROM pg_class t WHERE t.oid = c.reltoastrelid), 0)
  + coalesce((SELECT sum(relpages) FROM pg_class x JOIN pg_index i ON i.indexrelid = x.oid WHERE i.indrelid = c.oid), 0)
  ) * current_setting('block_size')::bigint), 0)::bigint"""
_USERS = """
SELECT CASE n.nspname WHEN 'public' THEN '' ELSE n.nspname || '.' END || c.relname AS name,
       array_agg(DISTINCT coalesce(nullif(a.application_name, ''), a.backend_type, 'unknown'))
FROM pg_locks l JOIN pg_class c ON c.oid = l.relation JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'relation' AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND l.pid <> pg_backend_pid() AND a.application_name <> %(us)s
GROUP BY 1
"""


@dataclass(frozen=True)
class TableSize:
    """``rows`` by PostgreSQL's estimate, ``bytes`` with indexes; ``users`` are the applications that hold a lock on it
    now. ``measured`` is False where the bytes come from the catalog's last word."""

    table: str
    rows: int
    bytes: int
    indexes: int = 0
    users: tuple[str, ...] = ()
    measured: bool = True


def read_sizes(connection: psycopg.Connection[Any], names: Collection[str], us: str) -> tuple[TableSize, ...]:
    """The sizes of those tables that are there; sessions that are called ``us`` are no users. The connection is in
    autocommit."""
    import psycopg

    if not names:
        return ()
    values = {"names": sorted(names), "us": us}
    measured = True
    try:
        with connection.transaction():
            connection.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'".encode())
            rows = connection.execute(_TABLES.format(bytes=_MEASURED).encode(), values).fetchall()
    except psycopg.errors.LockNotAvailable:
        measured = False
        rows = connection.execute(_TABLES.format(bytes=_ESTIMATED).encode(), values).fetchall()
    users = dict(connection.execute(_USERS.encode(), values).fetchall())
    return tuple(
        TableSize(name, int(count), int(size), int(indexes), tuple(users.get(name, ())), measured)
        for name, count, size, indexes in sorted(rows)
    )
