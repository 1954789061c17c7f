"""A step that waits, and one that is done and saw nothing good."""

from __future__ import annotations

import argparse
import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.tui.recorded import Recording
from tests.tui.screens import screen_text
from tests.tui.stage import stage
from tui.app import SafemigApp
from tui.bridge import JournalFeed
from tui.keys import Own


async def test_a_wait_says_on_the_screen_what_for_and_how_long(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        s.run.start_step("start")
        text = "waiting for the service to answer; its log ends with: loading the model"
        now = datetime.now(UTC).isoformat()
        s.run.add("progress", {"text": text, "urgent": False, "waited": 13.0, "left": 107.0}, "start", wall=now)
        await s.play()
        await s.shows("(13 s so far, at most 107 s more) waiting for the service to answer")
        assert "its log ends with: loading the model" in screen_text(s.app)
        assert "Start the service" in screen_text(s.app)  # the words do not push the step's title out
        await s.shows("(15 s so far, at most 105 s more)")  # the seconds go on between two words of the engine
        s.run.add("progress", {"text": "", "urgent": False}, "start")
        await s.play()
        assert "waiting for" not in screen_text(s.app)


@pytest.mark.parametrize(
    ("step", "reason"),
    [("test", "2 failed, 5 passed"), ("start", "the service did not answer at http://x within 120 s")],
)
async def test_what_is_done_and_saw_nothing_good_has_no_mark_of_success(tmp_path: Path, step: str, reason: str) -> None:
    async with stage(tmp_path) as s:
        s.run.start_step(step)
        s.run.end_step(step, reason=reason, not_good=True)
        await s.play()
        assert "! NOT GOOD " in screen_text(s.app)
        assert "✓" not in screen_text(s.app).split("After the change")[0]
        s.run.start_step("create")
        s.run.end_step("create", reason="wrote x.py")  # a remark alone is no fault
        await s.play()
        await s.shows("✓ Write the migration")


async def test_nothing_waits_any_more_when_the_engine_is_gone(tmp_path: Path) -> None:
    """As after a kill within a wait: no event takes its words back."""
    async with stage(tmp_path) as s:
        s.run.start_step("start")
        now = datetime.now(UTC).isoformat()
        s.run.add(
            "progress", {"text": "waiting for it", "urgent": False, "waited": 1.0, "left": 9.0}, "start", wall=now
        )
        await s.play()
        await s.shows("waiting for it")
        s.app.run_screen.attach(False, True)
        async with asyncio.timeout(20.0):
            while "waiting for it" in screen_text(s.app):
                await s.pilot.pause()


async def test_an_old_run_that_was_killed_within_a_wait_waits_for_nothing(tmp_path: Path) -> None:
    recorded = Recording(tmp_path)
    recorded.begin()
    recorded.start_step("start")
    recorded.add("progress", {"text": "waiting for it", "urgent": False, "waited": 1.0, "left": 9.0}, "start")
    app = SafemigApp(tmp_path, argparse.Namespace(project=str(tmp_path)), Own(), JournalFeed(recorded.folder))
    async with app.run_test(size=(120, 40)) as pilot:
        async with asyncio.timeout(20.0):
            while "NOT RUNNING" not in screen_text(app):
                await pilot.pause()
        assert "waiting for it" not in screen_text(app)
