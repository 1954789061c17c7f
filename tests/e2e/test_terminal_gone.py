"""The screen goes away in the middle of a run: terminal closed, suspended, killed. The run is taken up every time."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psutil
import pytest

from safemig.journal.events import Event
from tests.e2e.terminal import ASKING, READY, RUN_SECONDS, Terminal, begin, choose_mode, needs_tmux, terminal
from tests.e2e.world import Demo, check_passed, demo

pytestmark = [pytest.mark.slow, needs_tmux]


def endings(world: Demo) -> list[Event]:
    """Each time that an engine has let go of the run."""
    return world.events("run.finished")


def check_waits(world: Demo, times: int, step: str) -> None:
    """Waits until the engine has let go for the n-th time: it has finished ``step`` and has begun nothing after it."""
    world.until(lambda: len(endings(world)) == times)
    assert endings(world)[-1].data["verdict"] == "waiting"
    assert endings(world)[-1].data["exit"] == 4
    last = [one for one in world.events() if one.kind in {"step.started", "step.finished"}][-1]
    assert (last.kind, last.step, last.data.get("status")) == ("step.finished", step, "done")


def app_in(screen: Terminal) -> psutil.Process:
    """The process of the screen: the one child of the shell in the terminal."""
    [child] = psutil.Process(int(screen.tell("pane_pid"))).children()
    return child


def engine_of(world: Demo) -> int:
    """The process id of the engine that works on the run."""
    return int(str([one for one in world.events() if one.kind in {"run.started", "run.resumed"}][-1].data["pid"]))


def test_closed_suspended_and_killed_in_one_run(tmp_path: Path) -> None:
    with demo(tmp_path / "demo", "process") as world:
        with terminal(world.folder, tmp_path / "first") as screen:
            begin(screen, "auto")
            screen.until(lambda: world.begun("start"))
            app, engine = app_in(screen), engine_of(world)
            screen.close()
            check_waits(world, 1, "start")
            world.until(lambda: not (app.is_running() or psutil.pid_exists(engine)), 30)

        with terminal(world.folder, tmp_path / "second") as screen:
            screen.safemig()
            screen.wait_for(f"Run {world.run.name} is not finished.", "r resume", "mode  default")
            choose_mode(screen, "auto")  # it goes on in the mode that the screen shows
            screen.keys("r")
            screen.until(lambda: world.begun("pending"))
            screen.wait_for("1 Plan", "mode  auto")
            screen.keys("C-z")
            screen.wait_for("Stopped", READY)
            assert screen.tell("alternate_on") == "0"
            check_waits(world, 2, "pending")
            screen.line("fg")
            screen.wait_for("1 Plan", "3 Checklist")
            screen.until(lambda: len(world.events("run.resumed")) == 2)
            screen.until(lambda: world.begun("test"))
            os.kill(app_in(screen).pid, signal.SIGKILL)
            check_waits(world, 3, "test")
            screen.wait_for("Killed", READY)

        check_passed(world, world.safemig("resume", "--json"))
        assert len(world.events("run.resumed")) == 3
        assert not world.events("approval.asked"), "after the kill, the mode stays what it was"


def test_run_from_elsewhere_is_watched_steered_and_taken_over(tmp_path: Path) -> None:
    """A run started without a screen: `safemig show` follows it, its keys reach the engine, and it can be taken up."""
    with demo(tmp_path / "demo", "process") as world, terminal(world.folder, tmp_path / "tmux") as screen:
        face = world.start("run", "--mode", "auto", "--json")
        world.until(lambda: world.begun("start") or face.poll() is not None)
        screen.safemig("show")
        screen.wait_for("1 Plan", "3 Checklist", "Start the service", "mode  auto")
        screen.keys("BTab")
        screen.until(lambda: [one.data["after"] for one in world.events("mode.changed")] == ["default"])
        screen.wait_for("mode  default", "WAITING", "r resume", seconds=RUN_SECONDS)
        assert face.wait(timeout=60) == 4, "it asks, and nobody is there who could answer"
        screen.keys("r")
        screen.wait_for(ASKING, "Apply the pending revisions")
        screen.keys("q")
        screen.wait_for("y leave")
        screen.keys("Enter")
        screen.keys("y")
        assert screen.exit_code() == 4
        screen.wait_for(f"resume: safemig resume {world.run.name}")
        assert {one.data["by"] for one in world.events("approval.given")} <= {"mode", "rule"}, "leaving is no answer"
        face.communicate()
