"""Finding words in the plan and the checklist, with the number of matches."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.widgets import Input

from tests.tui.screens import screen_text
from tests.tui.stage import stage
from tui.panes.checklist import ChecklistPane
from tui.panes.find_line import match_from, matches
from tui.panes.plan import PlanPane


@pytest.mark.parametrize(
    ("words", "found"), [("", []), ("run", [0, 2]), ("RUN tests", [0]), ("tests run", [0]), ("none", [])]
)
def test_all_words_count_in_any_order_and_case(words: str, found: list[int]) -> None:
    assert matches(["Run the tests", "Build", "run it"], words) == found


@pytest.mark.parametrize(
    ("at", "by", "index"),
    [(0, 0, 0), (2, 0, 0), (3, 0, 1), (2, 1, 1), (9, 1, 0), (5, 1, 2), (2, -1, 2), (7, -1, 1), (9, -1, 2)],
)
def test_the_next_match_begins_anew_at_the_end(at: int, by: int, index: int) -> None:
    assert match_from([2, 5, 7], at, by) == index


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_words_are_found_in_the_plan_by_title_and_command(tmp_path: Path, size: tuple[int, int]) -> None:
    async with stage(tmp_path, size) as s:
        plan = s.screen.query_one(PlanPane)
        await s.press("1", "space", "slash", *"make test")
        await s.shows("match 1 of 2:")
        assert plan.selected == "test"  # its group was folded
        await s.press("enter")
        assert plan.selected == "test-after"
        await s.press("down")
        await s.shows("match 1 of 2:")
        await s.press("up")
        assert plan.selected == "test-after"
        await s.press("escape")
        assert s.app.focused is plan
        assert "match" not in screen_text(s.app)
        await s.press("slash", *"zzz")
        await s.shows("no match:")
        assert plan.selected == "test-after"


async def test_words_are_found_in_the_checklist(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        pane = s.screen.query_one(ChecklistPane)
        await s.press("3", "slash", *"the")
        await s.shows("match 1 of 3:")
        await s.press("enter", "enter")
        await s.shows("match 3 of 3:")
        assert pane.view is not None
        assert pane.view.selected is not None
        assert pane.view.selected.item.text == "Add the endpoint"


async def test_what_is_typed_to_be_found_answers_no_question(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        s.run.ask("migrate")
        await s.play()
        await s.press("1", "slash", *"yna")
        assert isinstance(s.app.focused, Input)
        assert s.answers == []
