"""The operation that makes an enum type where it is missing is Python, whatever the type and its labels are called."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from checks.revisions.graph import read_graph
from safemig.sandbox.adopt_table import enum_operation, unmade


@pytest.mark.parametrize(
    ("name", "labels", "written"),
    [
        ("mood", ("good", "bad"), "postgresql.ENUM('good', 'bad', name='mood')"),
        ("public.mood", ("it's",), "postgresql.ENUM(\"it's\", name='mood')"),
        ("app.Mood", ("a",), "postgresql.ENUM('a', name='Mood', schema='app')"),
        ('app."My Mood"', ("a",), "postgresql.ENUM('a', name='My Mood', schema='app')"),
        ('"My ""good"" Mood"', ('"',), "postgresql.ENUM('\"', name='My \"good\" Mood')"),
        ('"a.b".mood', ("\\",), "postgresql.ENUM('\\\\', name='mood', schema='a.b')"),
    ],
)
def test_a_type_is_written_by_its_name(name: str, labels: tuple[str, ...], written: str) -> None:
    made = ast.unparse(ast.parse(enum_operation(name, labels)))
    assert made == f"{written}.create(op.get_bind(), checkfirst=True)"


REVISION = """\
'''Courses. The ratings live in a table of the old system, called rating.'''
import sqlalchemy as sa
from alembic import op

revision = "a1"
down_revision = None


def upgrade():
    # rating comes later, with its type mood
    op.create_table("course", sa.Column("id", sa.Integer(), comment="see rating"))
    op.execute("CREATE TYPE public.level AS ENUM ('mood')")


def downgrade():
    op.execute("DROP TABLE IF EXISTS rating")
    op.drop_table("course")
"""


@pytest.mark.parametrize(
    ("name", "made"), [("course", True), ("public.Course", True), ("level", True), ("rating", False), ("mood", False)]
)
def test_a_table_is_made_where_code_names_it_not_where_prose_does(name: str, made: bool, tmp_path: Path) -> None:
    (tmp_path / "a1_first.py").write_text(REVISION, encoding="utf-8")
    assert (not unmade(read_graph([tmp_path]), [name])) is made
