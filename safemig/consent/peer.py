"""Who stands at the other end of a Unix socket, as the kernel says it."""

from __future__ import annotations

import os
import socket
import struct
import sys
from dataclasses import dataclass

from safemig.execution.command import marked
from safemig.journal.events import Sender

# From <sys/un.h> of macOS; Python has no names for them.
SOL_LOCAL, LOCAL_PEERCRED, LOCAL_PEERPID = 0, 0x001, 0x002


@dataclass(frozen=True)
class Peer:
    """The process that connected; ``pid`` 0 where the kernel does not say it."""

    pid: int
    uid: int


def peer_of(connection: socket.socket) -> Peer:
    """Whoever connected (or made the pair). OSError where the kernel cannot say it."""
    if sys.platform == "darwin":
        _, uid = struct.unpack_from("II", connection.getsockopt(SOL_LOCAL, LOCAL_PEERCRED, 76))
        pid = connection.getsockopt(SOL_LOCAL, LOCAL_PEERPID)
        return Peer(pid, uid)
    pid, uid, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return Peer(pid, uid)


def sender_of(pid: int) -> Sender:
    """What the journal keeps of a process: its pid, executable and terminal ("" where they cannot be read)."""
    import psutil

    if pid <= 0:
        return Sender(0)
    try:
        process = psutil.Process(pid)
        with process.oneshot():
            return Sender(pid, process.exe(), process.terminal() or "")
    except (psutil.Error, OSError):
        return Sender(pid)


def refusal(peer: Peer, engine: int, run: str) -> str:
    """Why this peer may say nothing to the engine of ``run``; "" where it may.

    A process that the run itself has started is not the person: it is code of the project. It is known by its parents
    and by the mark that commands carry; one that sheds both is not told from a program of the person's.
    """
    import psutil

    if peer.uid != os.geteuid():
        return f"it belongs to the user with id {peer.uid}"
    if peer.pid <= 0:
        return "the system does not say which process it is"
    try:
        process = psutil.Process(peer.pid)
        if marked(process).startswith(f"{run}/") or engine in (parent.pid for parent in process.parents()):
            return "this run has started it itself"
    except psutil.Error:
        return "it had gone before it could be looked at"
    return ""
