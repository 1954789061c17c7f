"""Every kind of object: the file is authored, run up, down and up by the project's own Alembic, and verified."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from checks.revisions.style import Pattern
from checks.schema.difference import compare
from safemig.migrations.change import Wanted
from safemig.migrations.from_sql import in_operations
from safemig.migrations.previous_definitions import needed
from safemig.migrations.writer import author, with_downgrade
from safemig.plan_document.document import parse
from safemig.requirements.sources import wanted
from safemig.sandbox.desired import desire, of_revision, restated, take
from tests.safemig.object_cases import BASE, CASES, Case

pytestmark = pytest.mark.slow  # about a second for each of some 80 cases

# The project: an env.py of its own; its Alembic runs in a process of its own, which does what each line says.
ENV = """
from alembic import context
import psycopg, sqlalchemy as sa
dsn = context.config.attributes["dsn"]
engine = sa.create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(dsn), poolclass=sa.pool.NullPool)
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=None)
    with context.begin_transaction():
        context.run_migrations()
"""
DRIVER = """
import json, sys, traceback
from alembic import command
from alembic.config import Config
for line in sys.stdin:
    asked = json.loads(line)
    config = Config()
    config.set_main_option("script_location", asked["folder"])
    config.attributes["dsn"] = asked["dsn"]
    try:
        getattr(command, asked["side"])(config, asked["revision"])
        said = ""
    except Exception:
        said = traceback.format_exc()
    print(json.dumps(said), flush=True)
"""
FIRST = 'revision = "first"\ndown_revision = None\ndef upgrade(): pass\ndef downgrade(): pass\n'


@dataclass(frozen=True)
class Alembic:
    """The child that runs Alembic."""

    child: subprocess.Popen[str]

    def run(self, side: str, revision: str, folder: Path, dsn: str) -> None:
        """alembic SIDE REVISION in that script folder."""
        assert self.child.stdin
        assert self.child.stdout
        asked = {"side": side, "revision": revision, "folder": str(folder), "dsn": dsn}
        self.child.stdin.write(json.dumps(asked) + "\n")
        self.child.stdin.flush()
        said = json.loads(self.child.stdout.readline())
        assert not said, said


@pytest.fixture(scope="module")
def alembic() -> Iterator[Alembic]:
    """One child for all cases: its start is most of what a run costs."""
    with subprocess.Popen(
        [sys.executable, "-I", "-c", DRIVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        yield Alembic(child)
        assert child.stdin
        child.stdin.close()


def _wanted(case: Case) -> Wanted:
    text = f"# Change\n\n```{case.language}\n{case.up}\n```\n"
    if case.down:
        down = case.down
        if case.language == "python":
            text = f"# Change\n\n```python\n{_function('upgrade', case.up)}\n\n\n{_function('downgrade', down)}\n```\n"
        else:
            text = f"# Change\n\n```sql\n{case.up}\n-- downgrade\n{down}\n```\n"
    document = parse(text.encode(), "plan.md")
    found = wanted(document, document.phases[0], [])
    assert found is not None
    assert found.problems == ()
    return found


def _function(name: str, body: str) -> str:
    return f"def {name}() -> None:\n" + "\n".join(f"    {line}" for line in body.split("\n"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_up_down_up_and_no_difference(
    case: Case, dsn: str, postgres_server: str, alembic: Alembic, tmp_path: Path
) -> None:
    import psycopg
    from psycopg.conninfo import conninfo_to_dict, make_conninfo

    name = f"{conninfo_to_dict(dsn)['dbname']}_scratch"

    @contextmanager
    def scratch() -> Iterator[str]:
        with psycopg.connect(postgres_server, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
            try:
                yield make_conninfo(postgres_server, dbname=name)
            finally:
                connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())

    versions = tmp_path / "versions"
    versions.mkdir()
    (tmp_path / "env.py").write_text(ENV)
    (versions / "first.py").write_text(FIRST)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(BASE.encode())
    before = take(dsn)
    found, moment = _wanted(case), "2026-03-04T05:06:07+00:00"
    planned = restated(BASE, found, scratch).wanted if needed(found) else found
    full = in_operations(with_downgrade(planned))
    file = author(Pattern(), versions=versions, down=("first",), wanted=full, message="change", moment=moment)
    desired = desire(BASE, found, scratch, revision=of_revision(file.text, file.path.name))
    assert compare(desired.base, desired.wanted), "the case changes something"
    file.path.write_text(file.text)
    for side, revision, aim in (("upgrade", "head", desired.wanted), ("downgrade", "first", before)) * 2:
        alembic.run(side, revision, tmp_path, dsn)
        assert compare(aim, take(dsn), open_names=desired.open_names) == ()
