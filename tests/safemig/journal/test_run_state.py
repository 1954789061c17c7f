"""The state of a run as the engine reads it, and that a resumed engine sees the same."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.evidence import Evidence, Json
from safemig.journal.events import Event, FactsKept, TickedItem
from safemig.journal.fold import fold, take
from safemig.journal.state import RunState
from safemig.signals.row_changes import doubts, losses

AT = "2026-01-01T00:00:00.000+00:00"


def events(*made: tuple[str, str, dict[str, Any]]) -> list[Event]:
    """(kind, step, data) -> numbered events."""
    return [Event(number, kind, "r1", "t", step, AT, 1.0, data) for number, (kind, step, data) in enumerate(made, 1)]


def event_of(made: tuple[str, str, dict[str, Any]], number: int) -> Event:
    kind, step, data = made
    return Event(number, kind, "r1", "t", step, AT, 1.0, data)


def past(*made: tuple[str, str, dict[str, Any]]) -> RunState:
    return fold(events(*made))


def seen(kind: str, subject: str, **data: Json) -> dict[str, Any]:
    return dict(msgspec.to_builtins(Evidence(kind, subject, True, AT, AT, "again", data)))


def evidence(step: str, moment: str, kind: str, subject: str = "app", **data: Json) -> tuple[str, str, dict[str, Any]]:
    return "evidence", step, {"moment": moment, "evidence": seen(kind, subject, **data)}


def started(step: str) -> tuple[str, str, dict[str, Any]]:
    return "step.started", step, {"title": step, "intent": "build", "effect": "write", "command": ""}


def finished(step: str, status: str = "done") -> tuple[str, str, dict[str, Any]]:
    return "step.finished", step, {"status": status, "seconds": 1.0, "reason": "", "command": ""}


def command(step: str, number: int) -> tuple[str, str, dict[str, Any]]:
    return "command.started", step, {"number": number, "line": "make x", "cwd": ".", "limit": 9.0, "output": "x"}


def ended(step: str, number: int, how: str = "exit", status: int | None = 0) -> tuple[str, str, dict[str, Any]]:
    return "command.finished", step, {"number": number, "status": status, "how": how, "seconds": 1.0}


START = (
    "run.started",
    "",
    {"project": "/p", "spec": "01", "phase": "1", "mode": "auto", "runtime": "docker", "pid": 1},
)


def test_an_empty_journal_is_an_empty_past() -> None:
    nothing = past()
    assert (nothing.mode, nothing.start, nothing.in_flight, nothing.verdict) == ("default", None, "", "")
    assert not nothing.changing
    assert nothing.last("tests") is None
    assert not nothing.finished("build")


def test_start_mode_and_resume() -> None:
    known = past(START, ("run.finished", "", {"verdict": "interrupted"}))
    assert (known.mode, known.started.spec, known.verdict) == ("auto", "01", "interrupted")
    known = past(
        START,
        ("run.finished", "", {"verdict": "waiting"}),
        ("run.resumed", "", {"after": 2, "pid": 2, "in_flight": "", "leftovers": []}),
        ("mode.changed", "", {"before": "auto", "after": "plan", "by": "person"}),
    )
    assert (known.mode, known.verdict) == ("plan", "")


def test_a_mode_that_nobody_knows_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        past(("mode.changed", "", {"before": "auto", "after": "yolo", "by": "person"}))


@pytest.mark.parametrize(
    ("status", "over"), [("done", True), ("failed", True), ("skipped", True), ("refused", True), ("stopped", False)]
)
def test_a_stopped_step_is_taken_up_again_and_an_ended_one_is_not(status: str, over: bool) -> None:
    known = past(started("build"), finished("build", status))
    assert known.finished("build") is over
    assert known.in_flight == ""


def test_the_step_in_flight_is_the_one_that_started_and_did_not_end() -> None:
    assert past(started("build"), finished("build"), started("start")).in_flight == "start"
    assert past(started("build")).in_flight == "build"
    again = past(started("build"), finished("build", "stopped"), started("build"))
    assert again.in_flight == "build"
    assert not again.finished("build")
    assert again.of("build").started


def test_a_second_attempt_of_a_step_looks_again_but_the_run_remembers() -> None:
    known = past(
        started("observe"),
        evidence("observe", "start", "container"),
        finished("observe", "stopped"),
        started("observe"),
    )
    assert known.of("observe").evidence == []
    assert known.last("container") is not None


def test_commands_are_counted_over_the_whole_run() -> None:
    known = past(started("a"), command("a", 1), ended("a", 1, "stopped", None), command("a", 3), command("b", 2))
    assert max(known.commands) == 3
    assert known.of("a").commands == [1, 3]
    assert known.of("a").ends[1].how == "stopped"
    assert 3 not in known.of("a").ends


@pytest.mark.parametrize("step", ["create", "generate", "build-migration", "start-migration", "migrate"])
def test_the_change_has_begun_once_one_of_its_steps_started(step: str) -> None:
    assert past(started(step)).changing
    assert past(started(step), finished(step, "failed")).changing


def test_before_the_change_nothing_of_it_has_begun() -> None:
    steps = ("build", "start", "observe", "revision", "pending", "test", "remedy-1", "baseline")
    assert not past(*(made for step in steps for made in (started(step), finished(step)))).changing


def test_rows_that_a_stopped_test_run_took_are_not_forgotten_by_the_next_one() -> None:
    blind = dict(seen("rows", "shop around test"), seen=False)
    taken: list[Json] = [{"table": "public.order", "change": "fewer", "before": 5, "after": 0, "lost": 5}]
    known = past(
        started("test"),
        evidence("test", "first", "rows", "shop around test", changes=taken),
        finished("test", "stopped"),
        started("test"),
        ("evidence", "test", {"moment": "first", "evidence": blind}),
    )
    assert len(losses(known.rows)) == len(doubts(known.rows)) == 1
    take(known, event_of(evidence("test", "first", "rows", "shop around test", changes=[]), 6))
    assert (len(losses(known.rows)), doubts(known.rows)) == (1, ())


def test_the_newest_evidence_counts() -> None:
    known = past(
        evidence("test", "first", "tests", passed=1),
        evidence("test-again", "before", "tests", passed=2),
        evidence("test-after", "after", "tests", passed=3),
        evidence("revision", "start", "revision", current=["a1"]),
    )

    def passed(*moments: str) -> Json:
        found = known.last("tests", *moments)
        return found.data["passed"] if found else None

    assert [passed(), passed("first"), passed("first", "before"), passed("after")] == [3, 1, 2, 3]
    assert passed("start") is None


def test_all_gives_one_evidence_a_subject_of_its_moment() -> None:
    known = past(
        evidence("baseline", "before", "endpoint", "GET /", status=503),
        evidence("baseline", "before", "endpoint", "GET /health", status=200),
        evidence("baseline", "before", "endpoint", "GET /", status=200),
        evidence("prove", "after", "endpoint", "GET /", status=500),
    )
    assert [(one.subject, one.data["status"]) for one in known.seen("before", "endpoint")] == [
        ("GET /", 200),
        ("GET /health", 200),
    ]
    assert known.seen("first", "endpoint") == ()


def given_answer(answer: str, digest: str, **more: Any) -> tuple[str, str, dict[str, Any]]:
    data = {"id": "x", "digest": digest, "answer": answer, "by": "person", "rule": "", "reason": "", "title": ""}
    return "approval.given", "x", {**data, **more}


def test_an_approval_holds_through_a_resume_and_a_no_approves_nothing() -> None:
    known = past(
        given_answer("once", "d1"),
        given_answer("always", "d2"),
        given_answer("no", "d3", digests=["d4"]),
        given_answer("once", "plan", digests=["d5", "d6"]),
        ("run.resumed", "", {"after": 4, "pid": 2, "in_flight": "", "leftovers": []}),
    )
    assert known.approved == {"d1", "d2", "plan", "d5", "d6"}


def test_documents_questions_and_ticks() -> None:
    known = past(
        ("facts", "", {"file": "facts.json", "digest": "f"}),
        ("finding", "", {"name": "remedy", "cause": "c", "file": "finding-1.json", "digest": "g"}),
        ("plan.revised", "", {"digest": "p1"}),
        ("plan.revised", "", {"digest": "p2"}),
        ("approval.asked", "build", {"id": "q1"}),
        ("tick", "tick", {"file": "plan.md", "line": 7, "text": "Create the table", "by": "engine", "sha256": "s"}),
        ("something.new", "", {"unknown": True}),
    )
    assert known.facts == FactsKept("facts.json", "f")
    assert [(one.file, one.digest) for one in known.findings] == [("finding-1.json", "g")]
    assert [one.digest for one in known.plans] == ["p1", "p2"]
    assert known.asked == 1
    assert known.ticked == (TickedItem("plan.md", 7, "Create the table"),)


STEPS = st.sampled_from(["build", "start", "baseline", "create", "migrate"])
MADE = st.one_of(
    st.just(START),
    st.builds(started, STEPS),
    st.builds(finished, STEPS, st.sampled_from(["done", "failed", "stopped"])),
    st.builds(command, STEPS, st.integers(1, 9)),
    st.builds(ended, STEPS, st.integers(1, 9), st.sampled_from(["exit", "lost"])),
    st.builds(given_answer, st.sampled_from(["once", "no"]), st.sampled_from(["d1", "d2"])),
    st.builds(evidence, STEPS, st.sampled_from(["before", "after"]), st.sampled_from(["tests", "schema"])),
    st.just(("run.finished", "", {"verdict": "interrupted"})),
)


@given(st.lists(MADE, max_size=15), st.integers(0, 15))
@settings(deadline=None)
def test_an_engine_that_was_killed_anywhere_and_resumed_knows_the_same(
    made: list[tuple[str, str, dict[str, Any]]], cut: int
) -> None:
    whole = events(*made)
    resumed = fold(whole[:cut])
    for event in whole[cut:]:
        take(resumed, msgspec.json.decode(msgspec.json.encode(event), type=Event))
    assert resumed == fold(whole)


@given(st.lists(MADE, max_size=15))
@settings(deadline=None)
def test_once_the_change_has_begun_nothing_takes_that_back(made: list[tuple[str, str, dict[str, Any]]]) -> None:
    known, begun = RunState(), False
    for event in events(*made):
        take(known, event)
        assert known.changing or not begun
        begun = known.changing


def test_which_proposed_items_the_person_chose_is_known_after_a_resume() -> None:
    given = {"id": "q1", "digest": "d1", "rule": "", "reason": "", "title": "tick", "by": "person"}
    chosen = past(("approval.given", "tick", {**given, "answer": "proposed", "lines": [12, 14]}))
    assert chosen.answers == {"d1": ("proposed", (12, 14))}
    assert chosen.approved == {"d1"}
    refused = past(("approval.given", "tick", {**given, "answer": "no"}))
    assert refused.answers == {"d1": ("no", ())}
    assert refused.approved == set()
    unasked = past(("approval.given", "tick", {**given, "answer": "once", "by": "mode"}))
    assert unasked.answers == {}
