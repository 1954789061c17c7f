"""What of a revision cannot be taken back or loses data, read without running it."""

from __future__ import annotations

import textwrap
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safemig.migrations.hazards import risks

ADD = 'op.add_column("t", sa.Column("c", sa.Text()))'
BACK = 'op.drop_column("t", "c")'


def _revision(up: str, down: str | None) -> str:
    head = "from alembic import op\nimport sqlalchemy as sa\nfrom sqlalchemy import text\n\n\n"
    sides = [("upgrade", up)] + ([("downgrade", down)] if down is not None else [])
    return head + "\n\n".join(f"def {name}():\n{textwrap.indent(code, '    ')}\n" for name, code in sides)


@pytest.mark.parametrize(
    ("up", "down", "said"),
    [
        (ADD, BACK, ""),
        (ADD, None, "has no downgrade"),
        (ADD, "pass", "its downgrade does nothing"),
        (ADD, '"""Nothing."""', "its downgrade does nothing"),
        (ADD, "return", "its downgrade does nothing"),
        (ADD, 'raise NotImplementedError("no way back")', "its downgrade raises NotImplementedError"),
        (ADD, "x = 1\nraise RuntimeError", "its downgrade raises RuntimeError"),
        ("pass", "pass", ""),
        ('"""A merge."""', None, ""),
    ],
)
def test_a_missing_way_back(up: str, down: str | None, said: str) -> None:
    found = risks(_revision(up, down))
    assert [one.what for one in found if one.final] == ([said] if said else [])
    assert bool(found) == bool(said)


@pytest.mark.parametrize(
    ("up", "said"),
    [
        ('op.drop_table("t")', "drops the table t with its data"),
        ('op.drop_column("t", "c")', "drops the column t.c with its data"),
        (
            'with op.batch_alter_table("t") as batch_op:\n    batch_op.drop_column("c")',
            "drops the column c with its data",
        ),
        ('op.execute("DELETE FROM t WHERE c IS NULL")', "takes rows away (DELETE FROM t WHERE c IS …)"),
        ('op.get_bind().execute(text("TRUNCATE t"))', "takes rows away (TRUNCATE t)"),
        (
            'op.execute(sa.text("ALTER TABLE t DROP COLUMN c"))',
            "drops a column with its data (ALTER TABLE t DROP COLUMN c)",
        ),
        ('op.execute("ALTER TABLE t DROP c, ADD d int")', "drops a column with its data (ALTER TABLE t DROP c , …)"),
        ('op.execute("DROP TABLE t")', "drops what holds data (DROP TABLE t)"),
        ('op.execute("DROP VIEW v CASCADE")', "drops what others may hang on (DROP VIEW v CASCADE)"),
        ('op.execute("DO $$ BEGIN PERFORM 1; END $$")', "runs a block of code that is not read (DO or CALL)"),
        ("op.execute(SQL)", "runs statements that are no literal, so what they do is not known"),
        ("op.execute(text(SQL))", "runs statements that are no literal, so what they do is not known"),
        ("import shop.seeds\nshop.seeds.fill()", "calls shop.seeds.fill(), and what that does is not read"),
        ("import uuid\nprint(uuid.uuid4())", ""),
        ("seed_everything()", "calls seed_everything(), and what that does is not read"),
        ('op.execute("ALTER TABLE t DROP CONSTRAINT k, ALTER COLUMN c DROP NOT NULL")', ""),
        ('op.execute("UPDATE t SET c = 1")', "overwrites what rows hold (UPDATE t SET c = 1)"),
        ('op.execute("UPDATE t SET c = 1 WHERE c IS NULL")', ""),
        ("return op.drop_table('users')", "drops the table users with its data"),
        ("with op.batch_alter_table('t') as b:\n        b.drop_column('x')", "drops the column x with its data"),
        (
            'op.execute("WITH x AS (DELETE FROM t RETURNING 1) SELECT count(*) FROM x")',
            "takes rows away (WITH x AS ( DELETE FROM …)",
        ),
        ('op.execute("SELECT wipe()")', "calls wipe(), and what that does is not read"),
        (
            "op.alter_column('t', 'c', type_=sa.Text(), postgresql_using='left(c, 3)')",
            "changes a type with USING, and what does not fit the new one is lost",
        ),
        (
            "sa.MetaData().drop_all(op.get_bind())",
            "calls sa.MetaData().drop_all(), which may drop tables with their data",
        ),
        ('op.drop_index("ix", table_name="t")', ""),
        (
            'op.create_table("t", sa.Column("id", sa.Integer()), sa.Column("n", sa.Text(), server_default=text("1")))',
            "",
        ),
        ("for name in sorted([str(1)]):\n    op.drop_constraint(name, 't')", ""),
    ],
)
def test_what_an_upgrade_loses_or_does_not_say(up: str, said: str) -> None:
    found = risks(_revision(up, BACK))
    assert [one.what for one in found if one.loses] == ([said] if said else [])
    assert not any(one.final for one in found)


