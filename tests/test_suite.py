"""How the suite itself is run: what is left out is said, the slow tests come first, and the commands agree."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.suite import CACHE_KEY, slowest

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[1]
CONFTEST = """
from tests.suite import Suite

def pytest_configure(config):
    config.addinivalue_line("markers", "slow: -")
    config.addinivalue_line("markers", "integration: -")
    config.pluginmanager.register(Suite(config))
"""
TESTS = """
import pytest

@pytest.fixture
def postgres_server():
    return ""

def test_plain():
    pass

def test_on_a_server(postgres_server):
    pass

@pytest.mark.slow
def test_of_minutes():
    pass
"""


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A suite of three tests."""
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_small.py").write_text(TESTS)
    return tmp_path


def run(folder: Path, *options: str) -> str:
    """What pytest prints there."""
    command = [sys.executable, "-m", "pytest", "-v", f"--rootdir={folder}", *options, str(folder)]
    # What tells a child of pytest-xdist that it is a worker would reach this one, too.
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def names(printed: str) -> list[str]:
    return re.findall(r"::(test_\w+) PASSED", printed)


@pytest.mark.parametrize("workers", [(), ("-n", "2", "--dist", "worksteal")], ids=["alone", "two workers"])
def test_what_a_run_leaves_out_is_said(small: Path, workers: tuple[str, ...]) -> None:
    assert "tests left out: 1 (`make test-all` runs all)" in run(small, "-m", "not slow", *workers)
    assert "tests left out: 2 (" in run(small, "-m", "not slow and not integration", *workers)
    assert "left out" not in run(small, *workers)


def test_slow_tests_are_begun_first(small: Path) -> None:
    assert names(run(small)) == ["test_of_minutes", "test_plain", "test_on_a_server"]


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "two workers"])
def test_durations_of_earlier_runs_are_kept(small: Path, workers: tuple[str, ...]) -> None:
    run(small, "-m", "slow", *workers)
    run(small, "-m", "not slow", *workers)
    kept = json.loads((small / ".pytest_cache" / "v" / CACHE_KEY).read_text())
    assert sorted(name.partition("::")[2] for name in kept) == ["test_of_minutes", "test_on_a_server", "test_plain"]
    assert all(took > 0 for took in kept.values())


def test_a_run_that_keeps_nothing_ends_well(small: Path) -> None:
    assert len(names(run(small, "-p", "no:cacheprovider"))) == 3
    assert not (small / ".pytest_cache").exists()


def test_the_slowest_come_first_and_all_are_counted() -> None:
    assert slowest({"a": 1.0, "b": 60.25, "c": 2.0}, 2) == [
        "    60.25 s  b",
        "     2.00 s  c",
        "    63.25 s  all 3 tests that have been run here",
    ]


def options(target: str) -> str:
    """What `make TARGET` calls, without running it."""
    command = ["make", "--no-print-directory", "-n", "-o", ".venv/.installed", target]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    [line] = done.stdout.splitlines()
    return line.partition(" -m pytest ")[2]


def test_the_whole_suite_is_what_readme_names_and_what_ci_runs() -> None:
    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    [command] = re.findall(r"The test command is `make ([\w-]+)`", readme)
    assert f"make {command}" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert not re.search(r" -[mk] | --deselect| --ignore", f" {options(command)} ")
    for part in ("test", "quick"):
        assert options(part).startswith(f"{options(command)} -m "), part
        assert f"`make {part}`" in readme
