"""A recipe that changes before its step or under its question: asked anew as it is now, with what is new in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.spine.face import Said, asked, converse, decide, of
from tests.spine.project import Spine, make_project, remove_project

pytestmark = pytest.mark.slow  # whole runs


@pytest.fixture
def spine(tmp_path: Path) -> Iterator[Spine]:
    project = make_project(tmp_path / "project")
    yield project
    remove_project(project)


def rewrite(spine: Spine, old: str, new: str) -> None:
    makefile = spine.root / "Makefile"
    text = makefile.read_text(encoding="utf-8")
    assert old in text
    makefile.write_text(text.replace(old, new), encoding="utf-8")


@pytest.mark.parametrize(
    ("step", "old", "new", "shown"),
    [
        ("build", "echo build >> calls.log", "echo built >> calls.log", "echo built >> calls.log"),
        ("build", "build:\n", "build: stop\n", "@if [ -f service.pid ]"),
        ("test", "PY = ", "PY = env ", "env "),
        ("migrate", "alembic upgrade head", "alembic --raiseerr upgrade head", "alembic --raiseerr upgrade head"),
    ],
    ids=["recipe", "prerequisite", "variable", "migrate"],
)
def test_a_recipe_that_changes_under_its_question_is_asked_anew_with_what_is_new(
    spine: Spine, step: str, old: str, new: str, shown: str
) -> None:
    questions: list[Said] = []

    def answers(event: Said) -> list[Said]:
        if not asked(event):
            return []
        if event["step"] == step:
            if not questions:
                rewrite(spine, old, new)
            questions.append(event["data"])
        return [decide(event, "once")]

    code, events = converse(spine, answers)
    assert (code, events[-1]["data"]["verdict"]) == (0, "passed")
    first, second, *more = questions
    assert not more
    assert first["digest"] != second["digest"]
    assert f"the recipe of `make {step}` changed after the plan was made" in second["rule"]
    lines = [line.strip() for line in second["detail"].splitlines()]
    assert any(line.startswith("+") and shown in line for line in lines)
    assert "changed after the plan was made" in second["changes"]
    started = [event["data"]["line"] for event in of(events, "command.started", step)]
    assert started == [f"make {step}"]


def test_a_changed_migrate_command_is_proved_to_use_the_same_database_once_more(spine: Spine) -> None:
    changed = False

    def answers(event: Said) -> list[Said]:
        nonlocal changed
        if asked(event) and event["step"] == "migrate" and not changed:
            changed = True
            rewrite(spine, "alembic upgrade head", "alembic -x a=b upgrade head")
        return [decide(event, "once")] if asked(event) else []

    code, events = converse(spine, answers)
    assert (code, changed) == (0, True)
    [again] = of(events, "step.finished", "same-database-2")
    assert again["data"]["status"] == "done"
    order = [event["seq"] for event in (again, of(events, "step.started", "migrate")[0])]
    assert order == sorted(order)


def test_a_recipe_that_changes_while_the_run_is_on_is_asked_about_in_auto_mode(spine: Spine) -> None:
    def answers(event: Said) -> list[Said]:
        if event["kind"] == "step.started" and event["step"] == "build":
            rewrite(spine, "echo test >> calls.log", "echo tested >> calls.log")
        return [decide(event, "once")] if asked(event) else []

    code, events = converse(spine, answers, "--mode", "auto")
    assert code == 0
    assert [event["step"] for event in of(events, "approval.asked")] == ["test"]


def test_a_start_that_migrates_all_of_a_sudden_needs_another_plan(spine: Spine) -> None:
    def answers(event: Said) -> list[Said]:
        if asked(event) and event["step"] == "start":
            rewrite(spine, "echo start >> calls.log\n", "$(PY) -m alembic upgrade head\n")
        return [decide(event, "once")] if asked(event) else []

    code, events = converse(spine, answers)
    final = events[-1]["data"]
    assert (code, final["verdict"]) == (1, "stale")
    assert "`make start` changes the database schema now" in final["reason"]
    assert spine.calls() == ["build"]


def test_a_recipe_that_changed_while_nobody_was_there_is_asked_anew_by_the_resumed_run(spine: Spine) -> None:
    rewrite(spine, "echo test >> calls.log\n", "echo test >> calls.log\n\t@: --token Hunt3r-of-things\n")

    def first(event: Said) -> list[Said]:
        if asked(event) and event["step"] == "test":
            return [{"type": "stop"}]
        return [decide(event, "once")] if asked(event) else []

    code, _ = converse(spine, first)
    assert code != 0
    rewrite(spine, "echo test >> calls.log", "echo tested >> calls.log")
    code, events = converse(spine, lambda e: [decide(e, "once")] if asked(e) else [], command="resume")
    assert (code, events[-1]["data"]["verdict"]) == (0, "passed")
    question = of(events, "approval.asked", "test")[-1]["data"]
    news = question["detail"].partition("new in what `make test` runs since the plan was made:")[2].splitlines()
    assert [line.strip() for line in news if line.startswith("  -") and "echo" in line] == ["-echo test >> calls.log"]
    assert [line.strip() for line in news if line.startswith("  +") and "echo" in line] == ["+echo tested >> calls.log"]
    assert not any("--token" in line for line in news if line.startswith(("  -", "  +")))
    assert not any("Hunt3r" in path.read_text(encoding="utf-8") for path in spine.runs()[-1].glob("f*.json"))


@pytest.mark.parametrize("when", ["under its question", "between question and command of another step"])
def test_a_script_that_a_recipe_calls_and_that_changes_is_asked_about_anew(spine: Spine, when: str) -> None:
    script = spine.root / "scripts" / "prepare.sh"
    script.parent.mkdir()
    script.write_text("echo prepared >> calls.log\n", encoding="utf-8")
    rewrite(spine, "echo test >> calls.log\n", "sh scripts/prepare.sh\n")
    at = "test" if when.startswith("under") else "start"

    def answers(event: Said) -> list[Said]:
        if asked(event) and event["step"] == at and "changed" not in script.read_text(encoding="utf-8"):
            script.write_text("echo changed >> calls.log\n", encoding="utf-8")
        return [decide(event, "once")] if asked(event) else []

    code, events = converse(spine, answers)
    assert (code, events[-1]["data"]["verdict"]) == (0, "passed")
    question = of(events, "approval.asked", "test")[-1]["data"]
    assert question["rule"].startswith("what `make test` calls changed after the plan was made")
    assert "+echo changed >> calls.log" in [line.strip() for line in question["detail"].splitlines()]
    assert len(of(events, "approval.asked", "test")) == (2 if at == "test" else 1)
