"""Whole runs on tables that are large or small: what will hurt is said and asked before, in every mode."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from safemig.journal.journal import read_events
from tests.safemig.bad_projects import AUTO, safemig, write
from tests.safemig.engine.test_drift_runs import SECOND, execute, phase
from tests.spine.project import Spine, make_project, migrated, remove_project

pytestmark = pytest.mark.slow
TYPE = 'op.alter_column("course", "slug", type_=sa.String(200))'
BACK = 'op.alter_column("course", "slug", type_=sa.Text())'


@pytest.fixture
def used(tmp_path: Path) -> Iterator[Spine]:
    """The project with a database at the first revision, in which a course counts as large from 1,000 rows on."""
    spine = make_project(tmp_path / "shop")
    try:
        migrated(spine)
        config = (spine.root / "safemig.yaml").read_text()
        write(spine.root, "safemig.yaml", f"{config}protection: {{large_rows: 1000}}\n")
        yield spine
    finally:
        remove_project(spine)


def _pending(spine: Spine, body: str, back: str) -> None:
    text = SECOND.format(body=f"    {body}", back=back)
    write(spine.root, "alembic/versions/2b3c4d5e6f70_second.py", text)


def _impacts(spine: Spine) -> list[dict[str, object]]:
    rows = [one.data["evidence"] for one in read_events(spine.runs()[-1]) if one.kind == "evidence"]
    return [one["data"] for one in rows if isinstance(one, dict) and one["kind"] == "impact"]  # type: ignore[misc]


def test_a_persons_revision_that_rewrites_a_large_table_is_asked_about_in_auto_with_line_and_safer_form(
    used: Spine,
) -> None:
    execute(used, "INSERT INTO course SELECT n, 'a' FROM generate_series(1, 5000) n; ANALYZE course")
    _pending(used, TYPE, BACK)
    plan = safemig(used.root, "plan", "--json")
    (step,) = [one for one in json.loads(plan.out)["steps"] if one["id"] == "pending"]
    said = "alembic/versions/2b3c4d5e6f70_second.py:12 writes all of course anew, since the type of a column changes"
    assert said in step["action"]["asks"], step
    assert "safer: a new column" in step["action"]["asks"]
    assert any("course (5,000 rows, " in line and "ACCESS EXCLUSIVE" in line for line in step["detail"]), step["detail"]
    result = safemig(used.root, *AUTO)
    assert result.code == 4, result.out + result.err
    (impact, *_) = _impacts(used)
    assert [one["kind"] for one in impact["hazards"]] == ["blocks reads", "rewrites", "breaks readers"]  # type: ignore


def test_on_a_small_table_the_same_revision_asks_nothing_new(used: Spine) -> None:
    execute(used, "INSERT INTO course VALUES (1, 'a'); ANALYZE course")
    _pending(used, 'op.add_column("course", sa.Column("x", sa.Text()))', 'op.drop_column("course", "x")')
    phase(used, "CREATE INDEX ix_course_slug ON course (slug)", "Index `ix_course_slug` exists")
    result = safemig(used.root, *AUTO)
    assert result.code == 0, result.out + result.err
    assert [one["asked"] for one in _impacts(used)] == [[], []]


def test_a_backup_that_holds_the_table_is_waited_for_and_the_run_ends_before_a_file_is_written(used: Spine) -> None:
    """A pg_dump at work when a migration came: every reader stood behind it for as long as the backup took."""
    import psycopg

    config = (used.root / "safemig.yaml").read_text()
    write(used.root, "safemig.yaml", config.replace("large_rows: 1000", "quiet_window: 1"))
    phase(used, "ALTER TABLE course ADD COLUMN hours integer", "Column `course.hours` exists")
    before = sorted((used.root / "alembic/versions").glob("*.py"))
    with psycopg.connect(used.dsn, application_name="pg_dump") as dump:
        dump.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        dump.execute("SELECT * FROM course")
        result = safemig(used.root, *AUTO)
        assert result.code == 1, result.out + result.err
        assert "did not become free within 1 s (protection: quiet_window): session" in result.shown
        assert "(pg_dump, idle in transaction" in result.shown
        assert sorted((used.root / "alembic/versions").glob("*.py")) == before
        dump.rollback()
    result = safemig(used.root, *AUTO)
    assert result.code == 0, result.out + result.err
