"""script.py.mako: read without being run, filled in, and named where it cannot be."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

import alembic
import pytest

from checks.revisions.style import Pattern
from safemig.migrations.change import Wanted
from safemig.migrations.script_template import ScriptTemplate
from safemig.migrations.writer import CannotAuthor, MigrationFile, author, author_merge

MOMENT = "2026-03-04T05:06:07+00:00"
WANTED = Wanted(
    "op", 'op.add_column("parcel", sa.Column("note", postgresql.TEXT()))\nop.execute("SELECT 1")',
    'op.drop_column("parcel", "note")', (), frozenset(), ("docs/plan.md", 3), touched=("parcel",),
)  # fmt: skip
TEMPLATE = '''# Copyright Depot
"""${message}

Ticket: (fill in)
Revision ID: ${up_revision}
Revises: ${down_revision | comma,n}
Written: ${create_date.strftime("%Y")}

"""
from alembic import op
import sqlalchemy as sa
from depot.migrations import bounded
${imports if imports else ""}

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}
## a comment of Mako is no comment of the file


def upgrade():
    # gives way to readers
    op.execute("SET LOCAL lock_timeout = '3s'")
    with bounded(op):
        ${upgrades or "pass"}


def downgrade():
    op.execute("SET LOCAL lock_timeout = '3s'")
    ${downgrades if downgrades else "pass"}
'''


def _author(text: str, *, wanted: Wanted = WANTED, pattern: Pattern | None = None, **more: object) -> MigrationFile:
    template = replace(ScriptTemplate("alembic/script.py.mako", text), **more)  # type: ignore[arg-type]
    return author(
        pattern or Pattern(), versions=Path("v"), down=("aaa",), wanted=wanted, message='say "note"', moment=MOMENT,
        template=template,
    )  # fmt: skip


def test_statements_imports_and_comments_are_in_the_file() -> None:
    made = _author(TEMPLATE)
    assert not made.notes
    assert (
        made.text
        == f'''# Copyright Depot
"""say "note"

Ticket: (fill in)
Revision ID: {made.revision}
Revises: aaa
Written: 2026

"""
from alembic import op
import sqlalchemy as sa
from depot.migrations import bounded
from sqlalchemy.dialects import postgresql

revision = '{made.revision}'
down_revision = 'aaa'
branch_labels = None
depends_on = None


def upgrade():
    # gives way to readers
    op.execute("SET LOCAL lock_timeout = '3s'")
    with bounded(op):
        op.add_column("parcel", sa.Column("note", postgresql.TEXT()))
        op.execute("SELECT 1")


def downgrade():
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.drop_column("parcel", "note")
'''
    )


def test_a_merge_has_the_statements_too() -> None:
    template = ScriptTemplate("alembic/script.py.mako", TEMPLATE.replace('${upgrades or "pass"}', "${upgrades}"))
    made = author_merge(
        Pattern(quote='"'), versions=Path("v"), down=("aaa", "bbb"), message="merge", moment=MOMENT, template=template
    )
    assert 'down_revision = ("aaa", "bbb")' in made.text
    assert "Revises: aaa, bbb" in made.text
    assert "    with bounded(op):\n        pass\n" in made.text


@pytest.mark.parametrize("name", ["generic", "async", "pyproject", "pyproject_async"])
def test_alembics_own_templates_say_no_more_than_the_newest_revisions(name: str) -> None:
    path = Path(alembic.__file__).parent / "templates" / name / "script.py.mako"
    text = path.read_text()
    assert ScriptTemplate("script.py.mako", text).is_plain
    assert _author(text, pattern=Pattern(marker="# ours")).text.count("# ours") == 1


MULTI = Path(alembic.__file__).parent / "templates" / "multidb" / "script.py.mako"


def test_of_several_databases_one_gets_the_statements() -> None:
    made = _author(MULTI.read_text(), databases=("depot", "audit"), database="audit")
    functions = {node.name: node for node in ast.parse(made.text).body if isinstance(node, ast.FunctionDef)}
    bodies = {name: ast.unparse(node.body[-1]) for name, node in functions.items()}
    assert bodies["upgrade_depot"] == bodies["downgrade_depot"] == "pass"
    assert bodies["downgrade_audit"] == "op.drop_column('parcel', 'note')"
    assert "add_column" in ast.unparse(functions["upgrade_audit"])
    assert "globals()" in bodies["upgrade"]
    assert "engine_name" in made.text


def test_of_several_databases_none_is_guessed() -> None:
    with pytest.raises(CannotAuthor, match=r"script.py.mako is for the databases depot, audit, .* database.url"):
        _author(MULTI.read_text(), databases=("depot", "audit"))


RAN = "ran.txt"


@pytest.mark.parametrize(
    ("old", "new", "line", "what"),
    [
        ('${create_date.strftime("%Y")}', '${__import__("os").system("touch ran.txt")}', 7, "'os'"),
        ("## a comment", '<% open("ran.txt", "w") %>\n## a comment', 19, "open('ran.txt', 'w')"),
        ("## a comment", "<%!\n    x = 1\n%>\n## a comment", 20, "'x = 1'"),
        ("## a comment", "% if upgrades:\nx = 1\n% endif\n## a comment", 19, "if upgrades:"),
        ("## a comment", '<%include file="other.mako"/>\n## a comment', 19, "IncludeTag"),
        ("${message}", "${message | trim,html}", 2, "filter html"),
        ('${upgrades or "pass"}', "pass", 1, "no place for upgrades"),
        ('${imports if imports else ""}', "", 1, "no place for imports"),
        ("${message}", "${message", 9, "none that Mako reads"),
    ],
)
def test_what_only_running_it_would_tell_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, line: int, what: str
) -> None:
    monkeypatch.chdir(tmp_path)
    made = _author(TEMPLATE.replace(old, new))
    (note,) = made.notes
    assert note.startswith(f"alembic/script.py.mako:{line}: ")
    assert what in note
    assert "SET LOCAL" not in made.text
    assert "add_column" in made.text
    assert not (tmp_path / RAN).exists()


def test_a_message_cannot_leave_its_docstring() -> None:
    template = ScriptTemplate("alembic/script.py.mako", TEMPLATE)
    made = author(
        Pattern(), versions=Path("v"), down=(), wanted=WANTED, message='a """\nimport os', moment=MOMENT,
        template=template,
    )  # fmt: skip
    assert not any("os" in ast.unparse(node) for node in ast.parse(made.text).body if isinstance(node, ast.Import))
    assert "down_revision = None" in made.text
