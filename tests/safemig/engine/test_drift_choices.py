"""Whole runs on drift in the tables of the phase: each answer does what it says, or is not offered and says why."""

from __future__ import annotations

import os
import signal
from typing import Any

import psycopg
import pytest

from tests.safemig.bad_projects import AUTO, safemig, write
from tests.safemig.engine import test_drift_runs
from tests.safemig.engine.test_drift_runs import SECOND, alembic, builds_empty, execute, phase
from tests.spine.face import asked, converse, decide, of
from tests.spine.project import Spine

pytestmark = pytest.mark.slow
used = test_drift_runs.used  # the fixture
LEVEL = ("ALTER TABLE course ADD COLUMN level integer;", "Column `course.level` exists")
DRIFT = "The phase stands on a schema that no revision makes; go on?"


def answering(spine: Spine, answer: str, *arguments: str) -> tuple[int, list[dict[str, Any]]]:
    """A run in auto mode whose question about drift gets that answer, and every other one a yes."""

    def said(event: dict[str, Any]) -> list[dict[str, Any]]:
        return [decide(event, answer if event["data"]["title"] == DRIFT else "once")] if asked(event) else []

    return converse(spine, said, "--mode", "auto", *arguments)


def questions(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [event["data"] for event in of(events, "approval.asked")]


def columns(spine: Spine, database: str = "spine") -> set[str]:
    with psycopg.connect(f"{spine.dsn.rpartition('/')[0]}/{database}") as connection:
        query = "SELECT column_name FROM information_schema.columns WHERE table_name = 'course'"
        return {str(row[0]) for row in connection.execute(query)}


def indexes(spine: Spine) -> set[str]:
    with psycopg.connect(spine.dsn) as connection:
        return {
            str(row[0]) for row in connection.execute("SELECT indexname FROM pg_indexes WHERE tablename = 'course'")
        }


def test_the_revision_is_written_first_and_is_what_the_database_has(used: Spine) -> None:
    execute(
        used, "ALTER TABLE course ADD COLUMN by_hand text NOT NULL DEFAULT 'x'; CREATE INDEX ix_hand ON course (slug)"
    )
    phase(used, *LEVEL)
    code, events = answering(used, "write")
    assert (code, events[-1]["data"]["verdict"]) == (0, "passed"), events[-1]
    [question] = questions(events)
    assert "is written first" in question["write"]
    assert [event["step"] for event in of(events, "step.finished")].count("adopt") == 1
    assert of(events, "approval.given", "adopt"), "the file is approved as the step that it is"
    builds_empty(used)
    assert {"by_hand", "level"} <= columns(used, "empty")
    again = safemig(used.root, *AUTO)
    assert '"verdict": "unchanged"' in again.out, again.err
    assert "drift: the database is not" not in again.err


def test_what_the_revisions_make_and_the_database_lacks_is_made(used: Spine) -> None:
    body = '    op.create_index("ix_course_slug", "course", ["slug"])'
    write(
        used.root, "alembic/versions/2b3c4d5e6f70_second.py",
        SECOND.format(body=body, back='op.drop_index("ix_course_slug", "course")'),
    )  # fmt: skip
    alembic(used, "upgrade", "head")
    execute(used, "DROP INDEX ix_course_slug")
    phase(used, "CREATE INDEX ix_course_slug_id ON course (slug, id);", "Index `ix_course_slug_id` exists")
    execute(used, "ALTER TABLE course ADD COLUMN by_hand text")
    phase(used, *LEVEL)
    code, events = answering(used, "write")
    assert (code, events[-1]["data"]["verdict"]) == (0, "passed"), events[-1]
    assert "ix_course_slug" in indexes(used)
    builds_empty(used)


def test_a_type_made_by_hand_that_the_phase_names_is_made_first(used: Spine) -> None:
    execute(used, "CREATE EXTENSION citext")
    phase(used, "CREATE TABLE rating (id integer PRIMARY KEY, title citext);")
    code, events = answering(used, "write")
    assert (code, events[-1]["data"]["verdict"]) == (0, "passed"), events[-1]
    builds_empty(used)


@pytest.mark.parametrize(
    ("by_hand", "words"),
    [
        ("ALTER TABLE course ALTER COLUMN slug TYPE varchar(40)", "which of the two is meant is not told"),
        ("ALTER TABLE course ADD CONSTRAINT ck CHECK (id > 0)", "has no form that passes over what is there"),
    ],
)
def test_what_cannot_be_written_truthfully_is_not_offered_and_says_why(used: Spine, by_hand: str, words: str) -> None:
    execute(used, by_hand)
    phase(used, *LEVEL)
    code, events = answering(used, "once")
    assert (code, events[-1]["data"]["verdict"]) == (0, "passed"), events[-1]
    [question] = questions(events)
    assert not question.get("write")
    assert not question.get("stamp")
    assert words in question["what"]
    assert "not offered, stamp: no revision makes exactly" in question["what"]
    assert [event for event in of(events, "note") if "drift, gone on with" in event["data"]["text"]]


def unstamped(spine: Spine, *body: str) -> None:
    """A second revision is pending, and somebody has run its first statement by hand."""
    lines = "\n".join(f"    {line}" for line in body)
    text = SECOND.format(body=lines, back='op.drop_column("course", "extra")')
    write(spine.root, "alembic/versions/2b3c4d5e6f70_second.py", text)
    execute(spine, "ALTER TABLE course ADD COLUMN extra text")
    phase(spine, *LEVEL)


def test_the_stamp_comes_first_and_is_asked_as_the_command_that_it_is(used: Spine) -> None:
    unstamped(used, 'op.add_column("course", sa.Column("extra", sa.Text()))')
    code, events = answering(used, "stamp")
    assert (code, events[-1]["data"]["verdict"]) == (0, "passed"), events[-1]
    drift, stamp = questions(events)
    assert "2b3c4d5e6f70" in drift["stamp"]
    assert "alembic stamp 2b3c4d5e6f70" in stamp["what"]
    assert "without running anything" in stamp["rule"] + stamp["detail"] + stamp["changes"]
    assert not of(events, "step.started", "pending"), "what was stamped is not applied"
    builds_empty(used)


def test_a_revision_that_changes_rows_too_is_not_stamped(used: Spine) -> None:
    unstamped(
        used, 'op.add_column("course", sa.Column("extra", sa.Text()))', "op.execute(\"UPDATE course SET extra = slug\")"
    )  # fmt: skip
    code, events = answering(used, "no")
    assert (code, events[-1]["data"]["verdict"]) == (1, "refused"), events[-1]
    [question] = questions(events)
    assert not question.get("stamp")
    assert "2b3c4d5e6f70 changes rows" in question["what"]


@pytest.mark.parametrize(
    ("answer", "kind", "step"),
    [
        ("write", "approval.given", "baseline"),
        ("write", "finding", ""),
        ("write", "step.started", "adopt"),
        ("stamp", "finding", ""),
        ("stamp", "step.started", "stamp"),
        ("stamp", "command.finished", "stamp"),
    ],
)
def test_a_kill_at_any_of_these_moments_is_taken_up_again(used: Spine, answer: str, kind: str, step: str) -> None:
    if answer == "stamp":
        unstamped(used, 'op.add_column("course", sa.Column("extra", sa.Text()))')
    else:
        execute(used, "ALTER TABLE course ADD COLUMN by_hand text")
        phase(used, *LEVEL)
    chosen = False

    def said(event: dict[str, Any]) -> list[dict[str, Any]]:
        nonlocal chosen
        chosen = chosen or (event["kind"] == "approval.given" and event["data"]["answer"] == answer)
        if chosen and event["kind"] == kind and step in ("", event["step"]):
            engine = next(int(one["data"]["pid"]) for one in seen if one["kind"] == "run.started")
            os.kill(engine, signal.SIGKILL)
        seen.append(event)
        return [decide(event, answer if event["data"]["title"] == DRIFT else "once")] if asked(event) else []

    seen: list[dict[str, Any]] = []
    code, _ = converse(used, said, "--mode", "auto")
    assert code != 0, "it was killed"
    code, events = converse(
        used,
        lambda event: [decide(event, answer if event["data"]["title"] == DRIFT else "once")] if asked(event) else [],
        command="resume",
    )
    assert (code, events[-1]["data"]["verdict"]) == (0, "passed"), events[-1]
    done = [event["step"] for event in of(events, "step.finished") if event["data"]["status"] == "done"]
    assert done.count("adopt" if answer == "write" else "stamp") == 1
    builds_empty(used)
