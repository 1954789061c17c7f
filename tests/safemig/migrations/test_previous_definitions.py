"""The downgrade of what is replaced or dropped, from the schema before it."""

from __future__ import annotations

from dataclasses import replace

import psycopg
import pytest

from checks.schema.difference import compare
from safemig.migrations import evaluator
from safemig.migrations.from_sql import in_operations
from safemig.migrations.previous_definitions import needed
from safemig.migrations.reconcile.tables import Restated
from safemig.migrations.writer import CannotAuthor, with_downgrade
from safemig.sandbox.desired import SpecFails, engine, restated, take
from tests.conftest import fresh_database
from tests.safemig.restating import spec

BASE = """
CREATE TABLE a (x int, y int);
CREATE VIEW v AS SELECT x FROM a;
CREATE MATERIALIZED VIEW m AS SELECT x FROM a;
CREATE FUNCTION f(n integer) RETURNS integer LANGUAGE sql AS 'SELECT n';
COMMENT ON FUNCTION f(integer) IS 'first';
"""


def _planned(server: str, code: str) -> Restated:
    return restated(BASE, spec(code), lambda: fresh_database(server))


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("CREATE OR REPLACE VIEW v AS SELECT 1;", True),
        ("CREATE OR REPLACE RECURSIVE VIEW v (n) AS SELECT 1;", True),
        ("CREATE VIEW w AS SELECT 1; DROP FUNCTION f(integer);", True),
        ("CREATE OR REPLACE VIEW v AS SELECT 1;\n-- downgrade\nDROP VIEW v;", False),
        ("CREATE VIEW w AS SELECT 1;", False),
        ("DROP TABLE a;", False),
        ("DROP MATERIALIZED VIEW m;", False),
        ("ALTER TABLE a ALTER x TYPE bigint;", True),
        ("ALTER TABLE a ALTER x TYPE text USING x::text;", False),
        ("CREATE TYPE t AS ENUM ('a');", False),
    ],
)
def test_only_replacing_and_dropping_asks_for_the_schema_before(code: str, expected: bool) -> None:
    assert needed(spec(code)) is expected


def test_what_is_replaced_is_put_back_and_what_is_new_is_dropped(postgres_server: str) -> None:
    code = (
        "ALTER TABLE a ADD COLUMN z int;\n"
        "CREATE OR REPLACE FUNCTION f(n integer) RETURNS integer LANGUAGE sql AS 'SELECT 2 * n';\n"
        "CREATE OR REPLACE FUNCTION f(n text) RETURNS text LANGUAGE sql AS 'SELECT n';"
    )
    found = _planned(postgres_server, code)
    new, old, column = found.wanted.downgrade.partition("CREATE")[0].strip(), found.wanted.downgrade, "DROP COLUMN z;"
    assert new == "DROP FUNCTION public.f(text);"
    assert "AS $function$SELECT n$function$" in old
    assert old.endswith(column)
    assert found.notes == ()


OPERATIONS = """title = sa.Text()
op.add_column("a", sa.Column("z", title))
op.execute("CREATE OR REPLACE VIEW v AS SELECT x FROM a WHERE x > 0")
op.execute("DROP FUNCTION f(integer)")
op.alter_column("a", "x", type_=sa.BigInteger())"""


@pytest.mark.parametrize(
    ("code", "language"),
    [
        (OPERATIONS.replace('op.alter_column("a", "x"', 'op.alter_column("a", "y"'), "python"),
        (
            "ALTER TABLE a ADD z text;\nCREATE OR REPLACE VIEW v AS SELECT x FROM a WHERE x > 0;\n"
            "DROP FUNCTION f(integer);\nALTER TABLE a ALTER y TYPE bigint;",
            "sql",
        ),
    ],
)
def test_the_way_back_is_found_in_either_language(code: str, language: str, postgres_server: str) -> None:
    asked = spec(code, language)
    assert needed(asked)
    found = restated(BASE, asked, lambda: fresh_database(postgres_server)).wanted
    assert found.types == (("a", "y", "integer"),)
    full = in_operations(with_downgrade(found))
    assert 'op.alter_column("a", "y", ' in full.downgrade
    assert "existing_type=sa.BigInteger()" in full.downgrade
    with fresh_database(postgres_server) as dsn:
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(BASE.encode())
        before = take(dsn)
        for side in ("up", "down"):
            with engine(dsn) as target, target.connect() as connected:
                evaluator.apply(full, connected, side="up" if side == "up" else "down")
            assert (compare(before, take(dsn), ignore=frozenset()) == ()) is (side == "down")


def test_a_view_that_is_made_anew_on_the_way_back_is_said(postgres_server: str) -> None:
    found = _planned(postgres_server, "CREATE OR REPLACE VIEW v AS SELECT x, y FROM a;")
    assert found.wanted.downgrade.startswith("DROP VIEW public.v;\nCREATE VIEW public.v")
    assert len(found.notes) == 1
    assert "view public.v anew: its owner" in found.notes[0]


def test_nothing_is_written_for_what_is_so_already(postgres_server: str) -> None:
    found = _planned(postgres_server, "CREATE OR REPLACE VIEW v AS SELECT x FROM a;\nDROP FUNCTION IF EXISTS g();")
    assert (found.wanted.upgrade, found.wanted.downgrade) == ("", "")


@pytest.mark.parametrize(
    "code",
    [
        "CREATE OR REPLACE VIEW v AS SELECT x, y FROM a;\nALTER TABLE a DROP COLUMN y CASCADE;",
        "CREATE OR REPLACE VIEW v AS SELECT 1 AS x;\nDROP TABLE a CASCADE;",
        "CREATE OR REPLACE VIEW v AS SELECT x FROM a;\nDELETE FROM a;",
        "CREATE MATERIALIZED VIEW n AS SELECT f(x) FROM a;\nDROP FUNCTION f(integer) CASCADE;",
    ],
)
def test_what_loses_more_than_a_definition_is_still_refused(postgres_server: str, code: str) -> None:
    with pytest.raises(CannotAuthor, match="has no downgrade that follows from it"):
        with_downgrade(_planned(postgres_server, code).wanted)


def test_a_statement_that_fails_is_blamed_at_its_own_line(postgres_server: str) -> None:
    asked = spec("-- CREATE OR REPLACE is meant\n\nCREATE VIEW w AS SELECT 1;\nDROP FUNCTION nowhere();")
    asked = replace(asked, upgrade_lines=tuple(range(11, 15)))
    assert needed(asked)
    with pytest.raises(SpecFails) as failed:
        restated(BASE, asked, lambda: fresh_database(postgres_server))
    assert failed.value.line == asked.place(len(asked.upgrade.split("\n")))[1]
