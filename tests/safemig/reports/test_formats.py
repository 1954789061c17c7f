from __future__ import annotations

import json
import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from checks.evidence import Evidence, Json
from safemig.base.action import Action
from safemig.base.markdown import block, code, plain
from safemig.journal.events import PlanRevised, RunStarted, SignalState, Tick
from safemig.journal.state import (
    Approval,
    Moment,
    Note,
    Question,
    RunState,
    Seen,
    StepState,
)
from safemig.planning.plan import Plan, Step
from safemig.reports.formats import render
from safemig.reports.json_document import document
from safemig.reports.markdown import first_red

WHEN = "2026-01-02T03:04:05.000+00:00"


def looked(kind: str, subject: str, seen: bool = True, **data: str | int) -> Evidence:
    return Evidence(
        kind, subject, seen, WHEN, WHEN, f"repeat {subject}", data if seen else {}, "" if seen else "refused"
    )


DONE = RunState(
    run="r1",
    target="demo",
    start=RunStarted(project="/p", runtime="docker"),
    began=WHEN,
    ended=WHEN,
    plans=[PlanRevised(1, "d1", "", "", "plan.json", ("build", "migrate"), open=("the database is down",))],
    steps=[
        StepState("build", "Build", "build", "write", "done", 2.5, 1, "make build"),
        StepState("migrate", "Migrate", "upgrade", "write", "failed", 1.0, 2, "make migrate", "exit 1"),
        StepState("prove", "Prove", "prove", "read"),
    ],
    evidence=[
        Seen("first", "test", looked("tests", "make test", errors=2)),
        Seen("before", "test", looked("tests", "make test", passed=3)),
        Seen("after", "test", looked("tests", "make test", passed=4)),
        Seen("before", "prove", looked("endpoint", "GET /health", status=200)),
        Seen("after", "prove", looked("endpoint", "GET /health", seen=False)),
    ],
    approvals=[Approval("build", "build", "x", "Build", "no", "person", "default", "too early", WHEN)],
    notes=[Note("warning", "a note", "", WHEN)],
    ticks=[Tick("plan.md", 7, "create the table")],
    timeline=[Moment(WHEN, "", "run started")],
    verdict="failed",
    exit=1,
    reason="make migrate returned 1",
    signals={
        "tests": SignalState(True, "3 passed", "4 passed"),
        "container": SignalState(False, "app running", "app exited", ("app is exited",)),
        "endpoints": SignalState(None, "1 of 1 good", "not checked"),
    },
    matches_spec=False,
    differences=({"key": "index public.ix_a", "aspect": "missing"},),
    before=("a1",),
    after=("b2",),
)
PLAN = Plan(
    1,
    "demo",
    (
        Step(
            "build",
            "build",
            "Build",
            "before",
            Action("command", "make build", effect="write"),
            "images",
            undo="none needed",
        ),
        Step(
            "migrate",
            "edit",
            "Write it",
            "change",
            Action("edit", path="m.py", diff="+a\n```\n+\tb"),
            undo="delete m.py",
        ),
    ),
)


def test_the_markdown_tells_the_whole_story() -> None:
    text = render(DONE, "md", plan=PLAN)
    for said in (
        "# safemig run r1: failed",
        "make migrate returned 1",
        "| Tests | **good** | 3 passed | 4 passed |",
        "| Container | **not good** | app running | app exited |",
        "| Endpoints | **not checked** |",
        "- app is exited",
        "`repeat make test`",
        "not checked: refused",
        "## The first red state",
        "errors 2",
        "open point: the database is down",
        "`make migrate`",
        "failed, 2 attempts: exit 1",
        "- Undo: delete m.py",
        "````diff\n+a\n```\n+\tb\n````",
        "| Build | refused | person | default | too early |",
        "The schema is not what the spec asked for",
        "`index public.ix_a`",
        "`plan.md:7` create the table",
        "warning: a note",
        "## Timeline",
        "- Revision before: `a1`",
    ):
        assert said in text, said
    before, after = text.index("passed 3"), text.index("passed 4")
    assert "\n" not in text[before:after], "before stands beside after"
    assert "has not finished" not in text


