"""The revision a database is at."""

from __future__ import annotations

import psycopg
import pytest

from checks.evidence import Evidence, unseen
from checks.revisions.current import read_current, revisions_at


@pytest.mark.parametrize("autocommit", [True, False])
def test_reads_all_heads(dsn: str, autocommit: bool) -> None:
    with psycopg.connect(dsn, autocommit=autocommit) as connection:
        before = read_current(connection)
        assert before.seen
        assert before.data == {"current": [], "table_exists": False}
        connection.execute("CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)")
        connection.commit()
        assert read_current(connection).data == {"current": [], "table_exists": True}
        connection.execute("INSERT INTO alembic_version VALUES ('b'), ('a')")
        connection.commit()
        after = read_current(connection)
        assert after.data == {"current": ["a", "b"], "table_exists": True}
        assert (after.kind, after.subject) == ("revision", "alembic_version")
        assert [row[0] for row in connection.execute(after.repeat.encode())] == ["a", "b"]


def test_a_table_of_another_name_in_another_schema(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute('CREATE SCHEMA "My app"')
        connection.execute('CREATE TABLE "My app"."Versions" (version_num text)')
        connection.execute("""INSERT INTO "My app"."Versions" VALUES ('x')""")
        found = read_current(connection, table="Versions", schema="My app")
        assert found.data == {"current": ["x"], "table_exists": True}
        assert read_current(connection, table="Versions").data["table_exists"] is False
        assert read_current(connection, schema="nowhere").data["table_exists"] is False


def test_a_table_that_may_not_be_read_is_unseen(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("CREATE TABLE alembic_version (revision text)")
        found = read_current(connection)
        assert not found.seen
        assert "version_num" in found.reason
        assert found.data == {}


def test_a_closed_connection_is_unseen(dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        pass
    assert not read_current(connection).seen


def test_a_running_migration_is_not_waited_for_long(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("checks.revisions.current.LOCK_TIMEOUT", "50ms")
    with psycopg.connect(dsn) as holder, psycopg.connect(dsn, autocommit=True) as connection:
        holder.execute("CREATE TABLE alembic_version (version_num text)")
        holder.commit()
        holder.execute("LOCK TABLE alembic_version")
        found = read_current(connection)
        assert not found.seen
        assert "lock timeout" in found.reason
        holder.rollback()
        assert read_current(connection).seen


@pytest.mark.parametrize(
    ("evidence", "revisions"),
    [
        (None, None),
        (unseen("revision", "t", "SELECT", "no answer"), None),
        (Evidence("revision", "t", True, "", "", "", {"current": []}), ()),
        (Evidence("revision", "t", True, "", "", "", {"current": ["a1", "b2"]}), ("a1", "b2")),
        (Evidence("revision", "t", True, "", "", "", {}), None),
    ],
)
def test_what_evidence_says_of_the_revisions(evidence: Evidence | None, revisions: tuple[str, ...] | None) -> None:
    assert revisions_at(evidence) == revisions
