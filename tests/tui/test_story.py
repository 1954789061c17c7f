"""The story of a run as a person sees it, screen by screen. The texts in goldens/story/ are to be read.

A text that is no longer there is written anew: delete it, run twice, and read what came out.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tui.screens import check_golden
from tests.tui.stage import Stage, stage

GOLDENS = Path(__file__).parent / "goldens" / "story"
SIZES = [(120, 40), (80, 24)]


@pytest.fixture(autouse=True)
def _still(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock stands: a step that runs has run for four seconds, the run for a minute and a half."""
    monkeypatch.setattr("tui.panes.plan.since", lambda _wall, _until="": 4.0)
    monkeypatch.setattr("tui.panes.header.since", lambda _wall, _until="": 90.0)


async def show(s: Stage, name: str) -> None:
    """Compares the screen with its text, once the log has drawn all that there is."""
    s.screen.panes.log.flush()
    await s.pilot.pause()
    width, height = s.app.size
    check_golden(s.app, GOLDENS / f"{name}-{width}x{height}.txt")


def begin(s: Stage) -> None:
    """Built, started, and the tests are running."""
    s.run.done("build", "start")
    s.run.see("container", {"services": {"api": {"state": "running", "health": "healthy"}}}, "start")
    s.run.see("revision", {"current": ["3f6c1a9d27b4"]}, "start")
    s.run.start_step("test")
    s.run.command("test", "collected 8 items\n\ntests/test_courses.py ....  [ 50%]\n", ended=False)


@pytest.mark.parametrize("size", SIZES)
async def test_the_tests_are_running(tmp_path: Path, size: tuple[int, int]) -> None:
    async with stage(tmp_path, size) as s:
        begin(s)
        await s.play()
        await show(s, "1-tests-running")


@pytest.mark.parametrize("size", SIZES)
async def test_the_migration_file_is_asked_about(tmp_path: Path, size: tuple[int, int]) -> None:
    async with stage(tmp_path, size) as s:
        begin(s)
        s.run.end_step("test")
        s.run.ask("create")
        await s.play()
        await show(s, "2-file-asked")
        await s.press("n", *"wrong_name")
        await show(s, "3-reason-typed")
        await s.press("escape", "d")
        await show(s, "4-details")


@pytest.mark.parametrize("size", SIZES)
async def test_the_whole_plan_is_asked_about_in_plan_mode(tmp_path: Path, size: tuple[int, int]) -> None:
    async with stage(tmp_path, size, "plan") as s:
        what = "build: Build the service\nmigrate: Migrate the database to b8bf1fd366a3"
        once = "these steps, as they stand here; what is added later is asked"
        s.run.ask("build", kind="plan", title="Run this plan", what=what, once=once, always="", tool="", detail="")
        await s.play()
        await show(s, "5-plan-asked")


@pytest.mark.parametrize("size", SIZES)
async def test_a_step_is_opened_after_the_run_has_failed(tmp_path: Path, size: tuple[int, int]) -> None:
    async with stage(tmp_path, size) as s:
        begin(s)
        s.run.end_step("test", "failed", 4.2, "make test ended with 2")
        s.run.finish("failed", 1, "Run the tests: make test ended with 2")
        await s.play()
        await show(s, "6-failed")
        await s.press("1", "g", "j", "j", "j", "enter")
        await show(s, "7-step-opened")


@pytest.mark.parametrize("size", SIZES)
async def test_the_checklist_is_at_hand(tmp_path: Path, size: tuple[int, int]) -> None:
    async with stage(tmp_path, size) as s:
        begin(s)
        await s.play()
        await s.press("3")
        await show(s, "8-checklist")
