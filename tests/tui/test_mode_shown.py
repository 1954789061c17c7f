"""The mode that is shown is the one that holds: after a plan was approved as one, and where a run is taken up."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tui.screens import screen_text
from tests.tui.stage import PlayedFeed, stage
from tui import app


async def test_after_a_plan_was_approved_as_one_the_mode_says_so(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        given = {
            "id": "q1",
            "digest": "",
            "answer": "once",
            "by": "person",
            "rule": "",
            "reason": "",
            "title": "the plan",
        }
        s.run.add("approval.given", {**given, "digests": []})
        s.run.add("mode.changed", {"before": "plan", "after": "default", "by": "person"})
        await s.play()
        assert "mode  plan approved; additions are asked" in screen_text(s.app)
        s.run.add("mode.changed", {"before": "default", "after": "auto", "by": "person"})
        await s.play()
        assert "plan approved" not in screen_text(s.app)


async def test_a_run_is_taken_up_in_the_mode_that_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[tuple[str, str, str]] = []

    def feed(_options: object, command: str, mode: str, run: str = "") -> PlayedFeed:
        begun.append((command, mode, run))
        return PlayedFeed()

    monkeypatch.setattr(app, "engine_feed", feed)
    async with stage(tmp_path) as s:
        s.run.add("mode.changed", {"before": "default", "after": "auto", "by": "person"})
        await s.play()
        s.feed.code = 0
        s.app._drain()
        await s.press("shift+tab")
        assert "mode  default" in screen_text(s.app)
        await s.press("r")
        assert begun == [("resume", "default", s.app.summary.run)]
