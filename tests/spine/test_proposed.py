"""What a run only proposes: ticked by an answer of its own, by a setting, or by the person later; never by a yes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from safemig.cli.main import run_cli
from safemig.journal.fold import fold
from safemig.journal.journal import read_events
from safemig.plan_document.document import read
from safemig.reports.formats import render
from tests.spine.face import Said, asked, converse, decide, of
from tests.spine.project import Spine, make_project, remove_project
from tests.spine.test_kill import drive

PLAN = "docs/ratings_plan.md"
ITEMS = "- [ ] Anonymise `rating`\n- [ ] Do not run `make migrate`\n- [ ] Zálohovat `rating`\n"
PROPOSED = ["Anonymise `rating`", "Do not run `make migrate`", "Zálohovat `rating`"]
PROVED = {"Table `rating` exists", "Apply with `make migrate`"}


@pytest.fixture
def spine(tmp_path: Path) -> Iterator[Spine]:
    project = make_project(tmp_path / "project")
    plan = project.root / PLAN
    plan.write_text(plan.read_text() + ITEMS)
    yield project
    remove_project(project)


def ticked(spine: Spine) -> set[str]:
    [phase] = [one for one in read(spine.root / PLAN, spine.root).phases if one.items]
    return {item.text for item in phase.items if item.checked}


def line_of(spine: Spine, text: str) -> int:
    lines = (spine.root / PLAN).read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if line.endswith(text))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("answer", "lines", "more"),
    [("once", (), set()), ("proposed", (), {*PROPOSED}), ("proposed", ("Zálohovat `rating`",), {"Zálohovat `rating`"})],
)
def test_the_question_offers_the_proposed_items_apart(
    spine: Spine, answer: str, lines: tuple[str, ...], more: set[str]
) -> None:
    chosen = ",".join(str(line_of(spine, text)) for text in lines)

    def answers(event: Said) -> list[Said]:
        if not asked(event):
            return []
        offered = event["data"].get("proposed")
        return [decide(event, answer, text=chosen) if offered else decide(event, "once")]

    code, events = converse(spine, answers)
    assert code == 0
    [question] = of(events, "approval.asked", "tick")
    assert question["data"]["proposed"] == "these and the 3 items proposed, which say more than was proved"
    assert question["data"]["what"] == f"write {PLAN}: one byte each in 2 items; 3 items proposed beside"
    assert "“Anonymise” is none of the plain words" in question["data"]["detail"]
    assert ticked(spine) == PROVED | more
    summary = fold(read_events(spine.runs()[0]))
    assert f"{3 - len(more)} proposed" in render(summary, "md") or len(more) == 3
    proposed = json.loads(render(summary, "json"))["proposed"]
    assert [one["text"] for one in proposed] == [text for text in PROPOSED if text not in more]
    assert all(one["reason"] and one["line"] == line_of(spine, one["text"]) for one in proposed)


@pytest.mark.slow
def test_auto_ticks_what_is_proposed_only_where_the_project_says_so(
    spine: Spine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert drive(spine, "run") == 0
    assert ticked(spine) == PROVED
    summary = fold(read_events(spine.runs()[0]))
    assert sum(note.text.startswith("proposed, not ticked: ") for note in summary.notes) == 3
    where = ["--project", str(spine.root), "--spec", "ratings", "--phase", "1"]
    assert run_cli(["tick", "--json", *where]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [(one["text"], one["state"], one["ticked"]) for one in document["items"]] == [
        (text, "proposed", False) for text in PROPOSED
    ]
    assert run_cli(["tick", "--proved", *where]) == 0
    assert ticked(spine) == PROVED
    assert run_cli(["tick", "--proposed", *where]) == 0
    assert ticked(spine) == PROVED | {*PROPOSED}


@pytest.mark.slow
def test_with_the_setting_auto_ticks_it_too(spine: Spine) -> None:
    config = spine.root / "safemig.yaml"
    config.write_text(config.read_text() + "ticks: proposed\n")
    assert drive(spine, "run") == 0
    assert ticked(spine) == PROVED | {*PROPOSED}


@pytest.mark.slow
def test_a_no_to_nothing_but_proposals_refuses_nothing_of_the_run(spine: Spine) -> None:
    plan = spine.root / PLAN
    plan.write_text(plan.read_text().replace("Table `rating` exists", "Vacuum `rating`").replace("Apply", "Rehearse"))
    code, events = converse(
        spine, lambda e: [decide(e, "no" if e["data"].get("proposed") else "once")] if asked(e) else []
    )
    assert (code, events[-1]["data"]["verdict"]) == (0, "passed")
    assert len(of(events, "approval.asked", "tick")) == 1
    assert ticked(spine) == set()
