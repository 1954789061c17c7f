"""A throwaway database begins its sessions as the application's database and role do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from safemig.postgres.session_settings import SessionSettings, give, read
from safemig.sandbox.restore import load
from tests.conftest import fresh_database

PASSWORD = "depot"


@pytest.fixture
def other(postgres_server: str) -> Iterator[str]:
    """An empty database beside that of ``dsn``."""
    with fresh_database(postgres_server) as conninfo:
        yield conninfo


@pytest.fixture
def role(dsn: str) -> str:
    """A role of the test's own, of its database's name."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        name = f"role_{connection.info.dbname}"
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'depot'").format(sql.Identifier(name)))
    return name


def _as(dsn: str, role: str) -> SessionSettings:
    with psycopg.connect(make_conninfo(dsn, user=role, password=PASSWORD), autocommit=True) as connection:
        return read(connection)


def _alter(dsn: str, text: str, **names: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        known = {"base": connection.info.dbname, **names}
        connection.execute(sql.SQL(text).format(**{key: sql.Identifier(name) for key, name in known.items()}))


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ("ALTER DATABASE {base} SET search_path TO app, public", "search_path", "app, public"),
        ('ALTER ROLE {role} SET search_path TO "Odd %\'s", app', "search_path", '"Odd %\'s", app'),
        ("ALTER ROLE {role} IN DATABASE {base} SET search_path TO tenant", "search_path", "tenant"),
        ("ALTER DATABASE {base} SET search_path TO ''", "search_path", '""'),
        ("ALTER ROLE {role} SET app.tenant TO 'it''s 50%'", "app.tenant", "it's 50%"),
        ("ALTER DATABASE {base} SET datestyle TO 'SQL, DMY'", "DateStyle", "SQL, DMY"),
    ],
)
def test_each_place_of_a_setting_counts(dsn: str, other: str, role: str, text: str, name: str, expected: str) -> None:
    _alter(dsn, text, role=role)
    give(_as(dsn, role), other)
    with psycopg.connect(load("", other), autocommit=True) as connection:
        assert _shown(connection, name) == expected


def test_the_schema_of_the_roles_name_comes_first_by_default(dsn: str, other: str, role: str) -> None:
    _alter(dsn, "CREATE SCHEMA {role}", role=role)
    give(_as(dsn, role), other)
    with psycopg.connect(load(f"CREATE SCHEMA {role};", other), autocommit=True) as connection:
        row = connection.execute("SELECT current_schema()").fetchone()
    assert row == (role,)


def test_what_the_other_server_has_not_is_left_out(other: str) -> None:
    give(SessionSettings((("lc_monetary", "xx_YY"), ("search_path", "app"))), other)
    with psycopg.connect(other, autocommit=True) as connection:
        assert _shown(connection, "search_path") == "app"


def test_a_table_may_be_placed_in_a_tablespace_of_the_database(other: str) -> None:
    give(SessionSettings(tablespaces=("fast",)), other)
    with psycopg.connect(load("", other), autocommit=True) as connection:
        connection.execute("CREATE TABLE public.course (id integer) TABLESPACE fast")


def _shown(connection: psycopg.Connection[Any], name: str) -> str:
    row = connection.execute("SELECT current_setting(%s)", (name,)).fetchone()
    assert row is not None
    return str(row[0])
