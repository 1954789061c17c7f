"""A change that fails in the middle: what was committed is named, and the way back that is offered leads back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from checks.schema.snapshot import take
from safemig.journal.journal import read_events
from tests.safemig.bad_projects import AUTO, safemig, write
from tests.safemig.engine.test_drift_runs import SECOND, execute
from tests.spine.project import Spine, make_project, migrated, remove_project

pytestmark = pytest.mark.slow
BODY = """\
    with op.get_context().autocommit_block():
        op.execute("ALTER TABLE course ADD COLUMN zone text")
        op.execute("ALTER TABLE course ADD CONSTRAINT late CHECK (id > 5) NOT VALID")
        op.execute("CREATE UNIQUE INDEX CONCURRENTLY uq_course_slug ON course (slug)")"""
BACK = """op.execute("DROP INDEX uq_course_slug; ALTER TABLE course DROP CONSTRAINT late, DROP COLUMN zone")"""


@pytest.fixture
def used(tmp_path: Path) -> Iterator[Spine]:
    spine = make_project(tmp_path / "shop")
    try:
        migrated(spine)
        execute(spine, "INSERT INTO course VALUES (1, 'a'), (2, 'a')")
        yield spine
    finally:
        remove_project(spine)


def test_what_an_autocommit_block_committed_before_it_failed_is_named_with_statements_that_take_it_back(
    used: Spine,
) -> None:
    write(used.root, "alembic/versions/2b3c4d5e6f70_second.py", SECOND.format(body=BODY, back=BACK))
    write(
        used.root, "safemig.yaml", (used.root / "safemig.yaml").read_text() + "permissions: {allow: ['make migrate']}\n"
    )
    with psycopg.connect(used.dsn, autocommit=True) as connection:
        before = take(connection)
    plan = safemig(used.root, "plan")
    assert plan.shown.count("not restartable: alembic/versions/2b3c4d5e6f70_second.py:") == 3, plan.shown
    result = safemig(used.root, *AUTO)
    assert result.code == 1, result.shown
    events = read_events(used.runs()[-1])
    rows = [one.data["evidence"] for one in events if one.kind == "evidence"]
    (after,) = [one["data"] for one in rows if isinstance(one, dict) and one["kind"] == "aftermath"]
    assert isinstance(after, dict)
    assert after["tried"] == "tried on a throwaway server: they lead back to the schema of before"
    notes = [str(one.data["text"]) for one in events if one.kind == "note"]
    (said,) = [text for text in notes if text.startswith("committed before it failed, and recorded by no revision: ")]
    assert all(name in said for name in ("column course.zone", "constraint course.late", "uq_course_slug")), said
    assert any("constraint late on public.course is NOT VALID" in text and "REJECTS WRITES" in text for text in notes)
    status = safemig(used.root, "status")
    assert "index public.uq_course_slug is INVALID" in status.out
    statements = after["way_back"]
    assert isinstance(statements, list)
    with psycopg.connect(used.dsn, autocommit=True) as connection:
        for statement in statements:
            connection.execute(str(statement).encode())
        assert take(connection).objects == before.objects