FILE = """
{head}


def upgrade():
    {up}


def downgrade():
    from alembic import op as operations

    operations.drop_column("t", "c")
"""


@pytest.mark.parametrize(
    ("head", "up"),
    [
        ("from alembic import op as o", "o.drop_table('t')"),
        ("import alembic", "alembic.op.drop_table('t')"),
        ("import alembic.op as o", "o.drop_table('t')"),
        ("from alembic.op import drop_table", "drop_table('t')"),
        ("from alembic.op import drop_table as make", "make('t')"),
        ("from alembic.op import execute as run", "run('DELETE FROM t')"),
        ("from alembic import op", "getattr(op, 'drop_table')('t')"),
        ("from alembic import op", "op.__dict__['drop_table']('t')"),
        ("from alembic import op", "drop = op.drop_table"),
        ("from alembic import op", "list(map(op.drop_table, 'ab'))"),
        ("from alembic import op", "op.invoke(DropTableOp('t'))"),
        ("from alembic import op", "op.not_heard_of('t')"),
        ("from alembic import op", "op.alter_column('t', 'c', **more)"),
        ("from alembic import op\nop = other", "op.create_table('t')"),
        ("from alembic import op\n\n\ndef helper():\n    op.drop_table('t')", "helper()"),
        ("from alembic import op\n\n\ndef helper(_):\n    op.drop_table('t')", "list(map(helper, 'a'))"),
        ("from alembic import op\nx = op.drop_table('t')", "pass"),
        ("from alembic import op\nif True:\n    op.drop_table('t')", "pass"),
        ("from alembic import op\n\n\nclass A:\n    op.drop_table('t')", "pass"),
        ("from alembic import op\n\n\ndef later(x=op.drop_table('t')):\n    pass", "pass"),
        ("import os", "os.system('dropdb shop')"),
        ("import subprocess", "subprocess.run(['dropdb', 'shop'])"),
        ("from os import system", "system('dropdb shop')"),
        ("import sqlalchemy as sa", "sa.Table('t', sa.MetaData()).drop(bind)"),
        ("import sqlalchemy as sa", "sa.orm.Session(bind).query(T).delete()"),
        ("from alembic import op\nimport sqlalchemy as sa", "op.execute(sa.delete(T))"),
        ("from alembic import op\nimport sqlalchemy as sa", "op.execute(sa.select(sa.func.wipe()))"),
        ("from alembic import op", "op.execute('SELECT 1'.join(words))"),
        ("from alembic import op", "op.execute('DELETE FROM {}'.format('SELECT'))"),
        ("from alembic import op", "print(op.drop_table('t'))"),
        ("from alembic import op", "list(map(op.get_bind().exec_driver_sql, ['DELETE FROM t']))"),
        (
            "import itertools\nfrom alembic import op",
            "list(itertools.starmap(op.get_bind().execute, [('DROP',)]))",
        ),
        ("from app.cleanup import wipe", "list(map(wipe, [1]))"),
        ("from app.cleanup import wipe", "sorted([1], key=wipe)"),
        ("from app.cleanup import wipe", "iter(wipe, None)"),
        ("import re\nfrom app.cleanup import wipe", "re.sub('x', wipe, 'x')"),
        ("from app.cleanup import wipe", "print(*map(wipe, [1]))"),
        ("import os", "list(map(os.system, ['dropdb shop']))"),
        ("from alembic import op", "list(map(exec, ['x']))"),
        ("from app.cleanup import wipe", "with wipe:\n        pass"),
        ("import ctypes\nimport sqlalchemy as sa", "sa.Column('x', ctypes.CDLL('x.so'))"),
        ("from alembic import op", "a = ['x']\n    b = a\n    b += ['DELETE FROM t']\n    [op.execute(s) for s in a]"),
    ],
)
def test_no_detour_hides_a_loss(head: str, up: str) -> None:
    assert [one.final for one in risks(FILE.format(head=head, up=up))][:1] == [False]


