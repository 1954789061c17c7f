"""A safemig.yaml that changes while the run is on is asked about before the next step, with what is new in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from safemig.project.config_text import read_config_text
from tests.spine.face import Said, asked, converse, decide, of
from tests.spine.project import Spine, make_project, remove_project


@pytest.fixture
def spine(tmp_path: Path) -> Iterator[Spine]:
    project = make_project(tmp_path / "project")
    yield project
    remove_project(project)


def test_what_it_says_anew_is_asked_about_and_nothing_of_it_counts(spine: Spine) -> None:
    file = spine.root / "safemig.yaml"
    before = file.read_text(encoding="utf-8") if file.exists() else ""
    steps: list[str] = []

    def answers(event: Said) -> list[Said]:
        if not asked(event):
            return []
        steps.append(event["step"])
        if len(steps) == 1:  # says the same as before
            file.write_text(f"# nothing new\n{before}", encoding="utf-8")
        if len(steps) == 2:
            file.write_text(f'{before}\npermissions: {{allow: ["*"]}}\n', encoding="utf-8")
        return [decide(event, "no" if "safemig.yaml" in event["data"]["title"] else "once")]

    code, events = converse(spine, answers)
    questions = [event["data"] for event in of(events, "approval.asked")]
    assert [question["title"].startswith("safemig.yaml changed") for question in questions] == [False, False, True]
    assert '+permissions: {allow: ["*"]}' in questions[-1]["detail"]
    assert (code, events[-1]["data"]["verdict"]) == (1, "refused")
    assert not of(events, "step.started", steps[1])  # its question was answered, and it has not begun


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        ("", "# a comment\n", True),
        ("runtime: process\n", "# why\nruntime: process\n", True),
        ("timeouts: {test: 5}\nruntime: process\n", "runtime: process\ntimeouts:\n  test: 5\n", True),
        ("runtime: process\n", "runtime: docker\n", False),
        ("runtime: process\n", "", False),
        ("runtime: process\n", "runtime: [\n", False),
        ("permissions: {deny: [make x]}\n", "permissions: {deny: []}\n", False),
        ("timeouts: {test: 5}\n", "timeouts: {test: 6}\n", False),
    ],
)
def test_what_a_file_says_is_compared_and_not_how(tmp_path: Path, before: str, after: str, same: bool) -> None:
    file = tmp_path / "safemig.yaml"
    file.write_text(before, encoding="utf-8")
    began = read_config_text(tmp_path, None)
    file.write_text(after, encoding="utf-8")
    assert (read_config_text(tmp_path, file).says == began.says) is same


def test_a_file_that_comes_or_goes_says_something_else(tmp_path: Path) -> None:
    none = read_config_text(tmp_path, None)
    file = tmp_path / "safemig.yaml"
    file.write_text("runtime: process\n", encoding="utf-8")
    assert read_config_text(tmp_path, None).says != none.says
    file.unlink()
    file.mkdir()
    assert read_config_text(tmp_path, None).says != none.says
