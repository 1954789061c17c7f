"""The queue at PostgreSQL's locks, seen from a second connection: who waits, for how long, and behind whom.

Reads pg_locks and pg_stat_activity alone: nothing here waits for a lock, and no privilege is needed. Of another role's
session a plain role sees pid, role and application name.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psycopg

MOST = 50  # waiting sessions that are looked up: pg_blocking_pids takes about 0.3 ms each

_ANY = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"
# pg_locks has waitstart since PostgreSQL 14; it is null for a moment after the wait began.
_WAITERS = """
WITH waiting AS (SELECT pid, {since} AS since FROM pg_locks WHERE NOT granted AND pid IS NOT NULL GROUP BY pid)
SELECT w.pid, coalesce(a.backend_start::text, ''), coalesce(a.application_name, ''), coalesce(a.backend_type, ''),
       pg_blocking_pids(w.pid), coalesce(extract(epoch FROM clock_timestamp() - w.since), 0)::float8
FROM waiting w JOIN pg_stat_activity a USING (pid) ORDER BY w.since NULLS LAST, w.pid LIMIT %(most)s
"""
_HOLDERS = """
SELECT pid, coalesce(application_name, ''), coalesce(backend_type, ''), coalesce(state, '')
FROM pg_stat_activity WHERE pid = ANY(%(pids)s)
"""


@dataclass(frozen=True)
class Holder:
    """A session that another one waits for; ``kind`` is PostgreSQL's backend_type, "" where it may not be seen. A
    prepared transaction has pid 0."""

    pid: int
    application: str = ""
    kind: str = ""
    state: str = ""

    @property
    def is_autovacuum(self) -> bool:
        """Whether PostgreSQL itself ends it for who waits, after deadlock_timeout."""
        return self.kind == "autovacuum worker"

    @property
    def words(self) -> str:
        """For the person."""
        if not self.pid:
            return "a prepared transaction"
        name = self.application or (self.kind if self.kind != "client backend" else "")
        about = ", ".join(filter(None, (name, self.state)))
        return f"session {self.pid}" + (f" ({about})" if about else "")


@dataclass(frozen=True)
class Waiter:
    """A session that waits for a lock. ``blockers`` are who holds it or stands before it, ``seconds`` how long it has
    waited so far (0 where the server does not say)."""

    pid: int
    began: str
    application: str = ""
    kind: str = ""
    blockers: tuple[int, ...] = ()
    seconds: float = 0.0

    @property
    def key(self) -> tuple[int, str]:
        """What makes the session unique."""
        return self.pid, self.began


@dataclass(frozen=True)
class Queue:
    """Who waits, the longest wait first, and whom they wait for."""

    waiters: tuple[Waiter, ...] = ()
    holders: Mapping[int, Holder] = field(default_factory=dict)

    def behind(self, pids: Collection[int]) -> tuple[Waiter, ...]:
        """Those that wait for one of ``pids``, directly or behind another one that does; not ``pids`` themselves."""
        blocked, reached = set(pids), -1
        while len(blocked) != reached:
            reached = len(blocked)
            blocked |= {each.pid for each in self.waiters if blocked & set(each.blockers)}
        return tuple(each for each in self.waiters if each.pid in blocked and each.pid not in pids)

    def before(self, waiter: Waiter) -> tuple[Holder, ...]:
        """Whom it waits for."""
        return tuple(self.holders.get(pid, Holder(pid)) for pid in dict.fromkeys(waiter.blockers))


def look(connection: psycopg.Connection, us: str) -> Queue:
    """The queue without sessions that are called ``us``. Where nobody waits, that is one short query."""
    row = connection.execute(_ANY).fetchone()
    if not row or not row[0]:
        return Queue()
    since = "min(waitstart)" if connection.info.server_version >= 140000 else "NULL::timestamptz"
    rows = connection.execute(_WAITERS.format(since=since).encode(), {"most": MOST}).fetchall()
    waiters = [Waiter(pid, began, name, kind, tuple(by), took) for pid, began, name, kind, by, took in rows]
    pids = list({pid for each in waiters for pid in each.blockers})
    known = connection.execute(_HOLDERS, {"pids": pids}).fetchall() if pids else []
    holders = {pid: Holder(pid, name, kind, state) for pid, name, kind, state in known}
    return Queue(tuple(each for each in waiters if each.application != us), holders)


def deadlock_timeout(connection: psycopg.Connection) -> float:
    """Seconds after which PostgreSQL cancels an autovacuum for who waits for it."""
    row = connection.execute(
        "SELECT setting::float8 / 1000 FROM pg_settings WHERE name = 'deadlock_timeout'"
    ).fetchone()
    return float(row[0]) if row else 1.0


def cancel(connection: psycopg.Connection, pid: int, began: str, statement: str = "") -> bool:
    """Cancels the running statement of that very session; with the sha256 of a ``statement`` only where it runs that
    one. Whether it was done. psycopg.errors.InsufficientPrivilege is the caller's."""
    line = """
    SELECT pg_cancel_backend(pid) FROM pg_stat_activity
    WHERE pid = %(pid)s AND coalesce(backend_start::text, '') = %(began)s"""
    if statement:
        line += " AND encode(sha256(convert_to(query, 'UTF8')), 'hex') = %(statement)s"
    row = connection.execute(line.encode(), {"pid": pid, "began": began, "statement": statement}).fetchone()
    return bool(row and row[0])