@pytest.mark.parametrize(
    ("head", "up"),
    [
        ("import app.types", "op.add_column('t', sa.Column('id', app.types.GUID(length=16), nullable=False))"),
        ("", "op.create_table('t', sa.Column('at', sa.DateTime(timezone=True), server_default=sa.func.now()))"),
        ("", "mood = sa.Enum('a', name='mood')\n    mood.create(op.get_bind(), checkfirst=True)"),
        ("", "mood = sa.Enum('a', name='mood')\n    mood.drop(op.get_bind())"),
        ("", "with op.batch_alter_table('t') as batch_op:\n        batch_op.add_column(sa.Column('c', sa.Text()))"),
        ("", "with op.get_context().autocommit_block():\n        op.execute('CREATE INDEX CONCURRENTLY i ON t (c)')"),
        ("", "if 't' not in sa.inspect(op.get_bind()).get_table_names():\n        op.create_table('t')"),
        ("SQL = 'CREATE VIEW v AS SELECT 1'", "op.execute(SQL)"),
        ("t = sa.table('t', sa.column('c', sa.Text))", "op.bulk_insert(t, [{'c': 'x'}])"),
        ("t = sa.table('t', sa.column('c', sa.Text))", "op.get_bind().execute(t.insert().values(c='x'))"),
        ("", "rows = op.get_bind().execute(sa.text('SELECT c FROM t WHERE d = :d').bindparams(d=1)).scalars().all()"),
        ("def helper(name):\n    op.create_index(name, 't', ['c'])", "helper('ix')"),
        ("", "op.alter_column('t', 'c', existing_type=sa.Integer(), type_=sa.BigInteger())"),
        ("", "op.alter_column('t', 'c', existing_type=sa.String(9), type_=sa.String(length=10), nullable=True)"),
        ("", "op.alter_column('t', 'c', type_=sa.Text(), existing_nullable=False)"),
        ("", "op.alter_column('t', 'c', nullable=False, server_default=None, new_column_name='d')"),
    ],
)
def test_what_is_known_is_not_noisy(head: str, up: str) -> None:
    found = risks(FILE.format(head=f"from alembic import op\nimport sqlalchemy as sa\n{head}", up=up))
    assert [one for one in found if one.loses] == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("type_=sa.Integer()", "changes a type from … to integer, and what does not fit the new one may be lost"),
        (
            "existing_type=sa.Numeric(10, 2), type_=sa.Integer()",
            "changes a type from numeric(10,2) to integer, and what does not fit the new one may be lost",
        ),
        (
            "existing_type=sa.Text(), type_=Mood()",
            "changes a type from text to …, and what does not fit the new one may be lost",
        ),
        ("type_=sa.Text(), postgresql_using='left(c, 3)'",
         "changes a type with USING, and what does not fit the new one is lost"),
    ],
)  # fmt: skip
def test_a_type_that_may_hold_less(change: str, said: str) -> None:
    found = risks(_revision(f"op.alter_column('t', 'c', {change})", BACK))
    assert [one.what for one in found if one.kind == "data loss"] == [said]


