"""What is told after a failed change, on a real server."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar, cast

import msgspec
import psycopg
import pytest

from checks.evidence import Evidence
from safemig.base.action import Action
from safemig.engine import guard
from safemig.engine.aftermath import tell_aftermath
from safemig.engine.session import Session
from safemig.planning.plan import Step
from safemig.postgres.binaries import find_binaries
from tests.conftest import fresh_database

T = TypeVar("T")
STEP = Step("migrate", "upgrade", "Migrate", "change", Action("command"))
TABLE = (
    "CREATE TABLE course (slug text); INSERT INTO course VALUES ('a'), ('a'); CREATE TABLE alembic_version "
    "(version_num varchar(32) PRIMARY KEY); INSERT INTO alembic_version VALUES ('a1')"
)


class _World:
    """A runtime and a session, as far as the aftermath asks them."""

    def __init__(self, dsn: str, server: str, folder: Path) -> None:
        self.dsn, self.server, self.notes, self.told = dsn, server, list[tuple[str, str]](), dict[str, Any]()
        self.session = cast("Session", SimpleNamespace(
            runtime=self, plan=SimpleNamespace(steps=(STEP,)), clean=str, look=self._look, note=self._note,
            past=SimpleNamespace(of=lambda _: SimpleNamespace(started=True)), observe=self._observe,
            journal=SimpleNamespace(folder=folder), facts=SimpleNamespace(database="shop"),
            project=SimpleNamespace(tree=SimpleNamespace(version_table="alembic_version", version_table_schema=None)),
        ))  # fmt: skip

    def connect(self) -> AbstractContextManager[psycopg.Connection]:
        return psycopg.connect(self.dsn, autocommit=True)

    def scratch(self) -> AbstractContextManager[str]:
        return fresh_database(self.server)

    def dump_schema(self) -> str:
        line = [str(find_binaries().bin / "pg_dump"), "--schema-only", "--no-owner", "--no-privileges", "-d", self.dsn]
        return subprocess.run(line, capture_output=True, text=True, check=True).stdout

    async def _look(self, call: Callable[[], T]) -> T:
        return await asyncio.to_thread(call)

    def _note(self, text: str, step: str = "", level: str = "info") -> None:
        self.notes.append((level, text))

    def _observe(self, step: str, moment: str, evidence: Evidence) -> None:
        self.told = dict(evidence.data)

    async def fails(self, *statements: str) -> None:
        """The change: these statements are committed, and then it fails."""
        with self.connect() as connection:
            connection.execute(TABLE.encode())
        mark = await guard.take_mark(self.session, STEP)
        (self.session.journal.folder / "before-migrate.json").write_bytes(msgspec.json.encode(mark))
        with self.connect() as connection:
            for statement in statements:
                try:
                    connection.execute(statement.encode())
                except psycopg.errors.UniqueViolation:
                    continue
        await tell_aftermath(self.session)


@pytest.fixture
def world(dsn: str, postgres_server: str, tmp_path: Path) -> _World:
    return _World(dsn, postgres_server, tmp_path)


async def test_what_was_committed_is_named_and_the_way_back_was_tried(world: _World) -> None:
    await world.fails(
        "ALTER TABLE course ADD COLUMN zone varchar(10)",
        "ALTER TABLE course ADD CONSTRAINT late CHECK (slug <> '') NOT VALID",
        "CREATE UNIQUE INDEX CONCURRENTLY uq ON course (slug)",
    )
    assert world.told["tried"] == "tried on a throwaway server: they lead back to the schema of before"
    assert [level for level, _ in world.notes] == ["warning", "error", "warning"]
    (said,) = [text for _, text in world.notes if text.startswith("committed before it failed")]
    assert all(name in said for name in ("column course.zone", "constraint course.late", "index uq"))
    assert "DROP INDEX CONCURRENTLY IF EXISTS public.uq;" in said


async def test_nothing_committed_is_said_as_well(world: _World) -> None:
    await world.fails()
    assert world.notes == [
        ("info", "nothing of the change was committed: revision and schema are those of before it"),
    ]


async def test_no_way_back_is_offered_for_what_was_taken_away(world: _World) -> None:
    await world.fails("ALTER TABLE course ADD COLUMN n int", "ALTER TABLE course DROP COLUMN slug")
    assert (world.told["way_back"], world.told["tried"]) == ([], "")
    assert "no statement is known that takes all of it back" in world.notes[-1][1]


async def test_of_a_revision_that_is_recorded_no_way_back_is_offered(world: _World) -> None:
    await world.fails("ALTER TABLE course ADD COLUMN n int", "UPDATE alembic_version SET version_num = 'b2'")
    assert (world.told["after"], world.told["way_back"]) == (["b2"], [])
