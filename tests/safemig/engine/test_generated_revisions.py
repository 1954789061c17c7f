"""Revisions that the project's own command generated: read, with their SQL and risk, before they are applied."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from safemig.migrations.foreign_drops import foreign_drops
from safemig.planning.facts import AppliesFact, Finding, RevisionFact, RiskFact
from safemig.planning.planner import revisions
from safemig.planning.startup.seen import keep
from tests.safemig.plans import FACTS
from tests.safemig.shops import events_of, made_shop, run_safemig, written_by
from tests.spine.face import asked, converse, decide
from tests.spine.project import Spine


def test_a_generated_revision_is_the_one_that_is_migrated_with_its_drops_as_open_points() -> None:
    facts = replace(FACTS, migration=None, spec=None, message="shelves")
    file = RevisionFact("c3", "v/c3.py", "33", "text", "DROP TABLE jobs;")
    drop = RiskFact("c3", "v/c3.py:9 drops the table jobs, which no revision made")
    made = Finding("generated", "make wrote v/c3.py", files=(file,), risks=(drop,), foreign=(drop,), revisions=("c3",))
    before, after = revisions(facts, [made])
    assert before.step("migrate").title == "Migrate the database to the new revision"
    step = after.step("migrate")
    assert step.title == "Migrate the database to c3"
    assert (step.action.effect, [one.path for one in step.action.contents]) == ("destructive", ["v/c3.py"])
    assert "  DROP TABLE jobs;" in step.detail
    assert [(point.text, point.settled_by) for point in after.open_points] == [(drop.text, "migrate")]


EARLIER = """
'''Makes the shelf; the scheduler has its jobs in a table of its own, and audit_log is the auditors'.'''
from alembic import op
import sqlalchemy as sa

def upgrade():
    op.create_table("shelf", sa.Column("id", sa.Integer()), sa.Column("room_no", sa.Text(), index=True))
    # reading_2025 is a partition of another tool
    op.execute("CREATE INDEX shelf_by_hand ON shelf (room_no)  -- for the nightly run of audit_log")
    op.execute("COMMENT ON TABLE shelf IS 'see jobs'")
    op.execute("INSERT INTO audit_log SELECT 'shelf'")
    op.add_column("shelf", sa.Column("wide", sa.Boolean(), comment="filled by next_run of jobs"))
    op.execute('''
        DO $$ BEGIN
            CREATE TYPE shelf_kind AS ENUM ('jobs', 'other');
        END $$
    ''')
    op.create_table(f"{PREFIX}_slot", sa.Column("My Slot", sa.Text()))
    op.create_unique_constraint(None, "shelf", ["room_no"])
    op.drop_index("of_a_tool")

def downgrade():
    op.drop_table("jobs")
"""


@pytest.mark.parametrize(
    ("line", "foreign"),
    [
        ('op.drop_table("jobs")', "drops the table jobs"),
        ('op.drop_table("reading_2025")', "drops the table reading_2025"),
        ('op.drop_index("ix_jobs_next_run", table_name="jobs")', "drops the index ix_jobs_next_run"),
        ('op.drop_index(op.f("of_a_tool"), table_name="shelf")', "drops the index of_a_tool"),
        ('op.drop_column("shelf", "by_hand")', "drops the column shelf.by_hand"),
        ('op.drop_table("audit_log")', "drops the table audit_log"),
        ('op.drop_column("shelf", "next_run")', "drops the column shelf.next_run"),
        ("op.drop_table(NAME)", "drops the table …"),
        ('op.drop_column("shelf", "My Slot")', ""),
        ('op.drop_column("shelf", "wide")', ""),
        ('op.drop_constraint("shelf_kind_key", "shelf")', ""),
        ('op.drop_table("shelf")', ""),
        ('op.drop_column("shelf", "room_no")', ""),
        ('op.drop_index("shelf_by_hand", table_name="shelf")', ""),
        ('op.drop_index(op.f("ix_shelf_room_no"), table_name="shelf")', ""),
        ('op.drop_constraint("shelf_room_no_key", "shelf")', ""),
        ('op.add_column("shelf", sa.Column("x", sa.Text()))', ""),
    ],
)
def test_what_no_revision_made_is_named_where_it_is_dropped(line: str, foreign: str) -> None:
    text = f"from alembic import op\n\ndef upgrade():\n    {line}\n\ndef downgrade():\n    op.drop_table('x')\n"
    found = foreign_drops(text, [EARLIER])
    assert [(one.line, one.what.partition(",")[0]) for one in found] == ([(4, foreign)] if foreign else [])


def test_a_batch_drops_what_its_table_has() -> None:
    text = """
def upgrade():
    with op.batch_alter_table("shelf") as batch_op:
        batch_op.drop_column("room_no")
        batch_op.drop_column("other")
        batch_op.drop_index(batch_op.f("ix_other"))
"""
    found = foreign_drops(text, [EARLIER])
    assert [one.what.partition(",")[0] for one in found] == ["drops the column shelf.other", "drops the index ix_other"]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Spine]:
    with made_shop(tmp_path / "shop") as made:
        yield made


MODELS = """\
import sqlalchemy as sa