@pytest.mark.parametrize(
    "down",
    [
        "if True:\n    raise RuntimeError",
        "print('no way back')",
        "return\nop.drop_column('t', 'c')",
        "try:\n    pass\nfinally:\n    raise",
    ],
)
def test_a_downgrade_that_only_looks_like_one(down: str) -> None:
    assert [one.final for one in risks(_revision(ADD, down))] == [True]


@pytest.mark.parametrize(
    ("sql", "lost"),
    [
        ("CREATE TABLE t (id bigint PRIMARY KEY, at timestamptz DEFAULT now())", False),
        ("CREATE OR REPLACE FUNCTION f() RETURNS void AS $$ DELETE FROM t $$ LANGUAGE sql", False),
        ("CREATE TABLE copy AS SELECT id FROM t", False),
        ("CREATE TABLE copy AS SELECT wipe(id) FROM t", True),
        ("CREATE TABLE copy AS WITH x AS (DELETE FROM t RETURNING id) SELECT id FROM x", True),
        ("CREATE UNIQUE INDEX CONCURRENTLY i ON t (lower(c))", False),
        ("CREATE RULE r AS ON INSERT TO t DO DELETE FROM t", True),
        ("CREATE EXTENSION IF NOT EXISTS citext", False),
        ("COMMENT ON TABLE t IS 'x'", False),
        ("SET lock_timeout = '5s'", False),
        ("GRANT SELECT ON t TO r", False),
        ("INSERT INTO t (a, b) VALUES (1, lower('B'))", False),
        ("INSERT INTO s.t SELECT id, now() FROM u ON CONFLICT DO NOTHING", False),
        ("INSERT INTO t (a) VALUES (1) ON CONFLICT (a) DO UPDATE SET b = 2", True),
        ("INSERT INTO t (a) SELECT wipe()", True),
        ("ALTER TABLE ONLY public.t ADD COLUMN c numeric(10, 2) DEFAULT 0, ADD CONSTRAINT k CHECK (c > 0)", False),
        ("ALTER TABLE t ADD COLUMN c int DEFAULT wipe()", True),
        ("ALTER TABLE t ALTER c SET DEFAULT 1, ALTER COLUMN c DROP NOT NULL", False),
        ("ALTER TABLE t ALTER c SET DEFAULT 1, ALTER d DROP IDENTITY", True),  # its sequence goes, and where that stood
        ("ALTER TABLE t ALTER c TYPE text", False),
        ("ALTER TABLE t ALTER COLUMN c SET DATA TYPE character varying", False),
        ("ALTER TABLE t ALTER c TYPE varchar(3)", True),
        ("ALTER TABLE t ALTER c TYPE timestamp with time zone", True),
        ("ALTER TABLE t ALTER c TYPE text USING left(c, 1)", True),
        ("ALTER TABLE t ADD d int, DROP COLUMN c", True),
        ("ALTER TABLE t DETACH PARTITION p", True),
        ("ALTER TABLE t RENAME TO u", False),
        ("ALTER TABLE t DROP CONSTRAINT k CASCADE", True),
        ("ALTER TYPE mood ADD VALUE IF NOT EXISTS 'fine'", False),
        ("ALTER TYPE pair DROP ATTRIBUTE a", True),
        ("ALTER SYSTEM SET x = 1", True),
        ("DROP INDEX CONCURRENTLY IF EXISTS i", False),
        ("DROP VIEW v", False),
        ("DROP TABLE t CASCADE", True),
        ("DROP SEQUENCE s", True),
        ("DROP ROLE r", True),
        ("UPDATE t SET c = NULL", True),
        ("UPDATE t SET c = 1, d = NULL WHERE c IS NULL", True),
        ("UPDATE t SET c = wipe() WHERE c IS NULL", True),
        ("UPDATE t SET c = 1 WHERE d IS NULL", True),
        ("SELECT count(*) FROM t", False),
        ('SELECT "wipe"()', True),
        ("EXPLAIN ANALYZE DELETE FROM t", True),
        ("COPY t FROM PROGRAM 'x'", True),
        ("PREPARE p AS DELETE FROM t", True),
        ("NOT HEARD OF", True),
    ],
)
def test_a_statement_is_known_or_counts(sql: str, *, lost: bool) -> None:
    assert any(one.loses for one in risks(_revision(f"op.execute({sql!r})", BACK))) is lost


