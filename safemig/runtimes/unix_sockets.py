"""Which PostgreSQL backend of this machine stands at the other end of a process's unix socket.

The kernel's socket diagnostics tell anybody which two sockets are connected; which process holds one is told to its own
user and to root. PostgreSQL reports no client address for such a session, only the process id of its backend.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psycopg

NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY = 4, 20
REQUEST_DUMP = 0x1 | 0x300  # NLM_F_REQUEST, NLM_F_DUMP
DONE, ERROR = 3, 2
ALL_STATES, SHOW_PEER, ATTRIBUTE_PEER = 0xFFFFFFFF, 0x4, 2
HEADER, MESSAGE, ATTRIBUTE = struct.Struct("=LHHLL"), struct.Struct("=BBBBLLL"), struct.Struct("=HH")
DIAG = struct.Struct("=BBHLLLLL")  # family, protocol, padding, states, inode, what to show, cookie


def peers() -> dict[int, int]:
    """inode -> inode of the socket that it is connected to; {} where the kernel does not tell (not Linux)."""
    found: dict[int, int] = {}
    family = getattr(socket, "AF_NETLINK", None)
    if family is None:
        return found
    body = DIAG.pack(socket.AF_UNIX, 0, 0, ALL_STATES, 0, SHOW_PEER, 0xFFFFFFFF, 0xFFFFFFFF)
    with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_RAW, NETLINK_SOCK_DIAG) as asking:
        asking.settimeout(2)
        asking.send(HEADER.pack(HEADER.size + len(body), SOCK_DIAG_BY_FAMILY, REQUEST_DUMP, 1, 0) + body)
        while _take(asking.recv(1 << 16), found):
            pass
    return found


def _take(data: bytes, found: dict[int, int]) -> bool:
    """The messages of one answer; whether more will come."""
    while len(data) >= HEADER.size:
        length, kind, *_ = HEADER.unpack_from(data)
        if kind in (DONE, ERROR) or length < HEADER.size:
            return False
        inode, at = MESSAGE.unpack_from(data, HEADER.size)[4], HEADER.size + MESSAGE.size
        while at + ATTRIBUTE.size <= length:
            size, name = ATTRIBUTE.unpack_from(data, at)
            if name == ATTRIBUTE_PEER:
                found[inode] = struct.unpack_from("=L", data, at + ATTRIBUTE.size)[0]
            at += max(ATTRIBUTE.size, (size + 3) & ~3)
        data = data[(length + 3) & ~3 :]
    return True


def inodes(pid: int) -> frozenset[int]:
    """The sockets that the process has open; none where it may not be looked at."""
    found: set[int] = set()
    with contextlib.suppress(OSError):
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError, ValueError):
                target = os.readlink(link)  # noqa: PTH115 - "socket:[12]" is no path
                if target.startswith("socket:["):
                    found.add(int(target[8:-1]))
    return frozenset(found)


def is_here(connection: psycopg.Connection) -> bool:
    """Whether our own session goes over a unix socket straight to its backend, a process of this machine that we may
    look at. Not through a pooler, and not where the process ids are those of a container."""
    try:
        with socket.socket(fileno=os.dup(connection.fileno())) as ours:
            if ours.family != socket.AF_UNIX:
                return False
        peer = peers().get(os.fstat(connection.fileno()).st_ino)
    except OSError:
        return False
    return peer is not None and peer in inodes(connection.info.backend_pid)


def backends_of(pids: Iterable[int], backends: Iterable[int]) -> frozenset[int]:
    """Which of the backends (process ids) are connected to one of the processes."""
    connected = peers()
    theirs = {connected[inode] for pid in pids for inode in inodes(pid) if inode in connected}
    return frozenset(pid for pid in backends if theirs & inodes(pid))
