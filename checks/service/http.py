"""One HTTP request, bounded in time and size."""

from __future__ import annotations

import functools
import re
import shlex
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from checks.evidence import Json
from checks.text import plain

if TYPE_CHECKING:
    import ssl

    import httpx

AGENT = "safemig"
LARGEST = 4 * 1024 * 1024  # bytes of a body that are read; what comes after is left on the wire
_DECODED = frozenset({"", "identity", "gzip", "x-gzip", "deflate"})  # at most 1 : 1032; others know no such bound
_OPEN_HEADERS = frozenset({"accept", "accept-language", "content-type"})


@dataclass(frozen=True)
class Probe:
    """One request and what its answer is asked to be.

    ``status`` None means any 2xx, ``media`` "" any media type, ``subset`` None any body; ``seconds`` is the time that
    the whole answer may take. ``headers`` hold resolved values: they are sent and never shown.
    """

    method: str = "GET"
    path: str = "/"
    status: int | None = None
    media: str = ""
    subset: Json = None
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 5.0


@dataclass(frozen=True)
class Answer:
    """What came back: ``media`` without parameters, ``whole`` False when the body went on beyond ``LARGEST``."""

    status: int
    media: str
    location: str
    body: bytes
    whole: bool
    seconds: float


class NoAnswer(Exception):
    """Nothing, nothing in time, or nothing that is HTTP came back; the text says which."""


@functools.cache
def certificates() -> ssl.SSLContext:
    """The trusted certificates, loaded once: 30 ms of CPU time, and a run makes dozens of clients."""
    import httpx

    return httpx.create_ssl_context(trust_env=False)


def client_for(client: httpx.Client | None) -> httpx.Client:
    """``client``, or a new one that knows no proxy and no .netrc of this machine: the target is a service nearby."""
    import httpx

    return client or httpx.Client(trust_env=False, verify=certificates())


def send(client: httpx.Client, base_url: str, probe: Probe) -> Answer:
    """Send ``probe``, follow nothing. Raises NoAnswer."""
    import httpx

    headers = {"User-Agent": AGENT, "Accept": "application/json, */*;q=0.5", "Accept-Encoding": "identity"}
    headers["Connection"] = "close"  # a connection of its own, whose socket the limit knows
    began = time.perf_counter()
    limit = _Limit(probe.seconds)
    try:
        with (
            limit,
            client.stream(
                probe.method,
                address(base_url, probe.path),
                headers=headers | dict(probe.headers),
                timeout=probe.seconds,
                follow_redirects=False,
                extensions={"trace": limit.trace},
            ) as response,
        ):
            body, whole = _body(response, began + probe.seconds)
            if limit.passed and whole:  # the end of the body may be that of the connection
                raise TimeoutError
            return Answer(
                response.status_code,
                plain(response.headers.get("content-type", "").partition(";")[0].strip().lower(), 100),
                plain(response.headers.get("location", ""), 500),
                body,
                whole,
                time.perf_counter() - began,
            )
    except (httpx.TimeoutException, TimeoutError) as late:
        raise NoAnswer(f"no whole answer within {probe.seconds:g} s") from late
    except httpx.InvalidURL as wrong:
        raise NoAnswer("this is no URL that can be asked") from wrong
    except (httpx.HTTPError, OSError, ValueError) as wrong:
        if limit.passed:
            raise NoAnswer(f"no whole answer within {probe.seconds:g} s") from wrong
        raise NoAnswer(plain(str(wrong), 300) or type(wrong).__name__) from wrong


class _Limit:
    """Ends the connection when the time is over: httpx's own limit holds for each read, and a header that comes byte by
    byte passes it for ever."""

    def __init__(self, seconds: float) -> None:
        self.passed = False
        self._socket: socket.socket | None = None
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._timer.cancel()

    def trace(self, event: str, values: Mapping[str, Any]) -> None:
        """Called by the client as the request goes on."""
        if event in {"connection.connect_tcp.complete", "connection.start_tls.complete"}:
            self._socket = values["return_value"].get_extra_info("socket")
            if self.passed:
                self._end()

    def _end(self) -> None:
        self.passed = True
        if self._socket is not None:
            with suppress(OSError):  # closed by now
                # Not SSLSocket's own: it takes the TLS state away from the thread that reads.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


def _pieces(response: httpx.Response) -> Iterator[bytes]:
    """The body as it comes. A second encoding would multiply the first one's bound: 64 kB may then be 64 GB."""
    codings = [word.strip().lower() for word in response.headers.get("content-encoding", "").split(",")]
    if len([word for word in codings if word not in {"", "identity"}]) > 1:
        raise NoAnswer(plain(f"the body is encoded more than once ({', '.join(codings)}) and is not read", 300))
    return response.iter_bytes() if set(codings) <= _DECODED else response.iter_raw()


def _body(response: httpx.Response, deadline: float) -> tuple[bytes, bool]:
    pieces, size = [], 0
    for piece in _pieces(response):
        pieces.append(piece)
        size += len(piece)
        if size > LARGEST:
            return b"".join(pieces)[:LARGEST], False
        if time.perf_counter() > deadline:
            raise TimeoutError
    return b"".join(pieces), True


def address(base_url: str, path: str) -> str:
    """The URL of ``path`` at ``base_url``; whatever the path is, it stays on that host."""
    return base_url.rstrip("/") + "/" + path.removeprefix("/")


def curl(base_url: str, probe: Probe) -> str:
    """The equivalent curl line. User names, passwords and the values of headers are left out."""
    bare = re.sub(r"(?<=//)[^/?#]*@", "", base_url)
    words = ["curl", "-sS", "-i", "--max-time", f"{probe.seconds:g}", "-A", AGENT]
    if probe.method != "GET":
        words += ["-X", probe.method]
    for name, value in probe.headers.items():
        words += ["-H", f"{name}: {value if name.lower() in _OPEN_HEADERS else '***'}"]
    return plain(shlex.join([*words, address(bare, probe.path)]), 2000)


def path_of(url: str) -> str:
    """The path of an absolute or relative URL, "" when it is none."""
    try:
        return urlsplit(url).path
    except ValueError:
        return ""
