"""Indexes that a failed concurrent build has left are found and named."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import psycopg
import pytest

from checks.schema.snapshot import Snapshot, take
from safemig.engine import observation
from safemig.engine.invalid_indexes import name_unfinished, unfinished
from safemig.engine.session import Session


@pytest.fixture
def left(dsn: str) -> Snapshot:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("CREATE TABLE course (slug text); INSERT INTO course VALUES ('a'), ('a')")
        connection.execute("CREATE INDEX fine ON course (slug)")
        connection.execute("CREATE TABLE part (id int) PARTITION BY RANGE (id)")
        connection.execute("CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM (1) TO (2)")
        connection.execute("CREATE INDEX waits ON ONLY part (id)")
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute('CREATE UNIQUE INDEX CONCURRENTLY "Odd name" ON course (slug)')
        return take(connection)


def test_what_a_failed_build_leaves_is_found(left: Snapshot) -> None:
    assert unfinished(left) == ('public."Odd name"',)


@pytest.mark.parametrize("applied", [True, False])
async def test_it_is_named_with_the_way_out(left: Snapshot, applied: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    async def now(_: Session) -> Snapshot:
        return left

    notes: list[str] = []
    past = SimpleNamespace(of=lambda step: SimpleNamespace(started=applied and step == "migrate"))
    monkeypatch.setattr(observation, "snapshot_now", now)
    await name_unfinished(cast("Session", SimpleNamespace(past=past, note=lambda text, level: notes.append(text))))
    assert len(notes) == applied
    assert all('`DROP INDEX CONCURRENTLY public."Odd name";`' in text for text in notes)
