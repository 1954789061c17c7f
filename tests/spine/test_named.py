"""Commands that only look and that items name: asked once, run before and after the change, judged by both ends."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from safemig.cli.main import run_cli
from safemig.journal.fold import fold
from safemig.reports.formats import render
from tests.spine.face import Said, asked, converse, decide, of
from tests.spine.project import MAKEFILE, Spine, make_project, remove_project
from tests.spine.test_kill import KILLED, UNBROKEN, drive, events

LOOKS = "\n".join((MAKEFILE, "look:", "\t@ls alembic/versions | grep rating", ""))
ITEMS = """\
- [ ] `make look` passes
- [ ] `psql -c "SELECT count(*) FROM rating"` runs
- [ ] `python -c "import service"` works
- [ ] `rating` is there: `psql -c "SELECT stars FROM rating"`, `alembic current`
- [ ] `pytest tests/test_rating.py` is green
- [ ] Back with `alembic downgrade -1`
"""
TEXTS = [line.removeprefix("- [ ] ") for line in ITEMS.splitlines()]
PROVED = {TEXTS[0], TEXTS[1], TEXTS[3]}
COMMANDS = 4  # of the items: make, python, alembic, pytest; psql's lines are asked by a connection


@pytest.fixture
def spine(tmp_path: Path) -> Iterator[Spine]:
    project = make_project(tmp_path / "project", makefile=LOOKS)
    plan = project.root / "docs/ratings_plan.md"
    plan.write_text(plan.read_text() + ITEMS)
    yield project
    remove_project(project)


def check(spine: Spine) -> None:
    """The end of every run here that may run the commands."""
    journal = events(spine)
    assert journal[-1].data["verdict"] == "passed", journal[-1].data
    assert spine.calls() == UNBROKEN
    assert set(Counter(e.step for e in journal if e.kind == "step.finished").values()) == {1}
    summary = fold(journal)
    found = {item.text: item.state for item in summary.items}
    assert {text for text in TEXTS if found[text] == "proved"} == PROVED
    assert {tick.text for tick in summary.ticks} >= PROVED


@pytest.mark.slow
def test_an_item_is_proved_by_a_command_that_could_fail_before(
    spine: Spine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert drive(spine, "run") == 0
    check(spine)
    journal = events(spine)
    ran = Counter(str(e.data["line"]) for e in journal if e.kind == "command.started" and e.step.startswith("named-"))
    assert len(ran) == COMMANDS
    assert set(ran.values()) == {2}
    assert not any("downgrade" in line for line in ran)
    reasons = {item.text: item.reason for item in fold(journal).items}
    assert reasons[TEXTS[0]] == "make look ended well, and did not before the change"
    assert "it did so before the change too; it proves nothing" in reasons[TEXTS[2]]
    assert "did not end well" in reasons[TEXTS[4]]
    assert "not run: it would write: alembic downgrade" in reasons[TEXTS[5]]
    assert "make look ended well" in render(fold(journal), "md")
    [output] = [e.data["file"] for e in journal if e.kind == "command.finished" and e.step == "named-1"]
    assert "create_rating" in (spine.runs()[0] / str(output)).read_text()
    assert run_cli(["checklist", "--project", str(spine.root), "--spec", "ratings", "--phase", "1", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert {item["text"] for item in document["items"] if item["state"] == "proved"} >= PROVED
    left = {one["command"]: one["runs"] for one in document["commands"]}
    assert left["alembic downgrade -1"] is None
    assert str(left['python -c "import service"']).endswith("-c 'import service'")


@pytest.mark.slow
def test_they_are_asked_about_once_and_a_no_or_a_rule_leaves_the_run_as_it_is(spine: Spine) -> None:
    config = spine.root / "safemig.yaml"
    config.write_text(config.read_text() + "permissions:\n  deny: ['make look']\n")

    def answers(event: Said) -> list[Said]:
        if not asked(event):
            return []
        return [decide(event, "no" if event["step"].startswith("named-") else "once")]

    code, said = converse(spine, answers)
    assert code == 0, said[-1]
    [question] = [e["data"] for e in of(said, "approval.asked") if e["step"].startswith("named-")]
    lines = question["what"].splitlines()
    assert lines[0] == 'psql -c "SELECT count(*) FROM rating"'
    assert len(lines) == COMMANDS + 1  # two of psql, and without the one that a rule forbids
    assert f"{TEXTS[1]}\n    {lines[0]}" in question["detail"]
    journal = events(spine)
    assert not [e for e in journal if e.kind == "command.started" and e.step.startswith("named-")]
    assert {e.data["status"] for e in journal if e.kind == "step.finished" and e.step.startswith("named-")} == {
        "skipped"
    }
    found = {item.text: (item.state, item.reason) for item in fold(journal).items}
    assert [found[text][0] for text in TEXTS] == ["not provable"] * len(TEXTS)
    assert "not permitted" in found[TEXTS[0]][1]
    assert "not permitted" in found[TEXTS[1]][1]


@pytest.mark.slow
def test_plan_mode_has_them_in_its_document_and_asks_no_more(spine: Spine) -> None:
    code, said = converse(spine, lambda e: [decide(e, "once", mode="default")] if asked(e) else [], "--mode", "plan")
    assert code == 0
    questions = of(said, "approval.asked")
    assert {e["data"]["kind"] for e in questions} == {"plan"}
    assert "$ make look" in questions[0]["data"]["detail"]
    assert "SELECT count(*) FROM rating" in questions[0]["data"]["detail"]
    check(spine)


@pytest.mark.slow
def test_a_kill_in_the_middle_of_one_is_taken_up_where_it_was(spine: Spine) -> None:
    assert drive(spine, "run", "during:7") == KILLED  # alembic current, before the change
    assert drive(spine, "resume") == 0
    check(spine)


@pytest.mark.slow
def test_kills_between_the_two_looks_run_nothing_twice(spine: Spine) -> None:
    assert drive(spine, "run", "done:named-1-before") == KILLED
    assert drive(spine, "resume", "done:named-1") == KILLED
    assert drive(spine, "resume") == 0
    check(spine)
    journal = events(spine)
    ran = Counter(e.step for e in journal if e.kind == "command.started" and e.step.startswith("named-"))
    assert set(ran.values()) == {1}
