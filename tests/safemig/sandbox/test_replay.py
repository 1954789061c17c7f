"""What ordinary chains make of an empty database is told, also where their revisions fill tables, ask and loop."""

from __future__ import annotations

import textwrap
from functools import partial
from pathlib import Path

import psycopg
import pytest

from checks.revisions.graph import read_graph
from safemig.migrations.row_statements import row_lines
from safemig.sandbox.desired import take
from safemig.sandbox.drift import Drift, drift
from tests.conftest import fresh_database

FIRST = '''"""first"""
from alembic import op
import sqlalchemy as sa
revision = "a1"
down_revision = None


def upgrade() -> None:
    op.create_table("course", sa.Column("id", sa.Integer(), primary_key=True), sa.Column("slug", sa.Text()))


def downgrade() -> None:
    op.drop_table("course")
'''
HEAD = '''"""second"""
import uuid
from datetime import datetime

from alembic import op
import sqlalchemy as sa
import sqlmodel
from sqlalchemy import orm
from sqlalchemy.dialects import postgresql
revision = "b2"
down_revision = "a1"
course = sa.table("course", sa.column("id", sa.Integer), sa.column("slug", sa.Text))
mood = postgresql.ENUM("good", "bad", name="mood", create_type=False)


def slugs():
    return [str(uuid.uuid4()) for _ in range(2)]


def upgrade() -> None:
'''
# What follows rows that were put in: it fails where they are half there.
AFTER = 'op.add_column("course", sa.Column("n", sa.Text()))'
N = {"column public.course.n"}
TOLD = {
    "rows by SQL": (f"op.execute(\"INSERT INTO course (slug) VALUES ('a')\")\n{AFTER}", N),
    "an update built of the table": (
        f'op.execute(course.update().where(course.c.id == 1).values(slug="b"))\n{AFTER}',
        N,
    ),
    "rows in bulk": (f'op.bulk_insert(course, [{{"id": 1, "slug": "a"}}])\n{AFTER}', N),
    "rows in bulk, with a clock": (f'op.bulk_insert(course, [{{"slug": str(datetime.now())}}])\n{AFTER}', N),
    "rows in bulk, from a function": (
        f'rows = [{{"slug": slug}} for slug in slugs()]\nop.bulk_insert(course, rows)\n{AFTER}',
        N,
    ),
    "by the connection": (
        f'bind = op.get_bind()\nbind.execute(sa.text("INSERT INTO course (slug) VALUES (:s)"), {{"s": "a"}})\n{AFTER}',
        N,
    ),
    "row by row": (
        'bind = op.get_bind()\nfor row in bind.execute(sa.text("SELECT id, slug FROM course")):\n'
        '    bind.execute(sa.text("UPDATE course SET slug = :s WHERE id = :i"), {"s": row.slug.lower(), "i": row.id})\n'
        f"{AFTER}",
        N,
    ),
    "a statement built for the connection": (
        f"op.get_bind().execute(course.insert().values(slug=slugs()[0]))\n{AFTER}",
        N,
    ),
    "a guard": (
        'if op.get_bind().execute(sa.text("SELECT count(*) FROM course")).scalar():\n'
        f'    raise RuntimeError("not empty")\n{AFTER}',
        N,
    ),
    "said on the way": (f'print("filling")\n{AFTER}', N),
    "a definition by the connection": (
        'op.get_bind().execute(sa.text("ALTER TABLE course ADD n text"))',
        N,
    ),
    "a loop over names": (
        'for name, kind in (("n", sa.Text()), ("m", sa.Date())):\n    op.add_column("course", sa.Column(name, kind))',
        {*N, "column public.course.m"},
    ),
    "only on PostgreSQL": (f'if op.get_bind().dialect.name == "postgresql":\n    {AFTER}', N),
    "only elsewhere": (f'if op.get_context().dialect.name != "postgresql":\n    {AFTER}', set()),
    "only where it is missing": (
        "inspector = sa.inspect(op.get_bind())\n"
        'if "n" not in [column["name"] for column in inspector.get_columns("course")]:\n'
        f"    {AFTER}\n"
        'if not inspector.has_table("course"):\n    op.create_table("never", sa.Column("id", sa.Integer()))',
        N,
    ),
    "a type of the module": (
        'mood.create(op.get_bind(), checkfirst=True)\nop.add_column("course", sa.Column("n", mood))',
        {*N, "enum public.mood"},
    ),
    "SQLModel's strings": ('op.add_column("course", sa.Column("n", sqlmodel.sql.sqltypes.AutoString(length=9)))', N),
    # The row that the last statement needs was left out, because of its clock.
    "rows that stand on rows": (
        'op.create_table("seat", sa.Column("course", sa.Integer(), sa.ForeignKey("course.id")))\n'
        'op.bulk_insert(course, [{"id": 7, "slug": str(datetime.now())}])\n'
        'op.execute("INSERT INTO seat VALUES (7)")',
        {"table public.seat"},
    ),
}
NOT_TOLD = {
    "a definition of what a row says": (
        'for row in op.get_bind().execute(sa.text("SELECT slug FROM course")):\n'
        '    op.add_column("course", sa.Column(row.slug, sa.Text()))',
        "SELECT slug FROM course",
    ),
    "an end before the end": (f'if slugs():\n    return\n{AFTER}', "'slugs' is not evaluated"),
    "a list that was added to": (
        'names = ["n"]\nnames.append(slugs()[0])\nfor name in names:\n    op.drop_column("course", name)',
        "'names' is not evaluated",
    ),
    "a session of the ORM": (f"orm.Session(op.get_bind()).commit()\n{AFTER}", "'orm' is not evaluated"),
    "a function that may do anything": (
        "op.get_bind().execute(sa.text(\"SELECT make_partitions('course')\").bindparams())", "is not evaluated",
    ),
    "an answer of the clock": (
        f'if op.get_bind().execute(sa.text("SELECT now() > \'2026\'")).scalar():\n    {AFTER}', "is not evaluated",
    ),
}  # fmt: skip


