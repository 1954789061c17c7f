"""One HTTP request, bounded in time and size."""

from __future__ import annotations

import functools
import re
import shlex
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from checks.evidence import Json
from checks.text import plain

if TYPE_CHECKING:
    import ssl

    import httpx

AGENT = "safemig"
LARGEST = 4 * 1024 * 1024  # bytes of a body that are read; what comes after is left on the wire
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
    began = time.perf_counter()
    try:
        with client.stream(
            probe.method,
            address(base_url, probe.path),
            headers=headers | dict(probe.headers),
            timeout=probe.seconds,
            follow_redirects=False,
        ) as response:
            body, whole = _body(response, began + probe.seconds)
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
        raise NoAnswer(plain(str(wrong), 300) or type(wrong).__name__) from wrong


def _body(response: httpx.Response, deadline: float) -> tuple[bytes, bool]:
    pieces, size = [], 0
    for piece in response.iter_bytes():
        pieces.append(piece)
        size += len(piece)
        if size > LARGEST:
            return b"".join(pieces)[:LARGEST], False
        if time.perf_counter() > deadline:  # httpx's own limit holds for each read, and a slow drip passes it for ever
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
