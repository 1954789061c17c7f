"""Whether a change can begin, from what was seen of the live database."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from checks.database.statement_trace import RevisionTrace, StatementTrace, TableLock, TableWork
from checks.database.table_size import TableSize
from checks.evidence import Evidence, Json, unseen
from safemig.protection.impact import Limits, impact
from safemig.protection.readiness import Change, troubles

AE, ROW = "AccessExclusiveLock", "ShareRowExclusiveLock"
ALTER = StatementTrace(9, "ALTER TABLE book ALTER n TYPE bigint", locks=(TableLock("book", AE),),
                       work=(TableWork("book", "rewrite"),))  # fmt: skip
BUILD = StatementTrace(9, "CREATE INDEX CONCURRENTLY ix ON book (n)", alone=True, work=(TableWork("book", "index"),))
SIZE = TableSize("book", 1_000_000, 500_000_000)


def _change(*statements: StatementTrace) -> Change:
    return Change(statements, impact([RevisionTrace("a", "a.py", "1", statements)], [SIZE], Limits()))


def _session(seconds: float, *tables: str, application: str = "shop", snapshot: bool = False) -> dict[str, Json]:
    return {"pid": 7, "application": application, "state": "idle in transaction", "seconds": seconds,
            "snapshot": snapshot, "tables": [*tables]}  # fmt: skip


def _setting(name: str, value: str, unit: str = "ms") -> dict[str, Json]:
    return {name: {"setting": value, "unit": unit, "source": "user"}}


def _owner(table: str, *, owns: bool) -> dict[str, Json]:
    return {"role": "shop", "tables": [{"table": table, "owner": "dba", "owns": owns, "creates": True}]}


@pytest.mark.parametrize(
    ("subject", "data", "statement", "weights"),
    [
        ("recovery", {"recovery": True, "read_only": True}, ALTER, ["stops"]),
        ("recovery", {"recovery": False, "read_only": True}, ALTER, ["asks"]),
        ("recovery", {"recovery": False, "read_only": False}, ALTER, []),
        ("rights", _owner("book", owns=False), ALTER, ["asks"]),
        ("rights", _owner("book", owns=True), ALTER, []),
        ("settings", _setting("statement_timeout", "30000"), ALTER, ["warns"]),  # 20 s of work: akb#480
        ("settings", _setting("statement_timeout", "600000"), ALTER, []),
        ("settings", _setting("lock_timeout", "500"), ALTER, ["warns"]),  # never past an autovacuum
        ("settings", _setting("lock_timeout", "5000"), ALTER, []),
        ("settings", _setting("lock_timeout", "5000"), BUILD, ["warns"]),  # suna#6588: an INVALID index is left
        ("settings", _setting("lock_timeout", "0"), BUILD, []),
        ("pooler", {"sessions": 1, "between": True}, ALTER, ["warns"]),
        ("disk", {"free": 10_000_000}, ALTER, ["asks"]),
        ("disk", {"free": 10_000_000_000}, ALTER, []),
        ("disk", {"free": None}, ALTER, []),
        ("transactions", {"transactions": [_session(60, "book")]}, ALTER, ["waits"]),  # GeoID#1233
        ("transactions", {"transactions": [_session(1, "book")]}, ALTER, []),
        ("transactions", {"transactions": [_session(1, "book", application="pg_dump")]}, ALTER, ["waits"]),  # #1284
        ("transactions", {"transactions": [_session(60, snapshot=True)]}, ALTER, []),
        ("transactions", {"transactions": [_session(60, snapshot=True)]}, BUILD, ["waits"]),
        ("prepared transactions", {"prepared": [{"name": "x", "owner": "o", "tables": ["book"]}]}, ALTER, ["waits"]),
        ("prepared transactions", {"prepared": [{"name": "x", "owner": "o", "tables": []}]}, ALTER, []),
        ("prepared transactions", {"prepared": [{"name": "x", "owner": "o", "tables": []}]}, BUILD, ["waits"]),
        ("maintenance", {"running": [{"pid": 1, "kind": "autovacuum worker", "table": "book", "wraparound": False}]},
         ALTER, []),
        ("maintenance", {"running": [{"pid": 1, "kind": "autovacuum worker", "table": "book", "wraparound": True}]},
         ALTER, ["waits"]),
        ("maintenance", {"running": [{"pid": 1, "kind": "client backend", "table": "book", "wraparound": False}]},
         ALTER, ["waits"]),
        ("replication", {"replicas": [{"application": "r", "bytes": 900_000_000, "seconds": 1.0}]}, ALTER, ["warns"]),
        ("replication", {"replicas": [{"application": "r", "bytes": None, "seconds": None}]}, ALTER, []),
    ],
)  # fmt: skip
def test_what_was_seen_is_judged_by_what_the_change_does(
    subject: str, data: Mapping[str, Json], statement: StatementTrace, weights: list[str]
) -> None:
    found = troubles([Evidence("readiness", subject, True, "", "", "", data)], _change(statement))
    assert [one.weight for one in found] == weights


def test_what_could_not_be_looked_at_is_said() -> None:
    (found,) = troubles([unseen("readiness", "rights", "psql", "connection refused")], _change(ALTER))
    assert (found.weight, found.text) == ("warns", "rights could not be looked at: connection refused")


@pytest.mark.parametrize(
    ("sql", "mode", "altered"),
    [
        ("ALTER TABLE book ADD x int", AE, True),
        ('ALTER TABLE IF EXISTS ONLY "public"."book" ADD x int', AE, True),
        ("CREATE INDEX ix ON book (n)", "ShareLock", True),
        ("ALTER TABLE page DROP CONSTRAINT fk_page_book", AE, False),  # locks the other side, whoever owns that
        ("ALTER TABLE books ADD x int", AE, False),
        ("ALTER TABLE page ADD FOREIGN KEY (b) REFERENCES book (id)", ROW, False),
        ("LOCK TABLE book", AE, False),
    ],
)
def test_only_a_table_that_is_altered_by_name_must_be_owned(sql: str, mode: str, *, altered: bool) -> None:
    statement = StatementTrace(9, sql, locks=(TableLock("book", mode),))
    assert (_change(statement).altered == {"book"}) is altered
