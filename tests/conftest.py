"""Fixtures that every part of the tests shares."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import HealthCheck, settings

from safemig.postgres.server import throwaway
from tests.suite import Suite

# A loaded machine is no failure: what a property says does not depend on how fast its examples are made.
settings.register_profile("safemig", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("safemig")
# `make test` tells its children that they are a make below another one, which then say "Entering directory".
for _name in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL"):
    os.environ.pop(_name, None)
# Hundreds of tests start safemig; to compile its 380 modules anew would be more than half of the CPU time of a start.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
# What a person decides lies outside of the project: here, in no person's own folder. Engines that the tests start
# inherit it. In /tmp itself, for the path of a socket is short.
os.environ["XDG_STATE_HOME"] = tempfile.mkdtemp(prefix="safemig-tests-", dir="/tmp")
atexit.register(shutil.rmtree, os.environ["XDG_STATE_HOME"], ignore_errors=True)


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Suite(config), "suite")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The conninfo of a temporary PostgreSQL server (superuser, database postgres), one for the whole session."""
    with throwaway() as conninfo:
        yield conninfo


@pytest.fixture
def dsn(postgres_server: str) -> Iterator[str]:
    """The conninfo of a fresh, empty database."""
    with fresh_database(postgres_server) as conninfo:
        yield conninfo


@contextmanager
def fresh_database(postgres_server: str) -> Iterator[str]:
    """The conninfo of an empty database on that server, dropped at the end."""
    import psycopg
    from psycopg import sql
    from psycopg.conninfo import make_conninfo

    name = f"test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        yield make_conninfo(postgres_server, dbname=name)
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
