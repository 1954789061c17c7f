"""What a change meets on a live server, as a real PostgreSQL tells it."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import psycopg
import pytest

from checks.database.readiness import look
from checks.evidence import Evidence, Json
from safemig.postgres.server import THROWAWAY_SETTINGS, throwaway

TABLES = ("book",)


@pytest.fixture
def books(dsn: str) -> Iterator[str]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("CREATE TABLE book (id int); CREATE TABLE other (id int)")
    yield dsn


def _look(dsn: str, **options: str) -> dict[str, Evidence]:
    with psycopg.connect(dsn, autocommit=True, application_name="safemig", **options) as connection:  # type: ignore
        return {one.subject: one for one in look(connection, TABLES, "safemig")}


def _rows(seen: Evidence, name: str) -> list[dict[str, Json]]:
    return msgspec.convert(seen.data[name], list[dict[str, Json]])


def test_everything_is_seen_on_a_quiet_server(books: str) -> None:
    seen = _look(books)
    assert all(one.seen for one in seen.values()), [one.reason for one in seen.values()]
    assert seen["recovery"].data == {"recovery": False, "read_only": False}
    assert seen["pooler"].data == {"sessions": 1, "between": False}
    assert isinstance(seen["disk"].data["free"], int)
    assert [seen[name].data for name in ("prepared transactions", "maintenance", "replication")] == [
        {"prepared": []}, {"running": []}, {"replicas": []},
    ]  # fmt: skip


def test_a_transaction_is_told_with_the_tables_that_it_holds(books: str) -> None:
    with psycopg.connect(books, application_name="pg_dump") as dump, psycopg.connect(books) as idle:
        dump.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT * FROM book")
        idle.execute("SELECT * FROM other")
        rows = _rows(_look(books)["transactions"], "transactions")
        dump.rollback()
    assert [(row["application"], row["state"], row["snapshot"], row["tables"]) for row in rows] == [
        ("pg_dump", "idle in transaction", True, ["book"]),
        ("", "idle in transaction", False, []),
    ]


def test_a_role_that_does_not_own_the_table_and_its_settings_are_told(books: str) -> None:
    with psycopg.connect(books, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS reader; CREATE ROLE reader LOGIN PASSWORD 'reader'")
        connection.execute("ALTER ROLE reader SET default_transaction_read_only = on")
        connection.execute("ALTER ROLE reader SET lock_timeout = 300")
        try:
            seen = _look(books, user="reader", password="reader")
        finally:
            connection.execute("DROP ROLE reader")
    assert seen["recovery"].data["read_only"] is True
    (table,) = _rows(seen["rights"], "tables")
    assert (seen["rights"].data["role"], table["table"], table["owns"]) == ("reader", "book", False)
    assert seen["settings"].data["lock_timeout"] == {"setting": "300", "unit": "ms", "source": "user"}


def test_a_prepared_transaction_is_told_with_what_it_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(THROWAWAY_SETTINGS, "max_prepared_transactions", "2")
    with throwaway() as dsn:
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("CREATE TABLE book (id int)")
            connection.execute("BEGIN")
            connection.execute("LOCK TABLE book")
            connection.execute("PREPARE TRANSACTION 'left'")
        (row,) = _rows(_look(dsn)["prepared transactions"], "prepared")
    assert (row["name"], row["tables"]) == ("left", ["book"])


def test_maintenance_on_the_tables_is_told(books: str) -> None:
    with psycopg.connect(books) as other:
        other.execute("LOCK TABLE book IN SHARE UPDATE EXCLUSIVE MODE")
        (row,) = _rows(_look(books)["maintenance"], "running")
        other.rollback()
    assert (row["table"], row["wraparound"]) == ("book", False)
