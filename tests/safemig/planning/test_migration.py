"""The revision files that a plan writes beside the migration: a merge of heads, and none where one is pending."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

from checks.revisions.graph import Graph, read_graph
from checks.revisions.style import read_pattern
from safemig.planning.collect.gaps import stops, unread_labels
from safemig.planning.collect.migration import pending_makers, with_head_files, with_merge
from safemig.planning.facts import Facts, MigrationFact
from safemig.planning.planner import draft
from safemig.project.layout import discover
from tests.safemig.plans import FACTS, MIGRATION, PENDING

REVISION = '''"""{id}"""
from alembic import op
import sqlalchemy as sa

revision = "{id}"
down_revision = {down}
branch_labels = {labels}


def upgrade() -> None:
    op.create_table("{table}", sa.Column("id", sa.Integer()))


def downgrade() -> None:
    op.drop_table("{table}")
'''
INI = "[alembic]\nscript_location = alembic\n"


def _project(root: Path, labels: str = "None") -> Path:
    versions = root / "alembic" / "versions"
    versions.mkdir(parents=True)
    (root / "alembic.ini").write_text(INI)
    (root / "alembic" / "env.py").write_text("")
    (root / "Makefile").write_text("migrate:\n\talembic upgrade head\n")
    for name, down, own in (("a1", None, "None"), ("b2", "a1", "None"), ("c3", "a1", labels)):
        text = REVISION.format(id=name, down=repr(down), labels=own, table=f"t_{name}")
        (versions / f"{name}_x.py").write_text(text)
    return versions


def _merged(root: Path, labels: str = "None", pending: tuple[str, ...] | None = ()) -> tuple[Facts, Graph]:
    versions = _project(root, labels)
    project = discover(root)
    assert project.tree is not None
    graph = read_graph([versions])
    facts = replace(FACTS, heads=graph.heads, pending=pending, migration=None)
    return with_merge(facts, project, project.tree, graph, read_pattern(graph, versions, file_template=None)), graph


def test_two_heads_are_merged_by_a_revision_that_changes_nothing(tmp_path: Path) -> None:
    facts, _ = _merged(tmp_path, pending=("b2",))
    merge = facts.merge
    assert merge is not None
    assert (merge.down, facts.heads, facts.pending) == (("b2", "c3"), (merge.revision,), ("b2", merge.revision))
    (tmp_path / merge.path).write_text(merge.text)
    assert read_graph([tmp_path / "alembic" / "versions"]).heads == (merge.revision,)
    bodies = [node.body for node in ast.parse(merge.text).body if isinstance(node, ast.FunctionDef)]
    assert all(isinstance(body[-1], ast.Pass) for body in bodies)
    assert len(bodies) == 2


def test_a_label_that_cannot_be_read_keeps_its_branch_apart_and_is_named(tmp_path: Path) -> None:
    facts, graph = _merged(tmp_path, labels="(NAMES.other,)")
    assert (facts.merge, facts.heads) == (None, ("b2", "c3"))
    assert unread_labels(graph, tmp_path) == (
        "alembic/versions/c3_x.py:7: branch_labels is no literal, so it cannot be read without running the file; its "
        "branch counts as one that is kept apart, and no heads are merged",
    )


def test_heads_of_histories_of_their_own_are_not_merged(tmp_path: Path) -> None:
    """Two first revisions: what both make could be applied to no database."""
    versions = _project(tmp_path)
    second = REVISION.format(id="d4", down="None", labels="None", table="t_a1")
    (versions / "d4_again.py").write_text(second)
    (versions / "c3_x.py").unlink()
    project, graph = discover(tmp_path), read_graph([versions])
    assert project.tree is not None
    facts = replace(FACTS, heads=graph.heads, pending=(), migration=None)
    pattern = read_pattern(graph, versions, file_template=None)
    assert with_merge(facts, project, project.tree, graph, pattern).merge is None
    (stop,) = stops(graph, tmp_path)
    assert "b2, d4" in stop
    assert "no revision in common" in stop
    assert "from a1, d4" in stop


def test_heads_that_carry_labels_are_kept_apart(tmp_path: Path) -> None:
    facts, graph = _merged(tmp_path, labels="('other',)")
    assert facts.merge is None
    assert facts.heads == graph.heads


def test_the_merge_is_written_before_what_is_pending_and_before_the_migration(tmp_path: Path) -> None:
    merge = MigrationFact("versions/m.py", "text", "m", ("b2", "c3"), ())
    facts = replace(PENDING, merge=merge, heads=("m",), migration=MIGRATION)
    plan = draft(facts)
    ids = [step.id for step in plan.steps]
    assert ids.index("revision") < ids.index("merge") < ids.index("pending") < ids.index("create")
    assert plan.step("merge").action.text == "text"
    assert any("several heads (b2, c3)" in note for note in plan.notes)
    baked = [step.id for step in draft(replace(facts, reachable_source=False)).steps]
    assert baked[baked.index("merge") : baked.index("pending")] == ["merge", "build-merge", "start-merge"]


def test_a_pending_revision_that_makes_the_tables_is_used(tmp_path: Path) -> None:
    graph = read_graph([_project(tmp_path)])
    assert pending_makers(graph, ("b2", "c3"), ("t_b2",)) == ("b2",)
    assert pending_makers(graph, ("b2", "c3"), ("t_b2", "t_c3")) == ("b2", "c3")
    assert pending_makers(graph, ("b2", "c3"), ("t_b2", "new")) == ()
    assert pending_makers(graph, ("c3",), ("t_b2",)) == ()
    assert pending_makers(graph, ("b2",), ()) == ()
    plan = draft(replace(PENDING, migration=None, used=("b2",)))
    ids = [step.id for step in plan.steps]
    assert "create" not in ids
    assert ids.index("pending") < ids.index("baseline") < ids.index("verify")
    assert any("b2 makes what the spec asks for" in note for note in plan.notes)


def test_files_that_name_the_head_are_written_with_it(tmp_path: Path) -> None:
    versions = _project(tmp_path)
    (versions / "c3_x.py").unlink()
    (versions / "HEAD").write_bytes(b"b2\r\n")
    (tmp_path / "alembic" / ".current-head").write_text("b2")
    (tmp_path / "alembic" / "README").write_text("b2 is the newest\n")
    (tmp_path / "alembic" / "other").write_text("a1\n")
    project = discover(tmp_path)
    assert project.tree is not None
    graph = read_graph([versions])
    facts = replace(FACTS, heads=graph.heads, migration=replace(MIGRATION, revision="d4", down=("b2",)))
    facts = with_head_files(facts, project, project.tree, graph)
    steps = {step.id: step for step in draft(facts).steps}
    assert (steps["head-1"].action.path, steps["head-1"].action.text) == ("alembic/.current-head", "d4")
    assert (steps["head-2"].action.path, steps["head-2"].action.text) == ("alembic/versions/HEAD", "d4\r\n")
    assert "head-3" not in steps
    order = [step.id for step in draft(facts).steps]
    assert order.index("create") + 1 == order.index("head-1") < order.index("migrate")
