"""The checklist pane while the run ticks the file that it shows."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tests.tui.screens import screen_text
from tests.tui.test_checklist_pane import FIRST, GREEN, PLAN, SECOND, Small, edit, opened, text_of


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


PROOF = "table course_rating was made; but “Agree” is none of the plain words"


async def test_p_ticks_what_is_proposed_in_the_phase_at_hand_and_t_does_not(tmp_path: Path) -> None:
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs/plan.md").write_text(PLAN, encoding="utf-8")
    async with Small(tmp_path).run_test(size=(120, 30)) as pilot:
        app = await opened(pilot)
        app.pane.prove({FIRST}, {FIRST: "it was written", SECOND: f"proposed: {PROOF}", GREEN: f"proposed: {PROOF}"})
        await pilot.pause()
        assert "›+[ ] Create the migration" in screen_text(app)
        assert " ?[ ] Apply it with" in screen_text(app)
        assert "? 1 proposed: P" in screen_text(app)
        await pilot.press("j")
        await pilot.pause()
        assert f"proposed: {PROOF}" in screen_text(app)
        await pilot.press("T")
        await pilot.pause()
        assert [asked.lines for asked in app.asked] == [(FIRST,)]
        await pilot.press("P")
        await pilot.pause()
        assert [asked.lines for asked in app.asked] == [(FIRST,), (SECOND,)]
        assert "[ ] `make test`" in text_of(tmp_path)
        assert f"evidence: {PROOF}" in screen_text(app)
        await pilot.press("P")
        await pilot.pause()
        assert len(app.asked) == 2
        assert "nothing that is proposed is still open" in screen_text(app)