def test_no_string_of_a_statement_is_shown() -> None:
    (found,) = risks(_revision("op.execute(\"ALTER DATABASE d SET a = 's3cret'\")", BACK))
    assert found.what == "runs a statement, and what that does is not known (ALTER DATABASE d SET a = …)"
    (found,) = risks(_revision("op.execute(\"EXECUTE p ('s3cret')\")", BACK))
    assert "s3cret" not in found.what


def test_the_line_is_that_of_the_file() -> None:
    (found,) = risks(_revision(f'{ADD}\nop.drop_table("u")', BACK))
    assert found.line == 8


@given(st.text(max_size=200))
def test_any_text_is_read(text: str) -> None:
    assert isinstance(risks(text), tuple)


@pytest.mark.parametrize("text", ["def upgrade(:", "x = 1", "\0"])
def test_what_cannot_be_read_counts(text: str) -> None:
    assert [one.final for one in risks(text)] == [False]


@pytest.mark.parametrize(
    ("up", "kind"),
    [
        ("op.drop_constraint('pk', 't', type_='primary')", "constraint dropped"),
        ("op.execute('ALTER TABLE t DROP CONSTRAINT pk')", "constraint dropped"),
        ("op.execute('ALTER DOMAIN d DROP CONSTRAINT IF EXISTS k')", "constraint dropped"),
        ("op.execute('GRANT ALL ON ALL TABLES IN SCHEMA public TO app, PUBLIC')", "weakens access"),
        ("op.execute('REVOKE UPDATE ON t FROM app')", "weakens access"),
        ("op.execute('GRANT owner TO app')", "weakens access"),
        ("op.execute('SET LOCAL ROLE owner')", "weakens access"),
        ("op.execute('SET SESSION AUTHORIZATION owner')", "weakens access"),
        ("op.execute('SET session_replication_role = replica')", "weakens access"),
        ("op.execute(\"SELECT set_config('session_replication_role', 'replica', true)\")", "weakens access"),
        ("op.execute('ALTER TABLE t DISABLE TRIGGER USER')", "weakens access"),
        ("op.execute('ALTER TABLE t NO FORCE ROW LEVEL SECURITY')", "weakens access"),
        ("op.execute('ALTER TABLE t SET SCHEMA old')", "weakens access"),
        ("op.execute('ALTER TABLE t OWNER TO app')", "weakens access"),
        ("op.execute('DROP POLICY p ON t')", "weakens access"),
        ("op.execute('ALTER ROLE app CREATEDB')", "weakens access"),
        ("op.execute('CREATE TRIGGER g AFTER INSERT ON t EXECUTE FUNCTION f()')", "trigger"),
        ("op.execute('DROP TRIGGER g ON t')", "trigger"),
        ("op.execute('ALTER TABLE t ENABLE REPLICA TRIGGER g')", "weakens access"),
        ("op.execute('CREATE SCHEMA s CREATE TABLE x (a int) GRANT ALL ON x TO PUBLIC')", "weakens access"),
        ("op.execute('ALTER FUNCTION f() SECURITY DEFINER')", "weakens access"),
        ("op.rename_table('t', 'u')", "rename"),
        ("op.execute('ALTER TABLE t RENAME c TO d')", "rename"),
        ("op.alter_column('t', 'c', new_column_name='d')", "rename"),
        ("with op.batch_alter_table('t') as batch:\n    batch.alter_column('c', new_column_name='d')", "rename"),
        ("op.alter_column('t', 'c', existing_type=sa.Integer(), type_=sa.BigInteger())", "type change"),
        ("op.execute('ALTER TABLE t ALTER c TYPE text')", "type change"),
    ],
)
def test_what_loses_nothing_and_is_asked_all_the_same(up: str, kind: str) -> None:
    assert [(one.kind, one.loses) for one in risks(_revision(up, BACK))] == [(kind, False)]


