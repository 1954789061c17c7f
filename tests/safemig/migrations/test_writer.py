"""The migration file: in the project's pattern, deterministic, and true when it is run."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from checks.revisions.graph import read_graph
from checks.revisions.style import Pattern, read_pattern
from checks.schema.difference import compare
from safemig.migrations.change import Wanted
from safemig.migrations.writer import CannotAuthor, MigrationFile, author, slug
from safemig.plan_document.document import parse
from safemig.requirements.sources import wanted
from safemig.sandbox.desired import desire, take

MOMENT = "2026-03-04T05:06:07.089+00:00"
BASE = "CREATE TABLE public.course (id integer PRIMARY KEY, slug text, level text);"

# Runs the revision's own functions as Alembic does, in a process and environment of its own.
RUNNER = """
import importlib.util, sys
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
import psycopg, sqlalchemy as sa
file, side, dsn = sys.argv[1:]
spec = importlib.util.spec_from_file_location("revision_file", file)
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
engine = sa.create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(dsn))
with engine.connect() as connection:
    context = MigrationContext.configure(connection)
    with context.begin_transaction(), Operations.context(context):
        getattr(module, side)()
"""


def _wanted(language: str, *codes: str) -> Wanted:
    text = "# P\n" + "".join(f"\n```{language}\n{code}\n```\n" for code in codes)
    document = parse(text.encode(), "plan.md")
    found = wanted(document, document.phases[0], [])
    assert found is not None
    return found


def _author(found: Wanted, pattern: Pattern | None = None, *, down: tuple[str, ...] = ("aaa",)) -> MigrationFile:
    return author(
        pattern or Pattern(), versions=Path("versions"), down=down, wanted=found, message="add rating", moment=MOMENT
    )


def _run(file: Path, side: str, dsn: str) -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-c", RUNNER, str(file), side, dsn],
        capture_output=True, text=True, check=False, env={"PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


OP = '''def upgrade() -> None:
    """Make it."""
    # first the type
    op.execute("CREATE TYPE mood AS ENUM ('a:b', 'c')")
    op.create_table(
        "rating",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("course_id", sa.Integer(), sa.ForeignKey("course.id"), nullable=False),
        sa.Column("tags", postgresql.JSONB(), server_default=sa.text("""
'{}'
""")),
        sa.CheckConstraint("id > 0", name="ck_id"),
    )
    op.create_index("ix_course", "rating", ["course_id"])
    op.add_column("course", sa.Column("note", sa.Text()))


def downgrade() -> None:
    op.drop_column("course", "note")
    op.drop_table("rating")
    op.execute("DROP TYPE mood")
'''
LOOSE = """op.create_table(
    'kind',
    sa.Column('id', sa.Integer(), primary_key=True),
    sa.Column('mood', sa.Enum('a', 'b', name='mood')),
)
op.create_unique_constraint('uq_slug', 'course', ['slug'])
op.create_check_constraint('ck_slug', 'course', "slug <> ''")
op.create_foreign_key('fk_kind', 'course', 'kind', ['id'], ['id'])
op.create_index('ix_level', 'course', ['level'])
op.add_column('course', sa.Column('note', sa.Text(), comment="it's"))
op.rename_table('kind', 'sort')
"""
SQL = """-- one "type"
CREATE TYPE public.mood AS ENUM ('a', 'b');
CREATE TABLE rating (
    id SERIAL PRIMARY KEY,
    -- what is said
    said text DEFAULT '{"a":1, "b" :c}' CHECK (said <> '12:30 \\ 100 %'),
    mood public.mood
);
CREATE FUNCTION twice(n int) RETURNS int LANGUAGE sql AS $$
  SELECT n::int * 2;
