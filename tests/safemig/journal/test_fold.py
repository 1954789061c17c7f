from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.evidence import Json
from safemig.journal.events import Event
from safemig.journal.fold import fold, take
from safemig.journal.journal import JournalBroken, decode
from safemig.journal.state import RunState
from safemig.reports.json_document import document


def story(*told: tuple[str, str, Mapping[str, Json]]) -> list[Event]:
    """Events of (kind, step, data), numbered, a second apart."""
    return [
        Event(number, kind, "r1", "demo", at, f"2026-01-02T03:04:{number % 60:02}.000+00:00", float(number), data)
        for number, (kind, at, data) in enumerate(told, 1)
    ]


def seen(kind: str, subject: str, data: dict[str, Json]) -> Json:
    return {
        "kind": kind,
        "subject": subject,
        "seen": True,
        "began": "2026-01-02T03:04:01.000+00:00",
        "ended": "2026-01-02T03:04:02.000+00:00",
        "repeat": f"look at {subject}",
        "data": data,
        "reason": "",
        "version": 1,
    }


def asked(name: str, digest: str, title: str) -> dict[str, Json]:
    texts = ("detail", "changes", "undo", "rule", "always", "tool")
    return {
        "id": name,
        "kind": "step",
        "digest": digest,
        "title": title,
        "effect": "write",
        "what": "make build",
        "once": "exactly `make build`, in this run",
        **dict.fromkeys(texts, ""),
    }


def given_for(name: str, digest: str, answer: str = "once", by: str = "person") -> dict[str, Json]:
    return {"id": name, "digest": digest, "answer": answer, "by": by, "rule": "default", "reason": "", "title": "Build"}


START: tuple[str, str, Mapping[str, Json]] = (
    "run.started",
    "",
    {"project": "/p", "spec": "01", "phase": "1", "mode": "default", "runtime": "docker", "engine": "0.1", "pid": 1},
)
PLAN: tuple[str, str, Mapping[str, Json]] = (
    "plan.revised",
    "",
    {
        "revision": 1,
        "digest": "d1",
        "parent": "",
        "cause": "",
        "file": "plan-1.json",
        "added": ["build", "test"],
        "open": [],
    },
)
STARTED: dict[str, Json] = {"title": "Build", "intent": "build", "effect": "write", "command": "make build"}
DONE: dict[str, Json] = {"status": "done", "seconds": 2.5, "reason": "", "command": "make build"}
FINISH: dict[str, Json] = {
    "verdict": "passed",
    "exit": 0,
    "reason": "",
    "state": "database: last seen at b2",
    "signals": {"tests": {"ok": True, "before": "3 passed", "after": "3 passed", "reasons": []}},
    "schema": {"matches_spec": True, "differences": []},
    "ticked": [{"file": "plan.md", "line": 7, "text": "create the table"}],
    "revision": {"before": ["a1"], "after": ["b2"]},
}
WHOLE = story(
    START,
    PLAN,
    ("approval.asked", "build", asked("q1", "x1", "Build")),
    ("approval.given", "build", given_for("build", "x1")),
    ("step.started", "build", STARTED),
    (
        "command.started",
        "build",
        {"number": 1, "line": "make build", "cwd": ".", "limit": 9.0, "output": "commands/1.log"},
    ),
    ("command.output", "build", {"number": 1, "file": "commands/1.log", "start": 0, "end": 40}),
    (
        "command.finished",
        "build",
        {"number": 1, "status": 0, "how": "exit", "seconds": 2.0, "file": "commands/1.log", "start": 0, "end": 44},
    ),
    ("evidence", "build", {"moment": "before", "evidence": seen("tests", "make test", {"passed": 3})}),
    ("step.finished", "build", DONE),
    ("tick", "tick", {"file": "plan.md", "line": 7, "text": "create the table"}),
    ("run.finished", "", FINISH),
)


def test_the_document_of_a_finished_run() -> None:
    assert document(fold(WHOLE)) == {
        "format": 1,
        "run": "r1",
        "target": "demo",
        "plan": "d1",
        "spec": {"path": "01", "phase": "1", "chosen_because": "", "schema_at": "", "unchosen": []},
        "verdict": "passed",
        "signals": {
            "tests": {"ok": True, "before": "3 passed", "after": "3 passed", "reasons": []},
            "container": {"ok": None, "before": "", "after": "", "reasons": []},
            "endpoints": {"ok": None, "before": "", "after": "", "reasons": []},
        },
        "steps": [
            {
                "id": "build",
                "title": "Build",
                "effect": "write",
                "status": "done",
                "seconds": 2.5,
                "command": "make build",
            },
            {"id": "test", "title": "", "effect": "", "status": "planned", "seconds": 0.0, "command": ""},
        ],
        "rows": [],
        "databases": [],
        "protection": [],
        "revision": {"before": ["a1"], "after": ["b2"]},
        "schema": {"matches_spec": True, "differences": [], "not_checked": []},
        "impact": [],
        "ticked": [{"file": "plan.md", "line": 7, "text": "create the table", "by": "engine", "state": "proved"}],
        "proposed": [],
        "approvals": [
            {
                "step": "build",
                "title": "Build",
                "digest": "x1",
                "answer": "once",
                "by": "person",
                "rule": "default",
                "reason": "",
                "at": "2026-01-02T03:04:04.000+00:00",
            }
        ],
    }


