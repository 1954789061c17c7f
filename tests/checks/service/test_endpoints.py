"""Endpoints, against a real HTTP server in a thread; what it answers is as odd as real services are."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.evidence import Json
from checks.service import endpoints
from checks.service.endpoints import Probe, contains, shape
from checks.service.http import LARGEST, curl
from checks.service.json_body import NotJson, parse, unhealthy

Reply = tuple[int, dict[str, str], bytes]


@dataclass
class Site:
    """A server whose routes a test sets; it keeps what it was asked."""

    url: str = ""
    routes: dict[str, Reply | Callable[[BaseHTTPRequestHandler], None]] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    agents: set[str] = field(default_factory=set)
    release: threading.Event = field(default_factory=threading.Event)

    def json(self, path: str, value: object, status: int = 200) -> None:
        self.routes[path] = (status, {"Content-Type": "application/json"}, json.dumps(value).encode())

    def text(self, path: str, text: str, status: int = 200) -> None:
        self.routes[path] = (status, {"Content-Type": "text/plain; charset=utf-8"}, text.encode())


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            made.asked.append((self.command, self.path))
            made.agents.add(self.headers.get("User-Agent", ""))
            reply = made.routes.get(self.path, (404, {"Content-Type": "application/json"}, b'{"detail":"Not Found"}'))
            if callable(reply):
                reply(self)
                return
            status, headers, body = reply
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if status != 204:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_DELETE = do_PUT = answer

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    made.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield made
    made.release.set()
    server.shutdown()
    server.server_close()
    thread.join()


def test_json_answer(site: Site) -> None:
    site.json("/health", {"status": "ok", "rows": [1, 2]})
    evidence = endpoints.look(site.url, Probe(path="/health", subset={"status": "ok"}, media="application/json"))
    data = evidence.data
    assert (evidence.seen, evidence.kind, evidence.subject) == (True, "endpoint", "GET /health")
    assert evidence.repeat == f"curl -sS -i --max-time 5 -A safemig {site.url}/health"
    assert (data["status"], data["media"], data["matches"], data["unhealthy"]) == (200, "application/json", True, "")
    assert data["body"] == {"status": "ok", "rows": [1, 2]}
    assert data["shape"] == {"status": "string", "rows": ["integer"]}
    assert isinstance(data["latency_ms"], float)
    assert site.agents == {"safemig"}


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ((200, {"Content-Type": "text/plain"}, b"OK"), {"text": "OK", "json": False, "matches": True, "unhealthy": ""}),
        ((200, {"Content-Type": "application/json"}, b"true"), {"body": True, "json": True, "shape": "boolean"}),
        ((200, {"Content-Type": "application/json"}, b"false"), {"body": False, "unhealthy": "false"}),
        ((204, {}, b""), {"status": 204, "json": False, "text": "", "matches": True, "media": ""}),
        ((500, {"Content-Type": "text/plain"}, b"No \x1b[31mway"), {"matches": False, "text": "No way"}),
        ((307, {"Location": "/health/"}, b""), {"status": 307, "location": "/health/", "matches": False}),
        ((401, {}, b"{}"), {"status": 401, "matches": False}),
        ((200, {}, b'{"status":"degraded"}'), {"unhealthy": "degraded", "matches": True}),
        ((200, {}, b'{"a": NaN}'), {"json": False, "body": None}),
        ((200, {}, b'{"a": "\\ud800"}'), {"body": {"a": "?"}}),
        ((200, {}, b"[" * 5000), {"json": False}),
        ((200, {}, b"\xff\xfe\x00"), {"json": False}),
    ],
)  # fmt: skip
def test_answers_of_many_kinds(site: Site, reply: Reply, expected: dict[str, object]) -> None:
    site.routes["/health"] = reply
    data = endpoints.look(site.url, Probe(path="/health")).data
    assert {key: data[key] for key in expected} == expected
    json.dumps(data, allow_nan=False).encode()


@pytest.mark.parametrize(
    ("probe", "matches"),
    [
        (Probe(path="/a", subset={"b": 2}), False),
        (Probe(path="/a", subset={"b": 1}), True),
        (Probe(path="/a", status=200), True),
        (Probe(path="/a", status=201), False),
        (Probe(path="/a", media="text/html"), False),
        (Probe(path="/a", media="Application/JSON; charset=utf-8"), True),
        (Probe(method="POST", path="/a"), True),
        (Probe(path="a"), True),
    ],
)
def test_matches(site: Site, probe: Probe, matches: bool) -> None:
    site.json("/a", {"b": 1})
    assert endpoints.look(site.url, probe).data["matches"] is matches


def test_body_beyond_what_is_kept(site: Site) -> None:
    site.json("/rows", [{"id": number} for number in range(3000)])
    data = endpoints.look(site.url, Probe(path="/rows", subset=[{"id": 2999}])).data
    assert (data["body"], data["json"], data["matches"], data["shape"]) == (None, True, True, [{"id": "integer"}])
    assert isinstance(data["size"], int) and data["size"] > 16384 and len(str(data["body_sha256"])) == 64


def test_body_beyond_what_is_read(site: Site) -> None:
    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        try:
            while True:
                handler.wfile.write(b"x" * 65536)
        except OSError:
            site.release.set()

    site.routes["/big"] = endless
    data = endpoints.look(site.url, Probe(path="/big", subset={"a": 1})).data
    assert (data["size"], data["whole"], data["matches"], data["body_sha256"]) == (LARGEST, False, None, None)
    assert site.release.wait(5), "the connection was given up"


def test_compressed_bomb_is_cut(site: Site) -> None:
    site.routes["/bomb"] = (200, {"Content-Encoding": "gzip"}, gzip.compress(b"0" * 30_000_000))
    assert endpoints.look(site.url, Probe(path="/bomb")).data["whole"] is False


@pytest.mark.parametrize("codings", ["gzip, gzip", "deflate,gzip, gzip", "br, gzip", "gzip, identity, gzip"])
def test_a_body_that_is_encoded_twice_is_not_unpacked(site: Site, codings: str) -> None:
    body = gzip.compress(gzip.compress(b"0" * 30_000_000))
    site.routes["/bomb"] = (200, {"Content-Encoding": codings}, body)
    evidence = endpoints.look(site.url, Probe(path="/bomb"))
    assert not evidence.seen
    assert "encoded more than once" in evidence.reason


def test_dripping_headers_are_given_up() -> None:
    """A server of its own on a socket: each byte of an endless header comes before the limit of a single read."""
    over = threading.Event()

    def drip(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection, suppress(OSError):
            connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            until = time.monotonic() + 10  # without a limit the look ends here, not never
            while not over.wait(0.05) and time.monotonic() < until:
                connection.sendall(b".")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=drip, args=(server,), daemon=True)
        thread.start()
        began = time.monotonic()
        evidence = endpoints.look(f"http://127.0.0.1:{server.getsockname()[1]}", Probe(seconds=0.3))
        took = time.monotonic() - began
        over.set()
        thread.join(5)
    assert evidence.reason == "no whole answer within 0.3 s"
    assert took < 5


def test_silent_and_dripping_servers_are_given_up(site: Site) -> None:
    def silent(handler: BaseHTTPRequestHandler) -> None:
        site.release.wait(20)

    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        try:
            while not site.release.wait(0.05):
                handler.wfile.write(b".")
        except OSError:
            return

    site.routes |= {"/silent": silent, "/drip": drip}
    for path in ("/silent", "/drip"):
        evidence = endpoints.look(site.url, Probe(path=path, seconds=0.3))
        assert not evidence.seen and not evidence.data
        assert evidence.reason == "no whole answer within 0.3 s"


def test_nobody_there_and_no_http() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert "refused" in endpoints.look(f"http://127.0.0.1:{port}", Probe()).reason
    for url in ("http://", "nonsense", "http://[::1", "http://127.0.0.1:99999999"):
        evidence = endpoints.look(url, Probe())
        assert not evidence.seen and evidence.reason


def test_environment_s_proxy_is_not_used(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    site.json("/", {})
    assert endpoints.look(site.url, Probe()).seen


def test_curl_line_holds_no_secret() -> None:
    probe = Probe(method="POST", path="/a b", headers={"Authorization": "Bearer s3cret", "Accept": "text/html"})
    line = curl("http://user:s3cret@host:1/api/", probe)
    assert "s3cret" not in line and "user" not in line
    assert "-X POST" in line and "'Authorization: ***'" in line and "'Accept: text/html'" in line
    assert line.endswith("'http://host:1/api/a b'")


def test_path_cannot_leave_the_host(site: Site) -> None:
    assert curl("http://host:1", Probe(path="@evil.example/x")).endswith("http://host:1/@evil.example/x")


@pytest.mark.parametrize(
    ("path", "value", "word"),
    [
        ("/health", {"status": "ok", "checks": {"db": {"status": "down"}}}, "down"),
        ("/health", {"status": "UP", "message": "no error log"}, ""),
        ("/healthz", {"ok": False}, "ok: false"),
        ("/ready", {"database": "error: connection refused"}, "error"),
        ("/", {"error": "no such table"}, "error"),
        ("/", {"error": None, "name": "bad weather service"}, ""),
        ("/api/v1/health", {"status": "Out of service"}, "Out of service"),
        ("/health", "unhealthy: db", "unhealthy"),
        ("/health", "healthy", ""),
        ("/health", {"status": "not ok"}, "not ok"),
        ("/health", {"debug": False, "status": "ok"}, ""),
        ("/orders/1", {"status": "failed"}, ""),
        ("/orders/1", {"status": "degraded"}, "degraded"),
        ("/health", [["down"]], "down"),
    ],
)
def test_unhealthy_words(path: str, value: Json, word: str) -> None:
    assert unhealthy(path, value) == word


@pytest.mark.parametrize(
    ("body", "subset", "expected"),
    [
        ({"a": 1, "b": {"c": 2, "d": 3}}, {"b": {"c": 2}}, True),
        ({"a": 1}, {"b": 1}, False),
        ({"a": None}, {"a": None}, True),
        ({}, {"a": None}, False),
        (True, 1, False),
        (1, True, False),
        (1, 1.0, True),
        ([{"a": 1}, {"a": 2}], [{"a": 2}], True),
        ([1], [1, 1], False),
        ([{"a": 1}, {"a": 1, "b": 2}], [{"a": 1}, {"b": 2}], True),
        ([{"a": 1, "b": 2}, {"a": 1}], [{"a": 1}, {"b": 2}], True),
        ({"a": 1}, [], False),
        ([], {}, False),
    ],
)
def test_contains(body: Json, subset: Json, expected: bool) -> None:
    assert contains(body, subset) is expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([], []),
        ([1, None], ["integer|null"]),
        ([{"a": 1}, {"a": 1.5, "b": "x"}], [{"a": "integer|number", "b": "string"}]),
        ([{"a": []}, {"a": ["x"]}], [{"a": ["string"]}]),
        ([{"a": 1}, None, [1]], ["array|null|object"]),
    ],
)
def test_shape(value: Json, expected: Json) -> None:
    assert shape(value) == expected


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=15,
)


@given(JSON)
def test_every_value_has_a_shape_and_contains_itself(value: Json) -> None:
    assert contains(value, value)
    json.dumps(shape(value))
    unhealthy("/health", value)
    if isinstance(value, list):
        assert shape(value) == shape([*value, *value])


@given(st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
def test_parse_gives_what_can_be_encoded_or_refuses(body: bytes) -> None:
    import msgspec

    try:
        value = parse(body)
    except NotJson:
        return
    msgspec.json.encode(value)
