"""All runs: which there are, the filter, and what can be done with each. And how the start names those that wait."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

import pytest

from checks.evidence import Json
from safemig.base.moments import minute
from safemig.cli.runs import rows
from tests.tui.recorded import RUN, Recording
from tests.tui.screens import screen_text
from tests.tui.test_start import PROJECT, WORLD, Stage
from tui.app import SafemigApp
from tui.keys import Own
from tui.screens.report import ReportScreen
from tui.screens.runs import RunsScreen
from tui.screens.start import StartScreen


def run(number: int, verdict: str = "waiting", **more: Json) -> dict[str, Json]:
    """A run as the look tells of it; the higher its number, the newer."""
    known: dict[str, Json] = {
        "run": f"2026030{number}-101500-ab12",
        "began": f"2026-03-0{number}T10:15:00.000+00:00",
        "mode": "default",
        "verdict": verdict,
        "resumable": verdict == "waiting",
        "spec": "specs/01_ratings_plan.md",
        "phase": "1",
        "reason": f"an answer is needed: question {number}" if verdict == "waiting" else "",
    }
    return known | more


ENDED = [run(1), run(2, "passed"), run(3, "failed", mode="auto")]


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_the_newest_runs_that_wait_are_named_at_the_start(tmp_path: Path, size: tuple[int, int]) -> None:
    """As after several headless runs that nobody answered."""
    app = Stage(tmp_path)
    runs: Json = [run(1), run(2, "passed"), run(3), run(4), run(5), run(6, "failed")]
    async with app.run_test(size=size) as pilot:
        app.start_screen.show_look(PROJECT | WORLD | {"runs": runs})
        await pilot.pause()
        text = screen_text(app)
        for number in (5, 4, 3):
            assert f"Run 2026030{number}-101500-ab12 is not finished." in text
            assert f"question {number}" in text
        assert "4 runs not finished; 1 more; l lists all runs" in text
        assert "20260302" not in text  # a run that has ended waits for nobody


async def test_one_run_that_waits_needs_no_list(tmp_path: Path) -> None:
    app = Stage(tmp_path)
    async with app.run_test(size=(100, 30)) as pilot:
        app.start_screen.show_look(PROJECT | WORLD | {"runs": [run(1), run(2, "passed")]})
        await pilot.pause()
        assert "Run 20260301-101500-ab12 is not finished.  r resume" in screen_text(app)
        assert "runs not finished" not in screen_text(app)


async def test_the_list_shows_all_filters_and_counts(tmp_path: Path) -> None:
    app = Stage(tmp_path)
    async with app.run_test(size=(120, 30)) as pilot:
        app.start_screen.show_look(PROJECT | WORLD | {"runs": [*ENDED]})
        await pilot.press("l")
        await pilot.pause()
        lines = screen_text(app).splitlines()
        assert lines[0].split() == ["3", "runs", "mode", "default"]
        assert [line.split()[2] for line in lines[1:4]] == ["failed", "passed", "waiting"]  # the newest first
        assert minute("2026-03-03T10:15:00.000+00:00") in lines[1]
        await pilot.press("slash", *"auto")
        await pilot.pause()
        lines = screen_text(app).splitlines()
        assert lines[0].strip().startswith("1 of 3 runs  with “auto”")
        assert "failed" in lines[1]
        await pilot.press("enter", "escape")
        await pilot.pause()
        assert screen_text(app).splitlines()[0].strip().startswith("3 runs")
        await pilot.press("escape")
        await pilot.pause()
        assert isinstance(app.screen, StartScreen)


@pytest.mark.parametrize(
    ("keys", "asked"),
    [
        (["enter"], [("show", "20260303-101500-ab12")]),
        (["j", "j", "r"], [("resume", "20260301-101500-ab12")]),
        (["r"], []),  # it has failed: nothing takes it up
    ],
)
async def test_a_run_is_shown_or_taken_up(tmp_path: Path, keys: list[str], asked: list[tuple[str, str]]) -> None:
    app = Stage(tmp_path)
    async with app.run_test(size=(100, 30)) as pilot:
        app.start_screen.show_look(PROJECT | WORLD | {"runs": [*ENDED]})
        await pilot.press("l", *keys)
        await pilot.pause()
        assert app.asked == asked


async def test_abandoning_takes_a_second_key_on_the_same_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = Stage(tmp_path)
    done: list[list[str]] = []

    async def do(words: list[str], _done: str) -> None:
        done.append(words)

    async with app.run_test(size=(100, 30)) as pilot:
        monkeypatch.setattr(app.start_screen, "_do", do)
        app.start_screen.show_look(PROJECT | WORLD | {"runs": [run(1), run(2)]})
        await pilot.press("l", "x", "j", "x")
        await pilot.pause()
        assert done == []
        assert "press x again to abandon run 20260301-101500-ab12" in screen_text(app)
        await pilot.press("x")
        await pilot.pause()
        assert done == [["show", "--abandon", "20260301-101500-ab12"]]


async def test_the_report_of_any_run_opens(tmp_path: Path) -> None:
    recorded = Recording(tmp_path)
    recorded.begin()
    recorded.finish("passed")
    app = Stage(tmp_path)
    async with app.run_test(size=(100, 30)) as pilot:
        app.start_screen.show_look(PROJECT | WORLD | {"runs": [run(1, "passed", run=RUN)]})
        await pilot.press("l", "R")
        await pilot.pause()
        assert isinstance(app.screen, ReportScreen)
        assert "PASSED" in screen_text(app)
        await pilot.press("escape")
        await pilot.pause()
        assert isinstance(app.screen, RunsScreen)


@pytest.mark.parametrize("forged", ['{"x": 1}', '{"seq": 3, "kind": "run.finished", "data": {"verdict": "passed"}}'])
async def test_what_another_program_wrote_into_a_journal_is_not_reported(tmp_path: Path, forged: str) -> None:
    recorded = Recording(tmp_path)
    recorded.begin()
    with (recorded.folder / "events.jsonl").open("a", encoding="utf-8") as journal:
        journal.write(forged + "\n")
    known = rows(tmp_path / ".safemig")
    assert [row["resumable"] for row in known] == [False]
    app = Stage(tmp_path)
    async with app.run_test(size=(160, 30)) as pilot:
        app.start_screen.show_look(PROJECT | WORLD | {"runs": [*known]})
        await pilot.pause()
        assert "r resume" not in screen_text(app)
        await pilot.press("l")
        await pilot.pause()
        assert "left out: line 4 of" in screen_text(app)
        await pilot.press("R")
        await pilot.pause()
        assert isinstance(app.screen, ReportScreen)
        assert "only a part of the journal is shown: line 4 of" in screen_text(app)
        assert "PASSED" not in screen_text(app)


async def test_the_next_x_at_the_start_abandons_no_run_that_nobody_was_asked_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = Stage(tmp_path)
    done: list[list[str]] = []

    async def do(words: list[str], _done: str) -> None:
        done.append(words)

    async with app.run_test(size=(100, 30)) as pilot:
        monkeypatch.setattr(app.start_screen, "_do", do)
        app.start_screen.show_look(PROJECT | WORLD | {"runs": [run(1), run(2)]})
        await pilot.press("x")
        app.start_screen.show_look(PROJECT | WORLD | {"runs": [run(1), run(2), run(3)]})
        await pilot.press("x")
        await pilot.pause()
        assert done == []
        await pilot.press("l", "escape", "x")
        await pilot.pause()
        assert done == []
        await pilot.press("x")
        await pilot.pause()
        assert done == [["show", "--abandon", "20260303-101500-ab12"]]


async def test_the_mode_in_which_a_run_would_go_on_is_shown_in_the_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(StartScreen, "begin_look", lambda _screen: None)
    app = SafemigApp(tmp_path, argparse.Namespace(project=str(tmp_path)), Own())
    async with app.run_test(size=(100, 30)) as pilot:
        app.push_screen(RunsScreen(tmp_path, [run(1)], app.start_mode))
        for mode in ("default", "plan", "auto"):
            async with asyncio.timeout(20.0):
                while f"mode  {mode}" not in screen_text(app):
                    await pilot.pause()
            assert app.start_mode == mode
            await pilot.press("shift+tab")
