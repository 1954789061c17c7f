"""Two checkouts whose folders have one name are one project for compose: no step reaches the other one's containers."""

from __future__ import annotations

import argparse
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from safemig.cli.opening import open_project
from safemig.engine import preconditions
from safemig.engine.session import RunEnds
from tests.e2e.world import LINE
from tests.safemig.bad_projects import write
from tests.safemig.composed import needs_docker
from tests.safemig.starting import before_start
from tests.trusting import trusting

pytestmark = [*needs_docker, pytest.mark.slow]
COMPOSE = """\
services:
  api:
    image: python:3.12-slim
    command: python -m http.server 8000
    stop_grace_period: 0s
  db:
    image: postgres:15
    environment: {POSTGRES_USER: course, POSTGRES_PASSWORD: secret, POSTGRES_DB: course}
    tmpfs: [/var/lib/postgresql/data]
"""


def make(root: Path) -> Path:
    write(root, "compose.yaml", COMPOSE)
    write(root, "alembic.ini", "[alembic]\nscript_location = alembic\n")
    write(root, "alembic/env.py", "")
    write(root, "alembic/versions/.keep", "")
    commands = "commands: {start: docker compose up -d, migrate: docker compose exec -T api true}\n"
    write(root, "safemig.yaml", f"runtime: docker\nservice: api\ndatabase: {{service: db}}\n{commands}")
    return root


@pytest.fixture
def checkouts(tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    """The first of them runs."""
    name = f"smtwice{uuid.uuid4().hex[:8]}"
    first, second = make(tmp_path / "one" / name), make(tmp_path / "two" / name)
    subprocess.run(["docker", "compose", "up", "-d", "api"], cwd=first, check=True, capture_output=True)
    yield first, second
    subprocess.run(["docker", "compose", "down", "-v", "-t", "0"], cwd=first, check=False, capture_output=True)


def container(root: Path) -> str:
    line = ["docker", "compose", "ps", "-q", "api"]
    return subprocess.run(line, cwd=root, check=True, capture_output=True, text=True).stdout.strip()


async def test_a_command_is_refused_with_both_folders(checkouts: tuple[Path, Path]) -> None:
    first, second = checkouts
    before = container(first)
    started = before_start(second)
    with pytest.raises(RunEnds) as ends:
        await preconditions.check(started.session, started.step)
    assert ends.value.verdict == "refused"
    assert str(first) in ends.value.reason
    assert str(second) in ends.value.reason
    trusting(second)
    line = [*LINE, "run", "--mode", "auto", "--json", "--project", str(second)]
    ended = subprocess.run(line, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=120)
    assert ended.returncode == 1
    assert str(first) in ended.stderr
    assert container(first) == before


async def test_its_own_containers_and_those_of_another_name_are_none(
    checkouts: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = checkouts
    started = before_start(first)
    await preconditions.check(started.session, started.step)
    monkeypatch.setenv("COMPOSE_PROJECT_NAME", f"{second.name}x")
    assert open_project(argparse.Namespace(project=str(second), command="run")).runtime.elsewhere() == ""
