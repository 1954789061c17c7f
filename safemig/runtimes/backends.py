"""What runs in PostgreSQL: the sessions before a command, those that came since, and which of them are the command's.

A session is the command's only where that is proved. By its socket: a process of the command holds the very
connection that PostgreSQL reports. By its statement, where ports are rewritten on the way: it is the only session
that came since through the same way and runs SQL of the revision that is being applied. Nothing else is ever ended.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from checks.attempts import attempts
from checks.evidence import Json, now
from safemig.runtimes.base import APPLICATION
from safemig.runtimes.sockets import Address, address

if TYPE_CHECKING:
    import psycopg

Proof = Literal["socket", "statement"]

COMMAND = "command"  # the key of a mark that names the command; marks of earlier versions have none
# pg_stat_activity keeps the beginning of a statement: 1023 bytes where track_activity_query_size is the default.
KEPT_BYTES = 1023

# Of another role's session a role without that privilege sees pid, names and "<insufficient privilege>" alone.
_BACKENDS = """
SELECT pid, coalesce(backend_start::text, ''), coalesce(state, ''), coalesce(query, ''),
       coalesce(host(client_addr), ''), coalesce(client_port, 0), coalesce(usename, ''), datname = current_database()
FROM pg_stat_activity
WHERE coalesce(backend_type, 'client backend') = 'client backend' AND usename IS NOT NULL AND datname IS NOT NULL
  AND pid <> pg_backend_pid() AND application_name IS DISTINCT FROM %(us)s
  AND (%(since)s::timestamptz IS NULL OR backend_start >= %(since)s::timestamptz)
ORDER BY pid
"""


@dataclass(frozen=True)
class Backend:
    """A session; ``pid`` and ``began`` together are unique. ``client`` is the client's end as PostgreSQL sees it, None
    over a unix socket and where the role may not see it; ``here``: it is on the application's database."""

    pid: int
    began: str
    state: str
    query: str
    client: Address | None = None
    role: str = ""
    here: bool = True

    @property
    def key(self) -> tuple[int, str]:
        """What makes it unique."""
        return self.pid, self.began

    @property
    def digest(self) -> str:
        """sha256 of its statement."""
        return hashlib.sha256(self.query.encode("utf-8", "surrogateescape")).hexdigest()

    @property
    def at_work(self) -> bool:
        """Whether it runs a statement or holds a transaction open. What a role may not see counts as work."""
        return self.state != "idle"

    @property
    def words(self) -> str:
        """For the person: pid, state and the statement's beginning."""
        shown = " ".join(self.query.split())[:80]
        return f"PostgreSQL backend {self.pid} ({self.state or 'state unknown'}): {shown or 'statement unknown'}"


@dataclass(frozen=True)
class Claim:
    """A session that is proved to be the command's, and by what; ``running`` is the digest of the statement that
    proves it."""

    pid: int
    began: str
    proof: Proof
    running: str = ""

    @property
    def key(self) -> tuple[int, str]:
        """What makes the session unique."""
        return self.pid, self.began


@dataclass(frozen=True)
class Gateway:
    """The way through a published port, whose ports are rewritten: the address from which PostgreSQL sees whoever
    comes through it, our own role, and whether a process of the command has a connection to that port."""

    host: str
    role: str
    used: bool


@dataclass(frozen=True)
class Held:
    """What the command's processes hold: the own ends of their connections to the server, the backends (process ids)
    that they reach over unix sockets, and the way by which they may come to it otherwise."""

    ends: frozenset[Address] = frozenset()
    backends: frozenset[int] = frozenset()
    gateway: Gateway | None = None


def mark(connection: psycopg.Connection | None, command: str) -> dict[str, Json]:
    """The sessions that are there before ``command`` (the mark of its processes); ``sessions`` is null when the
    database could not be asked."""
    sessions: list[Json] | None = None
    if connection is not None:
        sessions = [[each.pid, each.began] for each in look(connection)]
    return {"at": now(), COMMAND: command, "sessions": sessions}


def look(connection: psycopg.Connection, since: str | None = None) -> tuple[Backend, ...]:
    """All sessions of clients but ours, of those that began at ``since`` or later."""
    rows = connection.execute(_BACKENDS, {"us": APPLICATION, "since": since}).fetchall()
    return tuple(_backend(*row) for row in rows)


def _backend(
    pid: int, began: str, state: str, query: str, host: str, port: int, role: str, here: bool | None
) -> Backend:
    client = address(host, port) if host and port > 0 else None
    return Backend(pid, began, state, query, client, role, bool(here))


def came_since(connection: psycopg.Connection, before: Mapping[str, Json]) -> tuple[Backend, ...]:
    """The sessions that came after ``before``. With an empty ``before`` nothing was begun, and nothing can be ours."""
    if not before:
        return ()
    sessions = before.get("sessions")
    if isinstance(sessions, list):
        known = {(row[0], row[1]) for row in sessions if isinstance(row, list) and len(row) == 2}
        return tuple(each for each in look(connection) if each.key not in known)
    return look(connection, since=str(before.get("at", "")) or None)


