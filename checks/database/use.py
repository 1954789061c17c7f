"""Which database somebody uses: the sessions of a server, who of them waits for Alembic's table, the server's identity.

Reads statistics views. One statement here is more than a look: ``hold`` locks Alembic's table for a moment, so that
who reads it shows up among those who wait. Other roles' sessions are seen too: pid, database, role and application name
are shown to everybody, address and port only to a role that may read all statistics.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psycopg

LOCK_TIMEOUT = "200ms"
# Should this process hang with the lock held, the server ends its session.
IDLE_TIMEOUT = "2500ms"

_SESSIONS = """
SELECT pid, coalesce(backend_start::text, ''), coalesce(datname, ''), coalesce(usename, ''), application_name,
       coalesce(host(client_addr), ''), coalesce(client_port, -1)
FROM pg_stat_activity
WHERE datname IS NOT NULL AND usename IS NOT NULL AND application_name <> %(us)s AND pid <> pg_backend_pid()
ORDER BY pid
"""
_WAITING = """
SELECT pid FROM pg_locks
WHERE NOT granted AND locktype = 'relation' AND relation = %(table)s
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
_OPENED = "SELECT datname, sessions FROM pg_stat_database WHERE datname IS NOT NULL"
_EXACT_COUNTERS = 150000  # before PostgreSQL 15 counters come late, by messages that may get lost
_IDENTITY = """
SELECT (SELECT system_identifier::text FROM pg_control_system()), oid::bigint, datname
FROM pg_database WHERE datname = current_database()
"""


@dataclass(frozen=True)
class ClientSession:
    """A session of any database of the server; ``pid`` and ``began`` together are unique. ``port`` -1: a unix socket,
    or not shown to this role."""

    pid: int
    began: str
    database: str
    user: str
    application: str
    address: str
    port: int


@dataclass(frozen=True)
class Identity:
    """What tells one database from another of the same name."""

    system_identifier: str
    oid: int
    name: str


def sessions(connection: psycopg.Connection, us: str) -> tuple[ClientSession, ...]:
    """All sessions of clients but those that are called ``us``."""
    return tuple(ClientSession(*row) for row in connection.execute(_SESSIONS, {"us": us}).fetchall())


def opened(connection: psycopg.Connection) -> dict[str, int]:
    """How many sessions of clients were ever opened with each database, also those that have gone unseen; {} where the
    server does not count them exactly."""
    if connection.info.server_version < _EXACT_COUNTERS:
        return {}
    return {str(name): int(count) for name, count in connection.execute(_OPENED).fetchall()}


def identity(connection: psycopg.Connection) -> Identity:
    """Of the database of this session."""
    row = connection.execute(_IDENTITY).fetchone()
    return Identity(str(row[0] or ""), int(row[1]), str(row[2])) if row else Identity("", 0, "")


def table_oid(connection: psycopg.Connection, table: str, schema: str | None) -> int:
    """The oid of Alembic's table, 0 when it is not there."""
    from psycopg import sql

    name = sql.Identifier(schema, table) if schema else sql.Identifier(table)
    row = connection.execute("SELECT to_regclass(%s)::oid::bigint", [name.as_string(connection)]).fetchone()
    return int(row[0]) if row and row[0] else 0


def waiting(connection: psycopg.Connection, table: int) -> tuple[int, ...]:
    """The pids that wait for a lock on that table."""
    return tuple(row[0] for row in connection.execute(_WAITING, {"table": table}).fetchall())


@contextlib.contextmanager
def hold(connection: psycopg.Connection, table: str, schema: str | None) -> Iterator[bool]:
    """Alembic's table in ACCESS EXCLUSIVE; False when it could not be had in 200 ms, or is not this role's to lock.

    The lock is our transaction's: it ends with the block, and with this process."""
    import psycopg
    from psycopg import sql

    name = sql.Identifier(schema, table) if schema else sql.Identifier(table)
    with connection.transaction(force_rollback=True):
        held = True
        try:
            connection.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
            connection.execute(f"SET LOCAL idle_in_transaction_session_timeout = '{IDLE_TIMEOUT}'")
            connection.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(name))
        except (psycopg.errors.LockNotAvailable, psycopg.errors.InsufficientPrivilege, psycopg.errors.UndefinedTable):
            held = False
        yield held