$$;
COMMENT ON TABLE rating IS 'two
lines';
CREATE UNIQUE INDEX CONCURRENTLY ix_said ON public.rating (lower(said)) WHERE id > 0;
ALTER TABLE course ADD COLUMN note text, ADD CONSTRAINT ck_slug CHECK (slug <> '');
CREATE VIEW v AS SELECT id AS "a:b" FROM rating;
"""
SQL_DOWN = """DROP VIEW v;
ALTER TABLE course DROP CONSTRAINT ck_slug, DROP COLUMN note;
DROP INDEX CONCURRENTLY ix_said;
DROP FUNCTION twice(int);
DROP TABLE rating;
DROP TYPE mood;
"""
SIMPLE = """CREATE TYPE mood AS ENUM ('a');
CREATE TABLE IF NOT EXISTS rating (id int PRIMARY KEY, m mood);
CREATE INDEX ix_id ON rating (id);
ALTER TABLE ONLY course ADD COLUMN IF NOT EXISTS note text, ADD CONSTRAINT "ck Slug" CHECK (slug <> '');
CREATE SEQUENCE s;
CREATE MATERIALIZED VIEW mv AS SELECT 1 AS one;
"""


@pytest.mark.parametrize(
    "found",
    [
        _wanted("python", OP),
        _wanted("python", LOOSE),
        _wanted("sql", SQL, SQL_DOWN),
        _wanted("sql", SIMPLE),
    ],
    ids=["functions", "loose", "sql", "sql derived"],
)
def test_up_down_up_gives_the_desired_schema(found: Wanted, dsn: str, tmp_path: Path) -> None:
    import psycopg

    @contextmanager
    def scratch() -> Iterator[str]:
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("CREATE DATABASE scratch")
            try:
                yield psycopg.conninfo.make_conninfo(dsn, dbname="scratch")
            finally:
                connection.execute("DROP DATABASE scratch WITH (FORCE)")

    want = desire(BASE, found, scratch)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(BASE.encode())
    before = take(dsn)
    made = _author(found)
    file = tmp_path / made.path.name
    file.write_text(made.text)
    _run(file, "upgrade", dsn)
    assert compare(want.wanted, take(dsn)) == ()
    _run(file, "downgrade", dsn)
    assert compare(before, take(dsn)) == ()
    _run(file, "upgrade", dsn)
    assert compare(want.wanted, take(dsn)) == ()


def test_the_same_inputs_give_the_same_file() -> None:
    one, two = _author(_wanted("python", OP)), _author(_wanted("python", OP))
    assert one == two
    assert _author(_wanted("python", OP), down=("bbb",)).revision != one.revision
    assert len(one.revision) == 12
    assert one.path == Path(f"versions/{one.revision}_add_rating.py")


def test_statements_and_comments_stay_as_the_spec_has_them() -> None:
    text = _author(_wanted("python", OP)).text
    body = OP.split('"""Make it."""\n')[1].split("\n\n\ndef downgrade", maxsplit=1)[0]
    assert body in text
    assert "from sqlalchemy.dialects import postgresql" in text


NEWEST = '''# Copyright someone
"""create course

Revision ID: 0007
Revises: 0006
Create Date: 2025-01-01 00:00:00

"""
from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql


# revision identifiers, used by Alembic.
revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade():
    op.create_table("course", sa.Column("id", postgresql.UUID()))


def downgrade():
    op.drop_table("course")
'''


def test_the_file_looks_like_its_neighbours(tmp_path: Path) -> None:
    (tmp_path / "0006_start.py").write_text(NEWEST.replace("0006", "0005").replace("0007", "0006"))
    (tmp_path / "0007_create_course.py").write_text(NEWEST)
    graph = read_graph([tmp_path])
    made = _author(_wanted("sql", SIMPLE), read_pattern(graph, tmp_path, file_template=None), down=("0007",))
    assert (made.path.name, made.revision) == ("0008_add_rating.py", "0008")
    head = made.text.split("def upgrade")[0]
    assert head == NEWEST.split("def upgrade", maxsplit=1)[0].replace("0007", "0008").replace("0006", "0007").replace(
        "create course", "add rating"
    ).replace("2025-01-01 00:00:00", "2026-03-04 05:06:07.089000").replace(
        "from sqlalchemy.dialects import postgresql\n", ""
    )
    assert "def upgrade():\n    op.execute(" in made.text


FIRST = '''"""users

Revision ID: 0f1e2d3c4b5a
Revises:
Create Date: 2026-03-04 05:06:07

"""

from typing import Tuple, Union

from alembic import context, op
from sqlalchemy import (
    CheckConstraint,
    Column,
    func,
)

revision = "0f1e2d3c4b5a"
down_revision: Union[str, None] = None


def upgrade() -> None:
    op.create_table("users", Column("at", default=func.now()))


def downgrade() -> None:
    op.drop_table("users")
'''
# What only the first file imports is left out; its empty lines and the line of its docstring are kept.
AFTER_FIRST = '''"""add rating

Revision ID: {id}
Revises: 0f1e2d3c4b5a
Create Date: 2026-03-04 05:06:07.089000

