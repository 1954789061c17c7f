"""Enum types that a spec makes although they are there: more labels, fewer, and every way to write them."""

from __future__ import annotations

import psycopg
import pytest

from safemig.migrations import evaluator
from safemig.migrations.reconcile.enum_types import made, without
from safemig.migrations.reconcile.statements import parts
from safemig.sandbox.desired import engine, of_revision, restated
from tests.conftest import fresh_database
from tests.safemig.restating import reached, spec

BASE = """
CREATE TYPE public."Mood" AS ENUM ('sad', 'it''s ok');
CREATE TABLE public.t (id integer PRIMARY KEY, m public."Mood" DEFAULT 'sad'::public."Mood", l public."Mood"[]);
CREATE INDEX ix_m ON public.t (m);
"""
CODE = """\
CREATE TYPE "Mood" AS ENUM ('bad', 'sad', 'so: so', 'it''s ok', 'good');
CREATE TABLE t (id integer PRIMARY KEY, m "Mood" DEFAULT 'good', l "Mood"[], n "Mood" DEFAULT 'bad');
CREATE INDEX ix_m ON t (m);
"""


def test_labels_are_added_and_the_way_back_stops_at_a_row_that_has_one(postgres_server: str) -> None:
    rows = "INSERT INTO t VALUES (1, 'sad', ARRAY['it''s ok']::\"Mood\"[])"
    with reached(postgres_server, BASE, CODE, rows=rows) as result:
        assert result.again.wanted.upgrade == ""
        assert result.text.count("autocommit_block") == 3
        with psycopg.connect(result.dsn, autocommit=True) as connection:
            connection.execute("UPDATE t SET m = 'good'")
        with engine(result.dsn) as target, target.connect() as connected, pytest.raises(evaluator.Failed) as caught:
            evaluator.apply(of_revision(result.text, "r.py"), connected, side="down")
        assert "good" in caught.value.message


OLD = "CREATE TYPE public.mood AS ENUM ('a', 'b'); CREATE TABLE public.t (id integer PRIMARY KEY, m public.mood);"


@pytest.mark.parametrize(
    ("code", "language", "upgrade"),
    [
        ("CREATE TYPE mood AS ENUM ('a', 'b');", "sql", ""),
        ("CREATE TYPE mood AS ENUM ('a', 'b', 'c');", "sql", "ALTER TYPE public.mood ADD VALUE 'c' AFTER 'b';"),
        (
            "mood = postgresql.ENUM('a', 'b', name='mood')\nmood.create(op.get_bind(), checkfirst=True)\n"
            "op.create_table('u', sa.Column('m', mood))",
            "python",
            "mood = postgresql.ENUM('a', 'b', name='mood', create_type=False)\n"
            "op.create_table('u', sa.Column('m', mood))",
        ),
        (
            "op.create_table('u', sa.Column('m', sa.Enum(\n    'a', 'b',  # both\n    name='mood',\n)))",
            "python",
            "op.create_table('u', sa.Column('m', postgresql.ENUM(\n    'a', 'b',  # both\n"
            "    name='mood', create_type=False,\n)))",
        ),
        (
            "op.create_table('u', sa.Column('m', sa.Enum('x', name='mood', native_enum=False)))",
            "python",
            "op.create_table('u', sa.Column('m', sa.Enum('x', name='mood', native_enum=False)))",
        ),
        (
            "op.execute(\"CREATE TYPE mood AS ENUM ('a', 'b')\")\nop.add_column('t', sa.Column('x', sa.Text()))",
            "python",
            "op.add_column('t', sa.Column('x', sa.Text()))",
        ),
    ],
)
def test_a_type_that_is_there_is_not_made_again(code: str, language: str, upgrade: str, postgres_server: str) -> None:
    found = restated(OLD, spec(code, language), lambda: fresh_database(postgres_server))
    assert (found.wanted.upgrade, found.wanted.problems) == (upgrade, ())


@pytest.mark.parametrize("labels", ["'a'", "'b', 'a'", "'b', 'c', 'a'"])
def test_labels_that_go_or_move_are_an_open_point(labels: str, postgres_server: str) -> None:
    code = f"CREATE TYPE mood AS ENUM ({labels});"
    found = restated(OLD, spec(code), lambda: fresh_database(postgres_server))
    assert "takes no label away and moves none" in found.wanted.problems[0]


def test_a_way_back_that_postgresql_refuses_is_an_open_point(postgres_server: str) -> None:
    base = OLD + "CREATE VIEW public.v AS SELECT m FROM public.t;"
    asked = spec("CREATE TYPE mood AS ENUM ('a', 'b', 'c');")
    found = restated(base, asked, lambda: fresh_database(postgres_server))
    assert "the way back fails, write a downgrade into the spec" in found.wanted.problems[0]
    assert "used by a view or rule" in found.wanted.problems[0]


def test_a_type_that_is_dropped_first_is_a_new_one() -> None:
    own = parts(spec("DROP TYPE mood;\nCREATE TYPE mood AS ENUM ('a');\nCREATE TYPE x.other AS ENUM ('b');"))
    assert made(own) == {"x.other": 3}
    assert [one.line for one in without(own, {"x.other"})] == [1, 2]
