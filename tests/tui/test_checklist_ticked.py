"""The checklist pane while the run ticks the file that it shows."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tests.tui.screens import screen_text
from tests.tui.test_checklist_pane import PLAN, Small, edit, opened, text_of


@pytest.mark.parametrize("told_first", [True, False])
async def test_the_ticks_of_the_run_are_no_change_from_elsewhere(tmp_path: Path, told_first: bool) -> None:
    root = tmp_path
    (root / "specs").mkdir()
    (root / "specs/plan.md").write_text(PLAN, encoding="utf-8")
    async with Small(root).run_test() as pilot:
        app = await opened(pilot)
        edit(root, "[ ] Add the endpoint", "[x] Add the endpoint")
        after = hashlib.sha256(text_of(root).encode()).hexdigest()
        if not told_first:  # the pane's own look was before the run's event
            app.pane.look_again()
            await pilot.pause()
            assert "changed elsewhere" in screen_text(app)
        app.pane.look_again(after)
        await pilot.pause()
        assert "[x] Add the endpoint" in screen_text(app)
        assert "changed elsewhere" not in screen_text(app)
