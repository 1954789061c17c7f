"""Which sessions and processes are a command's, where the project runs in containers, and how they are ended."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from checks.attempts import attempts
from checks.evidence import Json
from safemig.runtimes import exec_sessions
from safemig.runtimes.backends import Gateway, Held
from safemig.runtimes.docker_engine import asking, published
from safemig.runtimes.sockets import Connection, Server, address, clients, of_processes, seen_from, straight

if TYPE_CHECKING:
    from pathlib import Path

    import docker
    import psycopg
    from docker.models.containers import Container

RUNGS = (("INT", 3.0), ("TERM", 3.0), ("KILL", 5.0))


@dataclass(frozen=True)
class Route:
    """A session of ours on the database in a container, and whether it came through the published port."""

    connection: psycopg.Connection
    container: Container
    published: bool


def held(
    engine: docker.DockerClient, folder: Path, before: Mapping[str, Json], pids: Iterable[int], route: Route
) -> Held:
    """What the command's processes hold, here (``pids``) and in the containers."""
    port = _setting(route.connection)
    hosts = frozenset(addresses(route.container))
    local, way = of_processes(pids), straight(route.connection)
    ends = clients(local, [Server(hosts, port), *([way] if way else [])])
    others: list[Connection] = []
    for tree in exec_sessions.ours(engine, folder, before):
        here = network_of(engine, tree.container) == _network(route.container)
        found = exec_sessions.connections(engine, tree)
        ends |= clients(found, [Server(hosts, port, here)])
        others += found
    return Held(ends, gateway=None if way else _gateway(route, port, (*local, *others)))


def _setting(connection: psycopg.Connection) -> int:
    row = connection.execute("SELECT current_setting('port')::int").fetchone()
    return int(row[0]) if row else 0


def _gateway(route: Route, port: int, connections: Iterable[Connection]) -> Gateway | None:
    """The way through the published port; None where our own session does not use it: then nothing is known of it."""
    outside = published(route.container).get(port)
    if not route.published or outside is None:
        return None
    used = any(each.remote.port == outside[1] for each in connections)
    return Gateway(seen_from(route.connection), route.connection.info.user, used)


def addresses(container: Container) -> Iterator[str]:
    """Its addresses in its networks."""
    networks = (container.attrs.get("NetworkSettings") or {}).get("Networks") or {}
    for network in networks.values():
        for key in ("IPAddress", "GlobalIPv6Address"):
            if network.get(key):
                yield address(str(network[key]), 0).host


def network_of(engine: docker.DockerClient, container: str) -> str:
    """Whose network it has; "" when it is gone."""
    from docker.errors import NotFound

    with asking():
        try:
            return _network(engine.containers.get(container))
        except NotFound:
            return ""


def _network(container: Container) -> str:
    """Containers that share a network share its loopback addresses, too."""
    mode = str((container.attrs.get("HostConfig") or {}).get("NetworkMode") or "")
    if mode.startswith("container:"):
        return mode.partition(":")[2]
    return mode if mode == "host" else str(container.id)


def end_inside(
    engine: docker.DockerClient,
    look: Callable[[], tuple[exec_sessions.Tree, ...]],
    claim: Callable[[], object],
) -> list[str]:
    """Interrupt, terminate, kill what ``look`` finds, until nothing of it lives; what was done to whom. ``claim`` is
    called before each signal: once a process has ended, its session is proved by nothing."""
    done: list[str] = []
    for signal, seconds in RUNGS:
        sent = set[object]()
        for _ in attempts(seconds, 0.1):
            left = look()
            if not left:
                return done
            fresh = [each for each in left if each.key not in sent]
            if fresh:
                claim()
            for each in fresh:
                exec_sessions.end(engine, each, signal)
                sent.add(each.key)
                done.append(f"sent SIG{signal} to {each.words}")
    for each in look():
        exec_sessions.end(engine, each, "KILL", whole=True)
        done.append(f"killed all of {each.words}")
    return done
