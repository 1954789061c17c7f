"""A person skips the tests of a run: it goes on, changes what was approved, and does not pass."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.spine.face import Said, asked, converse, decide, of
from tests.spine.project import Spine, make_project, remove_project


@pytest.fixture
def spine(tmp_path: Path) -> Iterator[Spine]:
    project = make_project(tmp_path / "project")
    yield project
    remove_project(project)


def test_a_run_whose_tests_were_skipped_is_migrated_and_does_not_pass(spine: Spine) -> None:
    def answers(event: Said) -> list[Said]:
        if not asked(event):
            return []
        if event["step"] in ("database", "build", "start", "pending", "create", "migrate"):
            skippable = event["data"]["skip"]
            assert bool(skippable) is (event["step"] in ("build", "start")), event["step"]
            return [decide(event, "once")]
        return [decide(event, "skip" if event["data"]["skip"] else "once")]

    code, events = converse(spine, answers)
    final = events[-1]["data"]
    assert (code, final["verdict"]) == (1, "failed")
    assert "was skipped by the person" in final["reason"]
    skipped = {event["step"] for event in of(events, "step.finished") if event["data"]["status"] == "skipped"}
    assert {"test", "test-after"} <= skipped
    assert (final["signals"]["tests"]["ok"], final["signals"]["container"]["ok"]) == (None, True)
    assert final["signals"]["tests"]["after"].startswith("not checked")
    assert final["schema"]["matches_spec"] is True
    assert final["ticked"] == []
    assert "test" not in spine.calls()
    given = [event["data"] for event in of(events, "approval.given") if event["data"]["answer"] == "skip"]
    assert {one["by"] for one in given} == {"person"}


def test_a_skip_of_what_cannot_be_skipped_is_a_no(spine: Spine) -> None:
    """As a face would have to forge it: the question offers none."""

    def answers(event: Said) -> list[Said]:
        return [decide(event, "skip" if event["step"] == "pending" else "once")] if asked(event) else []

    code, events = converse(spine, answers)
    assert (code, events[-1]["data"]["verdict"]) == (1, "refused")
    assert of(events, "approval.given", "pending")[0]["data"]["answer"] == "no"
    assert "migrate" not in spine.calls()