def claim(
    connection: psycopg.Connection,
    before: Mapping[str, Json],
    look_up: Callable[[], Held],
    statements: Collection[str] = (),
) -> tuple[Claim, ...]:
    """The sessions that are proved to be the command's.

    The sessions are read before and after the looking up of what it holds: one that was there at both times was
    connected while its end was seen in the command's hands. A mark without the command's name (of an earlier version)
    proves nothing.
    """
    if not before.get(COMMAND):
        return ()
    first = came_since(connection, before)
    if not first:
        return ()
    held = look_up()
    there = look(connection)
    keys, holders = {each.key for each in there}, Counter(each.client for each in there)
    both = [each for each in first if each.key in keys]
    proved = [
        each
        for each in both
        if (each.client in held.ends and holders[each.client] == 1) or (not each.client and each.pid in held.backends)
    ]
    if proved or held.gateway is None or not isinstance(before.get("sessions"), list):
        return tuple(Claim(*each.key, "socket") for each in proved)
    matching = _by_statement(both, held.gateway, statements)
    return (Claim(*matching.key, "statement", matching.digest),) if matching else ()


def _by_statement(candidates: Iterable[Backend], way: Gateway, statements: Collection[str]) -> Backend | None:
    """The one session that came through the way and runs SQL of the revision; None when there are none or several."""
    found = [
        each
        for each in candidates
        if way.used
        and each.client is not None
        and (each.client.host, each.role) == (way.host, way.role)
        and runs_one_of(each, statements)
    ]
    return found[0] if len(found) == 1 else None


def runs_one_of(backend: Backend, statements: Collection[str]) -> bool:
    """Whether it runs one of the statements right now, told by the whole text (blanks and a last semicolon aside)."""
    running = _plain(backend.query)
    if backend.state != "active" or not running:
        return False
    if len(backend.query.encode()) >= KEPT_BYTES:  # its end is cut off, maybe within a character
        return any(_plain(each).startswith(running[:-4]) for each in statements)
    return running in {_plain(each) for each in statements}


def _plain(statement: str) -> str:
    return " ".join(statement.split()).rstrip("; ")


def at_work(
    connection: psycopg.Connection, before: Mapping[str, Json], claims: Collection[Claim]
) -> tuple[tuple[Backend, ...], tuple[Backend, ...]]:
    """The sessions that came since and are at work: those that are proved to be the command's, and, of the
    application's database, those that are not."""
    keys = {each.key for each in claims}
    busy = [each for each in came_since(connection, before) if each.at_work]
    ours = tuple(each for each in busy if each.key in keys)
    return ours, tuple(each for each in busy if each.key not in keys and each.here)


def wait_ended(
    look: Callable[[], tuple[str, ...]], patience: float, pause: float
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Waits ``patience`` seconds until nothing of what ``look`` names is left; what is left then, and the word about
    the wait where all of it has ended by itself."""
    first: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    for passed in attempts(patience, pause):
        left = look()
        first = first or left
        if not left:
            return (), (f"waited {passed:.1f} s until it ended by itself: {'; '.join(first)}",) if first else ()
    return left, ()


def end(connection: psycopg.Connection, claims: Iterable[Claim], seconds: float = 10.0) -> tuple[str, ...]:
    """End what is claimed and at work, and wait until it is: a session proved by its socket is terminated, of one that
    is told by its statement that statement is cancelled. What was done to whom."""
    known = [*claims]
    targets = [(backend, proved) for backend, proved in _claimed(connection, known) if _working(backend, proved)]
    done = [_act(connection, backend, proved) for backend, proved in targets]
    ended = [proved for _, proved in targets]
    left: list[Backend] = []
    for _ in attempts(seconds, 0.05):
        left = [each for each, proved in _claimed(connection, ended) if _there(each, proved)]
        if not left:
            break
    return (*done, *(f"still there after {seconds:g} s: {each.words}" for each in left))


def _claimed(connection: psycopg.Connection, claims: Iterable[Claim]) -> list[tuple[Backend, Claim]]:
    proved = {each.key: each for each in claims}
    return [(each, proved[each.key]) for each in look(connection) if each.key in proved] if proved else []


def _working(backend: Backend, proved: Claim) -> bool:
    return backend.at_work and (proved.proof == "socket" or _runs_it(backend, proved))


def _there(backend: Backend, proved: Claim) -> bool:
    return proved.proof == "socket" or _runs_it(backend, proved)


def _runs_it(backend: Backend, proved: Claim) -> bool:
    return backend.state == "active" and backend.digest == proved.running


def _act(connection: psycopg.Connection, backend: Backend, proved: Claim) -> str:
    """The start is compared again in the statement: a pid may serve another session by now. A statement that is
    cancelled must still be the one that runs. Where the server does not allow it, the session stays, and that is said.
    """
    import psycopg

    function, text, word = "pg_terminate_backend", "", "terminated"
    if proved.proof == "statement":
        function, word = "pg_cancel_backend", "cancelled by statement:"
        text = " AND state = 'active' AND query = %(query)s"
    line = f"SELECT {function}(pid) FROM pg_stat_activity WHERE pid = %(pid)s AND backend_start::text = %(began)s{text}"
    try:
        connection.execute(line.encode(), {"pid": backend.pid, "began": backend.began, "query": backend.query})
    except psycopg.errors.InsufficientPrivilege as error:
        return f"not allowed to end {backend.words}: {str(error).splitlines()[0]}"
    return f"{word} {backend.words}"


def left_alone(words: Collection[str], most: int = 5) -> tuple[str, ...]:
    """What came since a command and is at work still, though nothing proves that it is the command's: told, never
    ended. () when there is nothing."""
    if not words:
        return ()
    shown = [*words][:most]
    more = [f"and {len(words) - most} more"] if len(words) > most else []
    return (f"left alone, since nothing proves that it is the command's: {'; '.join([*shown, *more])}",)
