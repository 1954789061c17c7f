"""What runs in PostgreSQL: the backends before a command, and those that it left."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from checks.evidence import Json, now
from safemig.runtimes.base import APPLICATION

if TYPE_CHECKING:
    import psycopg

_BACKENDS = """
SELECT pid, backend_start::text AS began, coalesce(state, '') AS state, coalesce(query, '') AS query
FROM pg_stat_activity
WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() AND datname = current_database()
  AND application_name <> %(us)s AND (state IS DISTINCT FROM 'idle' OR %(idle)s)
  AND (%(since)s::timestamptz IS NULL OR backend_start >= %(since)s::timestamptz)
ORDER BY pid
"""


@dataclass(frozen=True)
class Backend:
    """A session on the application's database; ``pid`` and ``began`` together are unique."""

    pid: int
    began: str
    state: str
    query: str

    @property
    def words(self) -> str:
        """For the person: pid, state and the statement's beginning."""
        return f"PostgreSQL backend {self.pid} ({self.state}): {' '.join(self.query.split())[:80]}"


def mark(connection: psycopg.Connection | None) -> dict[str, Json]:
    """The sessions that are there now; ``sessions`` is null when the database could not be asked."""
    if connection is None:
        return {"at": now(), "sessions": None}
    found: list[Json] = [[each.pid, each.began] for each in _look(connection, idle=True)]
    return {"at": now(), "sessions": found}


def left(connection: psycopg.Connection, before: Mapping[str, Json]) -> tuple[Backend, ...]:
    """The sessions that came after ``before`` and are at work (or idle in a transaction: those hold locks).

    With an empty ``before`` nothing was begun, and nothing can be ours.
    """
    if not before:
        return ()
    sessions = before.get("sessions")
    if isinstance(sessions, list):
        known = {(row[0], row[1]) for row in sessions if isinstance(row, list) and len(row) == 2}
        return tuple(each for each in _look(connection) if (each.pid, each.began) not in known)
    return _look(connection, since=str(before.get("at", "")) or None)


def end(connection: psycopg.Connection, before: Mapping[str, Json], seconds: float = 10.0) -> tuple[str, ...]:
    """Terminate what is left and wait until it is gone; what was done to whom."""
    said: list[str] = []
    targets = left(connection, before)
    for each in targets:
        # The start is compared again in the statement: a pid may serve another session by now.
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = %s AND backend_start::text = %s",
            [each.pid, each.began],
        )
        said.append(f"terminated {each.words}")
    deadline = time.monotonic() + seconds
    while targets and time.monotonic() < deadline:
        alive = {(each.pid, each.began) for each in _look(connection, idle=True)}
        targets = tuple(each for each in targets if (each.pid, each.began) in alive)
        time.sleep(0.05)
    said += [f"still there after {seconds:g} s: {each.words}" for each in targets]
    return tuple(said)


def _look(connection: psycopg.Connection, *, idle: bool = False, since: str | None = None) -> tuple[Backend, ...]:
    rows = connection.execute(_BACKENDS, {"us": APPLICATION, "idle": idle, "since": since}).fetchall()
    return tuple(Backend(*row) for row in rows)
