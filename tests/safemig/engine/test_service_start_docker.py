"""A start of containers: the one that answers afterwards is the one that was built and started, or it is told."""

from __future__ import annotations

import argparse
import os
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from safemig.cli.opening import open_project
from safemig.engine.ownership import files_of, mark_of
from safemig.engine.service_start import wait_database
from safemig.engine.session import RunEnds
from safemig.execution import command
from tests.safemig.bad_projects import write
from tests.safemig.composed import needs_docker
from tests.safemig.starting import before_start
from tests.spine.project import FIRST

pytestmark = [*needs_docker, pytest.mark.slow]

COMPOSE = """\
services:
  api:
    {source}
    stop_grace_period: 0s
    {more}
    ports: ["127.0.0.1::8000"]
  db:
    image: postgres:15
    environment: {{POSTGRES_USER: course, POSTGRES_PASSWORD: secret, POSTGRES_DB: course}}
    tmpfs: [/var/lib/postgresql/data]
"""
MAKEFILE = """\
start:
{recipe}
build:
\tdocker compose build api
migrate:
\tdocker compose exec -T api alembic upgrade head
"""
DOCKERFILE = "FROM python:3.12-slim\nCOPY server.py /server.py\n{slow}CMD python -u /server.py\n"
SERVER = """\
import http.server
print("{word}")
http.server.test(http.server.SimpleHTTPRequestHandler, port=8000, bind="0.0.0.0")
"""
MOUNTED = 'image: python:3.12-slim\n    command: python -u /srv/server.py\n    volumes: [".:/srv:ro"]'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of its own name, for containers that are gone afterwards with their images."""
    monkeypatch.setenv("DOCKER_BUILDKIT", "0")  # builds from the images of this machine, without asking a registry
    root = tmp_path / f"smstart{uuid.uuid4().hex[:8]}"
    root.mkdir()
    yield root
    subprocess.run(
        ["docker", "compose", "down", "-v", "-t", "0", "--rmi", "local"], cwd=root, check=False, capture_output=True
    )


def make(
    root: Path, recipe: str, *, source: str = "build: .", more: str = "", word: str = "old", slow: str = ""
) -> None:
    write(root, "compose.yaml", COMPOSE.format(source=source, more=more))
    write(root, "Makefile", MAKEFILE.format(recipe="".join(f"\t{line}\n" for line in recipe.split("\n"))))
    write(root, "Dockerfile", DOCKERFILE.format(slow=slow))
    write(root, "server.py", SERVER.format(word=word))
    write(root, "alembic.ini", "[alembic]\nscript_location = alembic\n")
    write(root, "alembic/env.py", "")
    write(root, "alembic/versions/.keep", "")
    write(root, "safemig.yaml", "runtime: docker\nservice: api\ndatabase: {service: db}\ntimeouts: {start: 120}\n")


def compose(root: Path, *words: str) -> None:
    environment = {**os.environ, "DOCKER_BUILDKIT": "0"}
    subprocess.run(["docker", "compose", *words], cwd=root, check=True, capture_output=True, env=environment)


def container(root: Path) -> str:
    return open_project(argparse.Namespace(project=str(root), command="status")).runtime.instances()["api"].id


async def test_a_detached_start_that_builds_is_waited_for_while_the_old_container_answers(folder: Path) -> None:
    make(folder, "docker compose up -d --build")
    compose(folder, "up", "-d", "--build")
    old = container(folder)
    make(folder, "docker compose up --build -d", word="new", slow="RUN sleep 6\n")
    started = before_start(folder)
    assert await started.reason() == ""
    assert started.how == "exit"
    assert container(folder) != old


async def test_a_start_that_waits_for_health_is_waited_for(folder: Path) -> None:
    check = 'healthcheck: {test: ["CMD-SHELL", "test $$(cut -d. -f1 /proc/uptime) -gt 0 && sleep 3"], interval: 1s}'
    make(folder, "docker compose up --wait -d", source=MOUNTED, more=check)
    started = before_start(folder)
    assert await started.reason() == ""
    assert started.how == "exit"
    assert started.session.runtime.describe()["api"] == "running, healthy, image python:3.12-slim"


async def test_a_container_that_was_not_recreated_is_not_the_service(folder: Path) -> None:
    make(folder, "docker compose start")
    compose(folder, "up", "-d", "--build")
    make(folder, "docker compose start", word="new")
    compose(folder, "build", "api")
    reason = await before_start(folder).reason()
    assert "api still runs the image" in reason
    assert "what answers is the service of before" in reason


async def test_a_container_that_exits_is_told_at_once(folder: Path) -> None:
    make(folder, "docker compose up -d", source=MOUNTED)
    write(folder, "server.py", "raise SystemExit('no shelf to stand on')\n")
    began = time.monotonic()
    started = before_start(folder)
    reason = await started.reason()
    assert "api has ended (exit code 1); its last lines: no shelf to stand on" in reason
    assert time.monotonic() - began < 60  # the database's first start is in it


async def test_a_container_that_is_started_again_and_again_is_told(folder: Path) -> None:
    make(folder, "docker compose up -d", source=MOUNTED, more="restart: always")
    write(folder, "server.py", "raise SystemExit('no shelf to stand on')\n")
    reason = await before_start(folder).reason()
    assert "api ends and is started again and again" in reason
    assert "no shelf to stand on" in reason


async def test_a_database_that_exits_is_told_at_once_where_it_is_started_alone(folder: Path) -> None:
    make(folder, "docker compose up -d", source=MOUNTED)
    text = (folder / "compose.yaml").read_text()
    (folder / "compose.yaml").write_text(text.replace("POSTGRES_PASSWORD: secret, ", ""))
    compose(folder, "up", "-d", "db")
    began = time.monotonic()
    started = before_start(folder)
    with pytest.raises(RunEnds, match=r"container db has ended \(exit code 1\); its last lines: .*password"):
        await wait_database(started.session, started.step)
    assert time.monotonic() - began < 30


async def test_the_last_lines_are_those_of_the_start_that_failed(folder: Path) -> None:
    """A container that ends again and again has said nothing yet when it has just been started once more."""
    make(folder, "docker compose up -d", source=MOUNTED, more="restart: always")
    write(folder, "server.py", "import time\ntime.sleep(2)\nraise SystemExit('no shelf to stand on')\n")
    reason = await before_start(folder).reason()
    assert "api ends and is started again and again" in reason
    assert "no shelf to stand on" in reason


async def test_one_that_may_wait_for_its_tables_is_judged_after_them(folder: Path) -> None:
    """Its revisions are pending: the engine starts it again once they are applied."""
    make(folder, "docker compose up -d", source=MOUNTED, more="restart: always")
    write(folder, "alembic/versions/1a2b3c4d5e6f_first.py", FIRST)
    write(folder, "server.py", "raise SystemExit('no table to stand on')\n")
    started = before_start(folder)
    assert await started.reason() == ""
    assert "no table to stand on; revisions are pending (1a2b3c4d5e6f): it is judged after them" in started.notes()


async def test_a_job_that_ends_well_is_no_service_that_has_ended(folder: Path) -> None:
    make(folder, "docker compose up -d", source=MOUNTED)
    path = folder / "compose.yaml"
    path.write_text(path.read_text() + '  job: {image: "python:3.12-slim", command: "true"}\n', encoding="utf-8")
    assert await before_start(folder).reason() == ""


async def test_a_job_that_fails_is_told(folder: Path) -> None:
    make(folder, "docker compose up -d", source=MOUNTED)
    path = folder / "compose.yaml"
    path.write_text(path.read_text() + '  job: {image: "python:3.12-slim", command: "false"}\n', encoding="utf-8")
    assert "job has ended (exit code 1)" in await before_start(folder).reason()


async def test_compose_in_the_foreground_is_ready_with_the_new_container_only(folder: Path) -> None:
    make(folder, "docker compose up -d --build")
    compose(folder, "up", "-d", "--build")
    old = container(folder)
    compose(folder, "kill", "api")  # one that has ended before is in nobody's way
    make(folder, "docker compose up --build", word="new", slow="RUN sleep 6\n")
    started = before_start(folder)
    try:
        assert await started.reason() == ""
        assert started.how == "ready"
        assert container(folder) != old
    finally:
        (number,) = started.session.past.of("start").commands
        await command.end(files_of(started.session, number), mark_of(started.session, number), rung=10)