metadata = sa.MetaData()
course = sa.Table("course", metadata, sa.Column("id", sa.Integer(), primary_key=True), sa.Column("slug", sa.Text()))
"""
ROOM = 'room = sa.Table("room", metadata, sa.Column("id", sa.Integer(), primary_key=True))\n'
CREATE = '\ncreate:\n\t{python} -m alembic revision --autogenerate -m "$(MSG)"\n'
MAKO = '''\
"""${message}"""
from alembic import op
import sqlalchemy as sa

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade():
    ${upgrades if upgrades else "pass"}


def downgrade():
    ${downgrades if downgrades else "pass"}
'''


@pytest.fixture
def generating(shop: Spine) -> Spine:
    """The shop whose own command writes revisions from its models."""
    env = shop.root / "alembic" / "env.py"
    text = env.read_text().replace("connection=connection)", "connection=connection, target_metadata=metadata)")
    env.write_text(f"import sys\n\nsys.path.insert(0, '.')\nfrom models import metadata\n{text}")
    (shop.root / "alembic" / "script.py.mako").write_text(MAKO)
    (shop.root / "models.py").write_text(MODELS)
    makefile = shop.root / "Makefile"
    makefile.write_text(makefile.read_text() + CREATE.format(python=sys.executable))
    return shop


def _sql(shop: Spine, text: str) -> None:
    with psycopg.connect(shop.dsn, autocommit=True) as connection:
        connection.execute(text.encode())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("made", "dropped"),
    [
        ("CREATE TABLE jobs (id integer); INSERT INTO jobs VALUES (1)", "the table jobs"),
        ("CREATE INDEX by_a_tool ON course (slug)", "the index by_a_tool"),
        (
            "CREATE TABLE seen (at date) PARTITION BY RANGE (at); "
            "CREATE TABLE seen_2025 PARTITION OF seen FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')",
            "the table seen_2025",
        ),
    ],
)
def test_what_a_generated_revision_drops_and_no_revision_made_is_asked_in_auto_too(
    generating: Spine, made: str, dropped: str
) -> None:
    _sql(generating, made)
    (generating.root / "models.py").write_text(MODELS + ROOM)
    before = _tables(generating)
    ended = run_safemig(generating, "--message", "rooms")
    assert ended.code == 4, ended.shown
    [asked] = [event["data"] for event in events_of(generating) if event["kind"] == "approval.asked"]
    assert asked["effect"] == "destructive"
    assert "CREATE TABLE room" in asked["detail"]
    [path] = written_by(generating)
    assert path.relative_to(generating.root).as_posix() in asked["contents"]
    plan = [event["data"] for event in events_of(generating) if event["kind"] == "plan.revised"][-1]
    assert any(f"drops {dropped}, which no revision made" in point for point in plan["open"])
    assert _tables(generating) == before


def _tables(shop: Spine) -> set[tuple[Any, ...]]:
    with psycopg.connect(shop.dsn) as connection:
        return set(connection.execute("SELECT relname FROM pg_class WHERE relkind IN ('r', 'p', 'i')").fetchall())


@pytest.mark.slow
def test_a_generated_revision_is_compared_with_what_it_says(generating: Spine) -> None:
    (generating.root / "models.py").write_text(MODELS + ROOM)
    ended = run_safemig(generating, "--message", "rooms")
    assert ended.code == 0, ended.shown
    assert ("room",) in _tables(generating)
    compared = [event["data"]["evidence"] for event in events_of(generating) if event["kind"] == "evidence"]
    assert [one["data"]["matches_spec"] for one in compared if one["kind"] == "comparison"] == [True]


def _nothing(shop: Spine) -> None:
    assert shop.root.is_dir()


def _no_file(shop: Spine) -> None:
    """As many projects have it: what is empty is not written."""
    env = shop.root / "alembic" / "env.py"
    hook = "target_metadata=metadata, process_revision_directives=lambda *_: _[2].clear())"
    env.write_text(env.read_text().replace("target_metadata=metadata)", hook))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spoil", "said", "count"),
    [(_nothing, "its upgrade does nothing", 1), (_no_file, "wrote no revision", 0)],
)
def test_a_generated_revision_that_does_nothing_is_said_and_not_applied(
    generating: Spine, spoil: Callable[[Spine], None], said: str, count: int
) -> None:
    spoil(generating)
    ended = run_safemig(generating, "--message", "nothing")
    assert ended.code == 1, ended.shown
    assert said in ended.shown
    assert len(written_by(generating)) == count
    assert events_of(generating)[-1]["data"]["revision"]["after"] == ["1a2b3c4d5e6f"]
    shutil.rmtree(generating.root / "alembic" / "versions" / "__pycache__", ignore_errors=True)


@pytest.mark.slow
def test_a_generated_revision_that_is_applied_at_once_is_compared_too(generating: Spine) -> None:
    """As under a reloader that sees the new file: the schema before it is gone when the file can be read."""
    makefile = generating.root / "Makefile"
    line = 'alembic revision --autogenerate -m "$(MSG)"'
    makefile.write_text(makefile.read_text().replace(line, f"{line} && {sys.executable} -m alembic upgrade head"))
    (generating.root / ".safemig").mkdir(exist_ok=True)
    keep(generating.root / ".safemig", AppliesFact("write", "a reloader applies it"))
    (generating.root / "models.py").write_text(MODELS + ROOM)
    code, events = converse(
        generating, lambda event: [decide(event, "once")] if asked(event) else [], "--message", "rooms"
    )
    assert code == 0, events[-1]
    assert ("room",) in _tables(generating)
    compared = [event["data"]["evidence"] for event in events if event["kind"] == "evidence"]
    assert [one["data"]["matches_spec"] for one in compared if one["kind"] == "comparison"] == [True]
    assert ("skipped", "migrate") in [(e["data"]["status"], e["step"]) for e in events if e["kind"] == "step.finished"]
