"""What a command does to the rows of a database, seen from before and after it on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import psycopg
import pytest

from checks.database import rows
from checks.database.rows import Rows

US = "looker"
SCHEMA = """
CREATE TABLE book (id serial PRIMARY KEY, title text);
INSERT INTO book (title) SELECT 'b' || n FROM generate_series(1, 50) n;
CREATE TABLE loan (id serial PRIMARY KEY, book_id int REFERENCES book (id) ON DELETE CASCADE);
INSERT INTO loan (book_id) VALUES (1), (2), (2);
CREATE TABLE shelf (id int);
CREATE SCHEMA "Old Stock";
CREATE TABLE "Old Stock"."Item" (id int);
INSERT INTO "Old Stock"."Item" VALUES (1), (2);
CREATE TABLE visit (at date, who int) PARTITION BY RANGE (at);
CREATE TABLE visit_2025 PARTITION OF visit FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE visit_2026 PARTITION OF visit FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
INSERT INTO visit VALUES ('2025-03-01', 1), ('2026-03-01', 2), ('2026-04-01', 3);
CREATE TABLE parent_of (id int);
CREATE TABLE child_of () INHERITS (parent_of);
INSERT INTO child_of VALUES (7);
"""


def look(dsn: str, earlier: Rows | None = None) -> Rows:
    with psycopg.connect(dsn, autocommit=True, application_name=US) as connection:
        return rows.count(connection, US, earlier)


def run(dsn: str, sql: str) -> None:
    """As a test run would: a session of its own, which has ended when this returns."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(sql.encode())


def changed(dsn: str, during: str) -> dict[str, tuple[object, ...]]:
    before = look(dsn)
    run(dsn, during)
    after = look(dsn, before)
    return {one.table: (one.change, one.before, one.after, one.lost) for one in rows.changes(before, after)}