def test_the_document_says_what_was_chosen_and_why_or_why_nothing_was() -> None:
    kept: dict[str, Json] = {"file": "facts.json", "digest": "f"}
    chosen: dict[str, Json] = {"chosen_because": "it fits", "schema_at": "docs/two.md:7"}
    known = document(fold(story(START, ("facts", "", {**kept, "spec": "docs/one.md", "phase": "2", **chosen}))))
    assert known["spec"] == {"path": "docs/one.md", "phase": "2", **chosen, "unchosen": []}
    nothing = document(fold(story(("facts", "", {**kept, "unchosen": ["nothing fits", "docs/one.md, phase 1"]}))))
    assert nothing["spec"] == {
        "path": "", "phase": "", "chosen_because": "", "schema_at": "",
        "unchosen": ["nothing fits", "docs/one.md, phase 1"],
    }  # fmt: skip


def test_every_prefix_has_a_document_that_is_json_and_never_claims_success() -> None:
    for length in range(len(WHOLE)):
        found = document(fold(WHOLE[:length]))
        assert msgspec.json.decode(msgspec.json.encode(found)) == found
        assert found["verdict"] in ("interrupted", "waiting")


def test_a_question_waits_until_it_is_answered() -> None:
    summary = fold(WHOLE[:3])
    assert [question.title for question in summary.waiting] == ["Build"]
    assert document(summary)["verdict"] == "waiting"
    assert fold(WHOLE[:4]).waiting == ()
    other = story(
        START, ("approval.asked", "a", asked("q1", "x1", "A")), ("approval.given", "a", given_for("q9", "x9"))
    )
    assert len(fold(other).waiting) == 1


def test_a_step_has_one_question_and_a_run_that_has_ended_has_none() -> None:
    edited = [
        START,
        ("approval.asked", "a", asked("q1", "x1", "A")),
        ("approval.asked", "b", asked("q2", "x2", "B")),
        ("approval.asked", "a", asked("q3", "x3", "A as edited")),
    ]
    assert [question.id for question in fold(story(*edited)).waiting] == ["q2", "q3"]
    ended: dict[str, Json] = {
        "exit": 0,
        "reason": "",
        "state": "",
        "signals": {},
        "schema": {},
        "ticked": [],
        "revision": {},
    }
    for verdict, waiting in (("passed", 0), ("failed", 0), ("refused", 0), ("waiting", 2), ("interrupted", 2)):
        whole = story(*edited, ("run.finished", "", {"verdict": verdict, **ended}))
        assert len(fold(whole).waiting) == waiting


def test_output_and_commands_are_ranges_of_files() -> None:
    assert fold(WHOLE[:7]).commands[1].end == 40
    command = fold(WHOLE).commands[1]
    assert (command.file, command.start, command.end, command.status, command.how) == (
        "commands/1.log",
        0,
        44,
        0,
        "exit",
    )


def test_a_resumed_run_goes_on_with_the_step_in_flight() -> None:
    killed = [*WHOLE[:6]]
    resumed = story(*[(event.kind, event.step, event.data) for event in killed])
    more = story(
        *[(event.kind, event.step, event.data) for event in resumed],
        ("run.resumed", "", {"after": 6, "pid": 2, "in_flight": "build", "leftovers": ["waited for make build"]}),
        ("step.finished", "build", DONE),
    )
    summary = fold(more[:7])
    assert (summary.running, summary.of("build").status, summary.resumed) == ("build", "running", 1)
    assert summary.of("build").began == more[6].wall, "the time in which no engine lived is nobody's"
    assert summary.timeline[-1].text == "waited for make build"
    assert fold(more).of("build").status == "done"
    gone = story(START, PLAN, ("step.started", "build", STARTED), ("run.resumed", "", {"in_flight": ""}))
    assert fold(gone).of("build").status == "interrupted"


def test_attempts_add_up() -> None:
    again = story(START, *[("step.started", "build", STARTED), ("step.finished", "build", DONE)] * 2)
    known = fold(again).of("build")
    assert (known.attempts, known.seconds) == (2, 5.0)


