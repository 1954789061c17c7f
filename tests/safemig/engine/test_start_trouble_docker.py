"""Starts of containers that can come to nothing: told at once with the log's own words, not when the wait is over."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest

from tests.safemig.bad_projects import write
from tests.safemig.composed import needs_docker
from tests.safemig.engine.test_service_start_docker import compose, folder, make
from tests.safemig.starting import before_start

__all__ = ["folder"]
pytestmark = [*needs_docker, pytest.mark.slow]
AT_ONCE = 45  # seconds, of 120 that database and service may take each; a loaded engine needs several for a start


async def reason(root: Path) -> str:
    began = time.monotonic()
    told = await before_start(root).reason()
    assert time.monotonic() - began < AT_ONCE
    return told


async def test_a_container_that_exits_while_compose_waits_says_why(folder: Path) -> None:
    make(folder, "docker compose up -d --wait", word="up")
    write(folder, "server.py", "raise RuntimeError('no shelf to stand on')\n")
    told = await reason(folder)
    assert "has ended (exit code 1)" in told
    assert "RuntimeError: no shelf to stand on" in told


async def test_a_container_that_stays_unhealthy_says_why(folder: Path) -> None:
    check = "healthcheck: {test: ['CMD', 'false'], interval: 1s, retries: 2}"
    make(folder, "docker compose up -d --wait", more=check, word="no shelf to stand on")
    told = await reason(folder)
    assert "api is unhealthy" in told
    assert "no shelf to stand on" in told


@pytest.mark.parametrize("setting", ["POSTGRES_PASSWORD: secret", "POSTGRES_USER: course"])
async def test_a_volume_that_was_made_with_other_credentials(folder: Path, setting: str) -> None:
    make(folder, "docker compose up -d")
    path = folder / "compose.yaml"
    ready = 'healthcheck: {test: ["CMD", "pg_isready", "-h", "127.0.0.1"], interval: 1s, retries: 60}'
    mounted = f'volumes: ["shelf:/var/lib/postgresql/data"]\n    {ready}'
    kept = path.read_text().replace("tmpfs: [/var/lib/postgresql/data]", mounted)
    path.write_text(kept.replace(setting, setting.partition(":")[0] + ": earlier") + "volumes: {shelf: {}}\n")
    compose(folder, "up", "-d", "--wait", "db")
    compose(folder, "rm", "-sf", "db")
    path.write_text(kept + "volumes: {shelf: {}}\n")
    told = await reason(folder)
    assert "the database lets nobody in" in told
    assert "the volume shelf" in told
    assert ("password authentication failed" in told) or ("does not exist" in told)


async def test_a_port_that_is_taken(folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        make(folder, "docker compose up -d")
        path = folder / "compose.yaml"
        path.write_text(path.read_text().replace("127.0.0.1::8000", f"127.0.0.1:{taken.getsockname()[1]}:8000"))
        told = await reason(folder)
    assert "address already in use" in told or "already allocated" in told
    assert "something else holds that port" in told


async def test_an_env_file_that_is_missing(folder: Path) -> None:
    make(folder, "docker compose up -d", more="env_file: [shop.env]")
    told = await reason(folder)
    assert "shop.env" in told
    assert "write that file first" in told


async def test_a_variable_without_a_value(folder: Path) -> None:
    make(folder, "docker compose up -d", more='environment: {TOKEN: "${SHOP_TOKEN:?not set}"}')
    told = await reason(folder)
    assert "SHOP_TOKEN is missing a value" in told
    assert ".env file beside the compose file" in told
