"""What a face asks for, and what the engine makes of it: each mode, each answer, ticks, shell lines, a second face."""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from safemig.consent.channel import Reply, socket_path, tell
from safemig.consent.person_folder import project_folder
from safemig.journal.events import Sender
from safemig.journal.journal import read_events
from safemig.journal.messages import Message
from safemig.policy import permissions
from tests.spine.face import Said, asked, converse, decide, of
from tests.spine.plain_terminal import read_until, typed
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


@pytest.mark.slow
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
    [kept] = permissions.load(project_folder(spine.root))
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


@pytest.mark.slow
def test_plan_mode_is_approved_as_one_and_an_addition_alone(spine: Spine) -> None:
    code, events = converse(spine, lambda e: [decide(e, "once", mode="default")] if asked(e) else [], "--mode", "plan")
    assert code == 0
    first, second = of(events, "approval.asked")
    assert (first["data"]["kind"], first["data"]["title"]) == ("plan", "Run this plan")
    assert second["data"]["title"] == "Run what is new in this plan"
    assert second["data"]["rule"].startswith("added to the approved plan, because ")
    assert "pending" in second["data"]["what"]
    assert "migrate" not in second["data"]["what"].split()
    assert spine.calls() == UNBROKEN


def test_plan_mode_without_an_answer_changes_nothing(spine: Spine) -> None:
    code, events = converse(spine, lambda e: [decide(e, "no")] if asked(e) else [], "--mode", "plan")
    assert (code, events[-1]["data"]["verdict"]) == (1, "refused")
    assert spine.calls() == []
    assert not of(events, "step.started")


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
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
    assert (code, events[-1]["data"]["verdict"]) == (0, "passed")
    assert "make test" in "".join(str(one["data"]) for one in of(events, "approval.asked", "test"))  # asked anew


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_second_face_answers_over_the_socket_and_the_journal_says_which_process(spine: Spine) -> None:
    def answers(event: Said) -> list[Said]:
        if asked(event):
            [run] = spine.runs()
            forged = Sender(1, "/sbin/init", "/dev/tty1")
            message = Message("decide", id=event["data"]["id"], answer="once", by="somebody else", sender=forged)
            assert tell(run, message) == Reply()
        return []

    code, events = converse(spine, answers)
    assert code == 0
    assert not socket_path(spine.runs()[0]).exists()
    given = [event["data"] for event in of(events, "approval.given") if event["data"]["by"] == "person"]
    assert len(given) == len(CHANGING)
    assert {(one["from"]["pid"], one["from"]["executable"]) for one in given} == {
        (os.getpid(), os.path.realpath(sys.executable))
    }


@pytest.mark.slow
def test_a_script_of_the_configuration_is_a_command_that_is_asked_about(spine: Spine) -> None:
    """What it does cannot be told, so that it is asked in auto mode, too: once for the run, as it stands."""
    with (spine.root / "safemig.yaml").open("a", encoding="utf-8") as file:
        file.write("endpoints:\n  - python: open('ran.log', 'a').write('x')\n")
    code, events = converse(spine, lambda e: [decide(e, "once")] if asked(e) else [], "--mode", "auto")
    assert code == 0, events[-1]
    [question] = of(events, "approval.asked")
    assert question["data"]["what"].startswith("python3 -c ")
    assert question["data"]["effect"] == "destructive"
    assert (spine.root / "ran.log").read_text(encoding="utf-8")


def test_a_script_that_was_refused_is_not_run(spine: Spine) -> None:
    (spine.root / "look.py").write_text("open('ran.log', 'a').write('x')\n", encoding="utf-8")
    with (spine.root / "safemig.yaml").open("a", encoding="utf-8") as file:
        file.write("endpoints:\n  - script: look.py\n")
    _, events = converse(spine, lambda e: [decide(e, "no")] if asked(e) else [], "--mode", "auto")
    [question] = of(events, "approval.asked")
    assert question["data"]["detail"] == "open('ran.log', 'a').write('x')\n"
    assert not (spine.root / "ran.log").exists()
    assert events[-1]["data"]["verdict"] not in ("passed", "unchanged")


def test_a_recipe_that_changes_while_its_question_is_open_is_not_what_was_answered(spine: Spine) -> None:
    makefile = spine.root / "Makefile"

    def answers(event: Said) -> list[Said]:
        if not asked(event):
            return []
        if event["step"] == "build":
            text = makefile.read_text(encoding="utf-8")
            makefile.write_text(text.replace("echo build", "touch moved; echo build"), encoding="utf-8")
        return [decide(event, "once")]

    code, events = converse(spine, answers)
    assert (code, events[-1]["data"]["verdict"]) == (1, "stale")
    assert "keep changing while it is asked about" in events[-1]["data"]["reason"]
    assert not (spine.root / "moved").exists()


