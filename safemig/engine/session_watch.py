"""Watching a server's sessions while a command or the service is at work: who came, who waits, who is whose."""

from __future__ import annotations

import contextlib
import re
import threading
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from checks.attempts import attempts
from checks.database.use import ClientSession, hold, sessions, table_oid, waiting
from safemig.project.database_url import parse_url
from safemig.runtimes.base import APPLICATION

if TYPE_CHECKING:
    import psycopg

    from safemig.runtimes.backends import Claim
    from safemig.runtimes.base import Runtime
    from safemig.runtimes.database_owner import ServiceClients

POLL = 0.005
HOLD = 2.0  # seconds: who else reads the table waits no longer
PAUSE = 0.02  # between two holds, so that they get their turn
GONE = 0.5  # seconds that a session may outlive its command
SPARE = 1.0  # the service's sockets are looked up for half of the time
# What `alembic current --verbose` prints before the revision; the password in it is *** by Alembic itself.
_PRINTED = re.compile(r"^Current revision\(s\) for (\S+?):?\s*$", re.MULTILINE)


@dataclass
class Sightings:
    """See safemig.planning.database_use.CommandSeen."""

    waited: bool = False
    crowded: bool = False
    held: bool = False
    marked: tuple[str, ...] = ()
    fresh: tuple[str, ...] = ()
    _seen: dict[tuple[int, str], ClientSession] = field(default_factory=dict)

    def take(self, found: Iterable[ClientSession], before: frozenset[tuple[int, str]]) -> None:
        """The sessions of one poll that were not there before."""
        for each in found:
            if (each.pid, each.began) not in before:
                self._seen[each.pid, each.began] = each

    def carries(self, pids: Collection[int], token: str) -> bool:
        """Whether one of these sessions carries the command's mark."""
        return any(each.pid in pids and each.application == token for each in self._seen.values())


@dataclass(frozen=True)
class Watched:
    """The command that is watched: its sessions carry ``token`` where its driver takes a name from the environment,
    and ``claims`` looks up which of the server's sessions are proved to be its own by now."""

    token: str
    claims: Callable[[], Collection[Claim]]

    def owns(self, pids: Collection[int], seconds: float) -> bool:
        """Whether one of these sessions is proved to be the command's. An engine that does not answer in time proves
        nothing: the table must not be held for as long as it likes."""
        found: list[Claim] = []
        looking = threading.Thread(target=self._look, args=(found,), daemon=True)
        looking.start()
        looking.join(max(0.0, seconds))
        return any(each.pid in pids for each in tuple(found))

    def _look(self, found: list[Claim]) -> None:
        import psycopg

        from safemig.runtimes.base import Unreachable

        with contextlib.suppress(Unreachable, psycopg.Error):
            found.extend(self.claims())


def watch_command(
    runtime: Runtime,
    table: tuple[str, str | None],
    watched: Watched,
    ready: threading.Event,
    ended: threading.Event,
    *,
    holds: bool,
) -> Sightings:
    """Watches from before the command begins (``ready``) until after it has ``ended``; holds Alembic's ``table``
    meanwhile, two seconds at a time, until a session of the command waits for it."""
    seen = Sightings()
    over = threading.Event()
    clients: list[ServiceClients] = []
    sockets = threading.Thread(target=_watch_sockets, args=(runtime, clients, over), daemon=True)
    try:
        with runtime.connect() as looking, runtime.connect() as locking:
            before = frozenset((each.pid, each.began) for each in sessions(looking, APPLICATION))
            known = {pid for pid, _ in before}
            sockets.start()
            oid = table_oid(looking, *table) if holds else 0
            always = bool(oid)
            holding = _Holding(looking, locking, table, oid, watched, known, before)
            while oid and not (ended.is_set() or seen.waited):
                always = holding.once(seen, ready, ended) and always
            ready.set()
            seen.held = always and not seen.waited
            while not ended.is_set():
                seen.take(sessions(looking, APPLICATION), before)
                time.sleep(POLL)
            # A command in the service's container has its address. Where the table is held its sessions are proved
            # otherwise; where it cannot be, only a port tells the two apart.
            _settle(looking, seen, watched.token, lambda each: _is_service(each, tuple(clients), by_address=bool(oid)))
    finally:
        ready.set()
        over.set()
        if sockets.ident is not None:
            sockets.join()
    return seen


