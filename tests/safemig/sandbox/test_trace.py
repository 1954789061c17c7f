"""What the statements of revisions do to tables, as a real PostgreSQL tells it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from checks.database.statement_trace import RevisionTrace, TableLock, TableWork
from safemig.sandbox.drift import upgrade_in
from safemig.sandbox.trace import trace

DUMP = """CREATE TABLE public.book (id integer PRIMARY KEY, title text, n integer, author integer);
CREATE TABLE public.author (id integer PRIMARY KEY, name text);"""
REVISION = """\
from alembic import op
import sqlalchemy as sa

revision = "a"
down_revision = None


def upgrade():
{body}


def downgrade():
    pass
"""
FIRST = 9  # the line of the first statement
ALONE = "with op.get_context().autocommit_block():"


def _trace(dsn: str, *bodies: tuple[str, ...]) -> tuple[RevisionTrace, ...]:
    @contextmanager
    def scratch() -> Iterator[str]:
        yield dsn

    steps = [
        upgrade_in(REVISION.format(body="\n".join(f"    {line}" for line in lines)), "versions/a.py")
        for lines in bodies
    ]
    return trace(DUMP, steps, scratch)


def _execute(sql: str) -> str:
    return f"op.execute({sql!r})"


AE, SHARE, ROW = "AccessExclusiveLock", "ShareLock", "ShareRowExclusiveLock"


@pytest.mark.parametrize(
    ("line", "locks", "work"),
    [
        ('op.add_column("book", sa.Column("x", sa.Text()))', {"book": AE}, {}),
        ('op.add_column("book", sa.Column("x", sa.Text(), server_default="a"))', {"book": AE}, {}),
        (_execute("ALTER TABLE book ADD r float DEFAULT random()"), {"book": AE}, {"book": "rewrite"}),
        ('op.alter_column("book", "n", type_=sa.BigInteger())', {"book": AE}, {"book": "rewrite"}),
        ('op.alter_column("book", "n", nullable=False)', {"book": AE}, {"book": "scan"}),
        ('op.create_index("ix", "book", ["title"])', {"book": SHARE}, {"book": "index"}),
        ('op.create_unique_constraint("uq", "book", ["title"])', {"book": AE}, {"book": "index"}),
        ('op.create_foreign_key("fk", "book", "author", ["author"], ["id"])', {"book": ROW, "author": ROW},
         {"book": "scan"}),
        ('op.create_table("t", sa.Column("a", sa.Integer(), sa.ForeignKey("author.id")))', {"author": ROW}, {}),
        ('op.rename_table("book", "books")', {"book": AE}, {}),
        (_execute("LOCK TABLE author"), {"author": AE}, {}),
        (_execute("DO $$ BEGIN ALTER TABLE book ADD w int; END $$"), {"book": AE}, {}),
        (_execute("UPDATE book SET n = 1"), {"book": "RowExclusiveLock"}, {"book": "scan"}),
    ],
)  # fmt: skip
def test_a_statement_shows_what_it_locks_and_whether_it_touches_all_rows(
    dsn: str, line: str, locks: dict[str, str], work: dict[str, str]
) -> None:
    (traced,) = _trace(dsn, (line,))
    (statement,) = traced.statements
    assert {each.table: each.mode for each in statement.locks} == locks
    assert {each.table: each.kind for each in statement.work} == work
    assert (statement.line, traced.failure, statement.alone) == (FIRST, "", False)


def test_statements_in_an_autocommit_block_show_what_they_did_although_their_locks_are_gone(dsn: str) -> None:
    lines = (
        ALONE,
        f"    {_execute('CREATE INDEX CONCURRENTLY ix ON book (title)')}",
        f"    {_execute('ALTER TABLE book ADD zz int')}",
        f"    {_execute('VACUUM FULL author')}",
        'op.drop_column("book", "n")',
    )
    ((build, add, vacuum, drop),) = (traced.statements for traced in _trace(dsn, lines))
    assert (build.alone, build.locks, build.work) == (True, (), (TableWork("book", "index"),))
    assert (add.locks, add.work) == ((TableLock("book", AE),), ()), "the scan was the statement's before it"
    assert vacuum.work == (TableWork("author", "rewrite"),)
    assert (drop.alone, drop.drops, drop.results) == (False, ("table column public.book.n",), ("book",))
    assert [each.line for each in (build, add, vacuum, drop)] == [FIRST + number for number in (1, 2, 3, 4)]


def test_a_validated_check_saves_the_scan_of_set_not_null(dsn: str) -> None:
    lines = (
        _execute("ALTER TABLE book ADD CONSTRAINT c CHECK (n IS NOT NULL) NOT VALID"),
        _execute("ALTER TABLE book VALIDATE CONSTRAINT c"),
        'op.alter_column("book", "n", nullable=False)',
    )
    ((add, validate, null),) = (traced.statements for traced in _trace(dsn, lines))
    assert (add.work, validate.work, null.work) == ((), (TableWork("book", "scan"),), ())
    assert null.locks == (), "it holds that lock already"


def test_revisions_stand_on_one_another_and_what_they_make_is_no_table_in_use(dsn: str) -> None:
    first, second = _trace(
        dsn,
        ('op.create_table("shelf", sa.Column("id", sa.Integer(), primary_key=True))',),
        ('op.add_column("shelf", sa.Column("x", sa.Text()))', _execute("ALTER TABLE nowhere ADD x int")),
    )
    assert [each.locks for each in (*first.statements, *second.statements)] == [(), ()]
    assert second.failure == f'versions/a.py:{FIRST + 1}: relation "nowhere" does not exist'


def test_a_rewrite_says_why_it_happens(dsn: str) -> None:
    (traced,) = _trace(dsn, ('op.alter_column("book", "n", type_=sa.Numeric())',))
    assert [each.reason for each in traced.statements[0].work] == ["the type of a column changes"]
