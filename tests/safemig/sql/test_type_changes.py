"""Changes of a column's type, judged as PostgreSQL makes them."""

from __future__ import annotations

import ast
from itertools import permutations

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safemig.sql.type_changes import converts, keeps, of_code, read

TYPES = (
    "smallint", "integer", "bigint", "numeric", "numeric(10,2)", "real", "double precision", "money", "text",
    "character varying(5)", "character(5)", "date", "timestamp without time zone", "timestamp(3) with time zone",
    "time without time zone", "time with time zone", "interval", "json", "jsonb", "inet", "cidr", "bit(3)",
    "bit varying(3)", "integer[]", "bigint[]", "boolean", "uuid", "bytea",
)  # fmt: skip


def test_no_using_is_left_out_where_postgresql_asks_for_one(dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        for before, after in permutations(TYPES, 2):
            connection.execute("SAVEPOINT one")
            connection.execute(f"CREATE TABLE t (c {before})".encode())
            try:
                connection.execute(f"ALTER TABLE t ALTER COLUMN c TYPE {after}".encode())
                possible = True
            except psycopg.errors.DatatypeMismatch:
                possible = False
            connection.execute("ROLLBACK TO SAVEPOINT one")
            assert possible or not converts(before, after), (before, after)


def test_what_does_not_fit_is_refused_without_using(dsn: str) -> None:
    assert converts("text", "character varying(3)")
    with psycopg.connect(dsn) as connection:
        connection.execute("CREATE TABLE t (c text); INSERT INTO t VALUES ('abcd')")
        with pytest.raises(psycopg.errors.StringDataRightTruncation):
            connection.execute("ALTER TABLE t ALTER COLUMN c TYPE varchar(3)")


@pytest.mark.parametrize(
    ("before", "after", "kept"),
    [
        ("integer", "bigint", True),
        ("smallint", "double precision", True),
        ("integer", "real", False),
        ("bigint", "double precision", False),
        ("bigint", "integer", False),
        ("integer", "numeric(12,2)", True),
        ("integer", "numeric(11,2)", False),
        ("integer", "numeric(12,-2)", False),
        ("numeric", "integer", False),
        ("numeric(8,2)", "numeric(10,3)", True),
        ("numeric(8,2)", "numeric(10,1)", False),
        ("numeric(8,2)", "numeric(8,3)", False),
        ("numeric(8,2)", "numeric", True),
        ("numeric", "numeric(30,10)", False),
        ("character varying(200)", "character varying(300)", True),
        ("character varying(200)", "character varying(199)", False),
        ("character varying(200)", "varchar", True),
        ("character varying", "character varying(9)", False),
        ("character(3)", "character varying(3)", True),
        ("character(3)", "char", False),
        ("text", "character varying(9)", False),
        ("uuid", "text", True),
        ("timestamp without time zone", "date", False),
        ("date", "timestamp without time zone", True),
        ("date", "timestamp with time zone", False),
        ("timestamp without time zone", "timestamp with time zone", False),
        ("timestamp(3) with time zone", "timestamptz", True),
        ("timestamp with time zone", "timestamp(0) with time zone", False),
        ("json", "jsonb", False),
        ("integer[]", "bigint[]", True),
        ("bigint[]", "integer[]", False),
        ("integer[]", "text", True),
        ("integer[]", "integer", False),
        ("mood", "mood", True),
        ("mood", "feeling", False),
        ("", "text", False),
    ],
)
def test_only_known_widenings_keep_every_value(before: str, after: str, *, kept: bool) -> None:
    assert keeps(before, after) is kept


@pytest.mark.parametrize(
    ("code", "type_"),
    [
        ("sa.Integer()", "integer"),
        ("sa.BigInteger", "bigint"),
        ("String(200)", "character varying(200)"),
        ("sa.VARCHAR(length=200)", "character varying(200)"),
        ("sa.String(length=N)", ""),
        ("sa.Numeric(10, 2, asdecimal=False)", "numeric(10,2)"),
        ("sa.Numeric(precision=10, scale=2)", "numeric(10,2)"),
        ("sa.Numeric(scale=2, precision=10)", "numeric(10,2)"),
        ("sa.Numeric(scale=2)", ""),
        ("sa.DateTime(timezone=True)", "timestamp with time zone"),
        ("postgresql.TIMESTAMP(precision=3)", "timestamp(3) without time zone"),
        ("sa.DateTime(timezone=ZONE)", ""),
        ("sa.DateTime(True)", "timestamp with time zone"),
        ("sa.Integer(4)", ""),
        ("sa.Float(53)", ""),
        ("sa.Enum('a', name='mood')", ""),
        ("sa.String(**more)", ""),
        ("types[0]", ""),
    ],
)
def test_the_type_that_code_stands_for(code: str, type_: str) -> None:
    assert of_code(ast.parse(code, mode="eval").body) == type_


@given(st.text(max_size=40))
def test_any_text_is_read(text: str) -> None:
    read(text)
