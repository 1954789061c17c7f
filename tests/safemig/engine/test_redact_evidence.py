"""Free text in evidence is redacted; names, SQL, counts and digests are not touched."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.evidence import Evidence, Json, unseen
from safemig.base.redaction import redact
from safemig.engine.redact_evidence import clean_evidence

URL = "postgresql://courses:hunter2@db:5432/courses"
SAFE = "postgresql://courses:***@db:5432/courses"
SECRET = "S3cret!with/odd:chars"


def cleaned(kind: str, data: Mapping[str, Json]) -> Mapping[str, Json]:
    evidence = Evidence(kind, "GET /", True, "b", "e", "curl", data)
    return clean_evidence(evidence, lambda text: redact(text, (SECRET,))).data


def service(tail: str, error: str) -> dict[str, Json]:
    return {
        "services": {
            "api": {
                "container": "password=kept",
                "image": "sha256:aa",
                "restarts": 0,
                "startup_errors": [{"line": 3, "text": error}],
                "startup_by_time": [{"line": 5, "text": error}],
                "log_tail": ["started", tail],
                "log_reason": tail,
            }
        }
    }


@pytest.mark.parametrize(
    ("kind", "before", "after"),
    [
        ("container", service(f"cannot reach {URL}", "token=abc"), service(f"cannot reach {SAFE}", "token=***")),
        ("container", service(f"it is {SECRET}", "none"), service("it is ***", "none")),
        (
            "tests",
            {
                "error_places": [{"where": "tests/test_a.py::test_token[password=x]", "cause": f"refused: {URL}"}],
                "failed_tests": ["tests/test_a.py::test_token[password=x]"],
                "summary": f"1 failed ({URL})",
                "failed": 1,
            },
            {
                "error_places": [{"where": "tests/test_a.py::test_token[password=x]", "cause": f"refused: {SAFE}"}],
                "failed_tests": ["tests/test_a.py::test_token[password=x]"],
                "summary": f"1 failed ({SAFE})",
                "failed": 1,
            },
        ),
        (
            "endpoint",
            {"text": f"<h1>{URL}</h1>", "location": "/login?token=abc", "body": None, "status": 500, "shape": None},
            {"text": f"<h1>{SAFE}</h1>", "location": "/login?token=***", "body": None, "status": 500, "shape": None},
        ),
        (
            "endpoint",
            {"body": {"token": "abc", "api_key": 17, "name": "courses", "rows": [{"password": None, "id": 3}]}},
            {"body": {"token": "***", "api_key": "***", "name": "courses", "rows": [{"password": None, "id": 3}]}},
        ),
        (
            "endpoint",
            {"body": {"credentials": {"user": "me", "on": True, "list": ["x", ""]}, "detail": f"no {URL}"}},
            {"body": {"credentials": {"user": "***", "on": True, "list": ["***", ""]}, "detail": f"no {SAFE}"}},
        ),
        (
            "endpoint",
            {"body": [{"slug": "sql-101", "tokens_used": 3}]},
            {"body": [{"slug": "sql-101", "tokens_used": 3}]},
        ),
    ],
)
def test_free_text_is_cleaned(kind: str, before: Mapping[str, Json], after: Mapping[str, Json]) -> None:
    assert cleaned(kind, before) == after


@pytest.mark.parametrize("kind", ["schema", "revision", "image", "desired", "anything"])
def test_other_kinds_keep_their_data(kind: str) -> None:
    data: dict[str, Json] = {"sql": "ALTER ROLE x PASSWORD 'y'", "names": ["password=x", SECRET], "count": 1}
    assert cleaned(kind, data) == data


def test_the_reason_of_a_failed_look_is_cleaned() -> None:
    evidence = unseen("container", "api", "docker ps", f"no answer from {URL}")
    assert clean_evidence(evidence, redact).reason == f"no answer from {SAFE}"


trees = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)


@given(st.sampled_from(["container", "tests", "endpoint"]), st.dictionaries(st.text(max_size=8), trees, max_size=4))
def test_data_of_any_shape_keeps_its_shape(kind: str, data: dict[str, Json]) -> None:
    services: dict[str, Json] = {**data, "services": data, "body": data, "error_places": [data], "summary": data}
    once = cleaned(kind, services)
    assert cleaned(kind, once) == once
    assert list(once) == list(services)
    assert cleaned(kind, services).keys() == services.keys()
