"""What a face asks for, and what the engine makes of it: each mode, each answer, ticks, shell lines, a second face."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from safemig.policy import permissions
from tests.spine.face import Said, asked, converse, decide, of
from tests.spine.project import Spine, make_project, remove_project

UNBROKEN = ["build", "start", "migrate", "test", "migrate", "test"]
CHANGING = {"database", "build", "start", "pending", "test", "create", "migrate", "tick"}


@pytest.fixture
def spine(tmp_path: Path) -> Iterator[Spine]:
    project = make_project(tmp_path / "project")
    yield project
    remove_project(project)


def test_default_mode_asks_once_before_each_step_that_changes_something(spine: Spine) -> None:
    code, events = converse(spine, lambda e: [decide(e, "once")] if asked(e) else [])
    assert code == 0
    assert {event["step"] for event in of(events, "approval.asked")} == CHANGING
    given = [event for event in of(events, "approval.given") if event["step"] != "same-database"]  # it only looks
    assert {event["data"]["by"] for event in given} == {"person"}
    assert [event["data"]["id"] for event in given] == [event["data"]["id"] for event in of(events, "approval.asked")]
    assert spine.calls() == UNBROKEN


def test_a_tool_grant_is_kept_and_covers_only_what_it_says(spine: Spine) -> None:
    def answers(event: Said) -> list[Said]:
        if not asked(event):
            return []
        return [decide(event, "tool" if event["data"]["tool"] else "once")]

    code, events = converse(spine, answers)
    assert code == 0
    assert [event["step"] for event in of(events, "approval.asked")] == [
        "database",
        "build",
        "pending",
        "create",
        "migrate",
        "tick",
    ]
    [kept] = permissions.load(spine.root / ".safemig")
    assert (kept.grant.kind, kept.grant.what, kept.by) == ("tool", "make", "person")


def test_a_no_ends_the_run_with_its_reason_and_changes_nothing_more(spine: Spine) -> None:
    def answers(event: Said) -> list[Said]:
        if not asked(event):
            return []
        if event["step"] == "migrate":
            return [decide(event, "no", reason="not on a Sunday")]
        return [decide(event, "once")]

    code, events = converse(spine, answers)
    final = events[-1]["data"]
    assert (code, final["verdict"]) == (1, "refused")
    assert of(events, "approval.given", "migrate")[0]["data"]["reason"] == "not on a Sunday"
    assert final["revision"]["after"] == ["1a2b3c4d5e6f"]
    assert spine.calls() == UNBROKEN[:4]


def test_plan_mode_is_approved_as_one_and_an_addition_alone(spine: Spine) -> None:
    code, events = converse(spine, lambda e: [decide(e, "once", mode="default")] if asked(e) else [], "--mode", "plan")
    assert code == 0
    first, second = of(events, "approval.asked")
    assert (first["data"]["kind"], first["data"]["title"]) == ("plan", "Run this plan")
    assert second["data"]["title"] == "Run what is new in this plan"
    assert "pending" in second["data"]["what"]
    assert "migrate" not in second["data"]["what"].split()
    assert spine.calls() == UNBROKEN


def test_plan_mode_without_an_answer_changes_nothing(spine: Spine) -> None:
    code, events = converse(spine, lambda e: [decide(e, "no")] if asked(e) else [], "--mode", "plan")
    assert (code, events[-1]["data"]["verdict"]) == (1, "refused")
    assert spine.calls() == []
    assert not of(events, "step.started")


def test_a_mode_takes_effect_from_the_next_step_and_answers_no_question(spine: Spine) -> None:
    def answers(event: Said) -> list[Said]:
        if not asked(event):
            return []
        auto = {"type": "mode", "mode": "auto"}
        return [auto, decide(event, "once")] if event["step"] == "database" else [decide(event, "no")]

    code, events = converse(spine, answers)
    assert code == 0
    kinds = [event["kind"] for event in events]
    assert kinds.index("approval.asked") < kinds.index("mode.changed") < kinds.index("approval.given")
    assert len(of(events, "approval.asked")) == 1


def test_an_edited_command_is_judged_anew_and_asked_again_however_often(spine: Spine) -> None:
    wordings = iter(["make -s build", "make build ", "make -s build", "make -s build"])

    def answers(event: Said) -> list[Said]:
        if not asked(event):
            return []
        wording = next(wordings, "") if event["step"] == "build" else ""
        return [decide(event, "edit", text=wording) if wording else decide(event, "once")]

    code, events = converse(spine, answers)
    questions = [event["data"] for event in of(events, "approval.asked", "build")]
    edited = "make -s build"
    assert [one["what"] for one in questions] == ["make build", edited, "make build", edited, edited]
    assert questions[2]["digest"] == questions[0]["digest"], "the planned wording is the planned action again"
    assert [one["effect"] for one in questions[:2]] == ["write", "destructive"]
    assert of(events, "command.started", "build")[0]["data"]["line"] == edited
    assert code == 0


def test_a_stop_ends_the_running_step_and_resume_goes_on(spine: Spine) -> None:
    slow = "test:\n\techo test >> calls.log\n\tsleep 30\n"
    makefile = spine.root / "Makefile"
    whole = makefile.read_text(encoding="utf-8")
    makefile.write_text(whole[: whole.index("test:\n")] + slow, encoding="utf-8")
    begun: list[Said] = []

    def answers(event: Said) -> list[Said]:
        if event["kind"] == "command.output" and event["step"] == "test" and not begun:
            begun.append(event)
            return [{"type": "stop"}]
        return [decide(event, "once")] if asked(event) else []

    code, events = converse(spine, answers)
    assert (code, events[-1]["data"]["verdict"]) == (130, "interrupted")
    assert of(events, "step.finished", "test")[0]["data"]["status"] == "stopped"
    makefile.write_text(whole, encoding="utf-8")
    code, events = converse(spine, lambda e: [decide(e, "once")] if asked(e) else [], command="resume")
    assert (code, events[-1]["data"]["verdict"]) == (1, "stale")
    assert "recipe" in events[-1]["data"]["reason"]


def test_shell_lines_and_ticks_are_the_persons_own_and_refused_during_a_change(spine: Spine) -> None:
    plan = "docs/ratings_plan.md"
    line = (spine.root / plan).read_text(encoding="utf-8").splitlines().index("- [ ] Somebody has been told") + 1

    def answers(event: Said) -> list[Said]:
        if event["kind"] == "step.started" and event["step"] == "baseline":
            return [
                {"type": "tick", "file": plan, "line": line},
                {"type": "shell", "line_text": "echo mine", "cwd": "docs"},
                {"type": "shell", "line_text": "echo outside", "cwd": "../.."},
            ]
        if event["kind"] == "command.started" and event["step"] == "migrate":
            return [{"type": "shell", "line_text": "echo refused"}]
        return [decide(event, "once")] if asked(event) else []

    code, events = converse(spine, answers)
    assert code == 0, events[-1]
    [own] = of(events, "command.started", "!")
    assert (own["data"]["line"], own["data"]["cwd"], own["data"]["by"]) == ("echo mine", "docs", "person")
    output = spine.runs()[0] / str(own["data"]["output"])
    assert output.read_text(encoding="utf-8") == "mine\n"
    ticks = [event["data"] for event in of(events, "tick")]
    assert (ticks[0]["by"], ticks[0]["line"]) == ("person", line)
    assert {tick["by"] for tick in ticks[1:]} == {"engine"}
    assert (spine.root / plan).read_text(encoding="utf-8").count("[x]") == 3
    assert any("is refused while" in event["data"]["text"] for event in of(events, "note"))


def test_a_deny_rule_holds_in_auto_mode_and_for_the_person(spine: Spine) -> None:
    config = spine.root / "safemig.yaml"
    rules = "permissions:\n  deny: ['make migrate', 'rm *']\n"
    config.write_text(config.read_text(encoding="utf-8") + rules, encoding="utf-8")

    def answers(event: Said) -> list[Said]:
        if event["kind"] == "step.started" and event["step"] == "observe":
            return [{"type": "shell", "line_text": "rm -rf docs"}]
        return []

    code, events = converse(spine, answers, "--mode", "auto")
    assert (code, events[-1]["data"]["verdict"]) == (1, "refused")
    assert "make migrate" in events[-1]["data"]["reason"]
    assert not of(events, "command.started", "!")
    assert (spine.root / "docs").is_dir()


def test_a_second_face_answers_through_the_fifo(spine: Spine) -> None:
    def answers(event: Said) -> list[Said]:
        if asked(event):
            with (spine.runs()[0] / "inbox").open("a", encoding="utf-8") as fifo:
                fifo.write(json.dumps(decide(event, "once", by="somebody else")) + "\n")
        return []

    code, events = converse(spine, answers)
    assert code == 0
    assert not (spine.runs()[0] / "inbox").exists()
    given = of(events, "approval.given")
    assert len([event for event in given if event["data"]["by"] == "person"]) == len(CHANGING)


def test_a_face_that_goes_lets_the_step_finish_and_resume_goes_on(spine: Spine) -> None:
    class Gone(Exception):
        pass

    def leave(event: Said) -> list[Said]:
        if event["kind"] == "command.started" and event["step"] == "start":
            raise Gone
        return []

    with pytest.raises(Gone):
        converse(spine, leave, "--mode", "auto")
    journal = [json.loads(line) for line in (spine.runs()[0] / "events.jsonl").read_text(encoding="utf-8").splitlines()]
    assert journal[-1]["data"]["verdict"] == "waiting"
    assert of(journal, "step.finished", "start")[0]["data"]["status"] == "done"
    code, _ = converse(spine, lambda _: [], command="resume")
    assert code == 0
    assert spine.calls() == UNBROKEN
