"""The three signals: good only when looked at, good in itself and nowhere worse than before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.evidence import Evidence, Json, unseen
from checks.service.json_body import shape
from safemig.signals import comparison
from safemig.signals.comparison import (
    Moment,
    Signal,
    changed_kinds,
    container_problems,
    container_words,
    endpoint_problem,
    endpoints_words,
    judge,
    lost_keys,
)

AT = "2026-01-01T00:00:00.000+00:00"


def evidence(kind: str, subject: str, data: Mapping[str, Json]) -> Evidence:
    return Evidence(kind, subject, True, AT, AT, "repeat it", data)


def blind(kind: str, subject: str = "app") -> Evidence:
    return unseen(kind, subject, "repeat it", "nobody answered")


def run(passed: int = 3, failed: int = 0, errors: int = 0, code: int | None = 0, **more: Json) -> Evidence:
    data: dict[str, Json] = {"passed": passed, "failed": failed, "errors": errors, "exit_code": code, "complete": True}
    return evidence("tests", "app", data | more)


def service(**more: Any) -> dict[str, Json]:
    whole: dict[str, Json] = {"id": "1", "state": "running", "health": None, "restarts": 0, "exit_code": None}
    return {**whole, "startup_errors": [], **more}


def services(**by_name: dict[str, Json]) -> Evidence:
    return evidence("container", "shop", {"services": {**by_name}})


def answer(subject: str = "GET /", status: int = 200, body: Json = None, **more: Json) -> Evidence:
    known: dict[str, Json] = {"status": status, "media": "application/json", "matches": 200 <= status < 300}
    return evidence("endpoint", subject, {**known, "unhealthy": "", "shape": shape(body), "whole": True, **more})


GOOD = Moment(run(), services(app=service()), (answer(body={"status": "ok"}),))


def signal(name: str, before: Moment, after: Moment) -> Signal:
    return judge(before, after)[name]


def test_all_good_before_and_after() -> None:
    found = judge(GOOD, GOOD)
    assert list(found) == ["tests", "container", "endpoints"]
    assert all(one.ok is True and one.reasons == () for one in found.values())


@pytest.mark.parametrize(
    ("name", "after"),
    [
        ("tests", replace(GOOD, tests=None)),
        ("tests", replace(GOOD, tests=blind("tests"))),
        ("container", replace(GOOD, container=None)),
        ("container", replace(GOOD, container=blind("container"))),
        ("endpoints", replace(GOOD, endpoints=())),
        ("endpoints", replace(GOOD, endpoints=(blind("endpoint", "GET /"),))),
    ],
)
def test_could_not_look_is_neither_good_nor_bad(name: str, after: Moment) -> None:
    found = signal(name, GOOD, after)
    assert found.ok is None
    assert "not reached" in found.after or "not checked" in found.after or found.after.startswith("0 of 1")


@pytest.mark.parametrize("before", [Moment(None, None), Moment(blind("tests"), blind("container"))])
def test_what_could_not_be_seen_before_is_judged_by_itself(before: Moment) -> None:
    assert all(one.ok is True for one in judge(before, GOOD).values())


@pytest.mark.parametrize(
    ("after", "word"),
    [
        (run(0), "nothing collected"),
        (run(3, code=1), "exit 1"),
        (run(3, code=None), "exit None"),
        (run(3, complete=False), "3 passed"),
        (run(2, 1, code=1, failed_tests=["tests/test_a.py::test_x"]), "tests/test_a.py::test_x"),
        (run(2, 1, code=0), "1 failed"),
        (run(3, errors=1, code=0), "1 errors"),
        (run(0, skipped=4), "4 skipped"),
        (run(2), "1 test that passed before"),
    ],
)
def test_a_test_run_that_is_not_good(after: Evidence, word: str) -> None:
    found = signal("tests", GOOD, replace(GOOD, tests=after))
    assert found.ok is False
    assert word in " ".join(found.reasons)


@pytest.mark.parametrize(
    ("before", "after", "ok"),
    [
        (run(3), run(4), True),
        (run(3), run(2, skipped=1), False),
        (run(5, 1, code=1), run(6), True),
        (run(5, 1, code=1), run(4), False),  # red before, but five tests passed
        (run(5, 1, code=1), run(5, skipped=1), False),  # one failed, one passed: as many pass, and one is gone
        (run(0, code=5), run(1), True),
        (run(0, errors=1, code=2), run(3), True),
    ],
)
def test_fewer_tests_than_before_is_worse(before: Evidence, after: Evidence, ok: bool) -> None:
    assert signal("tests", replace(GOOD, tests=before), replace(GOOD, tests=after)).ok is ok


def test_the_red_of_before_hides_no_new_failure() -> None:
    before = run(3, 1, code=1, failed_tests=["t.py::old"], error_places=[{"where": "t.py::broken", "cause": "x"}])
    after = run(3, 1, code=1, failed_tests=["t.py::new"], error_places=[{"where": "t.py::broken", "cause": "x"}])
    found = signal("tests", replace(GOOD, tests=before), replace(GOOD, tests=after))
    assert found.ok is False
    assert found.reasons == ("failed, and did not before: t.py::new", "failed, as before: t.py::broken")


def test_every_new_failure_is_named_before_the_known_ones() -> None:
    known, new = [f"t.py::old_{n}" for n in range(30)], [f"t.py::new_{n}" for n in range(12)]
    before, after = run(9, 30, code=1, failed_tests=[*known]), run(9, 30, code=1, failed_tests=[*known[:18], *new])
    found = signal("tests", replace(GOOD, tests=before), replace(GOOD, tests=after))
    assert found.reasons == tuple(f"failed, and did not before: {name}" for name in new)


@pytest.mark.parametrize("problem", ["coverage is below its limit: 41 of 80", "a worker crashed: gw0"])
def test_a_session_that_proves_nothing_is_named_in_the_reason(problem: str) -> None:
    found = signal("tests", GOOD, replace(GOOD, tests=run(3, problems=[problem])))
    assert (found.ok, found.reasons) == (False, (problem,))
    assert problem in found.after


@pytest.mark.parametrize(
    ("data", "good"),
    [({}, False), ({"exit_code": 0}, False), ({"exit_code": 0, "passed": 1}, False), ({"passed": "3"}, False)],
)
def test_a_run_of_which_little_is_known_is_not_good(data: dict[str, Json], good: bool) -> None:
    assert comparison.tests_good(evidence("tests", "app", data)) is good


def test_words_for_tests() -> None:
    assert comparison.tests_words(run(3, 1, code=1)) == "3 passed, 1 failed (exit 1)"
    assert comparison.tests_words(None) == "not reached"
    assert comparison.tests_words(blind("tests")) == "not checked: nobody answered"


JOB = service(id="9", state="exited", exit_code=0)


@pytest.mark.parametrize(
    ("before", "after", "word"),
    [
        (service(), service(state="exited", exit_code=1), "exited (exit code 1)"),
        (service(), service(state="exited", exit_code=0), "has ended"),
        (service(), service(state="restarting"), "restarting"),
        (service(), service(state="paused"), "paused"),
        (service(), service(state="absent"), "absent"),
        (service(), {}, "None"),
        (service(health="healthy"), service(health="unhealthy"), "unhealthy"),
        (service(health="healthy"), service(health="starting"), "was healthy, is starting"),
        (service(health="healthy"), service(), "without a health check"),
        (service(), service(restarts=2), "was restarted 2 times"),
        (service(restarts=1), service(restarts=2), "was restarted 2 times"),
        (service(), service(startup_errors=[{"line": 3, "text": "ERROR: no table"}]), "ERROR: no table"),
        (service(), service(startup_errors=["ERROR: plain"]), "ERROR: plain"),
    ],
)
def test_a_container_that_is_not_active_and_serving(before: dict[str, Json], after: dict[str, Json], word: str) -> None:
    found = signal(
        "container",
        replace(GOOD, container=services(app=before, db=service())),
        replace(GOOD, container=services(app=after, db=service())),
    )
    assert found.ok is False
    assert word in " ".join(found.reasons)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (services(app=service()), services(app=service(), migrations=JOB)),
        (services(app=service(), migrations=JOB), services(app=service(), migrations=JOB)),
        (services(app=service(restarts=1)), services(app=service(restarts=1))),
        (services(app=service(restarts=4)), services(app=service(id="2"))),  # made anew
        (services(app=service(health="starting")), services(app=service(health="healthy"))),
        (services(app=service(state="exited", exit_code=3)), services(app=service())),
    ],
)
def test_a_container_that_is(before: Evidence, after: Evidence) -> None:
    found = signal("container", replace(GOOD, container=before), replace(GOOD, container=after))
    assert (found.ok, found.reasons) == (True, ())


def test_a_service_that_is_gone_and_none_at_all() -> None:
    two = replace(GOOD, container=services(app=service(), worker=service()))
    assert signal("container", two, GOOD).reasons == ("worker is gone",)
    assert container_problems(services()) == ("no container or process of this project is there",)
    assert container_problems(evidence("container", "x", {"services": None})) != ()
    assert container_problems(services(app=JOB)) == ("no container or process of this project runs",)
    assert container_words(services()) == "no container of this project"
    assert container_words(services(b=service(health="healthy"), a=JOB)) == "a exited, b running (healthy)"


@pytest.mark.parametrize(
    ("before", "after", "word"),
    [
        (answer(), answer(status=500), "not the expected one"),
        (answer(), answer(matches=False), "not the expected one"),
        (answer(), answer(status=404, matches=None), "answered 404"),
        (answer(), answer(status=0, matches=None), "answered 0"),
        (answer(), answer(unhealthy="degraded"), "“degraded”"),
        (answer(unhealthy="degraded"), answer(unhealthy="degraded"), "“degraded”"),
        (answer(), answer(matches=None, whole=False), "too large to compare"),
        (answer(), answer(status=204), "status was 200, is 204"),
        (answer(), answer(media="text/html"), "media was application/json, is text/html"),
        (answer(body={"a": 1, "b": {"c": 2}}), answer(body={"a": 1, "b": {}}), "has lost b.c"),
        (answer(body=[{"slug": "x", "id": 1}]), answer(body=[{"id": 1}]), "has lost [].slug"),
        (answer(body={"a": 1}), answer(body=[1]), "has lost its object"),
        (answer(body={"rating": 4}), answer(body={"rating": "4"}), "rating was integer, is string"),
        (answer(), answer("GET /other"), "GET / was not checked again"),
        (answer(), blind("endpoint", "GET /"), "not checked"),
    ],
)
def test_an_endpoint_that_is_worse_or_bad(before: Evidence, after: Evidence, word: str) -> None:
    other = answer("GET /health")
    found = signal("endpoints", replace(GOOD, endpoints=(before, other)), replace(GOOD, endpoints=(after, other)))
    assert found.ok is False
    assert word in " ".join(found.reasons)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (answer(body=[]), answer(body=[{"id": 1}])),
        (answer(body=[{"id": 1}]), answer(body=[])),
        (answer(body={"a": 1}), answer(body={"a": 1.5, "b": 2})),
        (answer(body={"a": None}), answer(body={"a": "now"})),
        (answer(body={"a": "now"}), answer(body={"a": None})),
        (answer(status=500), answer()),
        (answer(unhealthy="degraded"), answer()),
        (blind("endpoint", "GET /"), answer()),
        (answer(status=404, matches=True), answer(status=404, matches=True)),  # 404 is what the probe asks for
    ],
)
def test_an_endpoint_that_is_as_before_or_better(before: Evidence, after: Evidence) -> None:
    found = signal("endpoints", replace(GOOD, endpoints=(before,)), replace(GOOD, endpoints=(after,)))
    assert (found.ok, found.reasons) == (True, ())


def test_words_for_endpoints() -> None:
    assert endpoints_words(()) == "not reached"
    assert endpoints_words((answer(), answer("GET /b", 503))) == (
        "1 of 2 good; GET /b: the answer (503) is not the expected one"
    )
    assert endpoint_problem(answer()) == ""


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(allow_nan=False) | st.text("ab", max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=2), inner, max_size=3),
    max_leaves=10,
)


@given(JSON)
@settings(deadline=None)
def test_an_answer_is_never_worse_than_itself(body: Json) -> None:
    assert lost_keys(shape(body), shape(body)) == ()
    assert changed_kinds(shape(body), shape(body)) == ()


@given(st.dictionaries(st.text("abc", min_size=1, max_size=2), JSON, min_size=1, max_size=4), st.data())
@settings(deadline=None)
def test_a_lost_key_is_always_found(body: dict[str, Json], data: st.DataObject) -> None:
    gone = data.draw(st.sampled_from(sorted(body)))
    rest = {key: value for key, value in body.items() if key != gone}
    assert gone in lost_keys(shape(body), shape(rest))
    before, after = (replace(GOOD, endpoints=(answer(body=value),)) for value in (body, rest))
    assert signal("endpoints", before, after).ok is False


SEEN = st.sampled_from(["tests", "container", "endpoints"])


@given(st.sets(SEEN, min_size=1))
@settings(deadline=None)
def test_whatever_was_not_seen_is_never_ok(missing: set[str]) -> None:
    after = Moment(
        blind("tests") if "tests" in missing else GOOD.tests,
        blind("container") if "container" in missing else GOOD.container,
        (blind("endpoint", "GET /"),) if "endpoints" in missing else GOOD.endpoints,
    )
    assert {name for name, one in judge(GOOD, after).items() if one.ok is not True} == missing


@pytest.mark.parametrize(
    ("state", "ok", "reasons"),
    [
        ("running", None, ("a start-up log could not be read: nowhere",)),
        ("absent", False, ("app is absent", "app was running and has ended")),
        ("exited", False, ("no container or process of this project runs", "app is exited", "a start-up log")),
    ],
)
def test_what_has_ended_is_said_before_that_its_log_cannot_be_read(
    state: str, ok: bool | None, reasons: tuple[str, ...]
) -> None:
    after = services(app=service(state=state, log_seen=False, log_reason="nowhere"))
    found = signal("container", GOOD, replace(GOOD, container=after))
    assert found.ok is ok
    assert len(found.reasons) == len(reasons)
    assert all(reason.startswith(words) for reason, words in zip(found.reasons, reasons, strict=True))
