"""The statements that take back what was committed, on a real server."""

from __future__ import annotations

import psycopg
import pytest

from checks.schema.difference import Difference, compare
from checks.schema.snapshot import take
from safemig.protection.way_back import way_back


@pytest.mark.parametrize(
    "made",
    [
        "ALTER TABLE course ADD COLUMN zone text",
        'ALTER TABLE course ADD COLUMN "Odd one" text; CREATE INDEX "Odd ix" ON course ("Odd one")',
        "ALTER TABLE course ADD CONSTRAINT late CHECK (n > 5) NOT VALID",
        "CREATE TYPE mood AS ENUM ('a'); CREATE TABLE t (m mood, id serial); CREATE VIEW v AS SELECT m FROM t",
        "CREATE MATERIALIZED VIEW v AS SELECT n FROM course; CREATE SEQUENCE s",
    ],
)
def test_what_came_is_taken_back(dsn: str, made: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("CREATE TABLE course (slug text, n int)")
        before = take(connection)
        connection.execute(made.encode())
        statements = way_back(compare(before, take(connection)))
        assert statements
        for statement in statements:
            connection.execute(statement.encode())
        assert compare(before, take(connection)) == ()


def test_nothing_is_offered_for_what_was_changed_or_taken_away() -> None:
    gone = Difference("column public.course.n", "missing", {}, None)
    assert way_back([gone]) is None
    assert way_back([Difference("column public.course.n", "type", "integer", "bigint")]) is None
    assert way_back([]) is None
