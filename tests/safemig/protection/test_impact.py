"""What a change will do to a live database: traces multiplied by sizes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from checks.database.statement_trace import RevisionTrace, StatementTrace, TableLock, TableWork, Work
from checks.database.table_size import TableSize
from safemig.protection.impact import Impact, Limits, impact

AE, SHARE, ROW, UPDATE_EXCLUSIVE = (
    "AccessExclusiveLock", "ShareLock", "ShareRowExclusiveLock", "ShareUpdateExclusiveLock",
)  # fmt: skip
LARGE = TableSize("book", 5_000_000, 2_000_000_000, 3)
MEDIUM = TableSize("book", 200_000, 30_000_000, 1)
SMALL = TableSize("book", 12, 16_384, 1)


def _statement(sql: str, line: int = 9, *, mode: str = "", table: str = "book", work: Work | None = None,
               alone: bool = False) -> StatementTrace:  # fmt: skip
    locks = (TableLock(table, mode),) if mode else ()
    return StatementTrace(line, sql, alone=alone, locks=locks, work=(TableWork(table, work),) if work else ())


def _impact(statements: list[StatementTrace], *sizes: TableSize) -> Impact:
    return impact([RevisionTrace("a1", "v/a1.py", "11", tuple(statements))], sizes, Limits())


ADD = _statement("ALTER TABLE book ADD x text", mode=AE)
TYPE = _statement("ALTER TABLE book ALTER n TYPE bigint", mode=AE, work="rewrite")
NULL = _statement("ALTER TABLE book ALTER n SET NOT NULL", mode=AE, work="scan")
INDEX = _statement("CREATE INDEX ix ON book (title)", mode=SHARE, work="index")


@pytest.mark.parametrize(
    ("statement", "size", "duration", "stops", "kinds", "asked"),
    [
        (ADD, SMALL, "instant", "reads", ["blocks reads"], 0),
        (ADD, MEDIUM, "instant", "reads", ["blocks reads"], 0),
        (ADD, LARGE, "instant", "reads", ["blocks reads"], 1),
        (TYPE, SMALL, "instant", "reads", ["blocks reads", "rewrites"], 0),
        (TYPE, MEDIUM, "seconds", "reads", ["blocks reads", "rewrites"], 2),
        (TYPE, LARGE, "minutes", "reads", ["blocks reads", "rewrites"], 2),
        (NULL, MEDIUM, "instant", "reads", ["blocks reads", "scans under lock"], 1),
        (NULL, LARGE, "seconds", "reads", ["blocks reads", "scans under lock"], 2),
        (INDEX, SMALL, "instant", "writes", ["blocks writes", "scans under lock"], 0),
        (INDEX, LARGE, "minutes", "writes", ["blocks writes", "scans under lock"], 2),
    ],
)
def test_the_size_of_the_table_decides_for_how_long_it_is_held_and_whether_a_person_is_asked(
    statement: StatementTrace, size: TableSize, duration: str, stops: str, kinds: list[str], asked: int
) -> None:
    found = _impact([statement], size)
    assert [(one.table, one.duration, one.stops) for one in found.tables] == [("book", duration, stops)]
    assert [one.kind for one in found.hazards] == kinds
    assert len(found.asks) == asked
    assert all("v/a1.py:9 " in text for text in found.asks)


def test_a_table_whose_size_is_not_known_is_asked_about() -> None:
    assert len(_impact([ADD]).asks) == 1
    assert "its size is not known" in _impact([ADD]).asks[0]


def test_rows_count_where_bytes_are_few_and_limits_are_the_projects_own() -> None:
    many = replace(SMALL, rows=1_000_000)
    assert _impact([ADD], many).asks
    trace = [RevisionTrace("a1", "v/a1.py", "11", (ADD,))]
    assert not impact(trace, [many], Limits(rows=2e6)).asks
    assert impact(trace, [MEDIUM], Limits(bytes=30e6)).asks


def test_a_lock_lasts_until_the_end_of_the_transaction_and_so_for_what_follows_it() -> None:
    author = TableSize("author", 100, 40_000)
    late = _statement("UPDATE book SET n = 1", 11, mode="RowExclusiveLock", work="scan")
    held = _impact([_statement("ALTER TABLE author ADD x text", mode=AE, table="author"), late], author, LARGE).tables
    assert [(one.table, one.line, one.duration) for one in held] == [("author", 9, "minutes")]
    early = _impact([late, _statement("ALTER TABLE author ADD x text", 12, mode=AE, table="author")], author, LARGE)
    assert [one.duration for one in early.tables] == ["instant"]


def test_revisions_that_are_applied_in_one_go_are_one_transaction() -> None:
    """The locks of the first are still held during the second (facts: a default env.py)."""
    author = replace(LARGE, table="author", rows=20_000)
    traces = [
        RevisionTrace("a1", "v/a1.py", "11", (ADD,)),
        RevisionTrace(
            "b2", "v/b2.py", "22", (_statement("ALTER TABLE author ADD x int", 10, mode=AE, table="author"),)
        ),
    ]
    found = impact(traces, [LARGE, author], Limits())
    several = [one for one in found.hazards if one.kind == "locks several tables"]
    assert [(one.revision, one.line, one.asks) for one in several] == [("b2", 10, True)]
    small = impact(traces, [SMALL, replace(author, rows=3, bytes=8192)], Limits())
    assert not small.asks


def test_validating_in_the_transaction_that_added_the_constraint_scans_under_its_lock() -> None:
    add = _statement("ALTER TABLE book ADD CONSTRAINT c CHECK (n > 0) NOT VALID", mode=AE)
    validate = _statement("ALTER TABLE book VALIDATE CONSTRAINT c", 10, mode=UPDATE_EXCLUSIVE, work="scan")
    assert "scans under lock" in [one.kind for one in _impact([add, validate], LARGE).hazards]
    apart = [replace(one, alone=True) for one in (add, validate)]
    assert "scans under lock" not in [one.kind for one in _impact(apart, LARGE).hazards]


def test_vacuum_full_has_its_table_to_itself_although_no_lock_of_it_is_left() -> None:
    vacuum = _statement("VACUUM FULL book", work="rewrite", alone=True)
    found = _impact([vacuum], LARGE)
    assert [(one.mode, one.duration) for one in found.tables] == [(AE, "minutes")]
    assert "rewrites" in [one.kind for one in found.hazards]


BUILD = "CREATE INDEX CONCURRENTLY ix ON book (title)"


@pytest.mark.parametrize(
    ("before", "statement", "stuck"),
    [
        ("", BUILD, True),
        ("", "CREATE INDEX CONCURRENTLY IF NOT EXISTS ix ON book (title)", True),  # an invalid one is left as it is
        ("DROP INDEX CONCURRENTLY IF EXISTS ix", BUILD, False),
        ("DROP INDEX CONCURRENTLY IF EXISTS ix", "CREATE INDEX CONCURRENTLY IF NOT EXISTS ix ON book (title)", False),
        ("DROP INDEX CONCURRENTLY IF EXISTS iy", BUILD, True),
        ("", "ALTER TYPE mood ADD VALUE 'sad'", True),
        ("", "ALTER TYPE mood ADD VALUE IF NOT EXISTS 'sad'", False),
        ("", "ALTER TABLE book VALIDATE CONSTRAINT c", False),
        ("ALTER TABLE book DROP CONSTRAINT IF EXISTS c", "ALTER TABLE book ADD CONSTRAINT c CHECK (n > 0) NOT VALID",
         False),
    ],
)  # fmt: skip
def test_what_stays_after_a_cut_and_cannot_be_run_again_is_named(before: str, statement: str, stuck: bool) -> None:
    parts = [_statement(sql, alone=True) for sql in (before, statement) if sql]
    assert ("not restartable" in [one.kind for one in _impact(parts, SMALL).hazards]) is stuck


def test_an_upgrade_that_was_not_traced_to_its_end_says_so() -> None:
    failed = RevisionTrace("a1", "v/a1.py", "11", (ADD,), "v/a1.py:10: permission denied")
    found = impact([failed], [SMALL], Limits())
    assert [one.kind for one in found.hazards] == ["blocks reads", "not known"]
    assert "v/a1.py:10: permission denied" in found.hazards[-1].text
