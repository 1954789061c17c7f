"""Whole runs in which Alembic's post-write hooks make other text of the file that safemig has written."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.safemig.bad_projects import AUTO, safemig
from tests.spine.project import Spine, make_project, remove_project

pytestmark = pytest.mark.slow
HOOKS = """
[post_write_hooks]
hooks = form, lint
form.type = console_scripts
form.entrypoint = ruff
form.options = format --line-length 79 REVISION_SCRIPT_FILENAME
lint.type = console_scripts
lint.entrypoint = black
"""
TEMPLATE = '''"""${message}

Revision ID: ${up_revision}
"""
from alembic import op
import sqlalchemy as sa
${imports if imports else ""}
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}
def upgrade():
    # gives way
    op.execute( "SET LOCAL lock_timeout = '3s'" )
    ${upgrades}
def downgrade():
    ${downgrades}
'''
BLACK = """\
#!{python}
import pathlib, sys
path = pathlib.Path(sys.argv[1])
path.write_text(path.read_text().replace("lock_timeout = '3s'", "lock_timeout = '9s'"))
"""


@pytest.fixture
def hooked(tmp_path: Path) -> Iterator[Spine]:
    """The project with a template of its own, a formatter and a hook whose program is not there."""
    spine = make_project(tmp_path / "shop")
    ini = spine.root / "alembic.ini"
    ini.write_text(ini.read_text() + HOOKS)
    (spine.root / "alembic" / "script.py.mako").write_text(TEMPLATE)
    programs = spine.root / ".venv" / "bin"
    programs.mkdir(parents=True)
    (programs.parent / "pyvenv.cfg").touch()
    (programs / "python").symlink_to(sys.executable)
    (programs / "ruff").symlink_to(shutil.which("ruff") or Path(sys.executable).parent / "ruff")
    try:
        yield spine
    finally:
        remove_project(spine)


def _written(spine: Spine) -> str:
    (path,) = (each for each in (spine.root / "alembic" / "versions").glob("*.py") if "1a2b3c4d5e6f" not in each.name)
    return path.read_text()


def test_the_file_is_what_the_hooks_leave_and_one_that_is_missing_is_said(hooked: Spine) -> None:
    ended = safemig(hooked.root, *AUTO)
    assert json.loads(ended.out)["verdict"] == "passed", ended.shown
    text = _written(hooked)
    assert "op.execute(\"SET LOCAL lock_timeout = '3s'\")" in text
    assert "# gives way" in text
    assert "\n\n\ndef upgrade():" in text  # the formatter's two empty lines
    assert "post-write hook lint" in ended.err
    assert "black" in ended.err


def test_a_hook_that_makes_other_statements_is_asked_about(hooked: Spine) -> None:
    black = hooked.root / ".venv" / "bin" / "black"
    black.write_text(BLACK.format(python=sys.executable))
    black.chmod(0o755)
    ended = safemig(hooked.root, *AUTO)
    assert json.loads(ended.out)["verdict"] != "passed"
    assert "9s" in _written(hooked)
    assert "changed after the plan was made" in ended.shown
    assert hooked.calls().count("migrate") == 1  # of the first revision
