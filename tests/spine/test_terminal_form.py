"""The plain terminal form: what was typed ahead answers nothing, and Ctrl+C asks before it stops a change."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from safemig.journal.journal import read_events
from tests.spine.plain_terminal import read_until, typed
from tests.spine.project import FIRST, Spine, make_project, remove_project


@pytest.fixture
def spine(tmp_path: Path) -> Iterator[Spine]:
    project = make_project(tmp_path / "project")
    yield project
    remove_project(project)


def answers(spine: Spine) -> list[object]:
    return [event.data["answer"] for event in read_events(spine.runs()[0]) if event.kind == "approval.given"]


def test_what_was_typed_before_a_question_stood_there_is_no_answer_to_it(spine: Spine) -> None:
    with typed(spine, "run") as (face, terminal):
        os.write(terminal, b"y\ny\n")  # before anything is asked
        read_until(terminal, "Start PostgreSQL", "[y] yes, once")
        os.write(terminal, b"y\ny\nn\n")  # three at once: only the first has seen its question
        read_until(terminal, "Build the service", "[y] yes, once")
        os.write(terminal, b"n\nbecause it was typed ahead\n")
        read_until(terminal, "why (goes into the report")
        os.write(terminal, b"read first\n")
        read_until(terminal, "=== REFUSED ===")
        assert face.wait(60) == 1
    assert answers(spine) == ["once", "no"]
    [refused] = [e for e in read_events(spine.runs()[0]) if e.kind == "approval.given" and e.data["answer"] == "no"]
    assert refused.data["reason"] == "read first"


def test_the_second_word_of_a_lasting_grant_cannot_be_typed_ahead(spine: Spine) -> None:
    with typed(spine, "run") as (_, terminal):
        read_until(terminal, "[y] yes, once")
        os.write(terminal, b"y\n")
        read_until(terminal, "Build the service", "[a] don't ask again")
        os.write(terminal, b"a\nA\n")
        read_until(terminal, "for good, also in later runs", "[Enter] back")
        os.write(terminal, b"\n")
        read_until(terminal, "[a] don't ask again")
        os.write(terminal, b"n\n")
        read_until(terminal, "why (goes into the report")
        os.write(terminal, b"\n")
        read_until(terminal, "=== REFUSED ===")
    assert answers(spine) == ["once", "no"]


SLOW = FIRST.replace("def upgrade():\n", "def upgrade():\n    op.execute('SELECT pg_sleep(600)')\n")


def test_ctrl_c_asks_before_it_stops_a_change_and_a_second_one_stops_it(spine: Spine) -> None:
    (spine.root / "alembic/versions/1a2b3c4d5e6f_first.py").write_text(SLOW, encoding="utf-8")
    with typed(spine, "run", "--mode", "auto") as (face, terminal):
        read_until(terminal, "Apply the pending revisions")
        face.send_signal(signal.SIGINT)
        read_until(terminal, "the database is being changed", "Ctrl+C again within 15 seconds stops that")
        kinds = [event.kind for event in read_events(spine.runs()[0])]
        assert "stop.asked" not in kinds
        assert kinds.count("run.finished") == 0
        face.send_signal(signal.SIGINT)
        read_until(terminal, "stopping the running step", "=== INTERRUPTED ===")
        assert face.wait(60) == 130


def test_sigterm_and_a_step_that_changes_no_database_ask_nothing(spine: Spine) -> None:
    makefile = spine.root / "Makefile"
    makefile.write_text(
        makefile.read_text(encoding="utf-8").replace("echo build >> calls.log", "sleep 600"), encoding="utf-8"
    )
    with typed(spine, "run", "--mode", "auto") as (face, terminal):
        read_until(terminal, "Build the service")
        face.send_signal(signal.SIGINT)
        shown = read_until(terminal, "stopping the running step", "=== INTERRUPTED ===")
        assert "the database is being changed" not in shown
        assert face.wait(60) == 130


def test_a_question_that_another_has_written_into_the_journal_is_put_to_nobody(spine: Spine) -> None:
    with typed(spine, "run") as (face, here):
        read_until(here, "[y] yes, once")
        events = spine.runs()[0] / "events.jsonl"
        row = json.loads(events.read_bytes().splitlines()[-1])
        forged = {**row, "seq": row["seq"] + 1, "kind": "approval.asked", "data": {**row["data"], "what": "harmless"}}
        with events.open("ab") as file:
            file.write(json.dumps(forged).encode() + b"\n")
        with typed(spine, "answer") as (answer, there):
            shown = read_until(there, "was not written by your safemig")
            assert "harmless" not in shown
            assert answer.wait(30) == 2
        os.write(here, b"n\n")
        read_until(here, "why (goes into the report")
        os.write(here, b"\n")
        face.wait(30)
