"""The online form is written only where env.py carries it, and the plan says what is written instead."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from checks.revisions.graph import read_graph
from checks.revisions.style import read_pattern
from safemig.migrations.change import Wanted
from safemig.planning.collect.environment_script import rehearsal_of
from safemig.planning.collect.migration import with_migration
from safemig.planning.facts import CommandFact, Facts, MigrationFact
from safemig.project.config import parse
from safemig.project.env_script import read_env_script
from safemig.project.layout import discover
from tests.safemig.plans import FACTS

ENV = """
from alembic import context
with engine.{opens}() as connection:
{before}
    context.configure(connection=connection{more})
    with context.begin_transaction():
        context.run_migrations()
"""
PLAIN = ENV.format(opens="connect", before="", more="")
SETS = ENV.format(opens="connect", before="    connection.execute(SET)", more="")
FIRST = '''"""first"""
from alembic import op
import sqlalchemy as sa
from depot import outside

revision = "a1"
down_revision = None


def upgrade() -> None:
    op.create_table("parcel", sa.Column("id", sa.Integer()), sa.Column("name", sa.Text()))
{concurrent}

def downgrade() -> None:
    op.drop_table("parcel")
'''
OURS = """
    op.get_bind().commit()
    with op.get_context().autocommit_block():
        op.create_index("ix_old", "parcel", ["id"], postgresql_concurrently=True)
"""
HELPED = OURS.replace("op.get_bind().commit()", "pass").replace("op.get_context().autocommit_block()", "outside(op)")
INDEX = Wanted(
    "sql", "CREATE INDEX ix_parcel_name ON parcel (name);", "DROP INDEX ix_parcel_name;", (),
    frozenset({"ix_parcel_name"}), ("docs/plan.md", 6), touched=("parcel",), upgrade_lines=(6,), downgrade_lines=(7,),
)  # fmt: skip


def _planned(root: Path, env: str, *, concurrent: str = "", config: str = "") -> tuple[str, tuple[str, ...], Facts]:
    files = {
        "alembic/versions/a1_first.py": FIRST.format(concurrent=concurrent), "alembic/env.py": env,
        "alembic.ini": "[alembic]\nscript_location = alembic\n", "Makefile": "migrate:\n\talembic upgrade head\n",
    }  # fmt: skip
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    project = discover(root)
    assert project.tree is not None
    versions = root / "alembic" / "versions"
    graph = read_graph([versions])
    facts = replace(FACTS, heads=graph.heads, pending=(), migration=None)
    pattern = read_pattern(graph, versions, file_template=None)
    made = with_migration(facts, project, parse(config), project.tree, "seek by name", INDEX, pattern)
    assert made.migration is not None
    return made.migration.text, made.problems, made


@pytest.mark.parametrize(
    ("opens", "before", "concurrent", "config", "lines", "said"),
    [
        ("connect", "", "", "", ["with op.get_context().autocommit_block():", "postgresql_concurrently=True"], ""),
        ("begin", "", "", "", [], "alembic/env.py:3 leaves the connection in a transaction"),
        ("connect", "    connection.execute(SET)", "", "", [], "alembic/env.py:4 leaves the connection in a trans"),
        ("connect", "    prepare(connection)", "", "", [], "alembic/env.py:4: prepare is given the connection"),
        ("begin", "", "", "migration: {autocommit: true}", ["autocommit_block"], ""),
        ("connect", "", "", "migration: {autocommit: false}", [], "migration.autocommit in safemig.yaml says so"),
        ("begin", "", OURS, "", ["op.get_bind().commit()\n    with op.get_context()"], "versions/a1_first.py:14"),
        ("begin", "", HELPED, "", ["from depot import outside", "with outside(op):"], "by `outside(op)`"),
    ],
)  # fmt: skip
def test_an_index_on_a_table_in_use(
    tmp_path: Path, opens: str, before: str, concurrent: str, config: str, lines: list[str], said: str
) -> None:
    env = ENV.format(opens=opens, before=before, more="")
    text, problems, facts = _planned(tmp_path, env, concurrent=concurrent, config=config)
    assert all(line in text for line in lines), text
    assert ("concurrently" in text) is bool(lines)
    assert "ix_parcel_name" in text
    assert bool(facts.migration and facts.migration.choices) is bool(lines)
    assert any(said in one for one in problems) or not said, problems


def test_what_env_py_does_besides_is_told(tmp_path: Path) -> None:
    more = ", process_revision_directives=own_ids, on_version_apply=log"
    env = ENV.format(
        opens="connect", before="    connection.execute(text('SET a.b = 1'))\n    connection.commit()", more=more
    )
    text, problems, _ = _planned(tmp_path, env)
    assert "autocommit_block" in text
    assert "env.py runs SQL of its own before the revisions: `SET a.b = 1` (alembic/env.py:4)" in problems
    assert any(one.startswith("alembic/env.py:6: process_revision_directives changes") for one in problems)
    assert "alembic/env.py:6: on_version_apply runs after each revision" in problems


LOOKS = {"current": CommandFact("uv run alembic current --verbose", effect="read")}


@pytest.mark.parametrize(
    ("env", "runtime", "commands", "several", "line", "said"),
    [
        (PLAIN, "process", LOOKS, False, "", ""),
        (SETS, "process", LOOKS, False,
         "uv run alembic upgrade b2 && uv run alembic downgrade a1 && uv run alembic upgrade b2", ""),
        (SETS, "docker", LOOKS, False, "", "its commands run in containers"),
        (SETS, "process", {}, False, "", "commands: current"),
        (SETS, "process", LOOKS, True, "", "several databases"),
    ],
)  # fmt: skip
def test_where_env_py_does_more_a_revision_is_tried_by_it(
    env: str, runtime: str, commands: dict[str, CommandFact], several: bool, line: str, said: str
) -> None:
    facts = replace(FACTS, runtime=runtime, commands=commands)
    fact = MigrationFact("alembic/versions/b2.py", "", "b2", ("a1",), ())
    script = read_env_script(env, "alembic/env.py")
    found, why = rehearsal_of(script, facts, fact, wanted=True, several=several)
    assert (found.line if found else "") == line
    assert not found or (found.effect, found.touches) == ("write", ("a throwaway database",))
    assert any(said in one for one in why) or not said
    assert rehearsal_of(script, facts, fact, wanted=False, several=several) == (None, ())
