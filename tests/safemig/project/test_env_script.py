"""env.py as teams write it: what leaves the connection in a transaction that Alembic cannot end, with its line."""

from __future__ import annotations

import pytest

from safemig.project.env_script import read_env_script

PLAIN = """
def run():
    with engine.connect() as connection:
        context.configure(connection=connection, target_metadata=metadata)
        with context.begin_transaction():
            context.run_migrations()
run()
"""
OFFLINE = """
def offline():
    context.configure(url=url)
    with context.begin_transaction():
        context.run_migrations()
"""
ASYNC = """
def do_run_migrations(connection):
    context.configure(connection=connection, transaction_per_migration=True, include_schemas=True)
    with context.begin_transaction():
        context.run_migrations()

async def run_async_migrations():
    async with connectable.{opens}() as connection:
        await connection.run_sync(do_run_migrations)

def run_migrations_online():
    asyncio.run(run_async_migrations())
"""
EXECUTES = """
with engine.connect() as connection:
    connection.execute(text("SET lock_timeout = 4000"))
{then}
    context.configure(connection=connection)
"""
HELPER = """
def prepare(connection):
    connection.execute(text("CREATE SCHEMA IF NOT EXISTS app"))
{then}

def run():
    with engine.connect() as connection:
        prepare(connection)
        context.configure(connection=connection)
"""


@pytest.mark.parametrize(
    ("text", "autocommit", "lines"),
    [
        (PLAIN + OFFLINE, "carried", []),
        (PLAIN.replace("engine.connect()", "engine.begin()"), "refused", [3]),
        (ASYNC.format(opens="connect"), "carried", []),
        (ASYNC.format(opens="begin"), "refused", [8]),
        (EXECUTES.format(then=""), "refused", [3]),
        (EXECUTES.format(then="    connection.commit()"), "carried", []),
        (PLAIN.replace("        context.conf", "        t = connection.begin()\n        context.conf"), "refused", [4]),
        (PLAIN.replace("        with context", "        connection.execute(SQL)\n        with context"), "carried", []),
        ("with engine.begin() as other:\n    other.execute(text('SELECT 1'))\n" + PLAIN, "carried", []),
        (HELPER.format(then=""), "refused", [3]),
        (HELPER.format(then="    connection.commit()"), "carried", []),
        (PLAIN.replace("        context.conf", "        prepare(connection)\n        context.conf"), "unknown", [4]),
        ("from ours import run_migrations\nrun_migrations()\n", "unknown", [1]),
        ("with engine.begin(:\n", "unknown", [1]),
    ],
)  # fmt: skip
def test_what_keeps_an_autocommit_block_from_working_is_named(text: str, autocommit: str, lines: list[int]) -> None:
    script = read_env_script(text, "alembic/env.py")
    assert script.autocommit == autocommit
    assert [fact.line for fact in script.opened or script.unclear] == lines


def test_options_and_hooks() -> None:
    script = read_env_script(ASYNC.format(opens="connect"), "env.py")
    assert script.asynchronous
    assert script.per_revision
    assert script.options["include_schemas"].line == 3
    hooked = PLAIN.replace("target_metadata=metadata", "on_version_apply=log, render_item=None, include_object=ours")
    script = read_env_script(hooked, "env.py")
    assert [(name, fact.line) for name, fact in script.hooks(applying=True)] == [("on_version_apply", 4)]
    assert [name for name, _ in script.hooks(applying=False)] == ["include_object"]
    assert not script.per_revision


def test_sql_before_the_revisions_is_told() -> None:
    script = read_env_script(EXECUTES.format(then="    connection.commit()"), "env.py")
    assert [(fact.line, fact.text) for fact in script.executes] == [(3, "SET lock_timeout = 4000")]
