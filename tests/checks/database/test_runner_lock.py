"""One runner per database, with real sessions."""

from __future__ import annotations

import psycopg

from checks.database.runner_lock import holder, take


def test_the_second_runner_is_told_who_was_first(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as second:
        with psycopg.connect(dsn, autocommit=True) as first:
            assert holder(second) is None
            assert take(first)
            assert take(first)  # once more by the same runner
            assert take(second) is False
            other = holder(second)
            assert other is not None
            assert other.pid == first.info.backend_pid
            assert other.role == first.info.user
            assert other.since[:2] == "20"
            assert f"session {other.pid} of role {other.role}" in other.words
        while holder(second):  # the server takes a moment to end the session
            pass
        assert take(second)


def test_another_database_has_a_lock_of_its_own(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as first:
        first.execute("CREATE DATABASE elsewhere")
        assert take(first)
        with psycopg.connect(dsn, dbname="elsewhere", autocommit=True) as other:
            assert holder(other) is None
            assert take(other)
        first.execute("DROP DATABASE elsewhere WITH (FORCE)")


def test_sessions_that_change_between_statements_cannot_hold_it() -> None:
    class Pooled:
        """As behind a pooler by transactions: each statement reaches another session."""

        pid = 0

        def execute(self, sql: bytes, *_: object) -> Pooled:
            assert b"pg_backend_pid" in sql
            self.pid += 1
            return self

        def fetchone(self) -> tuple[int]:
            return (self.pid,)

    assert take(Pooled()) is None  # type: ignore[arg-type]
