"""Ctrl+C: the shell line's command, a change of the database after a question, else the running step."""

from __future__ import annotations

from pathlib import Path

import pytest

from checks.evidence import Json
from tests.tui.screens import screen_text
from tests.tui.stage import Stage, stage
from tui.panes.shell_input import ShellInput
from tui.screens.dialogs import StopScreen


def sent(s: Stage) -> list[str]:
    return [message.type for message in s.feed.sent]


def own_line(s: Stage, number: int, *, ended: bool = False) -> None:
    """The person's own line at work, or its end."""
    if ended:
        s.run.add("command.finished", {"number": number, "how": "stopped", "file": f"commands/{number:04}.output"}, "!")
        return
    started: dict[str, Json] = {
        "number": number,
        "line": "sleep 600",
        "cwd": ".",
        "output": f"commands/{number:04}.output",
    }
    s.run.add("command.started", {**started, "limit": 60.0, "by": "person"}, "!")


async def test_in_the_shell_line_it_ends_the_lines_command_and_not_the_run(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        s.run.start_step("migrate")
        await s.play()
        await s.press("exclamation_mark", *"sleep 600", "enter")
        own_line(s, 90)
        await s.play()
        await s.press("ctrl+c")
        assert sent(s) == ["shell", "shell_stop"]
        assert "ending what the shell line runs" in screen_text(s.app)
        own_line(s, 90, ended=True)
        await s.play()
        await s.press(*"ls -", "ctrl+c")
        assert s.screen.query_one(ShellInput).value == ""
        await s.press("ctrl+c")
        assert "nothing runs here; Esc leaves the line" in screen_text(s.app)
        assert sent(s) == ["shell", "shell_stop"]


async def test_outside_of_the_shell_line_it_is_for_the_run_whatever_the_line_runs(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        s.run.start_step("build")
        own_line(s, 90)
        await s.play()
        await s.press("exclamation_mark", "a", "escape", "ctrl+c")
        assert sent(s) == ["stop"]


@pytest.mark.parametrize("again", ["ctrl+c", "y"])
async def test_a_change_of_the_database_is_stopped_by_a_second_one_alone(tmp_path: Path, again: str) -> None:
    async with stage(tmp_path) as s:
        s.run.start_step("migrate")
        await s.play()
        for key in ("n", "escape"):
            await s.press("ctrl+c")
            assert isinstance(s.app.screen, StopScreen)
            assert "The database is being changed" in screen_text(s.app)
            await s.press("enter", "q", key)
            assert "The database is being changed" not in screen_text(s.app)
            assert sent(s) == []
        await s.press("ctrl+c", again)
        assert sent(s) == ["stop"]
        assert "stopping the running step" in screen_text(s.app)


async def test_an_answer_that_comes_after_the_change_stops_nothing_else(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        s.run.start_step("migrate")
        await s.play()
        await s.press("ctrl+c")
        s.run.done("migrate")
        s.run.start_step("test-after")
        await s.play()
        await s.press("y")
        assert sent(s) == []
        assert "nothing was stopped" in screen_text(s.app)
