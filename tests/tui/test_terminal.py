"""The main job with the keyboard alone, in a real terminal, on the demo: the three modes, closing, resuming, replaying."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from safemig.demo import DemoCopy, copy_demo
from tests.tui.terminal import SAFEMIG, Terminal, terminal

pytestmark = pytest.mark.slow
ENDED = ("PASSED", "FAILED", "REFUSED", "INTERRUPTED", "WAITING", "STALE")
RUNTIMES = [pytest.param("process"), pytest.param("docker", marks=pytest.mark.docker)]


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Callable[[str], DemoCopy]]:
    """A fresh copy of the demo; what it started is stopped afterwards."""
    made: list[DemoCopy] = []

    def make(runtime: str) -> DemoCopy:
        if runtime == "docker" and subprocess.run(["docker", "info"], capture_output=True, check=False).returncode:
            pytest.skip("no Docker Engine answers")
        made.append(copy_demo(tmp_path / "catalogue", "docker" if runtime == "docker" else "process"))
        return made[-1]

    yield make
    for copy in made:
        subprocess.run(["make", "clean"], cwd=copy.folder, capture_output=True, check=False, timeout=120)
        line = [str(SAFEMIG), "stop-database"]
        subprocess.run(line, cwd=copy.folder, capture_output=True, check=False, timeout=120)


def start(t: Terminal, mode: int) -> None:
    """`safemig`, the mode by Shift+Tab, Enter."""
    t.run(f"{SAFEMIG}; echo exit code $?")
    t.wait("Enter starts a run")
    for _ in range(mode):
        before = t.text.splitlines()[0]
        t.type("BTab")
        t.until(lambda text, before=before: text.splitlines()[0] != before, "another mode")  # type: ignore[misc]
    t.type("Enter")
    t.wait("1 Plan")


def ended(text: str) -> bool:
    """The header says how the run ended."""
    return any(word in text.splitlines()[1] for word in ENDED)


def question(text: str) -> str:
    """The title of the question at hand; "" when none is."""
    found = re.search(r"^ \? (.+?)(?:  |$)", text, re.M)
    return found[1].strip() if found and "n no, with a reason" in text else ""


def answer_all(t: Terminal, key: str, seconds: float = 240.0) -> list[str]:
    """Answers each question with ``key`` until the run ends; the titles in order."""
    asked: list[str] = []
    while not ended(
        text := t.until(lambda text: ended(text) or question(text) != "", "a question or the end", seconds)
    ):
        title = question(text)
        asked.append(title)
        if "more lines: d shows them" in text and "│ …" not in text:
            t.type("d")
            t.wait("Esc goes back")
            t.type("Escape")
            t.wait("n no, with a reason")
        _answer(t, key, title)
    return asked


def _answer(t: Terminal, key: str, title: str) -> None:
    """Presses until that question is gone: a key that comes too soon after it is not taken."""
    for _ in range(40):
        t.type(key)
        for _ in range(10):
            text = t.text
            if ended(text) or "1 Plan" in text and question(text) != title and "press again" not in text:
                return
    raise AssertionError(f"“{title}” was not answered; on the screen:\n{t.text}")


def leave(t: Terminal) -> str:
    """q, and what stands on the plain terminal then."""
    t.type("q")
    return t.wait("exit code")


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_default_mode_asks_for_each_change(runtime: str, demo: Callable[[str], DemoCopy]) -> None:
    copy = demo(runtime)
    with terminal(copy.folder) as t:
        start(t, 0)
        asked = answer_all(t, "y")
        text = t.text
        assert "PASSED" in text
        assert any(title.startswith("Write the migration") for title in asked)
        assert any(title.startswith("Migrate the database") for title in asked)
        t.type("3")
        t.wait("[x] Apply it with")
        t.type("R")
        report = t.wait("✓ GOOD")
        assert report.count("✓ GOOD") == 3
        t.type("Escape")
        t.wait("1 Plan")
        after = leave(t)
        assert "=== PASSED ===" in after
        assert "report: safemig report" in after
        assert "exit code 0" in after
        t.run("clear")
        t.run(f"{SAFEMIG} show; echo exit code $?")
        t.until(ended, "the replay")
        assert "PASSED" in t.text
        t.wait("[x] Apply it with")
        assert "exit code 0" in leave(t)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_plan_mode_asks_once_and_once_for_each_addition(runtime: str, demo: Callable[[str], DemoCopy]) -> None:
    copy = demo(runtime)
    with terminal(copy.folder) as t:
        start(t, 1)
        t.wait("Run this plan", "Run what is new in this plan")
        asked = answer_all(t, "y")
        assert "PASSED" in t.text
        assert not any(title.startswith("Migrate the database") for title in asked)
        assert "exit code 0" in leave(t)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_auto_mode_asks_nothing(runtime: str, demo: Callable[[str], DemoCopy]) -> None:
    copy = demo(runtime)
    with terminal(copy.folder, 80, 24) as t:
        start(t, 2)
        for size in ((40, 12), (200, 60), (80, 24)):
            t.resize(*size)
        assert answer_all(t, "y") == []
        assert "PASSED" in t.text
        assert "exit code 0" in leave(t)


def test_a_closed_terminal_leaves_a_run_that_is_taken_up_again(demo: Callable[[str], DemoCopy]) -> None:
    copy = demo("process")
    with terminal(copy.folder) as t:
        start(t, 2)
        t.wait("✓ Build the service", seconds=90)
    with terminal(copy.folder) as t:
        t.run(f"{SAFEMIG}; echo exit code $?")
        t.wait("is not finished")
        t.until(lambda text: "looking at services" not in text, "the look")
        t.type("r")
        t.until(lambda text: "1 Plan" in text and ended(text) and "PASSED" in text, "the end of the run", 240)
        assert "exit code 0" in leave(t)


def test_ctrl_z_lets_the_step_end_and_fg_goes_on(demo: Callable[[str], DemoCopy]) -> None:
    copy = demo("process")
    with terminal(copy.folder) as t:
        t.run("exec bash --norc")
        start(t, 2)
        t.wait("▶ ")
        t.type("C-z")
        t.wait("Stopped")
        runs = copy.root / ".safemig" / "runs"
        t.until(
            lambda _text: any('"waiting"' in path.read_text() for path in runs.glob("*/events.jsonl")),
            "the engine waiting",
        )
        t.run("clear")
        t.run("fg")
        t.until(lambda text: "1 Plan" in text and ended(text) and "PASSED" in text, "the end of the run", 240)
        leave_text = leave(t) if "exit code" not in t.text else t.text
        assert "=== PASSED ===" in leave_text


def test_a_stopped_run_ends_with_130(demo: Callable[[str], DemoCopy]) -> None:
    copy = demo("process")
    with terminal(copy.folder) as t:
        start(t, 0)
        t.until(lambda text: question(text) != "", "a question")
        t.type("C-c")
        t.until(ended, "the stop")
        assert "INTERRUPTED" in t.text
        after = leave(t)
        assert "resume: safemig resume" in after
        assert "exit code 130" in after
