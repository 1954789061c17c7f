"""What a change meets on a live server: can it be written to, by this role, with these settings, beside whom.

Reads the server's views alone; nothing here waits for a lock. What this role may not see is left out or said.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any

from checks.evidence import Evidence, Json, now, unseen

if TYPE_CHECKING:
    import psycopg

# Settings that cut a change off, or that send it to other tables.
SETTINGS = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "search_path")
LONG_SECONDS = 10.0  # a transaction that is as old counts as long

_NAME = "CASE n.nspname WHEN 'public' THEN '' ELSE n.nspname || '.' END || c.relname"
_WRITABLE = """
SELECT pg_is_in_recovery(), current_setting('transaction_read_only') = 'on',
       current_setting('default_transaction_read_only') = 'on'
"""
_OWNERS = f"""
SELECT {_NAME}, pg_get_userbyid(c.relowner), pg_has_role(c.relowner, 'USAGE'), has_schema_privilege(n.oid, 'CREATE')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'm') AND {_NAME} = ANY(%(tables)s) ORDER BY 1
"""
_SETTINGS = "SELECT name, setting, coalesce(unit, ''), source FROM pg_settings WHERE name = ANY(%(names)s) ORDER BY 1"
# A session in a transaction that has lasted: what it holds, and the snapshot that CONCURRENTLY waits for.
_SESSIONS = f"""
SELECT a.pid, coalesce(a.application_name, ''), coalesce(a.state, ''),
       extract(epoch FROM clock_timestamp() - a.xact_start)::float8, a.backend_xmin IS NOT NULL,
       coalesce((SELECT array_agg(DISTINCT {_NAME}) FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
                 JOIN pg_namespace n ON n.oid = c.relnamespace
                 WHERE l.pid = a.pid AND l.locktype = 'relation' AND l.granted AND {_NAME} = ANY(%(tables)s)), '{{}}')
FROM pg_stat_activity a
WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() AND a.application_name <> %(us)s
  AND a.xact_start IS NOT NULL AND a.backend_type = 'client backend' ORDER BY a.xact_start
"""
# Its locks have no pid; that of its transaction id tells which they are.
_PREPARED = f"""
SELECT p.gid, p.owner, extract(epoch FROM clock_timestamp() - p.prepared)::float8,
       coalesce((SELECT array_agg(DISTINCT {_NAME})
                 FROM pg_locks own JOIN pg_locks l USING (virtualtransaction) JOIN pg_class c ON c.oid = l.relation
                 JOIN pg_namespace n ON n.oid = c.relnamespace
                 WHERE own.locktype = 'transactionid' AND own.transactionid = p.transaction AND own.pid IS NULL
                   AND l.pid IS NULL AND l.locktype = 'relation' AND {_NAME} = ANY(%(tables)s)), '{{}}')
FROM pg_prepared_xacts p WHERE p.database = current_database() ORDER BY p.prepared
"""
_MAINTENANCE = f"""
SELECT a.pid, coalesce(a.backend_type, ''), {_NAME}, a.query LIKE '%%to prevent wraparound%%'
FROM pg_locks l JOIN pg_class c ON c.oid = l.relation JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'relation' AND l.granted AND l.mode = 'ShareUpdateExclusiveLock' AND a.pid <> pg_backend_pid()
  AND {_NAME} = ANY(%(tables)s) AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
ORDER BY 1, 3
"""
_REPLICAS = """
SELECT coalesce(application_name, ''), coalesce(state, ''), pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)::bigint,
       extract(epoch FROM replay_lag)::float8
