"""The channel of a running engine: a Unix socket in the person's own folder.

A face that did not start the engine says there what it wants, a JSON line each, and gets one JSON line back.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from safemig.consent.peer import peer_of, refusal, sender_of
from safemig.consent.person_folder import PersonFolderError, make_private, person_folder, private_problem
from safemig.journal.events import Sender
from safemig.journal.messages import Message

LONGEST = 100  # bytes of a socket's path; the kernel of macOS takes 103, that of Linux 107
MESSAGE_LIMIT = 1 << 20
PATIENCE = 5.0  # seconds that a face waits for the engine's word


@dataclass(frozen=True)
class Reply:
    """The engine's word on a message; ``refused`` is "" when it was taken."""

    refused: str = ""


def socket_path(run_folder: Path, environment: Mapping[str, str] = os.environ) -> Path:
    """Where the engine of that run listens: below the person's own folder, or, where that path is too long for a
    socket, in a private folder of this user below /tmp."""
    name = hashlib.sha256(os.fsencode(run_folder.resolve())).hexdigest()[:16]
    path = person_folder(environment) / "sockets" / name
    if len(os.fsencode(path)) < LONGEST:
        return path
    return Path("/tmp") / f"safemig-{os.geteuid()}" / name


@asynccontextmanager
async def listening(
    run_folder: Path, feed: Callable[[Message], None], refuse: Callable[[Sender, str], None]
) -> AsyncIterator[str]:
    """Listens for the engine of that run; gives why it cannot ("" where it can). ``refuse`` is told of a peer that may
    say nothing."""
    path = socket_path(run_folder)
    try:
        listener = _bound(path)
    except (OSError, PersonFolderError) as error:
        yield f"no other terminal can answer this run: {error}"
        return

    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, ValueError):  # gone, or a line beyond the limit
            await _hear(reader, writer, run_folder.name, feed, refuse)
        writer.close()

    server = await asyncio.start_unix_server(hear, sock=listener, limit=MESSAGE_LIMIT)
    try:
        yield ""
    finally:
        server.close()
        path.unlink(missing_ok=True)


def _bound(path: Path) -> socket.socket:
    make_private(path.parent)
    path.unlink(missing_ok=True)  # of an engine that was killed: the project's lock says that there is no other
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(os.fspath(path))
        path.chmod(0o600)
    except OSError:
        listener.close()
        raise
    return listener


async def _hear(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    run: str,
    feed: Callable[[Message], None],
    refuse: Callable[[Sender, str], None],
) -> None:
    peer = peer_of(writer.get_extra_info("socket"))
    sender = sender_of(peer.pid)
    if problem := refusal(peer, os.getpid(), run):
        refuse(sender, problem)
        writer.write(msgspec.json.encode(Reply(problem)) + b"\n")
        return
    while line := await reader.readline():
        message = message_of(line, sender)
        if message is not None:
            feed(replace(message, by="person"))
        writer.write(msgspec.json.encode(Reply("" if message else "it is no message")) + b"\n")
        await writer.drain()


def message_of(line: bytes, sender: Sender | None) -> Message | None:
    """One message, from whom the kernel names and not from whom it names itself; None for what is none."""
    try:
        return replace(msgspec.json.decode(line, type=Message), sender=sender)
    except msgspec.MsgspecError:
        return None


def tell(run_folder: Path, message: Message) -> Reply | None:
    """Says ``message`` to the engine of that run and waits for its word; None where no engine listens. OSError where
    what is there is not a socket of ours."""
    path = socket_path(run_folder)
    try:
        problem = private_problem(path.parent)
    except FileNotFoundError:
        return None
    if problem:
        raise PermissionError(problem)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(PATIENCE)
        try:
            connection.connect(os.fspath(path))
        except (FileNotFoundError, ConnectionRefusedError):
            return None
        if peer_of(connection).uid != os.geteuid():
            raise PermissionError(f"{path} is answered by another user's process")
        connection.sendall(msgspec.json.encode(message) + b"\n")
        with connection.makefile("rb") as answers:
            line = answers.readline(MESSAGE_LIMIT)
    return msgspec.json.decode(line, type=Reply) if line else None