@pytest.mark.parametrize("waiting", [(), (Question("q1", "b", "step", "", "Build", "write", "make build", *[""] * 7),)])
def test_an_unfinished_run_says_so(waiting: tuple[Question, ...]) -> None:
    summary = replace(DONE, verdict="", signals={}, matches_spec=None, waiting=waiting)
    text = render(summary, "md")
    assert "**This run has not finished**" in text
    assert ("Waits for an answer: Build: `make build`" in text) is bool(waiting)
    assert "not reached" in text
    assert "passed:" not in text.splitlines()[0]
    root = ElementTree.fromstring(render(summary, "junit"))
    assert len(root.findall("testsuite/testcase[@classname='safemig.signals']/error")) == 3


def test_the_json_is_the_document() -> None:
    assert json.loads(render(DONE, "json")) == document(DONE)


def test_the_junit_has_a_case_for_each_signal_step_and_the_schema() -> None:
    suite = ElementTree.fromstring(render(DONE, "junit"))[0]
    outcomes = {case.get("name"): [child.tag for child in case] for case in suite}
    assert outcomes == {
        "tests": [],
        "container": ["failure"],
        "endpoints": ["error"],
        "Build": [],
        "Migrate": ["failure"],
        "Prove": ["skipped"],
        "the schema is what the spec asked for": ["failure"],
    }
    counts = {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped", "time")}
    assert counts == {"tests": "7", "failures": "3", "errors": "1", "skipped": "1", "time": "3.500"}


@pytest.mark.parametrize(("intent", "reason"), [("test", "2 failed, 3 passed"), ("observe", "no answer within 120 s")])
def test_a_step_that_saw_nothing_good_is_no_pass(intent: str, reason: str) -> None:
    """Its command may have returned 0, and the tests may be repaired later: this step was red all the same."""
    step = StepState("first", "The first look", intent, "write", "done", 1.0, 1, "make test", reason, not_good=True)
    summary = replace(DONE, steps=[step, replace(step, id="again", reason="wrote x.py", not_good=False)])
    first, again = ElementTree.fromstring(render(summary, "junit")).findall("*/testcase[@classname='safemig.steps']")
    assert [(child.tag, child.get("message")) for child in first] == [("failure", reason)]
    assert [*again] == []
    assert f"done, not good: {reason}" in render(summary, "md")


def test_a_passed_run_has_no_failure() -> None:
    good = {name: SignalState(True, "a", "b") for name in ("tests", "container", "endpoints")}
    summary = replace(DONE, verdict="passed", signals=good, matches_spec=True, differences=(), steps=DONE.steps[:1])
    suite = ElementTree.fromstring(render(summary, "junit"))[0]
    assert [suite.get(name) for name in ("tests", "failures", "errors", "skipped")] == ["5", "0", "0", "0"]


@pytest.mark.parametrize("format", ["md", "json", "junit"])
def test_no_password_gets_into_a_report(format: str) -> None:
    secret = "postgresql://app:hunter2@db/app"
    leaky = replace(
        DONE,
        reason=secret,
        steps=[StepState("a", secret, "x", "write", "failed", command=f"X={secret}", reason=secret)],
        notes=[Note("info", "PASSWORD=hunter2", "", WHEN)],
        timeline=[Moment(WHEN, "", secret)],
        differences=({"key": secret, "wanted": secret},),
        evidence=[Seen("after", "", looked("endpoint", secret, body='{"token": "hunter2"}'))],
        signals={"tests": SignalState(False, secret, secret, (secret,))},
        approvals=[replace(DONE.approvals[0], reason=secret)],
    )
    assert "hunter2" not in render(leaky, format, plan=replace(PLAN, steps=()))  # type: ignore[arg-type]


def test_another_format_is_refused() -> None:
    with pytest.raises(ValueError, match="md, json or junit"):
        render(DONE, "pdf")  # type: ignore[arg-type]


HOSTILE = [
    "<script>x</script>",
    "a | b",
    "`x`",
    "``",
    "](http://evil)",
    "![i](j)",
    "# h",
    "- x",
    "1. x",
    "\x1b[2J",
    "\u202e",
    "&lt;",
]


@pytest.mark.parametrize("text", [*HOSTILE, "***bold***", "~~x~~", "a\n\n# b", "+ x", "==="])
def test_untrusted_text_stays_text(text: str) -> None:
    tokens = MarkdownIt("commonmark").enable("table").enable("strikethrough").parse(plain(text))
    assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"]
    kinds = {child.type for child in tokens[1].children or []}
    assert kinds <= {"text", "text_special"}, kinds
    assert not re.search("[\x00-\x1f\u202e]", plain(text))


TEXT = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=30))


