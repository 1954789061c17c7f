"""One runner of migrations per database: an advisory lock of PostgreSQL, taken by trying.

Alembic has no such lock. A session that waited inside pg_advisory_lock() would hold a snapshot, and CREATE INDEX
CONCURRENTLY waits for those; one that tries and then idles holds none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psycopg

KEY = (0x5AFE, 0x0416)  # two numbers that nobody else takes by chance; such locks are counted per database

_HOLDER = """
SELECT a.pid, coalesce(a.usename, ''), coalesce(host(a.client_addr), ''),
       coalesce(to_char(a.backend_start, 'YYYY-MM-DD HH24:MI:SS TZ'), '')
FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE l.locktype = 'advisory' AND l.granted
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND (l.classid::bigint, l.objid::bigint, l.objsubid) = (%s, %s, 2)
"""


@dataclass(frozen=True)
class Runner:
    """The session of another runner; ``host`` is "" over a unix socket, ``since`` when it came."""

    pid: int
    role: str
    host: str
    since: str

    @property
    def words(self) -> str:
        """For the person."""
        where = f" from {self.host}" if self.host else " on the server's machine"
        return f"session {self.pid} of role {self.role or 'unknown'}{where}" + (
            f", since {self.since}" if self.since else ""
        )


def take(connection: psycopg.Connection) -> bool | None:
    """Whether the lock is this session's now; it is let go when the session ends. None where two statements reach two
    sessions (a pooler by transactions): there it would be nobody's."""
    pids = {_first(connection, "SELECT pg_backend_pid()") for _ in range(3)}
    if len(pids) > 1:
        return None
    row = connection.execute("SELECT pg_try_advisory_lock(%s, %s)", KEY).fetchone()
    return bool(row and row[0])


def holder(connection: psycopg.Connection) -> Runner | None:
    """Who has it; None when nobody does."""
    row = connection.execute(_HOLDER, KEY).fetchone()
    return Runner(*row) if row else None


def _first(connection: psycopg.Connection, sql: str) -> object:
    row = connection.execute(sql.encode()).fetchone()
    return row[0] if row else None
