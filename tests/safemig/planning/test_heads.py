"""A merge of heads as the whole change, and revisions that lose data or have no way back, in the plan and in a run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from checks.revisions.graph import read_graph
from safemig.planning.collect.revision_contents import read_revisions
from safemig.planning.facts import MigrationFact, RiskFact
from safemig.planning.heads import merges_only
from safemig.planning.planner import draft
from tests.safemig.bad_projects import safemig
from tests.safemig.plans import DOWN, FACTS, FOUND, PENDING, ids, shared
from tests.spine.project import make_project, remove_project

MERGE = MigrationFact("versions/m1_merge.py", "text", "m1", ("b2", "c3"), (), "+text")
ALONE = replace(FACTS, migration=None, spec=None, merge=MERGE, heads=("m1",), current=("b2", "c3"), pending=("m1",))


def test_a_merge_alone_is_the_change_and_is_compared() -> None:
    plan = draft(ALONE)
    assert [step.id for step in plan.steps if step.phase == "change"] == ["merge", "migrate", "verify"]
    assert "pending" not in ids(plan)
    assert plan.step("migrate").title == "Migrate the database to the merge revision m1"
    built_in = draft(replace(ALONE, reachable_source=False))
    assert [step.id for step in built_in.steps if step.phase == "change"] == [
        "merge", "build-merge", "start-merge", "migrate", "verify",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("facts", "alone"),
    [
        (ALONE, True),
        (replace(ALONE, message="say"), False),
        (replace(ALONE, used=("c3",)), False),
        (replace(ALONE, migration=FACTS.migration), False),
        (replace(ALONE, merge=None), False),
        (shared("start", "migrate", ALONE), False),
    ],
)
def test_a_merge_beside_another_change_comes_before_it(facts: object, *, alone: bool) -> None:
    assert isinstance(facts, type(ALONE))
    assert merges_only(facts) is alone


NO_WAY = RiskFact("a1", "versions/a1.py:20 its downgrade does nothing", True)
LOSES = RiskFact("a1", "versions/a1.py:12 drops the table t with its data")


def test_a_pending_revision_without_a_way_back_is_destructive() -> None:
    step = draft(replace(PENDING, risks=(NO_WAY,))).step("pending")
    assert step.action.effect == "destructive"
    assert "irreversible: versions/a1.py:20 its downgrade does nothing" in step.changes
    assert step.undo.endswith("but not past a1, which has no way back: take a backup first")
    assert draft(replace(PENDING, risks=(replace(NO_WAY, revision="zz"),))).step("pending").action.effect == "write"


def test_what_loses_data_is_destructive_also_where_it_is_seen_later() -> None:
    step = draft(replace(PENDING, risks=(LOSES,))).step("pending")
    assert (step.action.effect, "destructive: versions/a1.py:12 drops the table t" in step.changes) == (
        "destructive",
        True,
    )
    assert step.undo.endswith("what was lost stays lost without a backup")
    later = draft(replace(DOWN, risks=(LOSES,)), [FOUND]).step("pending")
    assert later.action.effect == "destructive"
    starts = draft(replace(shared("start", "migrate", PENDING), risks=(LOSES,)))
    assert starts.step("start").action.effect == "destructive"
    own = replace(FACTS, risks=(RiskFact("b2", "x.py:3 drops the column t.c with its data"),))
    assert draft(own).step("migrate").action.effect == "destructive"


HEAD = '''"""{name}

Revision ID: {name}
Revises: 1a2b3c4d5e6f
Create Date: 2026-01-06 09:00:00
"""
from alembic import op
import sqlalchemy as sa

revision = "{name}"
down_revision = "1a2b3c4d5e6f"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("course", sa.Column("{name}", sa.Text()))


def downgrade():
    {down}
'''


def _two_heads(root: Path, down: str) -> None:
    for name in ("b2", "c3"):
        code = f'op.drop_column("course", "{name}")' if name == "b2" else down
        (root / f"{name}_x.py").write_text(HEAD.format(name=name, down=code))


@pytest.mark.parametrize(
    ("down", "said"),
    [
        ("pass", "v/c3_x.py:20 its downgrade does nothing"),
        ('op.drop_column("course", "c3")', ""),
        ("raise NotImplementedError", "v/c3_x.py:21 its downgrade raises NotImplementedError"),
    ],
)
def test_risks_are_read_from_the_files(down: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "v").mkdir()
    _two_heads(tmp_path / "v", down)
    graph = read_graph([tmp_path / "v"])
    reading = read_revisions(tmp_path, graph, tuple(graph.revisions), {}, sql=False)
    assert [one.text for one in reading.risks] == ([said] if said else [])


@pytest.mark.slow
def test_two_heads_and_nothing_asked_for_are_merged_and_proved(tmp_path: Path) -> None:
    spine = make_project(tmp_path / "shop")
    (spine.root / "docs" / "ratings_plan.md").write_text("# Notes\n")
    _two_heads(spine.root / "alembic" / "versions", 'op.drop_column("course", "c3")')
    try:
        ended = safemig(spine.root, "run", "--mode", "auto")
        assert ended.code == 0, ended.shown
        assert "Compare the schema in PostgreSQL with what the merged revisions make" in ended.out
        graph = read_graph([spine.root / "alembic" / "versions"])
        assert len(graph.heads) == 1
        assert sorted(graph.revisions[graph.heads[0]].down) == ["b2", "c3"]
    finally:
        remove_project(spine)
