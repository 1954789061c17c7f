"""Projects without a Makefile run to PASSED by what follows from their files."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import psutil
import pytest

from tests.e2e.test_demo_docker import missing
from tests.e2e.without_makefile import DOCKER, PROCESS, Shape, make_shape
from tests.e2e.world import LINE, RUN_SECONDS
from tests.python_tools import TOOLS, use_tool
from tests.trusting import trusting

RUN = ["run", "--mode", "auto", "--json"]


def safemig(shape: Shape, *words: str) -> subprocess.CompletedProcess[str]:
    """`safemig WORDS` on the project."""
    line = [*LINE, *words, "--project", str(shape.root)]
    return subprocess.run(
        line, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=RUN_SECONDS, check=False
    )


def end_service(shape: Shape) -> None:
    """The server that the start keeps in its foreground, and the project's PostgreSQL."""
    for process in psutil.process_iter():
        try:
            here = process.environ().get("SAFEMIG_COMMAND", "") and process.cwd() == str(shape.root)
        except psutil.Error:
            continue
        if here:
            process.kill()
    safemig(shape, "stop-database")


def check_passed(shape: Shape) -> None:
    trusting(shape.root)
    planned = safemig(shape, "plan")
    assert shape.migrate in planned.stdout
    ended = safemig(shape, *RUN)
    assert ended.returncode == 0, ended.stderr[-3000:]
    report = json.loads(ended.stdout)
    assert report["verdict"] == "passed"
    assert all(signal["ok"] for signal in report["signals"].values())


@pytest.mark.slow
@pytest.mark.parametrize("kind", PROCESS)
def test_as_processes(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if kind in TOOLS:
        use_tool(kind, monkeypatch)
    shape = make_shape(tmp_path / "courses", kind)
    try:
        check_passed(shape)
    finally:
        end_service(shape)


@pytest.mark.slow
@pytest.mark.docker
@pytest.mark.parametrize("kind", DOCKER)
def test_in_containers(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if why := missing():
        pytest.skip(why)
    name = f"courses{os.getpid()}{DOCKER.index(kind)}"
    monkeypatch.setenv("COMPOSE_PROJECT_NAME", name)
    shape = make_shape(tmp_path / name, kind)
    try:
        check_passed(shape)
    finally:
        shape.remove()


@pytest.mark.slow
def test_what_is_declared_and_not_there_is_installed_once_the_tests_are_red(tmp_path: Path) -> None:
    """The build installs one file of requirements, the tests need what the other one declares."""
    shape = make_shape(tmp_path / "courses", "environment")
    with (shape.root / "safemig.yaml").open("a") as file:
        file.write("commands: {build: .venv/bin/pip install -r requirements.txt}\n")
    try:
        check_passed(shape)
        assert list((shape.root / ".venv").glob("lib/*/site-packages/pytest/__init__.py"))
    finally:
        end_service(shape)
