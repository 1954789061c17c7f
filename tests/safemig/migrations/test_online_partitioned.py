"""What PostgreSQL takes for a partitioned table, its partitions and its indexes, and nothing else, is written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import psycopg
import pytest

from checks.revisions.graph import Graph, read_graph
from checks.revisions.style import read_pattern
from safemig.migrations.change import Wanted
from safemig.migrations.online.forms import gentle
from safemig.migrations.writer import author
from safemig.plan_document.document import parse
from safemig.planning.collect.partitioned import partitioned
from safemig.requirements.sources import wanted
from safemig.runtimes.base import Runtime, Unreachable
from safemig.sandbox.desired import desire, of_revision
from tests.conftest import fresh_database

DUMP = """CREATE TABLE public.person (id integer PRIMARY KEY, name text);
CREATE INDEX ix_who ON public.person (name);
CREATE TABLE public.event (id integer NOT NULL, at date NOT NULL, who integer, kind text) PARTITION BY RANGE (at);
CREATE TABLE public.event_2024 PARTITION OF public.event FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE INDEX ix_old ON public.event (who);
CREATE MATERIALIZED VIEW public.daily AS SELECT at, count(*) AS n FROM public.event GROUP BY at;
"""
REVISION = '''"""{name}"""
from alembic import op
import sqlalchemy as sa
revision = "{name}"
down_revision = {down}
def upgrade():
    {code}
def downgrade():
    pass
'''


class _World:
    """A runtime of which only the database is asked."""

    def __init__(self, conninfo: str) -> None:
        self.conninfo = conninfo

    @contextmanager
    def connect(self) -> Iterator[psycopg.Connection[Any]]:
        if not self.conninfo:
            raise Unreachable("it is down", "here", "start it")
        with psycopg.connect(self.conninfo, autocommit=True) as connection:
            yield connection


def _spec(code: str, language: str) -> Wanted:
    document = parse(f"# P\n```{language}\n{code}\n```\n".encode(), "plan.md")
    found = wanted(document, document.phases[0], [])
    assert found is not None
    return found


CASES = [
    ("sql", "CREATE INDEX ix ON event (kind);", "DROP INDEX ix;", "is partitioned"),
    ("python", 'op.create_index("ix", "event", ["kind"])', 'op.drop_index("ix", "event")', "is partitioned"),
    ("sql", "DROP INDEX ix_old;", "CREATE INDEX ix_old ON event (who);", "is partitioned"),
    (
        "python",
        'op.drop_index("ix_old", table_name="event")',
        'op.create_index("ix_old", "event", ["who"])',
        "is partitioned",
    ),
    (
        "sql",
        "ALTER TABLE event ADD CONSTRAINT uq UNIQUE (id, at);",
        "ALTER TABLE event DROP CONSTRAINT uq;",
        "is partitioned",
    ),
    (
        "python",
        'op.create_foreign_key("fk", "event", "person", ["who"], ["id"])',
        'op.drop_constraint("fk", "event", type_="foreignkey")',
        "is partitioned",
    ),
    # What PostgreSQL does take stays in the form that holds locks least.
    (
        "sql",
        "ALTER TABLE event ADD CONSTRAINT ck CHECK (id > 0);",
        "ALTER TABLE event DROP CONSTRAINT ck;",
        "NOT VALID",
    ),
    ("sql", "ALTER TABLE event ALTER kind SET NOT NULL;", "ALTER TABLE event ALTER kind DROP NOT NULL;", "validated"),
    ("sql", "CREATE INDEX ix ON event_2024 (kind);", "DROP INDEX ix;", "CONCURRENTLY"),
    ("sql", "DROP INDEX ix_who;", "CREATE INDEX ix_who ON person (name);", "CONCURRENTLY"),
    ("sql", "CREATE UNIQUE INDEX ix ON daily (at);", "DROP INDEX ix;", "CONCURRENTLY"),
]


@pytest.mark.parametrize(("language", "up", "down", "said"), CASES)
def test_what_is_written_goes_up_and_down(
    postgres_server: str, dsn: str, tmp_path: Path, language: str, up: str, down: str, said: str
) -> None:
    plain = replace(_spec(up, language), downgrade=down)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(DUMP.encode())
    divided = partitioned(plain, cast(Runtime, _World(dsn)), read_graph([tmp_path]))
    better, choices = gentle(plain, set(plain.touched), divided)
    assert said in f"{choices[0].what} {choices[0].why}"
    pattern = read_pattern(read_graph([tmp_path]), tmp_path, file_template=None)
    moment = "2024-01-01T00:00:00+00:00"
    made = author(pattern, versions=tmp_path, down=(), wanted=better, message="m", moment=moment)
    empty = partial(fresh_database, postgres_server)
    desired = desire(DUMP, plain, empty, revision=of_revision(made.text, "m.py"))
    assert desired.base != desired.wanted


def _revisions(folder: Path, *codes: str) -> Graph:
    for number, code in enumerate(codes):
        down = repr(f"r{number - 1}") if number else None
        (folder / f"r{number}.py").write_text(REVISION.format(name=f"r{number}", down=down, code=code))
    return read_graph([folder])


@pytest.mark.parametrize(
    "made",
    [
        'op.create_table("event", sa.Column("at", sa.Date()), postgresql_partition_by="RANGE (at)")',
        'op.execute("CREATE TABLE event (at date) PARTITION BY LIST (at)")',
        'op.get_bind(); op.create_table("event", sa.Column("at", sa.Date()), postgresql_partition_by="HASH (at)")',
    ],
)
def test_the_revisions_tell_it_where_the_database_is_down(tmp_path: Path, made: str) -> None:
    other = 'op.create_table("person", sa.Column("id", sa.Integer()))'
    graph = _revisions(tmp_path, made, other, 'op.create_index("ix_old", "event", ["at"])')
    down = cast(Runtime, _World(""))
    assert partitioned(_spec("CREATE INDEX ix ON event (at);", "sql"), down, graph) == {"event"}
    assert partitioned(_spec("CREATE INDEX ix ON person (id);", "sql"), down, graph) == frozenset()
    assert "ix_old" in partitioned(_spec("DROP INDEX ix_old;", "sql"), down, graph)


def test_what_the_database_has_counts_before_the_revisions(tmp_path: Path, dsn: str) -> None:
    graph = _revisions(tmp_path, 'op.execute("CREATE TABLE event (at date) PARTITION BY LIST (at)")')
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("CREATE TABLE event (at date)")
    assert partitioned(_spec("CREATE INDEX ix ON event (at);", "sql"), cast(Runtime, _World(dsn)), graph) == frozenset()
