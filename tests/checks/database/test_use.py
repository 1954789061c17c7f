"""Alembic's table held for a moment, and the sessions of a server as another session sees them."""

from __future__ import annotations

import threading
import time

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from checks.database.use import hold, identity, sessions, table_oid, waiting

TABLE = ("alembic_version", None)


@pytest.fixture
def versioned(dsn: str) -> str:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num text)")
    return dsn


def read(dsn: str, name: str = "reader") -> None:
    with psycopg.connect(dsn, application_name=name) as connection:
        connection.execute("SELECT version_num FROM alembic_version")


def test_who_reads_the_held_table_is_seen_waiting_and_goes_on_afterwards(versioned: str) -> None:
    with psycopg.connect(versioned, autocommit=True) as connection:
        oid = table_oid(connection, *TABLE)
        reader = threading.Thread(target=read, args=(versioned,))
        with hold(connection, *TABLE) as held:
            assert held
            reader.start()
            deadline = time.monotonic() + 20
            while not (pids := waiting(connection, oid)) and time.monotonic() < deadline:
                pass
            with psycopg.connect(versioned, autocommit=True) as other:
                found = {each.pid: each for each in sessions(other, "safemig")}
            assert [found[pid].application for pid in pids] == ["reader"]
        reader.join(20)
        assert not reader.is_alive()
        assert waiting(connection, oid) == ()


def test_a_table_in_use_is_not_waited_for(versioned: str) -> None:
    with psycopg.connect(versioned) as busy, psycopg.connect(versioned, autocommit=True) as connection:
        busy.execute("SELECT version_num FROM alembic_version")
        began = time.monotonic()
        with hold(connection, *TABLE) as held:
            assert not held
        assert 0.15 < time.monotonic() - began < 5
        assert connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE


def test_a_role_that_may_only_read_holds_nothing(versioned: str) -> None:
    with psycopg.connect(versioned, autocommit=True) as connection:
        connection.execute("CREATE ROLE only_reads LOGIN PASSWORD 'reads'")
        connection.execute("GRANT SELECT ON alembic_version TO only_reads")
        try:
            own = make_conninfo(versioned, user="only_reads", password="reads")
            with psycopg.connect(own, autocommit=True) as reading, hold(reading, *TABLE) as held:
                assert not held
        finally:
            connection.execute("DROP OWNED BY only_reads")
            connection.execute("DROP ROLE only_reads")


def test_the_lock_goes_with_a_session_that_is_cut(versioned: str) -> None:
    connection = psycopg.connect(versioned, autocommit=True)
    context = hold(connection, *TABLE)
    assert context.__enter__()
    connection.close()  # as the end of the process would
    read(versioned)


def test_a_table_that_is_not_there_has_no_number(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        assert table_oid(connection, *TABLE) == 0
        assert table_oid(connection, "alembic_version", "no_such_schema") == 0


def test_databases_of_one_server_and_of_two_are_told_apart(dsn: str, postgres_server: str) -> None:
    with psycopg.connect(dsn) as one, psycopg.connect(dsn) as again, psycopg.connect(postgres_server) as other:
        assert identity(one) == identity(again) != identity(other)
        assert identity(one).system_identifier == identity(other).system_identifier != ""
