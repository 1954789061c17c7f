"""Operations of a spec are evaluated from their tree; all else is refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from checks.schema.snapshot import Snapshot
from safemig.migrations import evaluator
from safemig.migrations.change import Wanted
from safemig.sandbox import desired

if TYPE_CHECKING:
    from sqlalchemy import Connection

EMPTY = Wanted("op", "", "", (), frozenset(), ("plan.md", 1))


@pytest.fixture
def connection(dsn: str) -> Iterator[Connection]:
    with desired.engine(dsn) as engine, engine.connect() as opened:
        yield opened


def _after(code: str, dsn: str, *, kind: Any = "op", imports: tuple[str, ...] = ()) -> Snapshot:
    with desired.engine(dsn) as engine, engine.connect() as opened:
        evaluator.apply(replace(EMPTY, kind=kind, upgrade=code, imports=imports), opened)
    return desired.take(dsn)


def test_what_specs_write_is_evaluated(dsn: str) -> None:
    code = """
schema = None
op.execute("CREATE EXTENSION IF NOT EXISTS citext")
op.create_table(
    "kind",
    sa.Column("id", sa.Integer, sa.Identity(always=True), primary_key=True),
    sa.Column("name", CITEXT(), nullable=False),
)
mood = postgresql.ENUM("good", "bad", name="mood", create_type=False)
mood.create(op.get_bind(), checkfirst=True)
op.create_table(
    "rating",
    sa.Column("id", sa.BigInteger(), primary_key=True),
    sa.Column("kind_id", sa.Integer(), sa.ForeignKey("kind.id", ondelete="CASCADE"), nullable=False),
    sa.Column("stars", sa.SmallInteger(), nullable=False, server_default=sa.text("1"), comment="one " + "to five"),
    sa.Column("mood", mood),
    sa.Column("tags", postgresql.ARRAY(sa.String(20))),
    sa.Column("at", sa.DateTime(timezone=True), server_default=sa.func.now()),
    sa.Column("double", sa.Integer(), sa.Computed("stars * 2", persisted=True)),
    sa.CheckConstraint("stars BETWEEN 1 AND 5", name=op.f("ck_stars")),
    schema=schema,
)
op.create_index("ix_stars", "rating", [sa.text("stars DESC"), "kind_id"], postgresql_where=sa.text("stars > -1"))
op.alter_column("rating", "kind_id", existing_type=sa.Integer(), type_=sa.BigInteger(), nullable=True)
with op.batch_alter_table("kind", schema=None) as batch_op:
    batch_op.add_column(sa.Column("note", sa.Text()))
    batch_op.create_unique_constraint("uq_name", ["name"])
with op.get_context().autocommit_block():
    op.create_index("ix_kind", "rating", ["kind_id"], postgresql_concurrently=True)
