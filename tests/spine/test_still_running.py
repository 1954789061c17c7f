"""Whole runs with a command that returns and leaves something running: a migration must not, tests may."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import psutil
import pytest

from safemig.engine.still_running import _changes
from safemig.execution.command import MARK, marked
from safemig.execution.process_tree import of_run
from safemig.journal.events import Event
from safemig.journal.journal import read_events
from safemig.planning.plan import Step
from tests.spine.project import MAKEFILE, PLAIN_PYTEST, Spine, make_project, remove_project

DRIVER = Path(__file__).with_name("driver.py")
LEAVES = "\tnohup sleep 300 > /dev/null 2>&1 &\n"
UPGRADE, TESTS = "\t$(PY) -m alembic upgrade head\n", "\t$(PY) -m pytest -q -p no:cacheprovider tests\n"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Where the project is made; nothing that carries a mark of its runs lives on."""
    yield tmp_path / "project"
    runs = {path.name for path in (tmp_path / "project/.safemig/runs").iterdir()}
    for process in psutil.process_iter():
        if marked(process).rpartition("/")[0] in runs:
            process.kill()


def run(spine: Spine) -> tuple[Event, ...]:
    environment = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "PYTHONPATH": str(DRIVER.parents[2]),
        "HOME": str(spine.root),
        "XDG_STATE_HOME": os.environ["XDG_STATE_HOME"],
        **PLAIN_PYTEST,
    }
    line = [sys.executable, "-P", str(DRIVER), str(spine.root), "run", ""]
    subprocess.run(line, stdin=subprocess.DEVNULL, capture_output=True, timeout=180, check=False, env=environment)
    return read_events(spine.runs()[-1])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("recipe", "verdict"),
    [(UPGRADE, "failed"), (TESTS, "passed")],
)
def test_what_a_command_leaves_running_is_told(folder: Path, recipe: str, verdict: str) -> None:
    spine = make_project(folder, makefile=MAKEFILE.replace(recipe, recipe + LEAVES))
    try:
        events = run(spine)
        end = events[-1].data
        told = [str(event.data["text"]) for event in events if event.kind == "note"] + [str(end["reason"])]
        assert end["verdict"] == verdict, end["reason"]
        assert ("- [x]" in (folder / "docs/ratings_plan.md").read_text()) is (verdict == "passed")
        still = [text for text in told if "still runs at the end of the run: sleep (pid" in text]
        assert still and len(still) == len(set(still)), told
    finally:
        remove_project(spine)


def test_the_processes_of_a_run_are_known_by_their_mark() -> None:
    child = subprocess.Popen(["sleep", "60"], env={MARK: "a run/7", "PATH": "/usr/bin:/bin"})
    other = subprocess.Popen(["sleep", "60"], env={MARK: "a run of another/7", "PATH": "/usr/bin:/bin"})
    try:
        assert of_run("a run") == {7: (f"sleep (pid {child.pid})",)}
        assert of_run("a run", service=[child.pid]) == {}
    finally:
        for process in (child, other):
            process.kill()
            process.wait()


@pytest.mark.parametrize(
    ("intent", "applies", "changes"),
    [
        ("upgrade", (), True),
        ("test", ("1a2b",), True),
        ("test", (), False),
        ("build", ("1a2b",), False),
        ("start", ("1a2b",), False),
        ("service", (), False),
    ],
)
def test_only_what_applies_revisions_must_not_go_on(intent: str, applies: tuple[str, ...], changes: bool) -> None:
    assert _changes(cast(Step, SimpleNamespace(intent=intent, applies=applies))) is changes