"""

from typing import Union

from alembic import op

revision = "{id}"
down_revision: Union[str, None] = "0f1e2d3c4b5a"


def upgrade() -> None:
    op.execute("CREATE TABLE rating (id integer)")


def downgrade() -> None:
    op.execute("DROP TABLE rating")
'''


def test_a_file_has_the_gaps_of_its_neighbour_and_no_import_of_it_that_it_does_not_use(tmp_path: Path) -> None:
    (tmp_path / "0f1e2d3c4b5a_users.py").write_text(FIRST)
    pattern = read_pattern(read_graph([tmp_path]), tmp_path, file_template=None)
    made = _author(_wanted("sql", "CREATE TABLE rating (id integer);"), pattern, down=("0f1e2d3c4b5a",))
    assert made.text == AFTER_FIRST.format(id=made.revision)
    code = 'op.create_table("rating", sa.Column("id", sa.Integer()), sa.CheckConstraint("id > 0"))'
    assert "import CheckConstraint" not in _author(_wanted("python", code), pattern).text


@pytest.mark.parametrize(
    ("pattern", "down", "revision", "name", "line"),
    [
        (
            Pattern(id_style="date", id_template="%(year)d%(month).2d%(day).2d_%(hour).2d%(minute).2d"),
            ("x",), "20260304_0506", "20260304_0506_add_rating.py", "= 'x'",
        ),
        (
            Pattern(id_style="counter", id_template="%(counter)04d_%(slug)s", next_counter=12, file_template="%(rev)s"),
            ("a", "b"), "0012_add_rating", "0012_add_rating.py", "= ('a', 'b')",
        ),
        (
            Pattern(id_style="slug", id_template="%(slug)s", file_template="%(year)d-%(month).2d_%(slug)s"),
            (), "add_rating", "2026-03_add_rating.py", "= None",
        ),
        (
            Pattern(
                id_template="%(hour).2d", id_style="date", timezone="Asia/Tokyo", quote='"', docstring=(),
                identifiers=(("revision", ""), ("down_revision", "")),
            ),
            ("y",), "14", "14_add_rating.py", 'down_revision = "y"',
        ),
    ],
)  # fmt: skip
def test_id_styles(pattern: Pattern, down: tuple[str, ...], revision: str, name: str, line: str) -> None:
    made = _author(_wanted("sql", SIMPLE), pattern, down=down)
    assert (made.revision, made.path.name) == (revision, name)
    assert line in made.text
    ast.parse(made.text)


def test_an_id_fits_the_version_table() -> None:
    pattern = Pattern(id_style="counter", id_template="%(counter)04d_%(slug)s", next_counter=3)
    long = "add a table for the ratings of all courses by all of the users"
    found = _wanted("sql", SIMPLE)
    made = author(pattern, versions=Path("v"), down=(), wanted=found, message=long, moment=MOMENT)
    assert made.revision.startswith("0003_add_a_table")
    assert len(made.revision) <= 32


@pytest.mark.parametrize(
    ("language", "code", "line"),
    [
        ("sql", "CREATE TABLE a (id int);\nDROP TABLE b;", 5),
        ("sql", "CREATE TABLE a (id int);\n\nALTER TABLE b ALTER c TYPE bigint;", 6),
        ("sql", "CREATE OR REPLACE VIEW v AS SELECT 1;", 4),
        ("sql", "ALTER TABLE b ADD UNIQUE (c);", 4),
        ("python", "op.create_table('a', sa.Column('b', sa.Date()))\nop.drop_column('c', 'd')", 5),
        ("python", "op.create_index(None, 'a', ['b'])", 4),
    ],
)
def test_a_downgrade_that_does_not_follow_is_said_with_its_place(language: str, code: str, line: int) -> None:
    with pytest.raises(CannotAuthor, match=rf"plan\.md:{line}: .*no downgrade"):
        _author(_wanted(language, code))


def test_a_source_with_problems_is_not_written() -> None:
    with pytest.raises(CannotAuthor, match=r"plan\.md:4: AUTO_INCREMENT"):
        _author(_wanted("sql", "CREATE TABLE a (id int AUTO_INCREMENT);"))
    with pytest.raises(CannotAuthor):
        _author(replace(_wanted("python", OP), upgrade="op.create_table("))


def test_slug_is_alembics() -> None:
    assert slug("Add: the Tables, all of them & more", 20) == "add_the_tables_all_"
    assert slug("año nuevo", 40) == "año_nuevo"
