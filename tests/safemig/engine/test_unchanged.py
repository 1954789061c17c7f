"""Where the drift is not known, what is there counts as made by revisions only where they name all of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from checks.revisions.graph import Graph, read_graph
from safemig.engine import observation
from safemig.engine.session import RunEnds, Session
from safemig.engine.unchanged import leave_out
from safemig.migrations.change import Wanted
from safemig.plan_document.document import read
from safemig.planning.facts import Finding
from safemig.planning.plan import Step
from safemig.requirements.sources import wanted
from safemig.sandbox.drift import Drift

RATING = "CREATE TABLE rating (id integer PRIMARY KEY);"
REVISION = '''"""first"""
from alembic import op
import sqlalchemy as sa

revision = "1a2b3c4d5e6f"
down_revision = None


def upgrade():
    op.create_table("rating", sa.Column("id", sa.Integer(), primary_key=True))
    {more}
'''


def asked(root: Path, sql: str) -> Wanted:
    path = root / "plan.md"
    path.write_text(f"# Plan\n\n## Phase 1: Database\n\n```sql\n{sql}\n```\n\n- [ ] It is there\n")
    document = read(path, root)
    found = wanted(document, document.phases[0], [])
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("sql", "more", "known"),
    [
        (RATING, "pass", True),
        (f"{RATING} CREATE INDEX ix_slug ON course (slug);", "pass", False),
        (f"{RATING} CREATE INDEX ix_slug ON course (slug);", 'op.create_index("ix_slug", "course", ["slug"])', True),
        (f"{RATING} CREATE VIEW best AS SELECT 1 AS n;", "pass", False),
        (f"{RATING} ALTER TABLE course ADD COLUMN level integer;", "pass", False),
        ("ALTER TABLE course ADD COLUMN level integer;", "pass", False),
        ("CREATE TABLE tutor (id integer PRIMARY KEY);", "pass", False),
    ],
)
async def test_what_no_revision_names_is_not_passed_over(
    tmp_path: Path, sql: str, more: str, known: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    versions = tmp_path / "versions"
    versions.mkdir()
    (versions / "first.py").write_text(REVISION.format(more=more))

    def graph_of(_: Session) -> Graph:
        return read_graph((versions,), recursive=False, cache=None)

    async def look(call: Callable[[], object]) -> object:
        return call()

    found: list[Finding] = []
    session = cast(Session, SimpleNamespace(look=look, note=lambda *_: None, find=found.append))
    monkeypatch.setattr(observation, "graph_of", graph_of)
    step = cast(Step, SimpleNamespace(id="baseline"))
    try:
        await leave_out(session, step, asked(tmp_path, sql), Drift(None, "a revision does more"))
    except RunEnds as ends:
        assert not known and "a revision does more" in ends.reason
    assert bool(found) is known
