"""A run judges its checklist by what was there at the baseline, and says loudly what is ticked but not true."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from safemig.cli.main import run_cli
from safemig.journal.fold import fold
from safemig.journal.journal import read_events
from safemig.reports.formats import render
from tests.spine.face import asked, converse, decide, of
from tests.spine.project import Spine, make_project, remove_project
from tests.spine.test_kill import drive

ITEMS = """\
- [ ] Table `course`
- [ ] Constraint `ck_rating_stars`
- [x] Table `gone_table`
- [ ] Change `service.py`
- [ ] `alembic current`
- [ ] Anonymise `rating`
- [ ] Zálohovat `rating`
- [ ] Implement `downgrade()`
"""
STATES = {
    "Table `rating` exists": "proved",
    "Apply with `make migrate`": "proved",
    "Somebody has been told": "not provable",
    "Table `course`": "not provable",
    "Constraint `ck_rating_stars`": "proved",
    "Table `gone_table`": "disproved",
    "Change `service.py`": "not provable",
    "`alembic current`": "proved",
    "Anonymise `rating`": "proposed",
    "Zálohovat `rating`": "proposed",
    "Implement `downgrade()`": "proved",
}


@pytest.fixture
def spine(tmp_path: Path) -> Iterator[Spine]:
    project = make_project(tmp_path / "project")
    yield project
    remove_project(project)


@pytest.mark.slow
def test_a_run_and_the_list_judge_alike(spine: Spine, capsys: pytest.CaptureFixture[str]) -> None:
    plan = spine.root / "docs/ratings_plan.md"
    plan.write_text(plan.read_text() + ITEMS)
    assert drive(spine, "run") == 0
    events = read_events(spine.runs()[0])
    summary = fold(events)
    assert {item.text: item.state for item in summary.items} == STATES
    assert {tick.text for tick in summary.ticks} == {text for text, state in STATES.items() if state == "proved"}
    loud = [note.text for note in summary.notes if "DISPROVED" in note.text]
    assert len(loud) == 1
    assert "gone_table" in loud[0]
    report = render(summary, "md")
    assert "## Checklist" in report
    assert report.index("DISPROVED") < report.index("| Line | Item |")
    assert run_cli(["checklist", "--project", str(spine.root), "--spec", "ratings", "--phase", "1", "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert {item["text"]: item["state"] for item in document["items"]} == STATES
    assert document["counts"] == {"proved": 5, "proposed": 2, "disproved": 1, "not provable": 3}
    assert document["commands"] == []  # what is ticked is not asked again
    assert run_cli(["checklist", "--project", str(spine.root), "--spec", "ratings", "--phase", "1"]) == 1
    assert "DISPROVED: it is ticked, but gone_table is not there" in capsys.readouterr().out


def test_without_a_run_nothing_is_proved(spine: Spine, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli(["checklist", "--project", str(spine.root), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["baseline"] is None
    assert document["counts"]["proved"] == 0
    assert not (spine.root / ".safemig" / "runs").exists()


RED_AFTER = """\
from pathlib import Path


def test_no_revision_is_new() -> None:
    assert len(list(Path("alembic/versions").glob("*.py"))) == 1
"""


@pytest.mark.slow
def test_red_tests_keep_the_ticks_back_but_not_the_judgement(spine: Spine) -> None:
    (spine.root / "tests/test_truth.py").write_text(RED_AFTER)
    plan = spine.root / "docs/ratings_plan.md"
    plan.write_text(plan.read_text() + ITEMS + "- [ ] `make test` is green\n")
    before = plan.read_bytes()
    code, events = converse(spine, lambda e: [decide(e, "once")] if asked(e) else [])
    assert (code, events[-1]["data"]["verdict"]) == (1, "failed")
    assert plan.read_bytes() == before
    assert not of(events, "approval.asked", "tick")
    summary = fold(read_events(spine.runs()[0]))
    assert {item.text: item.state for item in summary.items} == {**STATES, "`make test` is green": "not provable"}
    assert all(item.reason and item.at for item in summary.items)
    assert any("nothing is ticked: tests" in note.text for note in summary.notes)


@pytest.mark.slow
def test_a_failed_change_is_judged_too_and_the_question_shows_what_is_ticked(spine: Spine) -> None:
    makefile = spine.root / "Makefile"
    whole = makefile.read_text()
    makefile.write_text(whole.replace("alembic upgrade head", "alembic upgrade 1a2b3c4d5e6f"))
    assert drive(spine, "run") == 1
    summary = fold(read_events(spine.runs()[0]))
    assert {item.text: item.state for item in summary.items} == {
        "Table `rating` exists": "not provable",
        "Apply with `make migrate`": "not provable",
        "Somebody has been told": "not provable",
    }
    makefile.write_text(whole)
    for path in (spine.root / "alembic/versions").glob("*rating*.py"):
        path.unlink()
    code, events = converse(spine, lambda e: [decide(e, "once")] if asked(e) else [])
    assert code == 0
    [question] = of(events, "approval.asked", "tick")
    assert question["data"]["what"] == "write docs/ratings_plan.md: one byte each in 2 items"
    lines = str(question["data"]["detail"]).splitlines()
    number = lines[0].partition(" ")[0].rpartition(":")[2]
    assert lines[0] == f"docs/ratings_plan.md:{number} Table `rating` exists"
    assert lines[1].startswith("    proved: ")
    assert "+- [x] Table `rating` exists" in lines
    assert "-- [ ] Apply with `make migrate`" in lines
