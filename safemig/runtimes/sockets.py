"""TCP connections as the kernel lists them, and which of them lead to a PostgreSQL server.

A connection is told by its four numbers: address and port here, address and port there. PostgreSQL reports the first
two of each session (``client_addr``, ``client_port``); the kernel tells which process holds them.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import psycopg

CONNECTED = "01"  # TCP_ESTABLISHED in /proc/net/tcp
CLOSING = "08"  # TCP_CLOSE_WAIT: the server has closed it


class Address(NamedTuple):
    """An IP address as text (never an IPv4 address written as IPv6) and a port."""

    host: str
    port: int


@dataclass(frozen=True)
class Connection:
    """One TCP connection of a process: its own end and the other one."""

    local: Address
    remote: Address


@dataclass(frozen=True)
class Server:
    """Where PostgreSQL itself accepts connections: nothing that rewrites addresses stands in front of it there.

    ``here``: the connections that are compared are those of the server's own machine (or container), which may name
    it by any of its addresses.
    """

    hosts: frozenset[str]
    port: int
    here: bool = False

    def reached_by(self, connection: Connection) -> bool:
        """Whether the connection's other end is this server."""
        host, port = connection.remote
        return port == self.port and (host in self.hosts or (self.here and host == connection.local.host))


def address(host: str, port: int) -> Address:
    """The address in the one form in which addresses are compared. ValueError when ``host`` is no IP address."""
    number = ipaddress.ip_address(host.partition("%")[0])
    mapped = number.ipv4_mapped if isinstance(number, ipaddress.IPv6Address) else None
    return Address(str(mapped or number), port)


def clients(connections: Iterable[Connection], servers: Iterable[Server]) -> frozenset[Address]:
    """The own ends of those connections that lead to one of the servers."""
    known = tuple(servers)
    return frozenset(each.local for each in connections if any(server.reached_by(each) for server in known))


def parse_table(text: str) -> dict[int, Connection]:
    """inode -> connection, from lines of /proc/net/tcp and tcp6; lines that are none are left out."""
    found: dict[int, Connection] = {}
    for line in text.splitlines():
        words = line.split()
        with contextlib.suppress(ValueError, IndexError):
            if words[3] in (CONNECTED, CLOSING) and int(words[9]):
                found[int(words[9])] = Connection(_hexadecimal(words[1]), _hexadecimal(words[2]))
    return found


def _hexadecimal(text: str) -> Address:
    """0100007F:1538 is 127.0.0.1:5432: each group of four bytes stands as a little-endian number, as on every
    machine that containers run on."""
    host, _, port = text.partition(":")
    if len(host) not in (8, 32):
        raise ValueError(text)
    raw = b"".join(bytes.fromhex(host[at : at + 8])[::-1] for at in range(0, len(host), 8))
    return address(str(ipaddress.ip_address(raw)), int(port, 16))


def of_processes(pids: Iterable[int]) -> tuple[Connection, ...]:
    """The connections of processes of this machine. Those that may not be looked at have none."""
    return tuple(each for pid in pids for each in _of_process(pid))


def _of_process(pid: int) -> Iterator[Connection]:
    import psutil

    with contextlib.suppress(psutil.Error, OSError, ValueError):
        for each in psutil.Process(pid).net_connections(kind="tcp"):
            if each.laddr and each.raddr:
                yield Connection(address(each.laddr.ip, each.laddr.port), address(each.raddr.ip, each.raddr.port))


def straight(connection: psycopg.Connection) -> Server | None:
    """The server behind a session of our own, when the way to it is straight: PostgreSQL sees our end where it really
    is and listens itself where we have connected. None over a unix socket, a port that is published by a container or
    a virtual machine, a tunnel and a pooler."""
    ends = _ends(connection)
    row = connection.execute(
        "SELECT coalesce(host(inet_client_addr()), ''), coalesce(inet_client_port(), 0), "
        "coalesce(host(inet_server_addr()), ''), current_setting('port')::int"
    ).fetchone()
    if ends is None or row is None or not row[0] or not row[2]:
        return None
    if ends != Connection(address(row[0], row[1]), address(row[2], row[3])):
        return None
    return Server(frozenset({ends.remote.host}), ends.remote.port, here=ends.local.host == ends.remote.host)


def seen_from(connection: psycopg.Connection) -> str:
    """The address from which PostgreSQL sees our own session come; "" over a unix socket."""
    row = connection.execute("SELECT coalesce(host(inet_client_addr()), '')").fetchone()
    return address(row[0], 0).host if row and row[0] else ""


def _ends(connection: psycopg.Connection) -> Connection | None:
    with contextlib.suppress(OSError, ValueError), socket.socket(fileno=os.dup(connection.fileno())) as ours:
        if ours.family in (socket.AF_INET, socket.AF_INET6):
            local, remote = ours.getsockname(), ours.getpeername()
            return Connection(address(local[0], local[1]), address(remote[0], remote[1]))
    return None
