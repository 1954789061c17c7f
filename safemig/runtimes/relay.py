"""A loopback relay into a container: for databases whose port is not published, or published as another server's."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import docker

# bash has /dev/tcp; every postgres image holds it, since its entry point is a bash script. When one direction ends, so
# does the other. bash must reap both itself: in these containers PostgreSQL is process 1, it adopts orphans, and one
# that ends by a signal makes it restart all its sessions ("server process was terminated", measured).
SCRIPT = (
    ": safemig; exec 3<>/dev/tcp/127.0.0.1/{port} 4<&0 || exit 9; "
    "cat <&3 & out=$!; cat <&4 >&3 & in=$!; wait -n; kill $out $in 2>/dev/null; wait"
)
STDOUT = 1


@contextlib.contextmanager
def relay(engine: docker.DockerClient, container: str, port: int) -> Iterator[int]:
    """A port on 127.0.0.1 whose connections come out at ``port`` of the container's own loopback."""
    listener = socket.create_server(("127.0.0.1", 0))
    open_sockets: set[socket.socket] = set()
    threads: list[threading.Thread] = []

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            open_sockets.add(client)
            # Daemons: a dead engine connection must not keep the process.
            thread = threading.Thread(target=carry, args=(engine, container, port, client), daemon=True)
            threads.append(thread)
            thread.start()

    acceptor = threading.Thread(target=serve, daemon=True)
    acceptor.start()
    try:
        yield listener.getsockname()[1]
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)  # wakes accept
        listener.close()
        for client in open_sockets:
            _close(client)
        for thread in (acceptor, *threads):
            thread.join(5)


def carry(engine: docker.DockerClient, container: str, port: int, client: socket.socket) -> None:
    """Carry one connection both ways until either side ends it."""
    from docker.errors import DockerException
    from requests.exceptions import RequestException

    inside: socket.socket | None = None
    stream: Any = None
    back: threading.Thread | None = None
    try:
        command = ["bash", "-c", SCRIPT.format(port=port)]
        made = engine.api.exec_create(container, command, stdin=True, stdout=True, stderr=False)
        stream = engine.api.exec_start(made["Id"], socket=True)
        inside = getattr(stream, "_sock", stream)  # SocketIO over http+unix; TLS and npipe give a socket
        back = threading.Thread(target=_frames, args=(inside, client), daemon=True)
        back.start()
        while data := client.recv(65536):
            inside.sendall(data)
    except (DockerException, RequestException, OSError):
        pass  # libpq sees a closed connection and says so
    finally:
        _close(client)
        if inside is not None:
            with contextlib.suppress(OSError):
                inside.shutdown(socket.SHUT_RDWR)
        if back is not None:
            back.join(5)
        if stream is not None:
            stream.close()


def _frames(inside: socket.socket, client: socket.socket) -> None:
    """Unpack the engine's frames (a byte for the stream, 3 zeros, 4 bytes for the length) for the client."""
    try:
        while header := _exactly(inside, 8):
            kind, length = struct.unpack(">BxxxL", header)
            data = _exactly(inside, length)
            if kind == STDOUT:
                client.sendall(data)
    except OSError:
        pass
    finally:
        _close(client)


def _exactly(inside: socket.socket, length: int) -> bytes:
    pieces = bytearray()
    while len(pieces) < length:
        data = inside.recv(length - len(pieces))
        if not data:
            return b""
        pieces += data
    return bytes(pieces)


def _close(client: socket.socket) -> None:
    with contextlib.suppress(OSError):
        client.shutdown(socket.SHUT_RDWR)
    client.close()
