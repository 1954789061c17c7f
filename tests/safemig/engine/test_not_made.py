"""What a run has applied and the database lacks, or has kept although a revision drops it: it was only recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from checks.revisions.graph import read_graph
from safemig.engine.drift import _applied
from safemig.sandbox.desired import take
from safemig.sandbox.drift import drift
from tests.safemig.sandbox.test_drift import _versions

Scratch = Callable[[], AbstractContextManager[str]]
BY_HAND = "CREATE TABLE course (id serial PRIMARY KEY, slug text)"


@pytest.fixture
def scratch(dsn: str, postgres_server: str) -> Scratch:
    @contextmanager
    def made() -> Iterator[str]:
        name = f"{conninfo_to_dict(dsn)['dbname']}_s"
        with psycopg.connect(postgres_server, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"'.encode())
            try:
                yield make_conninfo(postgres_server, dbname=name)
            finally:
                connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())

    return made


@pytest.mark.parametrize("since", [(), ("a1",)])
@pytest.mark.parametrize(
    ("second", "not_made"),
    [
        ('op.add_column("course", sa.Column("level", sa.Integer()))', {"column public.course.level"}),
        ('op.drop_column("course", "slug")', {"column public.course.slug"}),
        ('op.drop_table("course")', {"table public.course"}),
        ('op.rename_table("course", "lesson")', {"table public.course", "table public.lesson"}),
        (
            'op.alter_column("course", "slug", new_column_name="s")',
            {f"column public.course.{one}" for one in ("s", "slug")},
        ),
        ('op.alter_column("course", "slug", nullable=False)', {"column public.course.slug"}),
    ],
)
def test_a_second_revision_that_was_only_stamped(
    since: tuple[str, ...], second: str, not_made: set[str], dsn: str, scratch: Scratch, tmp_path: Path
) -> None:
    """On a database that this run has made whole, and on one that was at the first revision before."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f"{BY_HAND}; CREATE TABLE beside (id integer)".encode())
    found = take(dsn)
    folder = _versions(tmp_path, f"    {second}")
    result = drift(read_graph([folder]), ["b2"], folder, found, scratch, since=since)
    assert result.differences is not None, result.reason
    told = {one.key for one in result.differences if _applied(one, result, found)}
    assert {key for key in told if key.startswith(("table", "column"))} >= not_made
    assert not any("beside" in key for key in told)  # somebody else's


@pytest.mark.parametrize("since", [("a1",), ("b2",)])
def test_what_others_have_put_beside_is_their_own(
    since: tuple[str, ...], dsn: str, scratch: Scratch, tmp_path: Path
) -> None:
    """A column and an index made by hand in a table that is older than this run, which a revision of it changes."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(
            f"{BY_HAND}; ALTER TABLE course ADD level int, ADD old text; CREATE INDEX ix ON course (old)".encode()
        )
    found = take(dsn)
    folder = _versions(tmp_path, '    op.add_column("course", sa.Column("level", sa.Integer()))')
    result = drift(read_graph([folder]), ["b2"], folder, found, scratch, since=since)
    assert {one.key for one in result.differences or ()} >= {"column public.course.old", "index public.ix"}
    assert not [one for one in result.differences or () if _applied(one, result, found)]
