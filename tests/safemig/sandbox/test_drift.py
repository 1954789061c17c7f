"""Drift is what a database has that no revision made; what cannot be told is said with its place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from checks.revisions.graph import read_graph
from safemig.sandbox.desired import take
from safemig.sandbox.drift import NotEvaluated, drift, upgrade_in

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
SECOND = FIRST.replace('"a1"', '"b2"').replace("= None", '= "a1"')


def _versions(folder: Path, second: str) -> Path:
    (folder / "a1_first.py").write_text(FIRST)
    (folder / "b2_second.py").write_text(
        SECOND.replace(SECOND[SECOND.index("    op.c") : SECOND.index("\n\n\ndef down")], second)
    )
    return folder


def test_drift_is_what_no_revision_made(dsn: str, postgres_server: str, tmp_path: Path) -> None:
    @contextmanager
    def scratch() -> Iterator[str]:
        from psycopg.conninfo import conninfo_to_dict, make_conninfo

        name = f"{conninfo_to_dict(dsn)['dbname']}_s"
        with psycopg.connect(postgres_server, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"'.encode())
            try:
                yield make_conninfo(postgres_server, dbname=name)
            finally:
                connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())

    folder = _versions(tmp_path, '    op.create_index("ix", "course", ["slug"])')
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(b"CREATE TABLE course (id serial PRIMARY KEY, slug text, old text)")
    found = take(dsn)
    graph = read_graph([folder])
    at_first = drift(graph, ["a1"], folder, found, scratch)
    assert at_first.differences is not None
    assert [(one.key, one.aspect) for one in at_first.differences] == [("column public.course.old", "unexpected")]
    at_second = drift(graph, ["b2"], folder, found, scratch).differences
    assert at_second is not None
    assert ("index public.ix", "missing") in [(one.key, one.aspect) for one in at_second]
    assert drift(graph, ["zz"], folder, found, scratch).reason == "no revision file has the id 'zz'"


@pytest.mark.parametrize(
    ("second", "said"),
    [
        ("    helper(op)\n    op.drop_table('x')", "revision b2 (b2_second.py:"),
        ("    for x in y:\n        op.drop_table(x)", "revision b2 (b2_second.py:"),
        ("    raise NotImplementedError", "b2_second.py:8: upgrade raises an error"),
        ("    op.execute(f'CREATE TABLE {NAME} (id int)')", "revision b2 (b2_second.py:9): 'NAME' is not evaluated"),
        (
            "    op.execute(\"DO $$ BEGIN EXECUTE 'CREATE TABLE t' || (random() * 9)::int || ' ()'; END $$\")",
            "b2_second.py:9: the statement's effect depends on random(",
        ),
        ("    op.add_column('course', sa.Column('n', sa.Text()))\nop = helpers", "b2_second.py:10: 'op = helpers' may"),
        ("    op.add_column('course', sa.Column('n', sa.Text()))\ndel upgrade", "b2_second.py:10: 'del upgrade' may"),
        ("    pass\n@wrapped\ndef upgrade():\n    pass", "b2_second.py:11: upgrade is wrapped or defined twice"),
        ("    pass\nfrom project.tools import *", "b2_second.py:10: 'from project.tools import *' may stand"),
        ("    pass\nif LIVE:\n    upgrade = None", "b2_second.py:10: 'if LIVE:' may stand"),
        ("    pass\nop.execute('CREATE TABLE t ()')", "b2_second.py:10: \"op.execute('CREATE TABLE t ()')\" runs when"),
        ("    pass\ntry:\n    import x\nexcept ImportError:\n    x = None", ""),
        ("    pass", ""),
    ],
)
def test_revisions_that_do_more_make_drift_unknown(dsn: str, tmp_path: Path, second: str, said: str) -> None:
    @contextmanager
    def scratch() -> Iterator[str]:
        yield dsn

    folder = _versions(tmp_path, second)
    result = drift(read_graph([folder]), ["b2"], folder, take(dsn), scratch)
    assert result.reason.startswith(said)
    assert (result.differences is None) == bool(said)


def test_a_revision_that_is_not_in_utf_8_makes_drift_unknown(dsn: str, tmp_path: Path) -> None:
    @contextmanager
    def scratch() -> Iterator[str]:
        yield dsn

    folder = _versions(tmp_path, "    pass")
    second = folder / "b2_second.py"
    second.write_bytes(second.read_bytes() + b"# caf\xe9\n")
    result = drift(read_graph([folder]), ["b2"], folder, take(dsn), scratch)
    assert result.reason.startswith("b2_second.py is not in UTF-8")


def test_an_expression_of_many_terms_is_not_evaluated() -> None:
    terms = " + ".join(['"a"'] * 1_000)
    code = f"from alembic import op\n\n\ndef upgrade():\n    op.execute({terms})\n"
    with pytest.raises(NotEvaluated, match=r"a1\.py has an expression that is nested too deep"):
        upgrade_in(code, "a1.py")
