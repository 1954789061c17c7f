"""Whole runs in which the new revision is tried by the project's own env.py first: trouble shows there, and the real
database stays as it is to the byte."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from safemig.postgres.binaries import find_binaries
from tests.safemig.bad_projects import AUTO, Ended, safemig
from tests.spine.project import Spine, make_project, migrated, remove_project

pytestmark = pytest.mark.slow
ENV = """
import os
from alembic import context
from sqlalchemy import create_engine, text

{url}
engine = create_engine(url)
with engine.{opens}() as connection:
    {before}
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
    {after}
"""
FROM_ENVIRONMENT = 'url = os.environ.get("OWN_DATABASE_URL") or context.config.get_main_option("sqlalchemy.url")'
FIXED = 'url = context.config.get_main_option("sqlalchemy.url")'
SETS = 'connection.execute(text("SET lock_timeout = 4000"))'
INDEX = """# Search

## Phase 1: Database

```sql
CREATE INDEX ix_course_slug ON course (slug);
```

- [ ] Create index `ix_course_slug`
"""


@pytest.fixture
def used(tmp_path: Path) -> Iterator[Spine]:
    """The project with a database that is at the first revision and has rows."""
    spine = make_project(tmp_path / "shop")
    try:
        migrated(spine)
        with psycopg.connect(spine.dsn) as connection:
            connection.execute("INSERT INTO course (slug) SELECT 'c' || n FROM generate_series(1, 50) n")
        (spine.root / "docs" / "ratings_plan.md").write_text(INDEX)
        yield spine
    finally:
        remove_project(spine)


def _content(spine: Spine) -> str:
    program = find_binaries().bin / "pg_dump"
    done = subprocess.run([str(program), spine.dsn], check=True, capture_output=True, text=True)
    return "\n".join(line for line in done.stdout.splitlines() if not line.startswith(("\\restrict", "\\unrestrict")))


def _run(
    spine: Spine, *, url: str, opens: str = "connect", before: str = "pass", after: str = "pass", more: str = ""
) -> Ended:
    env = ENV.format(url=url, opens=opens, before=before, after=after)
    (spine.root / "alembic" / "env.py").write_text(env)
    config = spine.root / "safemig.yaml"
    config.write_text(config.read_text() + more)
    return safemig(spine.root, *AUTO)


def _index(spine: Spine) -> bool:
    with psycopg.connect(spine.dsn) as connection:
        row = connection.execute("SELECT to_regclass('ix_course_slug')").fetchone()
    return bool(row and row[0])


def test_it_goes_up_down_and_up_on_the_throwaway_server_and_asks_nothing(used: Spine) -> None:
    ended = _run(used, url=FROM_ENVIRONMENT, before=SETS, after="connection.commit()")
    assert json.loads(ended.out)["verdict"] == "passed", ended.shown
    assert "went up, down and up by alembic/env.py on a throwaway server" in ended.err, ended.err
    assert _index(used)


def test_a_fixed_address_is_never_sent_up_and_down(used: Spine) -> None:
    before = _content(used)
    denied = "permissions: {deny: [make migrate]}\n"
    ended = _run(used, url=FIXED, before=SETS, after="connection.commit()", more=denied)
    assert "not run, for it is not proved that it would reach that server alone" in ended.err, ended.shown
    assert "went up" not in ended.err
    assert _content(used) == before


def test_what_no_autocommit_block_carries_fails_there(used: Spine) -> None:
    before = _content(used)
    ended = _run(used, url=FROM_ENVIRONMENT, opens="begin", more="migration: {autocommit: true}\n")
    assert json.loads(ended.out)["verdict"] == "failed", ended.shown
    assert "it fails there, so it would fail on the database" in ended.shown
    assert "AssertionError" in ended.shown
    assert _content(used) == before


def test_an_env_py_that_commits_nothing_is_found_out(used: Spine) -> None:
    before = _content(used)
    ended = _run(used, url=FROM_ENVIRONMENT, before=SETS)
    assert json.loads(ended.out)["verdict"] == "failed", ended.shown
    assert "but that server is at 1a2b3c4d5e6f: nothing was committed" in ended.shown
    assert _content(used) == before


def test_it_can_be_declined(used: Spine) -> None:
    more = "migration: {rehearse: false}\n"
    ended = _run(used, url=FROM_ENVIRONMENT, before=SETS, after="connection.commit()", more=more)
    assert json.loads(ended.out)["verdict"] == "passed", ended.shown
    assert "throwaway server" not in ended.err
