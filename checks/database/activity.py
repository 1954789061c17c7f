"""What a migration does in PostgreSQL right now, seen from a second connection: waits, whom it blocks, index builds.

Reads statistics views only: nothing here waits for a lock that the migration holds, and it needs no privilege
(the text of other sessions' statements is shown to pg_read_all_stats alone and is "" otherwise).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psycopg

_SESSIONS = """
SELECT a.pid, coalesce(a.state, ''), coalesce(left(a.query, 200), ''), pg_blocking_pids(a.pid),
       coalesce(p.phase, ''), coalesce(nullif(p.blocks_done, 0), p.tuples_done, 0),
       coalesce(nullif(p.blocks_total, 0), p.tuples_total, 0), coalesce(p.current_locker_pid, 0)
FROM pg_stat_activity a LEFT JOIN pg_stat_progress_create_index p USING (pid)
WHERE a.backend_type = 'client backend' AND a.datname = current_database() AND a.pid <> pg_backend_pid()
  AND a.application_name <> %(us)s AND a.state IS DISTINCT FROM 'idle'
  AND a.backend_start >= %(since)s::timestamptz AND (%(pids)s::int[] IS NULL OR a.pid = ANY(%(pids)s::int[]))
ORDER BY a.pid
"""
_OTHERS = """
SELECT pid, coalesce(state, ''), coalesce(left(query, 200), '') FROM pg_stat_activity WHERE pid = ANY(%(pids)s)
"""
_BEHIND = """
SELECT count(*) FROM pg_stat_activity a, unnest(pg_blocking_pids(a.pid)) AS blocker
WHERE a.wait_event_type = 'Lock' AND blocker = ANY(%(pids)s)
"""


@dataclass(frozen=True)
class Holder:
    """A session that something waits for."""

    pid: int
    state: str
    query: str


@dataclass(frozen=True)
class Session:
    """A session of the migration. ``done`` of ``total`` blocks or tuples of an index build, 0 of 0 outside one."""

    pid: int
    state: str
    query: str
    waits_for: tuple[Holder, ...] = ()
    phase: str = ""
    done: int = 0
    total: int = 0


@dataclass(frozen=True)
class Activity:
    """All sessions that came since, and how many others wait behind them."""

    sessions: tuple[Session, ...]
    behind: int


def look(connection: psycopg.Connection, since: str, us: str, pids: Sequence[int] | None = None) -> Activity:
    """The activity of sessions that began at ``since`` (ISO 8601) or later and are not called ``us``; of ``pids`` alone
    where they are known."""
    only = None if pids is None else [*pids]
    rows = connection.execute(_SESSIONS, {"since": since, "us": us, "pids": only}).fetchall()
    wanted = {pid for row in rows for pid in (*row[3], row[7]) if pid}
    holders = {
        pid: Holder(pid, state, query)
        for pid, state, query in connection.execute(_OTHERS, {"pids": list(wanted)}).fetchall()
    }
    sessions = tuple(
        Session(pid, state, query, _held(blocked, locker, holders), phase, done, total)
        for pid, state, query, blocked, phase, done, total, locker in rows
    )
    behind = connection.execute(_BEHIND, {"pids": [session.pid for session in sessions]}).fetchone()
    return Activity(sessions, int(behind[0]) if behind else 0)


def _held(blocked: list[int], locker: int, holders: dict[int, Holder]) -> tuple[Holder, ...]:
    """A prepared transaction blocks as pid 0: it has no session to show."""
    pids = dict.fromkeys(pid for pid in (*blocked, locker) if pid in holders or pid == 0)
    found = [holders.get(pid, Holder(0, "prepared transaction", "")) for pid in pids if pid or pid in blocked]
    return tuple(found)


def words(activity: Activity) -> tuple[str, bool]:
    """The one thing worth telling, and whether somebody should act: ("", False) when all goes its way."""
    for session in activity.sessions:
        if session.waits_for:
            holder = session.waits_for[0]
            what = " ".join(holder.query.split())[:80]
            return f"waits for a lock held by session {holder.pid} ({holder.state or 'unknown'}): {what}", True
    if activity.behind:
        waits = "1 other session waits" if activity.behind == 1 else f"{activity.behind} other sessions wait"
        return f"{waits} behind it", True
    for session in activity.sessions:
        if session.phase:
            share = f" {session.done}/{session.total}" if session.total else ""
            return f"{session.phase}{share}", False
    return "", False