CASES: dict[str, tuple[str, dict[str, tuple[object, ...]]]] = {
    "nothing": ("SELECT count(*) FROM book", {}),
    "truncated, restarted, with what refers to it": (
        "TRUNCATE book RESTART IDENTITY CASCADE",
        {"public.book": ("emptied", 50, 0, 50), "public.loan": ("emptied", 3, 0, 3)},
    ),
    "truncated and filled again with as many": (
        "TRUNCATE loan; INSERT INTO loan (book_id) VALUES (3), (3), (3)",
        {"public.loan": ("emptied", 3, 3, 3)},
    ),
    "a truncate that is rolled back": ("BEGIN; TRUNCATE book CASCADE; ROLLBACK", {}),
    "deleted without truncate": ("DELETE FROM loan", {"public.loan": ("fewer", 3, 0, 3)}),
    "one deleted": ("DELETE FROM loan WHERE id = 1", {"public.loan": ("fewer", 3, 2, 1)}),
    "deleted by a cascade": (
        "DELETE FROM book WHERE id = 2",
        {"public.book": ("fewer", 50, 49, 1), "public.loan": ("fewer", 3, 1, 2)},
    ),
    "deleted and rolled back": ("BEGIN; DELETE FROM loan; INSERT INTO shelf VALUES (1); ROLLBACK", {}),
    "deleted and filled again with as many": (
        "DELETE FROM loan; INSERT INTO loan (id, book_id) VALUES (1, 1), (2, 2), (3, 2)",
        {"public.loan": ("replaced", 3, 3, 3)},
    ),
    "rows of its own, inserted and deleted": (
        "INSERT INTO loan (id, book_id) VALUES (90, 1), (91, 1); DELETE FROM loan WHERE id >= 90", {}),
    "every row updated, twice": ("UPDATE loan SET book_id = 3; UPDATE loan SET book_id = 2", {}),
    "rows of its own, updated, with one of ours deleted": (
        "INSERT INTO loan (id, book_id) VALUES (90, 1); DELETE FROM loan WHERE id = 1",
        {"public.loan": ("replaced", 3, 3, 1)},
    ),
    "dropped and made anew": (
        "DROP TABLE loan; CREATE TABLE loan (id serial PRIMARY KEY, book_id int)",
        {"public.loan": ("made anew", 3, 0, 3)},
    ),
    "an empty table dropped and made anew": (
        "DROP TABLE shelf; CREATE TABLE shelf (id int)", {"public.shelf": ("made anew", 0, 0, 0)}),
    "dropped": ('DROP TABLE "Old Stock"."Item"', {"Old Stock.Item": ("dropped", 2, None, 2)}),
    "a schema dropped": ('DROP SCHEMA "Old Stock" CASCADE', {"Old Stock.Item": ("dropped", 2, None, 2)}),
    "dropped and rolled back": ("BEGIN; DROP TABLE loan; ROLLBACK", {}),
    "rows left behind": (
        "INSERT INTO shelf SELECT generate_series(1, 3)", {"public.shelf": ("more", 0, 3, 0)}),
    "a table left behind": ("CREATE TABLE left_over AS SELECT 1 AS id", {"public.left_over": ("new", None, 1, 0)}),
    "a table only meanwhile": ("CREATE TABLE brief (id int); INSERT INTO brief VALUES (1); DROP TABLE brief", {}),
    "a temporary table": ("CREATE TEMP TABLE book (id int); INSERT INTO book VALUES (1); TRUNCATE book", {}),
    "an empty table used and truncated": (
        "BEGIN; INSERT INTO shelf VALUES (1); COMMIT; TRUNCATE shelf", {"public.shelf": ("truncated", 0, 0, 0)}),
    "an empty table truncated": ("TRUNCATE shelf", {}),
    "a partition truncated": ("TRUNCATE visit_2026", {"public.visit_2026": ("emptied", 2, 0, 2)}),
    "a partitioned table truncated": (
        "TRUNCATE visit",
        {"public.visit_2025": ("emptied", 1, 0, 1), "public.visit_2026": ("emptied", 2, 0, 2)},
    ),
    "moved between partitions": (
        "UPDATE visit SET at = '2026-05-01' WHERE who = 1",
        {"public.visit_2025": ("fewer", 1, 0, 1), "public.visit_2026": ("more", 2, 3, 0)},
    ),
    "a table that others inherit from": ("DELETE FROM ONLY parent_of", {}),
    "an index rebuilt, the table vacuumed whole": ("REINDEX TABLE book", {}),
    "a sequence moved on": ("SELECT nextval('book_id_seq')", {}),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_what_became_of_each_table(dsn: str, name: str) -> None:
    run(dsn, SCHEMA)
    during, expected = CASES[name]
    assert changed(dsn, during) == expected


def test_a_table_that_was_rewritten_has_lost_nothing(dsn: str) -> None:
    run(dsn, SCHEMA)
    assert changed(dsn, "VACUUM FULL book") == {}
    assert changed(dsn, "CLUSTER book USING book_pkey") == {}


LARGE_CASES: dict[str, tuple[str, dict[str, tuple[object, ...]]]] = {
    "truncated": ("TRUNCATE book CASCADE", {"public.book": ("emptied", None, 0, 20)}),
    "truncated and filled again": (
        "TRUNCATE book CASCADE; INSERT INTO book (title) SELECT 'x' FROM generate_series(1, 30)",
        {"public.book": ("emptied", None, None, 0)},
    ),
    "emptied": ("DELETE FROM book", {"public.book": ("fewer", None, 0, 20)}),
    "some deleted": ("DELETE FROM book WHERE id <= 5", {"public.book": ("fewer", None, None, 5)}),
    "its own deleted": (
        "INSERT INTO book (id, title) VALUES (99, ''); DELETE FROM book WHERE id = 99", {}),
    "left behind": ("INSERT INTO book (id, title) VALUES (99, '')", {"public.book": ("more", None, None, 0)}),
    "dropped": ("DROP TABLE book CASCADE", {"public.book": ("dropped", None, None, 0)}),
}  # fmt: skip


@pytest.mark.parametrize("name", LARGE_CASES)
def test_a_table_too_large_to_count_is_told_by_counters_and_file(
    dsn: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(dsn, SCHEMA)
    run(dsn, "DELETE FROM loan")
    monkeypatch.setattr(rows, "LARGE", 20)
    during, expected = LARGE_CASES[name]
    assert changed(dsn, during) == expected


def test_a_table_that_may_not_be_read_or_is_held_is_not_counted(dsn: str) -> None:
    run(dsn, SCHEMA)
    before = look(dsn)
    with psycopg.connect(dsn) as holder:
        holder.execute("LOCK TABLE loan IN ACCESS EXCLUSIVE MODE")
        after = look(dsn, before)
    assert after.tables["public.loan"].rows is None and after.tables["public.book"].rows == 50
    evidence = rows.evidence(before, after, (), subject="s", repeat="r", began="", ended="")
    assert evidence.data["not_counted"] == ["public.loan"]


def test_a_look_can_be_kept_and_read_back(dsn: str) -> None:
    run(dsn, SCHEMA)
    before = look(dsn)
    assert msgspec.json.decode(msgspec.json.encode(before), type=Rows) == before


def writers(dsn: str, before: Rows, *, ended: bool = False) -> list[str]:
    with psycopg.connect(dsn, autocommit=True, application_name=US) as connection:
        return [*rows.writers(connection, US, before, ended=ended).values()]


def idle(_: psycopg.Connection) -> None:
    return


def reads(connection: psycopg.Connection) -> None:
    connection.execute("SELECT count(*) FROM book")


def writes(connection: psycopg.Connection) -> None:
    connection.execute("INSERT INTO shelf VALUES (1)")


def commits(connection: psycopg.Connection) -> None:
    connection.execute("BEGIN")
    connection.execute("DELETE FROM loan")
    connection.execute("COMMIT")


def writes_inside(connection: psycopg.Connection) -> None:
    connection.execute("BEGIN")
    connection.execute("INSERT INTO shelf VALUES (1)")
    connection.execute("SELECT 1")


@pytest.mark.parametrize(
    ("does", "writing"), [(idle, False), (reads, False), (writes, True), (commits, True), (writes_inside, True)]
)
def test_a_session_of_others_that_writes_meanwhile_is_seen(
    dsn: str, does: Callable[[psycopg.Connection], None], writing: bool
) -> None:
    run(dsn, SCHEMA)
    with psycopg.connect(dsn, autocommit=True, application_name="shop") as stranger:
        stranger.execute("INSERT INTO shelf VALUES (0)")  # before the look: not meanwhile
        before = look(dsn)
        does(stranger)
        found = writers(dsn, before)
    assert bool(found) is writing
    assert all("shop" in words for words in found)


def test_the_command_s_own_session_is_none_of_others_until_it_outlives_it(dsn: str) -> None:
    run(dsn, SCHEMA)
    before = look(dsn)
    with psycopg.connect(dsn, autocommit=True) as own:
        own.execute("DELETE FROM loan")
        assert writers(dsn, before) == []
        assert writers(dsn, before, ended=True) != []