@pytest.mark.slow
def test_what_is_written_into_the_runs_folder_is_no_answer(spine: Spine) -> None:
    """Every process of the account can write there, a test of the project too."""

    def answers(event: Said) -> list[Said]:
        if not asked(event):
            return []
        [run] = spine.runs()
        assert [path.name for path in run.iterdir() if not path.is_file() and not path.is_dir()] == []
        (run / "inbox").write_text(json.dumps({"type": "mode", "mode": "auto"}) + "\n", encoding="utf-8")
        return [decide(event, "once")]

    _, events = converse(spine, answers)
    assert not of(events, "mode.changed")


def test_a_command_of_the_run_cannot_answer_for_the_person(spine: Spine) -> None:
    """A recipe finds the socket as every program of the account does; it is known by its parents, and by its mark."""
    program = (
        "import sys, time; from pathlib import Path; from safemig.consent.channel import tell; "
        "from safemig.journal.messages import Message; "
        "open('word.log', 'a').write(repr(tell(Path(sys.argv[1]), Message('mode', mode='auto'))) + chr(10))"
    )
    (spine.root / "forge.py").write_text(program, encoding="utf-8")
    makefile = spine.root / "Makefile"
    run = "$$(ls -d $(CURDIR)/.safemig/runs/*)"
    forge = f"PYTHONPATH={Path(__file__).parents[2]} {sys.executable} forge.py {run}"
    recipe = f"build:\n\t{forge}\n\t({forge} &); while [ $$(wc -l < word.log) -lt 2 ]; do sleep 0.05; done\n"
    makefile.write_text(makefile.read_text(encoding="utf-8").replace("build:\n", recipe), encoding="utf-8")
    _, events = converse(spine, lambda e: [decide(e, "once" if e["step"] != "start" else "no")] if asked(e) else [])
    assert not of(events, "mode.changed")
    words = (spine.root / "word.log").read_text(encoding="utf-8").splitlines()
    assert words == [repr(Reply("this run has started it itself"))] * 2
    assert sum("was refused: this run has started it itself" in e["data"]["text"] for e in of(events, "note")) == 2


def test_a_shell_line_is_ended_alone_and_the_run_goes_on(spine: Spine) -> None:
    waiting: list[Said] = []

    def answers(event: Said) -> list[Said]:
        if asked(event):
            if event["data"]["id"] == "q1":
                waiting.append(event)
                return [{"type": "shell", "line_text": f"sleep {seconds}"} for seconds in (301, 302)]
            return [decide(event, "no")]
        if event["step"] == "!" and event["kind"] == "command.started" and "302" in event["data"]["line"]:
            return [{"type": "shell_stop"}]
        if event["step"] == "!" and event["kind"] == "command.finished" and len(of(events, "command.finished")) == 1:
            return [decide(waiting[0], "once")]
        return []

    events: list[Said] = []

    def noting(event: Said) -> list[Said]:
        events.append(event)
        return answers(event)

    code, _ = converse(spine, noting)
    assert (code, events[-1]["data"]["verdict"]) == (1, "refused")
    assert [event["data"]["how"] for event in of(events, "command.finished", "!")] == ["stopped", "stopped"]
    assert not of(events, "stop.asked")
    assert of(events, "step.finished", "database")[0]["data"]["status"] == "done"


def test_the_terminal_form_hands_its_engine_no_pipe_that_others_can_open(spine: Spine) -> None:
    """What is written to a pipe below /proc is read like what the face has said; a socket cannot be opened there."""
    with typed(spine, "run") as (face, terminal):
        read_until(terminal, "[y] yes, once")
        [engine] = psutil.Process(face.pid).children()
        assert stat.S_ISSOCK(Path(f"/proc/{engine.pid}/fd/0").stat().st_mode)
        with pytest.raises(OSError, match="No such device"):
            os.open(f"/proc/{engine.pid}/fd/0", os.O_WRONLY)
        os.write(terminal, b"n\n")
        read_until(terminal, "why (goes into the report")
        os.write(terminal, b"\n")
        read_until(terminal, "=== REFUSED ===")


def test_another_terminal_answers_with_the_same_facts(spine: Spine) -> None:
    """`safemig answer` beside a terminal that asks: both show the question, the first answer counts."""
    with typed(spine, "run") as (face, here):
        shown = read_until(here, "[y] yes, once")
        with typed(spine, "answer") as (answer, there):
            again = read_until(there, "[y] yes, once")
            facts = [line for line in shown.splitlines() if line.startswith(("? ", "  undo:", "  rule:", "  once"))]
            assert len(facts) == 4
            assert [line for line in facts if line not in again.splitlines()] == []
            os.write(there, b"n\n")
            read_until(there, "why (goes into the report")
            os.write(there, b"from beside\n")
            assert answer.wait(30) == 0
        read_until(here, "answered by another terminal", "=== REFUSED ===")
        assert face.wait(30) == 1
    [given] = [event for event in read_events(spine.runs()[0]) if event.kind == "approval.given"]
    assert (given.data["by"], given.data["reason"]) == ("person", "from beside")
    source = given.data["from"]
    assert isinstance(source, dict)
    assert source["pid"] == answer.pid


@pytest.mark.slow
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