FROM pg_stat_replication ORDER BY 1
"""

Look = Callable[["psycopg.Connection[Any]", Mapping[str, object]], dict[str, Json]]


def look(connection: psycopg.Connection[Any], tables: Collection[str], us: str) -> tuple[Evidence, ...]:
    """One evidence of kind "readiness" for each subject. ``tables`` are those that the change locks; sessions that are
    called ``us`` are left out. The connection is in autocommit."""
    import psycopg

    values = {"tables": sorted(tables), "us": us}
    taken: list[Evidence] = []
    for subject, (ask, repeat) in _LOOKS.items():
        began = now()
        try:
            data = ask(connection, values)
        except psycopg.Error as error:
            taken.append(unseen("readiness", subject, repeat, str(error).splitlines()[0], began))
            continue
        taken.append(Evidence("readiness", subject, True, began, now(), repeat, data))
    return tuple(taken)


def _rows(connection: psycopg.Connection[Any], query: str, values: Mapping[str, object]) -> list[tuple[Any, ...]]:
    return connection.execute(query.encode(), values).fetchall()


def _writable(connection: psycopg.Connection[Any], _: Mapping[str, object]) -> dict[str, Json]:
    ((recovery, now_only, always),) = connection.execute(_WRITABLE.encode()).fetchall()
    return {"recovery": recovery, "read_only": bool(now_only or always)}


def _rights(connection: psycopg.Connection[Any], values: Mapping[str, object]) -> dict[str, Json]:
    ((role,),) = connection.execute(b"SELECT current_user").fetchall()
    tables: list[Json] = [
        {"table": table, "owner": owner, "owns": owns, "creates": creates}
        for table, owner, owns, creates in _rows(connection, _OWNERS, values)
    ]
    return {"role": role, "tables": tables}


def _settings(connection: psycopg.Connection[Any], _: Mapping[str, object]) -> dict[str, Json]:
    rows = _rows(connection, _SETTINGS, {"names": list(SETTINGS)})
    return {name: {"setting": setting, "unit": unit, "source": source} for name, setting, unit, source in rows}


def _pooler(connection: psycopg.Connection[Any], _: Mapping[str, object]) -> dict[str, Json]:
    """Statements of one session that reach several ones of the server: a pooler that hands out transactions."""
    pids = {row[0] for _ in range(3) for row in connection.execute(b"SELECT pg_backend_pid()").fetchall()}
    ours = connection.info.backend_pid  # a pooler's own number, which the server does not know
    return {"sessions": len(pids), "between": len(pids) > 1 or pids != {ours}}


def _disk(connection: psycopg.Connection[Any], _: Mapping[str, object]) -> dict[str, Json]:
    """Free bytes where the data are, if this machine has that folder and the role may see its name."""
    rows = connection.execute(b"SELECT setting FROM pg_settings WHERE name = 'data_directory'").fetchall()
    folder = str(rows[0][0]) if rows else ""
    ours = connection.info.host.startswith("/") or connection.info.host in ("127.0.0.1", "::1", "localhost")
    if not folder or not ours or not os.path.isdir(os.path.join(folder, "base")):  # noqa: PTH112, PTH118
        return {"free": None}
    state = os.statvfs(folder)
    return {"free": state.f_bavail * state.f_frsize}


def _sessions(connection: psycopg.Connection[Any], values: Mapping[str, object]) -> dict[str, Json]:
    return {
        "transactions": [
            {"pid": pid, "application": name, "state": state, "seconds": round(seconds, 1), "snapshot": snapshot,
             "tables": [*tables]}
            for pid, name, state, seconds, snapshot, tables in _rows(connection, _SESSIONS, values)
        ]
    }  # fmt: skip


def _prepared(connection: psycopg.Connection[Any], values: Mapping[str, object]) -> dict[str, Json]:
    rows = _rows(connection, _PREPARED, values)
    listed: list[Json] = [
        {"name": name, "owner": owner, "seconds": round(seconds, 1), "tables": [*tables]}
        for name, owner, seconds, tables in rows
    ]
    return {"prepared": listed}


def _maintenance(connection: psycopg.Connection[Any], values: Mapping[str, object]) -> dict[str, Json]:
    rows = _rows(connection, _MAINTENANCE, values)
    listed: list[Json] = [
        {"pid": pid, "kind": kind, "table": table, "wraparound": bool(wraparound)}
        for pid, kind, table, wraparound in rows
    ]
    return {"running": listed}


def _replication(connection: psycopg.Connection[Any], values: Mapping[str, object]) -> dict[str, Json]:
    if connection.execute(b"SELECT pg_is_in_recovery()").fetchone() == (True,):
        return {"replicas": []}
    listed: list[Json] = [
        {"application": name, "state": state, "bytes": size, "seconds": seconds}
        for name, state, size, seconds in _rows(connection, _REPLICAS, values)
    ]
    return {"replicas": listed}


_LOOKS: Mapping[str, tuple[Look, str]] = {
    "recovery": (_writable, "SELECT pg_is_in_recovery(), current_setting('default_transaction_read_only')"),
    "rights": (_rights, "SELECT relname, pg_get_userbyid(relowner) FROM pg_class"),
    "settings": (_settings, "SELECT name, setting, source FROM pg_settings"),
    "pooler": (_pooler, "SELECT pg_backend_pid(), several times"),
    "disk": (_disk, "df of data_directory"),
    "transactions": (_sessions, "SELECT * FROM pg_stat_activity WHERE xact_start IS NOT NULL"),
    "prepared transactions": (_prepared, "SELECT * FROM pg_prepared_xacts"),
    "maintenance": (_maintenance, "SELECT * FROM pg_stat_progress_vacuum"),
    "replication": (_replication, "SELECT * FROM pg_stat_replication"),
}
