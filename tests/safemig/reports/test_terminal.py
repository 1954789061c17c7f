"""The plain terminal's lines: what each event says, and nothing untrusted that could move the cursor."""

from __future__ import annotations

from typing import Any

import pytest

from safemig.journal.events import Event
from safemig.reports.terminal import printable, render

EVIL = "\x1b]52;c;cm0gLXJm\x07\x1b[2Jrm\u202e -rf\x9b1A"
QUESTION: dict[str, Any] = {
    "id": "q1",
    "kind": "step",
    "digest": "d",
    "title": "Build the service",
    "effect": "write",
    "what": "make build",
    "detail": "",
    "changes": "images",
    "undo": "",
    "rule": "default mode asks",
    "once": "exactly `make build`",
    "always": "",
    "tool": "",
}
SIGNAL = {"ok": None, "before": "7 passed", "after": "not reached", "reasons": ["no test ran"]}
FINISHED: dict[str, Any] = {
    "verdict": "failed",
    "exit": 1,
    "reason": "the tests are red",
    "state": "database: last seen at a1",
    "signals": {"tests": SIGNAL, "container": {**SIGNAL, "ok": True}, "endpoints": {**SIGNAL, "ok": False}},
    "schema": {"matches_spec": False, "differences": []},
    "ticked": [],
    "revision": {"before": ["a0"], "after": ["a1"]},
}


def event(name: str, /, **data: Any) -> Event:
    """An event of that kind."""
    return Event(1, name, "run", "development:.", "build", "2026-01-01T00:00:00.000+00:00", 1.0, data)


@pytest.mark.parametrize(
    ("shown", "words"),
    [
        (
            event("step.started", title="Build", intent="build", effect="write", command="make build"),
            ["> Build", "$ make build"],
        ),
        (
            event("step.finished", status="failed", seconds=1.5, reason="returned 2", command=""),
            ["FAILED", "1.5 s", "returned 2"],
        ),
        (
            event("step.finished", status="done", seconds=1.5, reason="2 failed", command="", not_good=True),
            ["done, but not good", "2 failed"],
        ),
        (event("step.finished", status="done", seconds=1.5, reason="wrote x.py", command=""), ["  ok  ", "wrote x.py"]),
        (event("note", level="warning", text="look out"), ["warning: look out"]),
        (event("progress", text="building index 5/10", urgent=False), ["building index 5/10"]),
        (event("progress", text="waiting", waited=13.2, left=106.8), ["waiting (13 s so far, at most 107 s more)"]),
        (event("mode.changed", before="default", after="auto", by="person"), ["default -> auto"]),
        (event("tick", file="plan.md", line=3, text="Table", by="engine", sha256=""), ["[x]", "plan.md:3 Table"]),
        (event("tick", file="plan.md", line=3, text="Table", by="person", sha256=""), ["plan.md:3 Table   by hand"]),
        (
            event("approval.asked", **QUESTION),
            ["? Build the service", "make build", "once grants: exactly `make build`"],
        ),
        (event("approval.asked", **{**QUESTION, "detail": "+one\n-two"}), ["+one", "-two"]),
        (
            event("run.finished", **FINISHED),
            ["=== FAILED ===  the tests are red", "not reached", "NOT GOOD", "NOT as the spec asks"],
        ),
    ],
    ids=lambda value: value.kind if isinstance(value, Event) else "",
)
def test_what_an_event_says(shown: Event, words: list[str]) -> None:
    text = "\n".join(render(shown))
    assert [word for word in words if word not in text] == []


def test_bookkeeping_says_nothing() -> None:
    assert render(event("command.output", number=1, file="x", start=0, end=5)) == []
    assert render(event("facts", file="facts.json", digest="d")) == []


def test_a_question_shows_its_diff_up_to_a_screenful_and_says_how_much_more() -> None:
    lines = render(event("approval.asked", **{**QUESTION, "detail": "\n".join(f"+{n}" for n in range(100))}))
    assert any("40 more lines" in line for line in lines)


@pytest.mark.parametrize("name", ["title", "what", "detail", "changes", "undo", "rule", "once", "always", "tool"])
def test_nothing_untrusted_reaches_the_terminal(name: str) -> None:
    text = "\n".join(render(event("approval.asked", **{**QUESTION, name: EVIL})))
    assert not set(text) & {"\x1b", "\x07", "\x9b", "\u202e"}


def test_colour_only_where_asked() -> None:
    shown = event("step.finished", status="done", seconds=1.0, reason="", command="")
    assert "\x1b" not in "".join(render(shown))
    assert "\x1b[32m" in "".join(render(shown, colour=True))


def test_printable_keeps_lines_where_asked() -> None:
    assert printable("a\x1b[1m\nb") == "a b"
    assert printable("a\x1b[1m\nb", keep_lines=True) == "a\nb"


def test_the_mode_of_a_resumed_run_is_said_before_it_acts() -> None:
    resumed = event("run.resumed", after=12, pid=7, in_flight="build", mode="auto")
    assert render(resumed) == ["resumed after event 12; in flight was build; mode auto"]
    assert render(event("run.resumed", after=12, pid=7, in_flight="")) == ["resumed after event 12"]


def test_a_lasting_grant_is_said_with_the_way_to_take_it_back() -> None:
    given = event("approval.given", answer="always", by="person", reason="", grant="ab12", granted="make b (line)")
    said = "granted for good: make b (line); `safemig permissions --revoke ab12` takes it back"
    assert render(given)[-1].strip() == said
