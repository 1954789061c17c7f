"""What revisions have made already of a change of tables that are there, and which of them did."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from checks.revisions.graph import read_graph
from safemig.planning.collect import earlier_revisions
from safemig.planning.collect.outdated_phases import NotLooked
from safemig.planning.facts import Facts
from safemig.project.alembic_config import AlembicTree
from safemig.runtimes.base import Runtime, Unreachable
from safemig.sandbox.already_made import already_made
from tests.conftest import fresh_database
from tests.safemig.bad_projects import safemig
from tests.safemig.planning.test_outdated_phases import REVISION
from tests.safemig.restating import spec
from tests.spine.project import make_project, remove_project

CODES = (
    'op.create_table("crate", sa.Column("id", sa.Integer(), primary_key=True), sa.Column("label", sa.String(20)))',
    'op.add_column("crate", sa.Column("stamp", sa.Text()))',
    'op.create_index("ix_stamp", "crate", ["stamp"])',
    'op.execute("ALTER TABLE crate ALTER COLUMN label SET NOT NULL")',
    'op.create_index("uq_label", "crate", ["label"], unique=True)\n'
    '    op.execute("ALTER TABLE crate ADD CONSTRAINT uq_label UNIQUE USING INDEX uq_label")',
    'op.execute("GRANT SELECT ON crate TO PUBLIC")',
    'op.create_table("bin", sa.Column("id", sa.Integer()))',
)


@pytest.fixture
def made_by(tmp_path: Path, postgres_server: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[str, ...]]:
    """``makers`` for a block of a spec on those revisions, without a database of the project's."""
    for number, code in enumerate(CODES, 1):
        down = f'"r{number - 1}"' if number > 1 else None
        (tmp_path / f"r{number}.py").write_text(REVISION.format(id=f"r{number}", down=down, code=code))
    graph = read_graph([tmp_path])
    tree = cast(AlembicTree, type("Tree", (), {"versions": (tmp_path,)}))

    def on_scratch(_runtime: Runtime, work: Callable[..., Any], _say: object) -> object:
        return work(lambda: fresh_database(postgres_server))

    monkeypatch.setattr("safemig.sandbox.database.on_scratch", on_scratch)
    monkeypatch.setattr("safemig.sandbox.worker.already_made", already_made)  # in this process: a child takes seconds
    facts = Facts("x", "process", ".", "", "")
    runtime = cast(Runtime, None)
    return lambda code, language="sql": earlier_revisions.makers(facts, runtime, tree, graph, spec(code, language))


@pytest.mark.parametrize(
    ("code", "language", "expected"),
    [
        ("ALTER TABLE crate ADD COLUMN stamp text;", "sql", ("r2",)),
        ('op.add_column("crate", sa.Column("stamp", sa.Text(), nullable=True))', "python", ("r2",)),
        ("ALTER TABLE crate ADD COLUMN stamp text;\nCREATE INDEX ix_stamp ON crate (stamp);", "sql", ("r2", "r3")),
        ("ALTER TABLE crate ADD COLUMN stamp text;\nCREATE INDEX ix_label ON crate (label);", "sql", ()),
        ("ALTER TABLE crate ADD COLUMN stamp integer;", "sql", ()),
        ("ALTER TABLE crate ALTER label SET NOT NULL;", "sql", ("r4",)),
        ("ALTER TABLE crate ADD CONSTRAINT uq_label UNIQUE (label);", "sql", ("r5",)),
        ("GRANT SELECT ON crate TO PUBLIC;", "sql", ("r6",)),
        ("GRANT INSERT ON crate TO PUBLIC;", "sql", ()),
        ("ALTER TABLE crate ADD COLUMN stamp text;\nGRANT SELECT ON crate TO PUBLIC;", "sql", ("r2",)),
        ("ALTER TABLE bin ADD COLUMN stamp text;", "sql", ()),
        ("CREATE TABLE crate (id int);", "sql", ()),
    ],
)
def test_the_revisions_that_have_made_it_are_named(
    code: str, language: str, expected: tuple[str, ...], made_by: Callable[..., tuple[str, ...]]
) -> None:
    assert made_by(code, language) == expected


def test_where_no_server_answers_it_is_not_known(
    made_by: Callable[..., tuple[str, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def on_scratch(*_: object) -> object:
        raise Unreachable("no server", "here", "Start one.")

    monkeypatch.setattr("safemig.sandbox.database.on_scratch", on_scratch)
    with pytest.raises(NotLooked, match="no server"):
        made_by("ALTER TABLE crate ADD COLUMN stamp text;")
    assert made_by("ALTER TABLE bin ADD COLUMN stamp text;") == ()  # no revision speaks of it: nothing is looked at


CHANGES = """\
# Courses

## Phase 1: Prices

```sql
ALTER TABLE course ADD COLUMN price integer;
CREATE INDEX ix_course_price ON course (price);
```

- [ ] Column `course.price` exists
- [ ] Somebody has been told
"""


@pytest.mark.slow
def test_a_change_that_a_run_has_made_is_not_made_again_and_its_revision_is_named(tmp_path: Path) -> None:
    spine = make_project(tmp_path / "shop")
    (spine.root / "docs" / "ratings_plan.md").write_text(CHANGES)
    try:
        ended = safemig(spine.root, "run", "--mode", "auto", "--json")
        told = json.loads(ended.out)
        assert (ended.code, told["schema"]["matches_spec"]) == (0, True), ended.shown
        assert told["spec"]["path"] == "docs/ratings_plan.md"
        assert told["spec"]["chosen_because"] == "it has open items and changes tables that are there"
        revision = told["revision"]["after"][0]
        again = safemig(spine.root, "plan")
        assert f"docs/ratings_plan.md, phase 1: Prices is made by revision {revision} already" in again.out, again.shown
        assert "Write the migration" not in again.out
        named = safemig(spine.root, "plan", "--phase", "1")
        assert f"asks for what revision {revision} has made: no change of the schema is needed" in named.out
        assert "Write the migration" not in named.out
        assert safemig(spine.root, "run", "--mode", "auto", "--phase", "1").code == 0
    finally:
        remove_project(spine)
