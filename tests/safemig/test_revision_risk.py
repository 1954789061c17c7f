"""What of a revision cannot be taken back or loses data, read without running it."""

from __future__ import annotations

import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safemig.revision_risk import risks

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
        ('op.get_bind().execute(text("TRUNCATE t"))', "takes rows away (TRUNCATE t …)"),
        (
            'op.execute(sa.text("ALTER TABLE t DROP COLUMN c"))',
            "drops a column with its data (ALTER TABLE t DROP COLUMN c …)",
        ),
        ('op.execute("ALTER TABLE t DROP c, ADD d int")', "drops a column with its data (ALTER TABLE t DROP c , …)"),
        ('op.execute("DROP TABLE t")', "drops what holds data (DROP TABLE t)"),
        ('op.execute("DROP VIEW v CASCADE")', "drops what others may hang on (DROP VIEW v CASCADE)"),
        ('op.execute("DO $$ BEGIN PERFORM 1; END $$")', "runs a block of code that is not read (DO)"),
        ("op.execute(SQL)", "runs statements that are no literal, so what they do is not known"),
        ("op.execute(text(SQL))", "runs statements that are no literal, so what they do is not known"),
        ("import shop.seeds\nshop.seeds.fill()", "calls shop.seeds.fill(), and what that does is not read"),
        ("import uuid\nprint(uuid.uuid4())", ""),
        ("seed_everything()", "calls seed_everything(), and what that does is not read"),
        ('op.execute("ALTER TABLE t DROP CONSTRAINT k, ALTER COLUMN c DROP NOT NULL")', ""),
        ('op.execute("UPDATE t SET c = 1")', "overwrites what rows hold (UPDATE t SET c = 1 …)"),
        ('op.execute("UPDATE t SET c = 1 WHERE c IS NULL")', ""),
        ("return op.drop_table('users')", "drops the table users with its data"),
        ("with op.batch_alter_table('t') as b:\n        b.drop_column('x')", "drops the column x with its data"),
        (
            'op.execute("WITH x AS (DELETE FROM t RETURNING 1) SELECT count(*) FROM x")',
            "takes rows away or overwrites them (WITH x AS ( DELETE FROM …)",
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
    assert [one.what for one in found] == ([said] if said else [])
    assert not any(one.final for one in found)


def test_the_line_is_that_of_the_file() -> None:
    (found,) = risks(_revision(f'{ADD}\nop.drop_table("u")', BACK))
    assert found.line == 8


@given(st.text(max_size=200))
def test_any_text_is_read(text: str) -> None:
    assert isinstance(risks(text), tuple)


@pytest.mark.parametrize("text", ["def upgrade(:", "x = 1", "\0"])
def test_what_cannot_be_read_counts(text: str) -> None:
    assert [one.final for one in risks(text)] == [False]
