"""Which sessions are a command's, where the project runs in plain processes, and how they are ended."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from checks.evidence import Json
from safemig.runtimes import backends
from safemig.runtimes.sockets import clients, of_processes, straight
from safemig.runtimes.unix_sockets import backends_of, is_here

if TYPE_CHECKING:
    import psycopg


def claim(
    connection: psycopg.Connection, before: Mapping[str, Json], pids: Collection[int]
) -> tuple[backends.Claim, ...]:
    """The sessions whose sockets the processes hold. Where the way to the server is not straight (a tunnel, a pooler,
    a port of a container) nothing is known of its other end, and nothing is proved."""
    way = straight(connection)
    if way is not None:
        return backends.claim(connection, before, lambda: backends.Held(clients(of_processes(pids), [way])))
    if not is_here(connection):
        return ()

    def held() -> backends.Held:
        there = [each.pid for each in backends.look(connection) if each.client is None]
        return backends.Held(backends=backends_of(pids, there))

    return backends.claim(connection, before, held)


def end_leftovers(
    connection: psycopg.Connection, before: Mapping[str, Json], claims: Collection[backends.Claim], patience: float
) -> tuple[str, ...]:
    """Wait ``patience`` seconds for the claimed sessions to end, then end them; what was done, and what is left
    alone."""

    def left_at_work() -> tuple[str, ...]:
        return tuple(each.words for each in backends.at_work(connection, before, claims)[0])

    left, told = backends.wait_ended(left_at_work, patience, 0.1)
    done = backends.end(connection, claims) if left else told
    _, others = backends.at_work(connection, before, claims)
    return (*done, *backends.left_alone([each.words for each in others]))