def told(root: Path, postgres_server: str, dsn: str, body: str) -> Drift:
    """The drift of a database that has the first revision alone, against both."""
    (root / "a1_first.py").write_text(FIRST)
    (root / "b2_second.py").write_text(HEAD + textwrap.indent(body, "    ") + "\n\n\ndef downgrade():\n    pass\n")
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("CREATE TABLE course (id serial PRIMARY KEY, slug text)")
    return drift(read_graph([root]), ["b2"], root, take(dsn), partial(fresh_database, postgres_server))


@pytest.mark.parametrize("name", TOLD)
def test_what_an_ordinary_revision_makes_is_told(name: str, dsn: str, postgres_server: str, tmp_path: Path) -> None:
    body, made = TOLD[name]
    result = told(tmp_path, postgres_server, dsn, body)
    assert (result.reason, result.unbuildable) == ("", "")
    assert result.differences is not None
    missing = {one.key for one in result.differences if one.aspect == "missing"}
    tables = {key for key in missing if key.partition(" ")[0] in ("table", "enum")}
    assert made <= missing, result.differences
    assert {key for key in missing if key.startswith("column public.course")} <= made
    assert tables <= made


@pytest.mark.parametrize("name", NOT_TOLD)
def test_what_only_running_it_would_tell_is_not_told(name: str, dsn: str, postgres_server: str, tmp_path: Path) -> None:
    body, words = NOT_TOLD[name]
    result = told(tmp_path, postgres_server, dsn, body)
    assert result.differences is None
    assert words in result.reason
    assert "b2_second.py:" in result.reason


def test_a_chain_that_fails_for_want_of_rows_of_its_own_is_named_and_told(
    dsn: str, postgres_server: str, tmp_path: Path
) -> None:
    """Nothing was left out before the statement that fails: an empty database cannot be built."""
    body = (
        f'op.execute("INSERT INTO made_by_hand VALUES (1)")\nop.bulk_insert(course, [{{"slug": slugs()[0]}}])\n{AFTER}'
    )
    result = told(tmp_path, postgres_server, dsn, body)
    assert "made_by_hand" in result.unbuildable
    assert result.differences is not None
    assert "column public.course.n" in {one.key for one in result.differences}


@pytest.mark.parametrize(
    ("line", "of_rows"),
    [
        ("op.execute('DELETE FROM course')", True),
        ("op.execute('WITH old AS (DELETE FROM course RETURNING id) INSERT INTO gone SELECT id FROM old')", True),
        ("op.execute('SELECT * INTO copy FROM course')", False),
        ("op.execute('TRUNCATE course; DROP TABLE seat')", False),
        ("op.execute('UPDATE course SET slug = renamed(slug)')", False),
        ("op.execute(sa.schema.CreateTable(course))", False),
        ("op.drop_column('course', 'slug')", False),
        ("slugs()", True),
        ("unknown(op)", False),
        ("x = 1", True),
    ],
)
def test_which_statements_change_rows_alone(line: str, of_rows: bool) -> None:
    text = f"{HEAD}    {line}\n"
    assert row_lines([text]) == (frozenset({text.count("\n")} if of_rows else ()),)
