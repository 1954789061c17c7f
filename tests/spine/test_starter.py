"""The terminal or the process that started a headless run is gone: the step in flight ends, and the run with it."""

from __future__ import annotations

import json
import os
import pty
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from safemig import entry
from safemig.journal.events import Event
from safemig.journal.journal import read_events
from tests.spine.project import Spine, make_project, remove_project
from tests.trusting import trusting

pytestmark = pytest.mark.slow

SAFEMIG = [sys.executable, "-P", str(Path(entry.__file__))]
SLOW = "build:\n\techo build >> calls.log; while [ ! -e go ]; do sleep 0.05; done\n"


@pytest.fixture
def spine(tmp_path: Path) -> Iterator[Spine]:
    """A project whose first command runs until the test lets it end."""
    project = make_project(tmp_path / "project")
    makefile = project.root / "Makefile"
    makefile.write_text(makefile.read_text().replace("build:\n\techo build >> calls.log\n", SLOW))
    yield project
    (project.root / "go").touch()
    remove_project(project)


def until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.05)


def events(spine: Spine, kind: str) -> list[Event]:
    return [each for run in runs(spine) for each in read_events(run) if each.kind == kind]


def runs(spine: Spine) -> list[Path]:
    folder = spine.root / ".safemig" / "runs"
    return sorted(folder.iterdir()) if folder.is_dir() else []


def safemig(spine: Spine, *words: str) -> list[str]:
    trusting(spine.root)
    return [*SAFEMIG, *words, "--project", str(spine.root)]


def shell_around(spine: Spine, *words: str) -> subprocess.Popen[bytes]:
    """A shell that runs safemig and would go on afterwards, as a job of a build server does."""
    line = f"{shlex.join(safemig(spine, *words))} >out.txt 2>&1; echo over"
    return subprocess.Popen(["sh", "-c", line], cwd=spine.root, stdin=subprocess.DEVNULL, start_new_session=True)


def child_of(shell: subprocess.Popen[bytes]) -> psutil.Process:
    [child] = psutil.Process(shell.pid).children()
    return child


def let_go(spine: Spine) -> None:
    """The step in flight may end, and the run after it."""
    (spine.root / "go").touch()
    until(lambda: events(spine, "run.finished"))


def check_interrupted(spine: Spine) -> None:
    [ended] = events(spine, "run.finished")
    assert (ended.data["verdict"], ended.data["exit"]) == ("interrupted", 130)
    assert "started this run is gone" in str(ended.data["reason"])
    assert "--detach" in str(ended.data["reason"])
    done = [(each.step, each.data["status"]) for each in events(spine, "step.finished")]
    assert done[-1] == ("build", "done"), "the step in flight has ended as it would have"
    assert spine.calls() == ["build"]


def check_goes_on(spine: Spine) -> None:
    done = subprocess.run(safemig(spine, "resume", "--json"), capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["verdict"] == "passed"
    assert spine.calls().count("build") == 1


@pytest.mark.parametrize(("whom", "command"), [("parent", "run"), ("itself", "run"), ("parent", "run --events")])
def test_a_killed_starter_ends_the_run_after_the_step_in_flight(spine: Spine, whom: str, command: str) -> None:
    shell = shell_around(spine, *command.split(), "--mode", "auto")
    until(lambda: spine.calls() == ["build"])
    face = child_of(shell)
    os.kill(shell.pid if whom == "parent" else face.pid, signal.SIGKILL)
    if whom == "parent":
        shell.wait()
    let_go(spine)
    check_interrupted(spine)
    check_goes_on(spine)


def test_a_closed_terminal_ends_the_run_after_the_step_in_flight(spine: Spine) -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(SAFEMIG[0], safemig(spine, "run", "--mode", "auto"))
    until(lambda: spine.calls() == ["build"])
    os.close(terminal)
    os.waitpid(pid, 0)
    let_go(spine)
    check_interrupted(spine)


@pytest.mark.parametrize("command", ["run", "resume"])
def test_a_detached_run_goes_on(spine: Spine, command: str) -> None:
    if command == "resume":
        shell = shell_around(spine, "run", "--mode", "auto")
        until(lambda: spine.calls() == ["build"])
        shell.kill()
        shell.wait()
        let_go(spine)
    shell = shell_around(spine, command, "--detach", *(["--mode", "auto"] if command == "run" else []))
    until(lambda: spine.calls() == ["build"] if command == "run" else "test" in spine.calls())
    face = child_of(shell)
    for pid in (shell.pid, face.pid):
        os.kill(pid, signal.SIGKILL)
    shell.wait()
    (spine.root / "go").touch()
    until(lambda: [each.data["verdict"] for each in events(spine, "run.finished")][-1:] == ["passed"], 120)
