"""The variables by which a program is sent to another server: all that may name a database, and no other."""

from __future__ import annotations

import pytest

from safemig.project.database_variables import Server, pointing_at

SERVER = Server("127.0.0.1", 4711, "shop", "p@ss", "shop db")
WHERE = "shop:p%40ss@127.0.0.1:4711/shop%20db"


@pytest.mark.parametrize(
    ("given", "env", "driver", "name", "url"),
    [
        ({}, "", "", "DATABASE_URL", f"postgresql://{WHERE}"),
        ({"DATABASE_URL": "postgresql+asyncpg://a:b@db/x"}, "", "psycopg", "DATABASE_URL", f"postgresql+asyncpg://{WHERE}"),
        ({}, 'os.environ["SHOP_DATABASE_URL"]', "psycopg2", "SHOP_DATABASE_URL", f"postgresql+psycopg2://{WHERE}"),
        ({"ALEMBIC_DSN": "x"}, "", "", "ALEMBIC_DSN", f"postgresql://{WHERE}"),
        ({}, "", "", "POSTGRES_HOST", "127.0.0.1"),
        ({}, "", "", "PGPORT", "4711"),
        ({}, "", "", "PGPASSWORD", "p@ss"),
    ],
)  # fmt: skip
def test_every_name_leads_to_the_server(given: dict[str, str], env: str, driver: str, name: str, url: str) -> None:
    assert pointing_at(SERVER, given, env, driver)[name] == url


def test_what_names_no_database_is_left_alone() -> None:
    given = {"REDIS_URL": "redis://r", "HOME": "/home/x", "SENTRY_DSN": "https://s"}
    assert not given.keys() & pointing_at(SERVER, given, 'os.environ["SERVICE_URL"]', "").keys()
