"""Whose a database and a session are: where the server runs, and how the service's own sessions are told."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psutil
    import psycopg
    from docker.models.containers import Container

    from checks.database.use import ClientSession

_OWN = """
SELECT pid, coalesce(host(client_addr), ''), coalesce(client_port, -1)
FROM pg_stat_activity WHERE pid = pg_backend_pid()
"""


@dataclass(frozen=True)
class ServerPlace:
    """Where a database's server runs. ``ours``: proved to be a PostgreSQL process of this machine or a container of
    this project; what is not proved is taken for somebody else's, however near its address looks."""

    ours: bool
    words: str


@dataclass(frozen=True)
class ServiceClients:
    """How the service's sessions are told from others: client addresses that are its alone, and the ports on this
    machine that its processes hold. ``elsewhere`` are the other ends of its connections, "host:port"."""

    addresses: frozenset[str] = frozenset()
    ports: frozenset[int] = frozenset()
    elsewhere: frozenset[str] = frozenset()

    def own(self, session: ClientSession) -> bool:
        """Whether that session is the service's."""
        return session.address in self.addresses or session.port in self.ports


def runs_here(connection: psycopg.Connection) -> bool:
    """Whether the server process behind this session is one of this machine, be it in a container: by its own pid and
    by the client's port, both of which its title shows. A tunnel leads to a process that is not here."""
    import psutil

    row = connection.execute(_OWN).fetchone()
    if row is None:
        return False
    pid, address, port = row
    client = f"({port})" if address else "[local]"
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            title = " ".join(process.cmdline())
            if title.startswith("postgres") and client in title and _pid_inside(process.pid) == pid:
                return True
    return False


def _pid_inside(pid: int) -> int:
    """The process's number in the innermost namespace that counts it."""
    with contextlib.suppress(OSError, ValueError, StopIteration):
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
        return int(next(line for line in lines if line.startswith("NSpid:")).split()[-1])
    return pid


def clients_of(family: Iterable[psutil.Process]) -> ServiceClients:
    """By the sockets of those processes."""
    found = [each for member in family for each in _sockets(member)]
    listening = {each.laddr.port for each in found if each.status == "LISTEN"}
    out = [each for each in found if each.raddr and each.laddr.port not in listening]
    ports = {each.laddr.port for each in out}
    elsewhere = {f"{each.raddr.ip}:{each.raddr.port}" for each in out}
    return ServiceClients(ports=frozenset(ports), elsewhere=frozenset(elsewhere))


def family_of(process: psutil.Process | None) -> list[psutil.Process]:
    """The process and all that descend from it."""
    import psutil

    with contextlib.suppress(psutil.Error):
        return [process, *process.children(recursive=True)] if process else []
    return []


def _sockets(process: psutil.Process) -> Sequence[Any]:
    import psutil

    with contextlib.suppress(psutil.Error, OSError):
        return process.net_connections(kind="tcp")
    return ()


def clients_in(container: Container) -> ServiceClients:
    """By the addresses that the container has in its networks: no other container has them."""
    networks = ((container.attrs.get("NetworkSettings") or {}).get("Networks") or {}).values()
    found = {str(each.get(name) or "") for each in networks for name in ("IPAddress", "GlobalIPv6Address")}
    return ServiceClients(addresses=frozenset(found - {""}))
