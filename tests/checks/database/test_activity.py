"""Activity from a second connection, with real locks."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from checks.database.activity import Activity, Holder, Session, look, words
from checks.evidence import now

US = "safemig"


def test_a_waiting_migration_names_its_holder_and_who_waits_behind(dsn: str) -> None:
    with (
        psycopg.connect(dsn, application_name=US, autocommit=True) as watch,
        psycopg.connect(dsn, autocommit=True) as setup,
        psycopg.connect(dsn) as holder,
        psycopg.connect(dsn) as migration,
        psycopg.connect(dsn) as reader,
        ThreadPoolExecutor() as pool,
    ):
        setup.execute("CREATE TABLE course (id int)")
        holder.execute("SELECT * FROM course")
        holding = holder.info.backend_pid
        altered = pool.submit(migration.execute, "ALTER TABLE course ADD COLUMN slug text")
        seen = until(watch, lambda a: any(s.waits_for for s in a.sessions))
        behind = pool.submit(reader.execute, "SELECT * FROM course")
        blocked = until(watch, lambda a: a.behind == 2)
        holder.rollback()
        altered.result(10)
        migration.commit()
        behind.result(10)
    [waiting] = [session for session in seen.sessions if session.waits_for]
    assert waiting.waits_for[0].pid == holding
    text, urgent = words(seen)
    assert urgent
    assert "idle in transaction" in text
    assert blocked.behind == 2


def until(connection: psycopg.Connection, true: object) -> Activity:
    """The first look of which ``true`` holds; the sessions of this test are all younger than 2000."""
    assert callable(true)
    for _ in range(500):
        found = look(connection, "2000-01-01T00:00:00Z", US)
        if true(found):
            return found
        threading.Event().wait(0.02)
    raise AssertionError(found)


def test_sessions_from_before_and_our_own_are_not_the_migrations(dsn: str) -> None:
    with psycopg.connect(dsn) as older, psycopg.connect(dsn, application_name=US, autocommit=True) as watch:
        older.execute("SELECT 1")
        assert look(watch, now(), US).sessions == ()


@pytest.mark.parametrize(
    ("activity", "text", "urgent"),
    [
        (Activity((), 0), "", False),
        (Activity((Session(1, "active", "ALTER"),), 0), "", False),
        (Activity((Session(1, "active", "x"),), 3), "3 other sessions wait behind it", True),
        (Activity((Session(1, "active", "x", (), "building index", 5, 10),), 0), "building index 5/10", False),
        (
            Activity((Session(1, "active", "x", (Holder(7, "idle in transaction", "SELECT\n 1"),)),), 3),
            "waits for a lock held by session 7 (idle in transaction): SELECT 1",
            True,
        ),
    ],
)
def test_words(activity: Activity, text: str, urgent: bool) -> None:
    assert words(activity) == (text, urgent)
