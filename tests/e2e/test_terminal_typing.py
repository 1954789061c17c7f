"""Whoever types is left alone: a question never takes the focus, and no key that is meant for a text answers it."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from tests.e2e.terminal import ASKING, Terminal, begin, heading, leave_report, needs_tmux, terminal
from tests.e2e.world import Demo, demo

pytestmark = [pytest.mark.slow, needs_tmux]


def answers(world: Demo) -> list[tuple[str, object]]:
    """What was decided, and by whom."""
    return [(one.step, one.data["answer"]) for one in world.events("approval.given")]


def shell_lines(world: Demo) -> list[object]:
    """The person's own shell lines that have ended."""
    started = {one.data["number"]: one for one in world.events("command.started") if one.step == "!"}
    return [started[one.data["number"]].data["line"] for one in world.events("command.finished") if one.step == "!"]


def mode_is(world: Demo, name: str) -> bool:
    """Whether the mode was changed to that one last."""
    return [one.data["after"] for one in world.events("mode.changed")][-1:] == [name]


def check_still_asked(screen: Terminal, world: Demo, title: str, given: list[tuple[str, object]]) -> None:
    """The same question stands there, unanswered."""
    assert heading(screen.screen()) == title
    assert answers(world) == given


def test_typing_while_a_question_comes_up(tmp_path: Path) -> None:
    with demo(tmp_path / "demo", "process") as world, terminal(world.folder, tmp_path / "tmux") as screen:
        begin(screen, "default")
        screen.wait_for(ASKING, "Start PostgreSQL")
        screen.until(lambda: screen.tell("pane_title") == "safemig: ? Start PostgreSQL for this project")

        # Neither Enter nor Esc, nor Shift+Tab, nor a walk through the panes answers.
        screen.keys("Enter")
        screen.wait_for("Esc goes back")
        screen.keys("Escape")
        screen.wait_gone("Esc goes back")
        for key in ("Tab", "Space", "C-o", "Up", "Down", "Escape", "1"):
            screen.keys(key)
        for name in ("plan", "auto", "default"):
            screen.keys("BTab")
            screen.until(partial(mode_is, world, name))
        check_still_asked(screen, world, "Start PostgreSQL for this project", [])

        # The next question comes up in the middle of a line: the text stays, its keys answer nothing.
        screen.insist("y", lambda: answers(world))
        screen.type("!echo yand")  # in one go, as fast as a paste
        screen.wait_for(ASKING, "Build the service", "echo yand")
        screen.type("ytane")
        screen.wait_for("echo yandytane")
        screen.keys("BTab")
        screen.until(partial(mode_is, world, "plan"))
        screen.keys("Enter")
        screen.until(lambda: shell_lines(world) == ["echo yandytane"])
        screen.wait_for("│ yandytane")
        check_still_asked(screen, world, "Build the service", [("database", "once")])

        # Esc leaves the line and says nothing to the question; n asks for the reason, and Esc takes the no back.
        screen.keys("Escape")
        screen.wait_for("! shell")
        screen.insist("n", lambda: "no, because" in screen.screen())
        screen.keys("Escape")
        screen.wait_gone("no, because")
        check_still_asked(screen, world, "Build the service", [("database", "once")])

        # A no with its reason ends the run, and the report has the reason.
        screen.keys("n")
        screen.wait_for("no, because")
        screen.type("not on a Friday")
        screen.keys("Enter")
        screen.wait_for("REFUSED")
        screen.keys("R")
        screen.wait_for("save Markdown", "REFUSED")
        screen.keys("End")
        screen.wait_for("echo yandytane")
        assert leave_report(screen) == 1
        report = world.safemig("report").stdout
        assert "not on a Friday" in report
        assert "echo yandytane" in report
        assert answers(world)[1:] == [("build", "no")]
