"""Journals of event version 1, recorded from runs on the demo, still fold to the state that they had then.

The expectations were written by the two folds that the one of today has replaced, the engine's and the screen's.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from safemig.journal.events import data_of, kind_of
from safemig.journal.fold import fold, take
from safemig.journal.journal import decode
from safemig.journal.state import RunState
from safemig.reports.json_document import document

GOLDEN = Path(__file__).parent / "golden"
JOURNALS = sorted(GOLDEN.glob("*.jsonl"))


def told(state: RunState) -> dict[str, Any]:
    """What engine and faces read from the state, as plain data."""
    made = {
        "document": document(state),
        "timeline": [moment.text for moment in state.timeline],
        "decided": {
            "mode": state.mode,
            "planned": state.planned,
            "approved": sorted(state.approved),
            "refused": sorted(state.refused),
            "answers": state.answers,
            "refusal": state.refusal,
            "asked": state.asked,
        },
        "kept": {
            "facts": [state.facts.file, state.facts.digest] if state.facts else None,
            "findings": [[finding.file, finding.digest] for finding in state.findings],
            "plans": [plan.digest for plan in state.plans],
        },
        "steps": {
            name: {
                "outcome": step.outcome,
                "started": step.started,
                "reason": step.reason,
                "commands": step.commands,
                "ends": {str(number): [end.how, end.status] for number, end in step.ends.items()},
                "evidence": [[moment, evidence.kind, evidence.subject] for moment, evidence in step.evidence],
                "notes": len(step.notes),
            }
            for name, step in sorted(state.known.items())
            if step.started or step.outcome or step.commands or step.evidence or step.notes
        },
        "at": {
            "in_flight": state.in_flight,
            "changing": state.changing,
            "verdict": state.verdict,
            "resumed": state.resumed,
            "commands": max(state.commands, default=0),
            "ticked": [[tick.file, tick.line, tick.text] for tick in state.ticked],
            "checklist": state.checklist,
        },
    }
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(made))
    return plain


@pytest.mark.parametrize("journal", JOURNALS, ids=lambda path: path.stem)
def test_a_journal_of_version_1_folds_to_the_state_that_it_had(journal: Path) -> None:
    events = decode(journal.read_bytes().splitlines(), journal.name)
    assert {event.version for event in events} == {1}
    assert told(fold(events)) == msgspec.json.decode(journal.with_suffix(".json").read_bytes())


@pytest.mark.parametrize("journal", JOURNALS, ids=lambda path: path.stem)
def test_a_face_that_comes_late_sees_the_same_as_one_that_was_there(journal: Path) -> None:
    events = decode(journal.read_bytes().splitlines(), journal.name)
    state = RunState()
    for event in events:
        take(state, event)
        take(state, event)  # a face may be sent what it has already
    assert state == fold(events)


@pytest.mark.parametrize("journal", JOURNALS, ids=lambda path: path.stem)
def test_the_structs_know_every_key_that_was_written(journal: Path) -> None:
    for event in decode(journal.read_bytes().splitlines(), journal.name):
        assert event.data.keys() <= data_of(event.body).keys(), event.kind
        assert kind_of(event.body) == event.kind


def test_the_stories_that_people_have_are_there() -> None:
    states = {path.stem: fold(decode(path.read_bytes().splitlines(), path.name)) for path in JOURNALS}
    assert {name: state.verdict for name, state in states.items()} == {
        "failed": "failed",
        "passed": "passed",
        "refused": "refused",
        "resumed": "passed",
    }
    assert states["resumed"].resumed == 1
    assert states["refused"].refusal == "not before the release"
