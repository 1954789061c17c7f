"""A run judges its checklist by what was there at the baseline, and says loudly what is ticked but not true."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from safemig.cli.main import run_cli
from safemig.journal import read_events
from safemig.report import render
from safemig.summary import fold
from tests.spine.project import Spine, make_project, remove_project
from tests.spine.test_kill import drive

ITEMS = """\
- [ ] Table `course`
- [ ] Constraint `ck_rating_stars`
- [x] Tabla `gone_table`
- [ ] Change `service.py`
- [ ] Look with `alembic current`
"""
STATES = {
    "Table `rating` exists": "proved",
    "Apply with `make migrate`": "proved",
    "Somebody has been told": "not provable",
    "Table `course`": "not provable",
    "Constraint `ck_rating_stars`": "proved",
    "Tabla `gone_table`": "disproved",
    "Change `service.py`": "not provable",
    "Look with `alembic current`": "not provable",
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
    assert document["counts"] == {"proved": 3, "disproved": 1, "not provable": 4}
    assert [one["command"] for one in document["commands"]] == ["alembic current"]
    assert run_cli(["checklist", "--project", str(spine.root), "--spec", "ratings", "--phase", "1"]) == 1
    assert "DISPROVED: it is ticked, but gone_table is not there" in capsys.readouterr().out


def test_without_a_run_nothing_is_proved(spine: Spine, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli(["checklist", "--project", str(spine.root), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["baseline"] is None
    assert document["counts"]["proved"] == 0
    assert not (spine.root / ".safemig" / "runs").exists()
