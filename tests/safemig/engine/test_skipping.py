"""Which steps a person may skip, and what is left of a signal then."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import msgspec
import pytest

from safemig.base.action import SCHEMA, Action
from safemig.engine.session import Session
from safemig.engine.skipping import SIGNAL_OF, skip_words, without_skipped
from safemig.planning.plan import Intent, Step
from safemig.signals.comparison import Signal
from safemig.signals.words import signal_word

RUN = Action("command", line="make it", effect="write", touches=("service",))
MOVES = Action("command", line="make it", effect="write", touches=(SCHEMA,))


def step(intent: str, action: Action = RUN, applies: tuple[str, ...] = (), moves: str = "") -> Step:
    known = Step("it", "test", "Do it", "before", action, applies=applies)
    return msgspec.convert({**msgspec.to_builtins(known), "intent": intent, "moves": moves}, Step)


@pytest.mark.parametrize("intent", ["test", "build", "start", "hook"])
def test_what_may_be_skipped_says_what_that_costs(intent: str) -> None:
    assert "the run cannot pass" in skip_words(step(intent))


@pytest.mark.parametrize("intent", sorted(set(msgspec.json.schema(Intent)["enum"]) - set(SIGNAL_OF)))
def test_nothing_else_may_be_skipped(intent: str) -> None:
    """A migration, a verification, a baseline, an edit, a proof, a tick, and every kind that is still to come."""
    assert skip_words(step(intent)) == ""


@pytest.mark.parametrize("intent", [*SIGNAL_OF])
@pytest.mark.parametrize(
    ("action", "applies", "moves"), [(RUN, ("a1",), ""), (RUN, ("",), ""), (RUN, (), "schema"), (MOVES, (), "")]
)
def test_no_step_that_applies_revisions_or_moves_the_schema_may_be_skipped(
    intent: str, action: Action, applies: tuple[str, ...], moves: str
) -> None:
    """As a start whose entry point runs `alembic upgrade head`."""
    assert skip_words(step(intent, action, applies, moves)) == ""


@pytest.mark.parametrize(
    ("intent", "name", "before", "after", "word"),
    [
        ("test", "tests", True, None, "not checked"),
        ("test", "tests", None, None, "not checked"),
        ("test", "tests", False, False, "not good"),
        ("build", "container", True, None, "not checked"),
        ("start", "container", True, None, "not checked"),
        ("start", "endpoints", True, True, "good"),
        ("hook", "tests", True, True, "good"),
    ],
)
def test_the_signal_of_a_skipped_step_is_not_checked_and_what_is_bad_stays_bad(
    intent: str, name: str, before: bool | None, after: bool | None, word: str
) -> None:
    skipped = step(intent)
    session = cast(
        Session,
        SimpleNamespace(plan=SimpleNamespace(steps=(skipped,)), past=SimpleNamespace(passed_over={skipped.id})),
    )
    told = without_skipped(session, {name: Signal(before, "3 passed", "not reached")})[name]
    assert told.ok is after
    assert signal_word(told.ok, told.after) == word
    if SIGNAL_OF[skipped.intent] == name:
        assert told.reasons == ("“Do it” was skipped by the person",)