op.execute(sa.text("COMMENT ON TABLE rating IS 'stars: 100 %'"))
"""
    found = _after(code, dsn, imports=("from sqlalchemy.dialects.postgresql import CITEXT",)).objects
    for key in (
        "table public.kind", "column public.kind.note", "constraint public.kind.uq_name", "enum public.mood",
        "constraint public.rating.ck_stars", "index public.ix_stars", "index public.ix_kind",
    ):  # fmt: skip
        assert key in found, (key, sorted(found))
    assert found["column public.rating.kind_id"]["type"] == "bigint"
    assert found["table public.rating"]["comment"] == "stars: 100 %"


@pytest.mark.parametrize(
    "code",
    [
        "sa.create_engine('postgresql://')",
        "sa.engine.create_engine('x')",
        "sa.text.__globals__['os']",
        "sa.func.__class__",
        "op.__class__",
        "op.impl",
        "op.get_bind().execute('SELECT 1')",
        "op.get_context().connection.close()",
        "op.invoke(1)",
        "op.run_async(1)",
        "op.execute(op.get_bind())",
        "op.execute(sa)",
        "open('/etc/passwd')",
        "__import__('os')",
        "import os\nos.system('true')",
        "from os import system\nsystem('true')",
        "from sqlalchemy import create_engine",
        "from sqlalchemy.orm import Session",
        "sa.util.os",
        "sa.PickleType(pickler=op)",
        "sa.types.TypeDecorator()",
        "for x in [1]:\n    op.drop_table('a')",
        "if True:\n    op.drop_table('a')",
        "def f():\n    pass",
        "op.create_table(*['a'])",
        "op.create_table(**{'table_name': 'a'})",
        "op.drop_table([x for x in 'ab'][0])",
        "(lambda: 1)()",
        "op.drop_table('a' * 9)",
        "op.execute(f'{1!r:>9999999999}')",
        "op.create_table('a', ...)",
        "op.create_table(unknown)",
        "op.create_table('a', sa.Column('b', sa.Nonsense()))",
        "op.create_table('a', sa.Column(1, 2, 3, 4))",
        "with open('x') as f:\n    pass",
        "postgresql.psycopg2",
        "x = y = 1",
        "def (",
        "'a'.format(1)",
        "sa.Column('a', sa.Integer()).__init__",
        "sa.Column('a', sa.Integer()).type",
    ],
)
def test_everything_else_is_refused_and_nothing_stays(code: str, dsn: str, connection: Connection) -> None:
    before = "op.create_table('early', sa.Column('id', sa.Integer()))\n"
    wanted = replace(EMPTY, upgrade=before + code if "def (" not in code else code)
    with pytest.raises(evaluator.Refused) as caught:
        evaluator.apply(wanted, connection)
    assert caught.value.line >= 1
    connection.close()
    assert "table public.early" not in desired.take(dsn).objects


def test_what_postgresql_refuses_comes_with_its_line(connection: Connection) -> None:
    code = "\n\nop.create_index('ix', 'missing', ['a'])"
    with pytest.raises(evaluator.Failed) as caught:
        evaluator.apply(replace(EMPTY, upgrade=code), connection)
    assert caught.value.line == 3
    assert "missing" in caught.value.message


def test_sql_is_run_as_it_is(dsn: str) -> None:
    sql = """-- first
CREATE TYPE kind AS ENUM ('a');
CREATE TABLE t (a text DEFAULT '100 % :x', k kind);
CREATE INDEX CONCURRENTLY ix ON t (a);
ALTER TYPE kind ADD VALUE 'b';
ALTER TABLE t ALTER k SET DEFAULT 'b';
"""
    found = _after(sql, dsn, kind="sql").objects
    assert "100 % :x" in str(found["column public.t.a"]["default"])
    assert "index public.ix" in found
    assert found["column public.t.k"]["default"]


@pytest.mark.parametrize(
    ("sql", "line"),
    [
        ("CREATE TABLE t (\n  a int,\n  b nonsense\n);", 3),
        ("-- comment\n\nCREATE TABLE t (a int);\n-- more\n-- more\nCREATE INDEX ix ON t\n  (missing);", 6),
    ],
)
def test_a_failing_statement_is_placed(sql: str, line: int, connection: Connection) -> None:
    with pytest.raises(evaluator.Failed) as caught:
        evaluator.apply(replace(EMPTY, kind="sql", upgrade=sql), connection)
    assert caught.value.line == line


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (
            "op",
            "op.drop_table('gone')\nwith op.batch_alter_table('gone') as batch_op:\n    batch_op.drop_column('x')\n"
            "with op.get_context().autocommit_block():\n    op.drop_index('gone', postgresql_concurrently=True)\n"
            "op.drop_table('there')",
        ),
        ("sql", "DROP TABLE gone;\nDROP INDEX CONCURRENTLY gone;\nDROP TABLE there;"),
    ],
)
def test_leniently_a_refused_statement_is_passed_over(kind: Any, code: str, dsn: str) -> None:
    _after("CREATE TABLE there (id int);", dsn, kind="sql")
    wanted = replace(EMPTY, kind=kind, downgrade=code)
    with desired.engine(dsn) as engine, engine.connect() as opened:
        with pytest.raises(evaluator.Failed):
            evaluator.apply(wanted, opened, side="down")
        evaluator.apply(wanted, opened, side="down", lenient=True)
    assert "table public.there" not in desired.take(dsn).objects
