"""Discovery of the main endpoints, on a friendly and on hostile services."""

from __future__ import annotations

import json
import socket

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from checks.evidence import Json
from checks.service import endpoints
from checks.service.endpoints import Probe
from tests.checks.service.test_endpoints import Site, site

__all__ = ["site"]

PATHS: dict[str, Json] = {
    "/": {"get": {}},
    "/health": {"get": {}},
    "/courses": {"get": {"parameters": [{"name": "page", "in": "query", "required": True, "schema": {"default": 1}}]}},
    "/courses/{slug}": {"get": {}, "delete": {}},
    "/courses/{slug}/lessons": {"get": {}},
    "/courses/{slug}/lessons/{lesson_id}": {"get": {}},
    "/users/me": {"get": {"security": [{"bearer": []}]}},
    "/users/{user_id}": {"get": {}},
    "/search": {"get": {"parameters": [{"$ref": "#/components/parameters/Q"}]}},
    "/secret": {"get": {}},
    "/teachers/": {"get": {}},
    "/teachers/{id}": {"get": {}},
    "/empty": {"get": {}},
    "/empty/{id}": {"get": {}},
    "/logout": {"get": {}},
    "/broken": {"get": {}},
    "/orders": {"post": {}},
}


def friendly(site: Site) -> None:
    parameters: Json = {"Q": {"name": "q", "in": "query", "required": True, "schema": {"type": "string"}}}
    site.json("/openapi.json", {"openapi": "3.1.0", "paths": PATHS, "components": {"parameters": parameters}})
    site.json("/", {"name": "catalogue"})
    site.json("/health", {"status": "degraded"}, 503)
    site.json("/courses?page=1", {"total": 1, "items": [{"slug": "a b/c", "id": 3}]})
    site.json("/courses/a%20b%2Fc", {})
    site.json("/courses/a%20b%2Fc/lessons", [{"id": 7}])
    site.json("/courses/a%20b%2Fc/lessons/7", {})
    site.json("/secret", {}, 401)
    site.json("/empty", [])
    site.json("/broken", {}, 500)
    site.json("/teachers/", [{"id": 5}])
    site.routes["/teachers/5"] = (307, {"Location": f"{site.url}/teachers/5/"}, b"")
    site.json("/teachers/5/", {})


def test_routes_of_the_document_with_parameters_from_listed_rows(site: Site) -> None:
    friendly(site)
    found = endpoints.discover(site.url)
    assert found.document
    assert [probe.path for probe in found.probes] == [
        "/",
        "/health",
        "/courses?page=1",
        "/courses/a%20b%2Fc",
        "/courses/a%20b%2Fc/lessons",
        "/courses/a%20b%2Fc/lessons/7",
        "/teachers/",
        "/teachers/5/",
        "/empty",
        "/broken",
    ]
    assert dict(found.left_out) == {
        "/users/me": "it wants a login",
        "/users/{user_id}": "no route lists values for user_id",
        "/search": "it needs the query parameter q",
        "/secret": "answers 401: it wants a login",
        "/empty/{id}": "/empty lists no row",
        "/logout": "by its name it does more than answer",
    }
    assert {method for method, _ in site.asked} == {"GET"}
    assert len(site.asked) == len(set(site.asked)), "nothing is asked twice"
    assert ("GET", "/logout") not in site.asked


@pytest.mark.parametrize(
    ("routes", "paths", "left_out"),
    [
        ({"/": (200, "hello"), "/healthz": (200, "ok"), "/ping": (200, "pong")}, ["/", "/healthz"], {}),
        ({"/health": (401, "")}, [], {"/": "answers 404", "/health": "answers 401: it wants a login"}),
        ({"/": (500, "no"), "/health": (503, "no")}, ["/", "/health"], {}),
        ({}, [], {"/": "answers 404"}),
    ],
)
def test_service_without_document(
    site: Site, routes: dict[str, tuple[int, str]], paths: list[str], left_out: dict[str, str]
) -> None:
    for path, (status, text) in routes.items():
        site.text(path, text, status)
    found = endpoints.discover(site.url)
    assert ([probe.path for probe in found.probes], dict(found.left_out), found.document) == (paths, left_out, False)


