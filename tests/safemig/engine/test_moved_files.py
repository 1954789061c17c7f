"""A file that changes under the question about its edit: asked anew as it is now, with what is new in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.spine.face import Said, asked, converse, decide, of
from tests.spine.project import MAKEFILE, Spine, make_project, remove_project

pytestmark = pytest.mark.slow  # whole runs


@pytest.fixture
def spine(tmp_path: Path) -> Iterator[Spine]:
    """A project without a test target: the plan writes one."""
    project = make_project(tmp_path / "project", makefile=MAKEFILE[: MAKEFILE.index("test:\n")].rstrip() + "\n")
    yield project
    remove_project(project)


@pytest.mark.parametrize("mode", ["default", "auto"])
def test_a_file_that_changes_before_its_edit_is_asked_anew_with_what_is_new(spine: Spine, mode: str) -> None:
    makefile = spine.root / "Makefile"
    questions: list[Said] = []

    def answers(event: Said) -> list[Said]:
        under = asked(event) and event["step"] == "test-target" and not questions
        before = event["kind"] == "step.finished" and event["step"] == "build"
        if under if mode == "default" else before:
            text = makefile.read_text(encoding="utf-8")
            makefile.write_text(f"{text}\nlint:\n\tpython -m ruff check .\n", encoding="utf-8")
        if not asked(event):
            return []
        questions.extend([event["data"]] if event["step"] == "test-target" else [])
        return [decide(event, "once")]

    code, events = converse(spine, answers, "--mode", mode)
    assert (code, events[-1]["data"]["verdict"]) == (0, "passed"), events[-1]["data"]
    *earlier, last = questions
    assert len(earlier) == (1 if mode == "default" else 0)
    assert all(one["digest"] != last["digest"] for one in earlier)
    assert "Makefile changed after the plan was made" in last["rule"]
    news = last["detail"].partition("new in Makefile since the plan was made:")[2]
    assert "  +lint:" in news.splitlines()
    assert "+test:" in last["detail"].partition("new in")[0].splitlines()
    written = makefile.read_text(encoding="utf-8")
    assert written.index("\nlint:") < written.index("\ntest:")
    assert not of(events, "approval.asked", "lint")


def test_lines_that_the_edit_is_about_end_the_run_with_the_reason(spine: Spine) -> None:
    makefile = spine.root / "Makefile"

    def answers(event: Said) -> list[Said]:
        if asked(event) and event["step"] == "test-target":
            makefile.write_text(makefile.read_text(encoding="utf-8").rstrip(), encoding="utf-8")
        return [decide(event, "once")] if asked(event) else []

    code, events = converse(spine, answers)
    final = events[-1]["data"]
    assert (code, final["verdict"]) == (1, "stale")
    assert "Makefile changed after the plan was made, and the lines that the edit is about" in final["reason"]
    assert "\ntest:" not in makefile.read_text(encoding="utf-8")


def test_a_file_that_never_stands_still_ends_the_run(spine: Spine) -> None:
    makefile = spine.root / "Makefile"

    def answers(event: Said) -> list[Said]:
        if asked(event) and event["step"] == "test-target":
            makefile.write_text(f"# again\n{makefile.read_text(encoding='utf-8')}", encoding="utf-8")
        return [decide(event, "once")] if asked(event) else []

    code, events = converse(spine, answers)
    assert (code, events[-1]["data"]["verdict"]) == (1, "stale")
    assert "keep changing while it is asked about" in events[-1]["data"]["reason"]
    assert len({one["data"]["digest"] for one in of(events, "approval.asked", "test-target")}) == 5


@pytest.fixture
def whole(tmp_path: Path) -> Iterator[Spine]:
    project = make_project(tmp_path / "project")
    yield project
    remove_project(project)


@pytest.mark.parametrize("mode", ["default", "auto"])
def test_a_spec_that_changes_beside_what_it_asks_for_is_asked_anew_before_it_is_ticked(whole: Spine, mode: str) -> None:
    plan = whole.root / "docs/ratings_plan.md"
    questions: list[Said] = []

    def answers(event: Said) -> list[Said]:
        under = asked(event) and event["step"] == "tick" and not questions
        before = event["kind"] == "step.finished" and event["step"] == "migrate"
        if under if mode == "default" else before:
            plan.write_text(f"{plan.read_text(encoding='utf-8')}\nA word on the side.\n", encoding="utf-8")
        questions.extend([event["data"]] if asked(event) and event["step"] == "tick" else [])
        return [decide(event, "once")] if asked(event) else []

    code, events = converse(whole, answers, "--mode", mode)
    assert (code, events[-1]["data"]["verdict"]) == (0, "passed"), events[-1]["data"]
    *earlier, last = questions
    assert len(earlier) == (1 if mode == "default" else 0)
    assert all(one["digest"] != last["digest"] for one in earlier)
    assert "docs/ratings_plan.md changed after the plan was made" in last["rule"]
    news = last["detail"].partition("new in docs/ratings_plan.md since the plan was made:")[2].splitlines()
    assert "  +A word on the side." in news
    written = plan.read_text(encoding="utf-8")
    assert written.endswith("A word on the side.\n")
    assert "- [x] Table `rating` exists" in written


def test_a_spec_that_asks_for_something_else_meanwhile_is_not_ticked(whole: Spine) -> None:
    plan = whole.root / "docs/ratings_plan.md"

    def answers(event: Said) -> list[Said]:
        if asked(event) and event["step"] == "tick":
            text = plan.read_text(encoding="utf-8")
            assert "nullable=False" in text
            plan.write_text(text.replace("nullable=False", "nullable=True"), encoding="utf-8")
        return [decide(event, "once")] if asked(event) else []

    code, events = converse(whole, answers)
    final = events[-1]["data"]
    assert (code, final["verdict"]) == (1, "stale")
    assert "and asks for something else" in final["reason"]
    assert "- [x] Table `rating` exists" not in plan.read_text(encoding="utf-8")
