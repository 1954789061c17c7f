"""The process behind a port: who listens, since when, and where its output goes."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psutil


def listener(port: int, known: psutil.Process | None = None) -> psutil.Process | None:
    """The topmost process of the family that listens there; None when nobody does, or it is another user's.

    ``known``, found earlier, is asked first: looking through all processes takes ten times as long.
    """
    import psutil

    if known is not None and known.is_running() and _holds(known, port):
        return known
    try:
        holders = [each.pid for each in psutil.net_connections(kind="tcp") if _listening([each], port)]
    except psutil.AccessDenied:  # macOS tells only root about all
        holders = [each.pid for each in psutil.process_iter() if _holds(each, port)]
    with contextlib.suppress(psutil.Error, StopIteration):
        process = psutil.Process(next(pid for pid in holders if pid))
        for parent in process.parents():
            if not _holds(parent, port):
                break
            process = parent
        return process
    return None


def _holds(process: psutil.Process, port: int) -> bool:
    import psutil

    try:
        return _listening(process.net_connections(kind="tcp"), port)
    except (psutil.Error, OSError):
        return False


def _listening(connections: Sequence[Any], port: int) -> bool:
    return any(each.status == "LISTEN" and each.laddr and each.laddr.port == port for each in connections)


def started(process: psutil.Process) -> str:
    """When it was started, ISO 8601 in UTC."""
    return datetime.fromtimestamp(process.create_time(), UTC).isoformat(timespec="milliseconds")


def log_of(process: psutil.Process) -> Path | None:
    """The regular file that its standard output or error goes to, where the system tells (Linux)."""
    for number in (1, 2):
        with contextlib.suppress(OSError):
            path = Path(f"/proc/{process.pid}/fd/{number}").readlink()
            if path.is_file():
                return path
    return None


def listens(host: str, port: int) -> bool:
    """Whether somebody accepts connections there; ``host`` may be the folder of a unix socket of PostgreSQL."""
    if host.startswith("/"):
        return (Path(host) / f".s.PGSQL.{port}").exists()
    try:
        with socket.create_connection((host or "127.0.0.1", port), 1):
            return True
    except OSError:
        return False