@dataclass(frozen=True)
class _Holding:
    """Alembic's table held over one connection, and looked over another at who waits for it. ``known`` are the pids
    that are known to be somebody else's."""

    looking: psycopg.Connection
    locking: psycopg.Connection
    table: tuple[str, str | None]
    oid: int
    watched: Watched
    known: set[int]
    before: frozenset[tuple[int, str]]

    def once(self, seen: Sightings, ready: threading.Event, ended: threading.Event) -> bool:
        """Holds the table until the command waits, somebody known does, the command has ended or the time is over;
        whether it was held. Any client may read Alembic's table: who waits counts only where that is proved."""
        strangers: set[int] = set()
        with hold(self.locking, *self.table) as held:
            ready.set()
            until = time.monotonic() + (HOLD if held else 0.2)
            while time.monotonic() < until and not ended.is_set():
                seen.take(sessions(self.looking, APPLICATION), self.before)
                pids = frozenset(waiting(self.locking, self.oid) if held else ())
                fresh = pids - self.known
                if fresh and (seen.carries(fresh, self.watched.token) or self._owned(fresh, until)):
                    seen.waited = True
                    break
                seen.crowded = seen.crowded or bool(pids)
                strangers |= fresh
                if pids & self.known:
                    break
                time.sleep(POLL)
        self.known.update(strangers)  # their next wait is a short one
        time.sleep(0 if seen.waited else PAUSE)
        return held

    def _owned(self, pids: frozenset[int], until: float) -> bool:
        return self.watched.owns(pids, until - time.monotonic())


def _is_service(session: ClientSession, clients: Iterable[ServiceClients], *, by_address: bool) -> bool:
    return any(one.own(session) if by_address else session.port in one.ports for one in clients)


def _settle(
    connection: psycopg.Connection, seen: Sightings, token: str, is_service: Callable[[ClientSession], bool]
) -> None:
    """The sessions that carried the mark, and those that have gone with the command and were not the service's."""
    alive: set[tuple[int, str]] = set()
    for _ in attempts(GONE, POLL * 4):
        alive = {(each.pid, each.began) for each in sessions(connection, APPLICATION)}
        if not alive & seen._seen.keys():
            break
    found = seen._seen.values()
    seen.marked = tuple(dict.fromkeys(each.database for each in found if each.application == token))
    gone = [each for key, each in seen._seen.items() if key not in alive and not is_service(each)]
    seen.fresh = tuple(dict.fromkeys(each.database for each in gone))


@dataclass(frozen=True)
class ServiceSightings:
    """See safemig.planning.database_use.ServiceSeen."""

    sessions: tuple[str, ...] = ()
    fresh: tuple[str, ...] = ()
    whole: tuple[str, ...] = ()
    elsewhere: frozenset[str] = frozenset()


def watch_service(runtime: Runtime, ours: str, ended: threading.Event) -> ServiceSightings:
    """The sessions of the server and the sockets of the service, until ``ended`` or until a session of the service with
    ``ours`` is seen. The two are looked at side by side: a session of one request lasts some 10 ms."""
    over = threading.Event()
    clients: list[ServiceClients] = []
    sockets = threading.Thread(target=_watch_sockets, args=(runtime, clients, over), daemon=True)
    found: dict[tuple[int, str], ClientSession] = {}
    with runtime.connect() as connection:
        before = {(each.pid, each.began) for each in sessions(connection, APPLICATION)}
        sockets.start()
        try:
            while True:
                last = ended.is_set()
                alive = {(each.pid, each.began): each for each in sessions(connection, APPLICATION)}
                found.update(alive)
                own = [each for each in found.values() if any(one.own(each) for one in tuple(clients))]
                databases = tuple(dict.fromkeys(each.database for each in own))
                if last or ours in databases:
                    gone = [each for key, each in found.items() if key not in before and key not in alive]
                    fresh = tuple(dict.fromkeys(each.database for each in gone))
                    elsewhere = frozenset(place for one in tuple(clients) for place in one.elsewhere)
                    whole = tuple(dict.fromkeys(each.database for each in found.values()))
                    return ServiceSightings(databases, fresh, whole, elsewhere)
                time.sleep(POLL / 5)
        finally:
            over.set()
            sockets.join()


def _watch_sockets(runtime: Runtime, clients: list[ServiceClients], over: threading.Event) -> None:
    """As often as it is cheap: a container's addresses take a call of its engine."""
    from safemig.runtimes.base import Unreachable

    while not over.is_set():
        began = time.monotonic()
        with contextlib.suppress(Unreachable):
            known = runtime.service_clients()
            if known not in clients:
                clients.append(known)
        over.wait(max(POLL / 5, SPARE * (time.monotonic() - began)))


def current_statement(table: str, schema: str | None) -> str:
    """What Alembic reads the revision with, as PostgreSQL shows it: by it the one session is told that comes through a
    published port, where ports are rewritten on the way."""
    name = f"{schema}.{table}" if schema else table
    return f"SELECT {name}.version_num FROM {name}"


def printed_database(output: str) -> str:
    """The name of the database that `alembic current --verbose` says it has read; "" when it says none."""
    found = _PRINTED.search(output)
    ref = parse_url(found[1].rstrip(":"), "") if found else None
    return ref.name if ref else ""
