"""A compose project of two containers, a service and a database, for tests of the docker runtime."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from safemig.runtimes import docker_engine
from safemig.runtimes.base import Unreachable
from safemig.runtimes.docker import DockerRuntime

DATABASE_IMAGE, SERVICE_IMAGE = "postgres:15", "python:3.12-slim"
COMPOSE = """
services:
  api:
    image: python:3.12-slim
    command: python -m http.server 8000
    init: true
    ports: ["127.0.0.1::8000"]
  db:
    image: postgres:15
    environment: {{POSTGRES_USER: course, POSTGRES_PASSWORD: "s3cr et", POSTGRES_DB: catalogue}}
    tmpfs: [/var/lib/postgresql/data]
{ports}
"""
PUBLISHED = '    ports: ["127.0.0.1::5432"]'


def missing() -> str:
    """Why these tests cannot run here, "" when they can."""
    if shutil.which("docker") is None:
        return "there is no docker command"
    try:
        client = docker_engine.open_engine()
        for image in (DATABASE_IMAGE, SERVICE_IMAGE):
            client.images.get(image)
    except Unreachable as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 - whatever the engine says is the reason to skip
        return f"an image is not here: {error}"
    return ""


WHY_NOT = missing()
needs_docker = [pytest.mark.docker, pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT or "-")]


def compose(folder: Path, project: str, *words: str) -> None:
    line = ["docker", "compose", "-p", project, *words]
    subprocess.run(line, cwd=folder, check=True, capture_output=True)


@contextlib.contextmanager
def project(folder: Path, ports: str) -> Iterator[DockerRuntime]:
    name = f"safemig-test-{uuid.uuid4().hex[:8]}"
    (folder / "compose.yml").write_text(COMPOSE.format(ports=ports))
    try:
        compose(folder, name, "up", "-d")
        yield DockerRuntime(folder, "api", "db", folder / ".safemig", project=name)
    finally:
        compose(folder, name, "down", "-v", "-t", "1")


def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.05)


def unharmed(runtime: DockerRuntime) -> bool:
    """PostgreSQL is process 1 there: an orphan that ended by a signal would have restarted all its sessions."""
    return b"terminated by signal" not in runtime._database().logs()