@given(TEXT)
def test_code_spans_hold_their_text(text: str) -> None:
    line = " ".join(text.split())
    if not line or "***" in code(text) or not line.isprintable():
        return
    inline = MarkdownIt().parse(f"x {code(text)} y")[0 + 1].children or []
    assert [(child.type, child.content) for child in inline if child.type == "code_inline"] == [("code_inline", line)]


@given(st.text(alphabet="`~a \n", max_size=60))
def test_nothing_closes_a_block(text: str) -> None:
    tokens = MarkdownIt().parse("\n".join(block(text, "diff")))
    assert [token.type for token in tokens] == ["fence"]


@given(TEXT, st.sampled_from(["md", "json", "junit"]))
def test_hostile_texts_leave_every_report_whole(text: str, format: str) -> None:
    summary = replace(
        DONE,
        reason=text,
        steps=[StepState("a", text, text, text, text, command=text, reason=text), StepState(text)],
        notes=[Note(text, text, text, text)],
        ticks=[Tick(text, 1, text)],
        differences=({"key": text, text: text},),
        evidence=[Seen("after", "", looked("tests", text, summary=text))],
        signals={"tests": SignalState(False, text, text, (text,))},
    )
    made = render(summary, format, plan=PLAN)  # type: ignore[arg-type]
    if format == "json":
        json.loads(made)
    elif format == "junit":
        assert len(ElementTree.fromstring(made)[0]) == 6
    else:
        parser = MarkdownIt("commonmark").enable("table")
        tokens = parser.parse(made)
        whole = [t.content for t in tokens if t.type == "inline" and tokens[tokens.index(t) - 1].tag == "h2"]
        assert whole == ["The three signals", "Plan", "Steps", "Approvals", "Schema", "Ticked", "Notes", "Timeline"]
        assert not [t for t in tokens if t.type == "html_block"]
        assert not [c for t in tokens for c in t.children or [] if c.type in ("html_inline", "link_open", "image")]


def test_the_first_red_state_is_what_was_seen_first_and_was_not_good() -> None:
    health = "GET /health"
    up: Json = {"app": {"state": "running"}}
    seen = [
        Seen("start", "observe", looked("endpoint", health, status=200, unhealthy="degraded")),
        Seen("start", "observe", looked("endpoint", "GET /list", status=503)),
        Seen("start", "observe", looked("endpoint", "GET /", status=200)),
        Seen("start", "observe", looked("endpoint", "GET /slow", seen=False)),
        Seen("start", "observe", Evidence("container", "", True, WHEN, WHEN, "docker ps", {"services": up})),
        Seen("start", "observe", looked("revision", "database")),
        Seen("first", "test", looked("tests", "make test", exit_code=0, complete=1, passed=3)),
        Seen("start", "again", looked("endpoint", health, status=200)),
        Seen("before", "prove", looked("endpoint", "GET /late", status=500)),
    ]
    found = first_red(replace(DONE, evidence=seen))
    assert [one.subject for one in found] == [health, "GET /list", "GET /slow"]
    text = render(replace(DONE, evidence=seen), "md", plan=PLAN)
    section = text.partition("## The first red state")[2].partition("\n## ")[0]
    assert "unhealthy degraded" in section
    assert "status 503" in section
    assert "not checked: refused" in section
    assert "make test" not in section
    assert "## The first red state" not in render(replace(DONE, evidence=seen[2:3]), "md", plan=PLAN)


@pytest.mark.parametrize(
    ("by", "state", "told", "words"),
    [
        ("engine", "proved", "proved", "proved by this run"),
        ("person", "proved", "proved", "by hand, proved by this run"),
        ("person", "proposed", "proposed", "by hand, proposed: it says more"),
        ("person", "not provable", "", "by hand, not proved by this run"),
        ("person", "", "", "by hand, not proved by this run"),
    ],
)
def test_a_tick_by_hand_is_not_taken_for_a_proof(by: str, state: str, told: str, words: str) -> None:
    judged: list[Json] = [{"line": 7, "text": "create the table", "checked": True, "state": state, "reason": ""}]
    items = Evidence("items", "plan.md", True, WHEN, WHEN, "look", {"judged": judged if state else []})
    summary = replace(DONE, ticks=[Tick("plan.md", 7, "create the table", by)], evidence=[Seen("after", "x", items)])
    assert f"`plan.md:7` create the table ({words}" in render(summary, "md")
    [row] = json.loads(render(summary, "json"))["ticked"]
    assert (row["by"], row["state"]) == (by, told)
