"""An answer holds for one change of the database, never for a second one."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from checks.evidence import Json
from safemig.base.action import Action
from safemig.engine.approval import _spent
from safemig.engine.session import Session
from safemig.journal.events import Event
from safemig.journal.fold import take
from safemig.journal.state import RunState

MIGRATE = Action("command", "make migrate", effect="write", touches=("database schema",))
BUILD = Action("command", "make build", effect="write", touches=("images",))


def session(action: Action, *events: tuple[str, str], intent: str = "upgrade") -> Session:
    """A run of two steps with the same action, after these events: given (an answer), planned (the answer to a plan of
    both) or a step's end."""
    past = RunState()
    answer: dict[str, Json] = {"digest": action.digest, "answer": "once", "by": "person", "reason": ""}
    for number, (kind, word) in enumerate(events, 1):
        whole: dict[str, Json] = {**answer, "digest": "plan", "digests": [action.digest] * 2}
        finished: dict[str, Json] = {"status": word, "reason": ""}
        data = {"planned": whole, "": answer}.get(word, finished)
        take(past, Event(number, kind, "r", "t", "first" if word == "done" else word, "", 0.0, data))
    steps = [SimpleNamespace(id=name, action=action, intent=intent) for name in ("first", "second")]
    return cast(Session, SimpleNamespace(past=past, plan=SimpleNamespace(steps=steps)))


GIVEN, PLANNED, DONE = ("approval.given", ""), ("approval.given", "planned"), ("step.finished", "done")


@pytest.mark.parametrize(
    ("action", "events", "spent"),
    [
        (MIGRATE, [GIVEN], False),
        (MIGRATE, [GIVEN, DONE], True),
        (MIGRATE, [GIVEN, DONE, GIVEN], False),
        (MIGRATE, [GIVEN, ("step.finished", "stopped")], False),
        (MIGRATE, [PLANNED, DONE], False),  # a plan's answer is for each of its steps
        (BUILD, [GIVEN, DONE], False),
    ],
)
def test_an_approval_is_used_up_by_a_change(action: Action, events: list[tuple[str, str]], spent: bool) -> None:
    assert _spent(session(action, *events)) == ({action.digest} if spent else set())


def test_one_answer_about_a_named_command_is_for_both_of_its_runs() -> None:
    assert _spent(session(MIGRATE, GIVEN, DONE, intent="named")) == set()