def test_a_helper_is_followed_with_what_it_is_given() -> None:
    head = "from alembic import op\n\n\ndef away(name, *, from_='t'):\n    op.drop_column(from_, name)\n"
    (found,) = risks(FILE.format(head=head, up="away('c')"))
    assert (found.line, found.what) == (6, "drops the column t.c with its data")


def test_a_helper_that_calls_itself_ends() -> None:
    head = "from alembic import op\n\n\ndef again(n):\n    again(n)\n    again(n)\n"
    assert any(one.loses for one in risks(FILE.format(head=head, up="again(1)")))


_TURNS = repr(tuple(range(50)))


@pytest.mark.parametrize(
    "up",
    [
        "".join(f"{'    ' * depth}for v{depth} in {_TURNS}:\n" for depth in range(6)) + "    " * 6 + "op.execute(x)",
        "".join(f"{'    ' * depth}while x:\n" for depth in range(18)) + "    " * 18 + "op.execute('SELECT 1')",
        "q = 'x' * 9\nq = 'abcdefgh'\n" + "q = q + q\n" * 60 + "op.execute(q)",
        "q = [sa.text('wipe()')]\n" + "q = [q, q]\n" * 40 + "op.create_index('i', 't', q)",
        "q = ['a', 'b']\n" + "q = q + q\n" * 60 + "for one in q:\n    op.execute(one)",
        "op.execute('%999999999s' % 'x')",
        "op.execute('{:999999999}'.format('x'))",
        "op.execute('{0.__class__}'.format('x'))",
        "q = 'a'.join(['" + "a" * 50_000 + "'])\nop.execute(q.replace('a', q).replace('a', q))",
        "x = " + "-" * 3000 + "1\nop.execute(x)",
        "x = a" + ".b" * 3000 + "\nop.execute(x)",
        "def f(n):\n    " + "\n    ".join("f(n)" for _ in range(30)) + "\nf(1)",
    ],
    ids=range(12),
)
def test_code_that_grows_beyond_bounds_is_unknown_within_seconds(up: str) -> None:
    begun = time.monotonic()
    found = risks(_revision(up, BACK))
    assert any(one.loses for one in found)
    assert time.monotonic() - begun < 20


@pytest.mark.parametrize(
    ("code", "lost"),
    [
        ("'DROP TABLE {}'.format('t')", True),
        ("'{1} {0}'.format('TABLE t', 'DROP')", True),
        ("'{a} TABLE t'.format(a='DROP')", True),
        ("'CREATE TABLE {t} (a json DEFAULT \\'{{}}\\')'.format(t='x')", False),
        ("'CREATE %s %s (a int) /* 100%% */' % ('TABLE', 't')", False),
        ("'%s TABLE t' % 'DROP'", True),
        ("'%d' % 1", True),
        ("'x y'.replace('x', 'DROP TABLE').replace('', 'z')", True),
        ("'CREATE x y (a int)'.replace('x', 'TABLE')", False),
    ],
)
def test_a_text_that_is_put_together(code: str, *, lost: bool) -> None:
    assert any(one.loses for one in risks(_revision(f"op.execute({code})", BACK))) is lost
