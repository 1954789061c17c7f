"""Generated columns of tables that are there: another expression, none any more, and what is left to the person."""

from __future__ import annotations

import psycopg
import pytest

from safemig.sandbox.desired import restated
from tests.conftest import fresh_database
from tests.safemig.restating import reached, spec

BASE = """
CREATE TABLE public.t (
    id integer PRIMARY KEY, a integer NOT NULL,
    b integer GENERATED ALWAYS AS (a + 1) STORED NOT NULL, c integer GENERATED ALWAYS AS (a * 2) STORED, d text,
    CONSTRAINT ck_b CHECK (b > 0)
);
CREATE INDEX ix_b ON public.t (b, d);
COMMENT ON COLUMN public.t.b IS 'one more';
"""
CODE = """\
CREATE TABLE t (
    id integer PRIMARY KEY, a integer NOT NULL,
    b integer GENERATED ALWAYS AS (a + 10) STORED NOT NULL, c integer DEFAULT 7 NOT NULL, d text,
    CONSTRAINT ck_b CHECK (b > 0)
);
CREATE INDEX ix_b ON t (b, d);
"""


def test_an_expression_is_changed_with_all_that_hangs_on_the_column(postgres_server: str) -> None:
    with reached(postgres_server, BASE, CODE, rows="INSERT INTO t (id, a, d) VALUES (1, 5, 'x')") as result:
        with psycopg.connect(result.dsn) as connection:
            assert connection.execute("SELECT id, a, b, c, d FROM t").fetchall() == [(1, 5, 15, 10, "x")]
        assert result.again.wanted.upgrade == ""
        assert result.first.moved == {"table public.t"}
        said = " ".join(result.first.notes)
        assert "t.b gets another expression" in said
        assert "t.c keeps its values" in said
        assert "DROP EXPRESSION" in result.text


@pytest.mark.parametrize(
    ("base", "code", "words"),
    [
        (
            "CREATE TABLE public.t (a integer, b integer);",
            "CREATE TABLE t (a integer, b integer GENERATED ALWAYS AS (a) STORED);",
            "ALTER TABLE public.t DROP COLUMN b; ALTER TABLE public.t ADD COLUMN b integer GENERATED ALWAYS AS (a)",
        ),
        (
            "CREATE TABLE public.t (a integer, b integer GENERATED ALWAYS AS (a) STORED UNIQUE);",
            "CREATE TABLE t (a integer, b integer GENERATED ALWAYS AS (a + 1) STORED UNIQUE);",
            "t.t_b_key keeps values from being there twice",
        ),
        (
            "CREATE TABLE public.t (a integer, b integer GENERATED ALWAYS AS (a) STORED);"
            "CREATE VIEW public.v AS SELECT b FROM public.t;",
            "CREATE TABLE t (a integer, b integer);",
            "view v depends on column b",
        ),
    ],
)
def test_what_would_be_lost_is_an_open_point(base: str, code: str, words: str, postgres_server: str) -> None:
    found = restated(base, spec(code), lambda: fresh_database(postgres_server))
    assert len(found.wanted.problems) == 1
    assert words in found.wanted.problems[0]
    assert found.wanted.problems[0].startswith("plan.md:3: ")


def test_the_persons_own_statements_settle_the_open_point(postgres_server: str) -> None:
    code = (
        "CREATE TABLE t (a integer, b integer GENERATED ALWAYS AS (a) STORED);\n"
        "ALTER TABLE t DROP COLUMN b;\nALTER TABLE t ADD COLUMN b integer GENERATED ALWAYS AS (a) STORED;\n"
        "-- down\nALTER TABLE t DROP COLUMN b;\nALTER TABLE t ADD COLUMN b integer;"
    )
    with reached(postgres_server, "CREATE TABLE public.t (a integer, b integer);", code) as result:
        assert result.first.wanted.problems == ()