def test_root_that_redirects_elsewhere_is_asked_for_that_redirect(site: Site) -> None:
    site.routes["/"] = (302, {"Location": "https://elsewhere.example/"}, b"")
    assert endpoints.discover(site.url).probes == (Probe(path="/", status=302),)


def test_location_that_is_no_url_is_left_out(site: Site) -> None:
    site.routes["/"] = (307, {"Location": "http://[::1"}, b"")
    found = endpoints.discover(site.url)
    assert found.probes == () and "Invalid URL" in dict(found.left_out)["/"]


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    found = endpoints.discover(f"http://127.0.0.1:{port}")
    assert (found.probes, found.document, len(found.left_out)) == ((), False, 1)
    assert "refused" in found.left_out[0][1]


@pytest.mark.parametrize(
    "document",
    [
        {"paths": []},
        {"paths": {"/a": {"get": {"parameters": [{"$ref": "#/x"}]}}}, "x": {"$ref": "#/x"}},
        {"paths": {"/a": 1, "/b": {"get": []}, "c": {"get": {}}, "/d\r\nX: y": {"get": {}}, "/é": {"get": {}}}},
        {"paths": {"/a": {"get": {"security": 7, "responses": "text/event-stream", "parameters": "no"}}}},
        {"paths": {"/a/{b}/{c}/{d}": {"get": {}}, "/{a}": {"get": {}}, "/{}": {"get": {}}}, "basePath": 5},
        {"paths": {f"/r{number}": {"get": {}} for number in range(3000)}},
        {"paths": {f"/r{number}/health": {"get": {}} for number in range(300)}},
        {"paths": {"//evil.example/x": {"get": {}}, "/../../x": {"get": {}}, "/a?b#c": {"get": {}}}},
        [1],
        "text",
    ],
)
def test_hostile_documents_end_in_few_requests_to_this_host(site: Site, document: Json) -> None:
    site.json("/openapi.json", document)
    found = endpoints.discover(site.url)
    assert all(probe.method == "GET" and probe.path.startswith("/") for probe in found.probes)
    assert len(site.asked) < 100
    assert {method for method, _ in site.asked} == {"GET"}


def test_document_that_is_too_large_is_left_out(site: Site) -> None:
    site.routes["/openapi.json"] = (200, {}, b'{"paths": {"' + b"a" * 5_000_000 + b'": {}}}')
    found = endpoints.discover(site.url)
    assert not found.document
    assert dict(found.left_out)["/openapi.json"] == "larger than can be read"


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
        ["get", "parameters", "$ref", "in", "name", "required", "schema", "security", "path", "query", "responses"]
    ), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from(["/a", "/a/{id}", "/health", "x"]) | st.text(max_size=5), ANY, max_size=4), ANY)
def test_any_document_is_survived(site: Site, paths: dict[str, Json], rows: Json) -> None:
    site.routes["/openapi.json"] = (200, {}, json.dumps({"paths": paths}).encode())
    site.json("/a", rows)
    endpoints.discover(site.url)


def test_every_operation_of_the_document_is_listed_and_none_is_sent(site: Site) -> None:
    paths: Json = {"/courses/{id}/ratings": {"post": {}, "get": {}, "parameters": []}, "/x": {"trace": {}}, "bad": 3}
    site.json("/openapi.json", {"openapi": "3.1.0", "paths": paths})
    assert endpoints.operations(site.url) == ("GET /courses/{id}/ratings", "POST /courses/{id}/ratings")
    assert {path for _, path in site.asked} <= {"/openapi.json"}


def test_without_a_document_the_operations_are_unknown(site: Site) -> None:
    site.json("/", {})
    assert endpoints.operations(site.url) is None
    assert endpoints.operations("http://127.0.0.1:1", seconds=0.5) is None