def test_a_step_that_is_added_later_stands_where_it_ran() -> None:
    more: dict[str, Json] = {
        **PLAN[2],
        "revision": 2,
        "parent": "d1",
        "digest": "d2",
        "cause": "red",
        "added": ["repair"],
    }
    told = story(
        START,
        PLAN,
        ("step.started", "build", STARTED),
        ("plan.revised", "", more),
        ("step.started", "repair", STARTED),
        ("step.started", "build", STARTED),
    )
    summary = fold(told)
    assert [one.id for one in summary.steps] == ["build", "repair", "test"]
    assert summary.digest == "d2"


def test_evidence_is_kept_by_moment_and_the_last_of_a_subject_counts() -> None:
    events = story(
        START,
        ("evidence", "t", {"moment": "first", "evidence": seen("tests", "make test", {"passed": 0})}),
        ("evidence", "t", {"moment": "before", "evidence": seen("tests", "make test", {"passed": 1})}),
        ("evidence", "t", {"moment": "before", "evidence": seen("tests", "make test", {"passed": 2})}),
        ("evidence", "t", {"moment": "before", "evidence": seen("endpoint", "GET /", {"status": 200})}),
    )
    summary = fold(events)
    assert [one.data for one in summary.seen("before")] == [{"passed": 2}, {"status": 200}]
    assert [one.data for one in summary.seen("first", "tests")] == [{"passed": 0}]
    assert summary.seen("after") == ()


@pytest.mark.parametrize(
    ("kind", "data", "key"),
    [
        ("evidence", {"moment": "after", "evidence": {"kind": "tests", "seen": "true"}}, "$.evidence.seen"),
        ("evidence", {"moment": "after"}, "evidence"),
        ("run.finished", {"verdict": "splendid"}, "$.verdict"),
        ("run.finished", {"verdict": "passed", "schema": {"matches_spec": "yes"}}, "$.schema.matches_spec"),
        ("mode.changed", {"before": "auto", "after": "yolo", "by": "person"}, "$.after"),
        ("approval.given", {"digest": "d", "answer": "once", "lines": ["7"]}, "$.lines"),
        ("step.finished", {"status": True}, "$.status"),
    ],
)
def test_data_that_does_not_fit_its_kind_is_refused_with_its_line_and_key(
    kind: str, data: dict[str, Json], key: str
) -> None:
    whole = [msgspec.json.encode(event) for event in story(START, (kind, "t", data))]
    with pytest.raises(JournalBroken, match=re.escape(key)) as caught:
        decode(whole, "there")
    assert "there, line 2" in str(caught.value)


def test_an_event_counts_once() -> None:
    summary = fold(WHOLE)
    take(summary, WHOLE[4])
    assert summary == fold(WHOLE)
    assert fold([event for event in WHOLE for _ in range(2)]) == summary


def test_unknown_kinds_and_missing_keys_are_passed_over() -> None:
    kinds = sorted(
        {event.kind for event in WHOLE} - {"evidence"}
        | {"note", "finding", "mode.changed", "stop.asked", "run.resumed", "x.y"}
    )
    summary = fold(story(*[(kind, "s", {}) for kind in kinds]))
    assert summary.seq == len(kinds)
    msgspec.json.encode(document(summary))


VALUES: st.SearchStrategy[Json] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-9, 9), st.text(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=5,
)


@given(st.lists(st.tuples(st.sampled_from(WHOLE), st.dictionaries(st.integers(0, 9), VALUES, max_size=3)), max_size=8))
def test_ill_typed_data_is_refused_at_the_door_and_all_else_folds(
    noise: Sequence[tuple[Event, Mapping[int, Json]]],
) -> None:
    told = []
    for event, changes in noise:
        data = dict(event.data)
        for place, value in changes.items():
            if data:
                data[sorted(data)[place % len(data)]] = value
        told.append((event.kind, event.step, data))
    try:
        events = decode([msgspec.json.encode(event) for event in story(*told)], "there")
    except JournalBroken:
        return
    msgspec.json.encode(document(fold(events)))


@given(st.integers(0, len(WHOLE)))
def test_folding_in_two_goes_is_folding_at_once(cut: int) -> None:
    summary = RunState()
    for event in WHOLE[:cut]:
        take(summary, event)
    for event in WHOLE[cut:]:
        take(summary, event)
    assert summary == fold(WHOLE)


def test_twenty_thousand_pieces_of_output_fold_in_about_a_second() -> None:
    output: list[tuple[str, str, dict[str, Json]]] = [
        ("command.output", "s", {"number": 1, "file": "f", "start": n, "end": n + 1}) for n in range(20_000)
    ]
    events = story(*output)
    began = time.perf_counter()
    assert fold(events).commands[1].end == 20_000
    assert time.perf_counter() - began < 5
