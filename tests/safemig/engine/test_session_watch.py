"""Who waits for Alembic's table while it is held: only a session that is proved to be the command's counts."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import cast

import psycopg
import pytest

from safemig.engine.session_watch import Sightings, Watched, current_statement, watch_command
from safemig.planning.database_use import CommandSeen, judge_command
from safemig.runtimes import backends, process_ownership
from safemig.runtimes.base import Runtime
from safemig.runtimes.database_owner import ServiceClients

READER = """
import sys, psycopg
with psycopg.connect(sys.argv[1]) as connection:
    connection.execute("SELECT alembic_version.version_num FROM alembic_version")
"""


def watch(dsn: str, *, own: bool, name: str = "", seconds: float = 1.5) -> Sightings:
    """A client in a process of its own reads the table while it is held; ``own``: that process is the command's.
    Otherwise the command reads nothing here, and ends after ``seconds`` or when the client has."""
    ready, ended = threading.Event(), threading.Event()
    readers: list[subprocess.Popen[bytes]] = []
    with psycopg.connect(dsn, autocommit=True, application_name="safemig") as connection:
        before = backends.mark(connection, "run/1")

    def claims() -> tuple[backends.Claim, ...]:
        with psycopg.connect(dsn, autocommit=True, application_name="safemig") as connection:
            return process_ownership.claim(connection, before, [each.pid for each in readers if own])

    runtime = cast(
        Runtime,
        SimpleNamespace(
            connect=lambda: psycopg.connect(dsn, autocommit=True, application_name="safemig"),
            service_clients=ServiceClients,
        ),
    )
    with ThreadPoolExecutor(1) as pool:
        watched = Watched("safemig-look-1", claims)
        found = pool.submit(watch_command, runtime, ("alembic_version", None), watched, ready, ended, holds=True)
        assert ready.wait(10)
        environment = {**os.environ, **({"PGAPPNAME": name} if name else {})}
        readers.append(subprocess.Popen([sys.executable, "-c", READER, dsn], env=environment))
        try:
            if own or name:
                readers[0].wait(30)
            else:
                ended.wait(seconds)
        finally:
            ended.set()
            readers[0].wait(30)
        return found.result(30)


@pytest.fixture
def versioned(dsn: str) -> str:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS alembic_version")
        connection.execute("CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)")
        connection.execute("INSERT INTO alembic_version VALUES ('1a2b3c4d5e6f')")
    return dsn


def test_a_stranger_that_reads_the_table_meanwhile_proves_nothing(versioned: str) -> None:
    seen = watch(versioned, own=False)
    assert (seen.waited, seen.crowded, seen.marked) == (False, True, ())
    use = judge_command("`make migrate`", "shop", CommandSeen(seen.waited, crowded=seen.crowded, held=True, status=0))
    assert use.proof == "unknown"


@pytest.mark.parametrize("name", ["", "safemig-look-1"])
def test_the_commands_session_is_told_by_its_socket_or_its_mark(name: str, versioned: str) -> None:
    assert watch(versioned, own=not name, name=name).waited


@pytest.mark.parametrize(
    ("schema", "statement"),
    [
        (None, "SELECT alembic_version.version_num \nFROM alembic_version"),
        ("ops", "SELECT ops.alembic_version.version_num \nFROM ops.alembic_version"),
    ],
)
def test_alembics_own_statement_is_known(schema: str | None, statement: str) -> None:
    running = backends.Backend(1, "", "active", statement)
    assert backends.runs_one_of(running, [current_statement("alembic_version", schema)])


def test_a_session_that_came_and_went_is_no_proof_where_the_table_was_held() -> None:
    seen = CommandSeen(fresh=("shop",), printed="shop", held=True, status=0)
    use = judge_command("`make migrate`", "shop", seen)
    assert (use.proof, use.database) == ("unknown", "")
