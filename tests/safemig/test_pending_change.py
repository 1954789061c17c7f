"""Pending revisions: first on an empty database, the change on one in use; and revisions that were generated."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from checks.migration.in_use import in_use
from safemig.facts import Facts, Finding, RevisionFact, RiskFact
from safemig.foreign_drops import foreign_drops
from safemig.plan_pending import UNCOMPARED
from safemig.planner import draft, revisions
from safemig.policy import Context, judge
from tests.safemig.bad_projects import Ended, safemig
from tests.safemig.plans import DOWN, FACTS, PENDING, ids
from tests.spine.project import Spine, make_project, remove_project

IN_USE = replace(PENDING, current=("a0",), pending=("a1",), in_use=True)
BARE = replace(IN_USE, migration=None, spec=None)


def _changes(facts: Facts, *findings: Finding) -> list[str]:
    return [step.id for step in draft(facts, findings).steps if step.phase == "change"]


def test_pending_revisions_come_first_on_an_empty_database_alone() -> None:
    assert _changes(PENDING) == ["create", "migrate", "verify"]
    assert ids(draft(PENDING)).index("pending") < ids(draft(PENDING)).index("baseline")
    assert _changes(BARE) == ["pending", "verify"]
    assert _changes(IN_USE) == ["pending", "verify-pending", "desire", "create", "migrate", "verify"]
    assert _changes(replace(BARE, used=("a1",))) == ["pending", "verify"]
    generates = replace(BARE, message="shelves")
    assert _changes(generates) == ["pending", "verify-pending", "generate", "desire", "migrate", "verify"]
    assert any("the database is in use" in note for note in draft(IN_USE).notes)


def test_a_database_that_was_down_is_judged_when_it_is_first_seen() -> None:
    facts = replace(DOWN, migration=None, spec=None)
    seen = Finding("database", "at a0, pending a1", current=("a0",), pending=("a1",))
    assert _changes(facts, seen) == []
    assert "pending" in ids(draft(facts, [seen]))
    assert _changes(facts, replace(seen, in_use=True)) == ["pending", "verify"]
    assert _changes(replace(BARE, in_use=False), replace(seen, in_use=True)) == []  # our own start has made the tables


def test_what_cannot_be_compared_is_an_open_point_that_every_mode_asks_about() -> None:
    finding = Finding(UNCOMPARED, "a1.py:9 cannot be told", step="pending")
    before, after = revisions(BARE, [finding])
    assert judge(before.step("pending").action, Context("auto")).answer == "allow"
    assert judge(after.step("pending").action, Context("auto")).answer == "ask"
    assert [(point.text, point.settled_by) for point in after.open_points] == [("a1.py:9 cannot be told", "pending")]


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
from alembic import op
import sqlalchemy as sa

def upgrade():
    op.create_table("shelf", sa.Column("id", sa.Integer()), sa.Column("room_no", sa.Text(), index=True))
    op.execute("CREATE INDEX shelf_by_hand ON shelf (room_no)")
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
        ("op.drop_table(NAME)", "drops the table …"),
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
    """The service reads its one table; its database is at the first revision, and nothing is asked for."""
    made = make_project(tmp_path / "shop")
    (made.root / "docs" / "ratings_plan.md").write_text("# Notes\n")
    config = (made.root / "safemig.yaml").read_text()
    try:
        ended = safemig(made.root, "run", "--mode", "auto")
        assert ended.code == 0, ended.shown
        with psycopg.connect(made.dsn) as connection:
            assert in_use(connection)
    except AssertionError:
        remove_project(made)
        raise
    (made.root / "safemig.yaml").write_text(f"{config}endpoints:\n  - path: /courses\n")
    (made.root / "service.py").write_text(SERVICE.format(dsn=made.dsn))
    yield made
    remove_project(made)


SERVICE = """\
import psycopg


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({{"type": message["type"] + ".complete"}})
            if message["type"] == "lifespan.shutdown":
                return
    status, body = 200, b'{{"status": "ok"}}'
    if scope["path"] == "/courses":
        try:
            with psycopg.connect("{dsn}") as connection:
                connection.execute("SELECT slug FROM course")
        except psycopg.Error:
            status, body = 500, b'{{"detail": "broken"}}'
    elif scope["path"] not in ("/", "/health"):
        status = 404
    headers = [(b"content-type", b"application/json")]
    await send({{"type": "http.response.start", "status": status, "headers": headers}})
    await send({{"type": "http.response.body", "body": body}})
"""
SECOND = """\
from alembic import op
import sqlalchemy as sa

revision = "2b3c4d5e6f70"
down_revision = "1a2b3c4d5e6f"


def upgrade():
    {up}


def downgrade():
    {down}
"""


def _second(shop: Spine, up: str, down: str) -> None:
    path = shop.root / "alembic" / "versions" / "2b3c4d5e6f70_second.py"
    path.write_text(SECOND.format(up=up, down=down))


def _events(shop: Spine) -> list[dict[str, Any]]:
    return [json.loads(row) for row in (shop.runs()[-1] / "events.jsonl").read_text().splitlines()]


def _order(shop: Spine) -> list[str]:
    return [event["step"] for event in _events(shop) if event["kind"] == "step.started"]


def _run(shop: Spine, *more: str) -> Ended:
    return safemig(shop.root, "run", "--mode", "auto", *more)


ADDS = ('op.add_column("course", sa.Column("title", sa.Text()))', 'op.drop_column("course", "title")')


@pytest.mark.slow
def test_a_pending_revision_of_a_database_in_use_is_proved_like_a_new_one(shop: Spine) -> None:
    _second(shop, *ADDS)
    ended = _run(shop)
    assert ended.code == 0, ended.shown
    order = _order(shop)
    assert order.index("baseline") < order.index("pending") < order.index("verify") < order.index("prove")
    compared = [event["data"]["evidence"] for event in _events(shop) if event["kind"] == "evidence"]
    [comparison] = [one for one in compared if one["kind"] == "comparison"]
    assert comparison["data"]["matches_spec"] is True


@pytest.mark.slow
def test_a_rename_that_the_service_does_not_survive_is_the_changes_fault(shop: Spine) -> None:
    _second(
        shop,
        'op.alter_column("course", "slug", new_column_name="short")',
        'op.alter_column("course", "short", new_column_name="slug")',
    )
    ended = _run(shop)
    assert ended.code == 1, ended.shown
    final = _events(shop)[-1]["data"]
    assert final["verdict"] == "failed"
    assert "GET /courses" in final["reason"]
    assert "unhealthy before" not in ended.shown
    assert final["revision"] == {"before": ["1a2b3c4d5e6f"], "after": ["2b3c4d5e6f70"]}


@pytest.mark.slow
def test_a_service_that_waits_for_the_pending_revision_is_said_to_be_unhealthy_and_nothing_is_applied(
    shop: Spine,
) -> None:
    service = shop.root / "service.py"
    service.write_text(service.read_text().replace("SELECT slug", "SELECT title"))
    _second(shop, *ADDS)
    ended = _run(shop)
    assert ended.code == 1, ended.shown
    final = _events(shop)[-1]["data"]
    assert "unhealthy before the change" in final["reason"]
    assert "2b3c4d5e6f70 is pending, and the code may already expect" in final["reason"]
    assert final["revision"]["after"] == ["1a2b3c4d5e6f"]


@pytest.mark.slow
@pytest.mark.parametrize("accepted", [False, True])
def test_what_cannot_be_told_of_a_pending_revision_is_asked_before_it_is_applied(
    shop: Spine, *, accepted: bool
) -> None:
    _second(shop, f"for name in ('title',): {ADDS[0].replace(chr(34) + 'title' + chr(34), 'name')}", ADDS[1])
    if accepted:
        with (shop.root / "safemig.yaml").open("a") as config:
            config.write("migration: {uncompared: accept}\n")
    ended = _run(shop)
    assert ended.code == (0 if accepted else 4), ended.shown
    assert "2b3c4d5e6f70_second.py:9" in ended.shown
    assert "cannot be told" in ended.shown
    assert ("migration: {uncompared: accept}" in ended.shown) is not accepted


@pytest.mark.slow
def test_a_revision_of_a_spec_is_proved_on_top_of_a_pending_one(shop: Spine) -> None:
    from tests.spine.project import SPEC

    (shop.root / "docs" / "ratings_plan.md").write_text(SPEC)
    _second(shop, *ADDS)
    ended = _run(shop)
    assert ended.code == 0, ended.shown
    kinds = [(event["step"], event["data"]["evidence"]["data"]["matches_spec"]) for event in _events(shop)
             if event["kind"] == "evidence" and event["data"]["evidence"]["kind"] == "comparison"]  # fmt: skip
    assert kinds == [("verify-pending", True), ("verify", True)]


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


def _written(shop: Spine) -> list[Path]:
    return [path for path in (shop.root / "alembic" / "versions").glob("*.py") if "_first" not in path.name]


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
    ended = _run(generating, "--message", "rooms")
    assert ended.code == 4, ended.shown
    [asked] = [event["data"] for event in _events(generating) if event["kind"] == "approval.asked"]
    assert asked["effect"] == "destructive"
    assert "CREATE TABLE room" in asked["detail"]
    [path] = _written(generating)
    assert path.relative_to(generating.root).as_posix() in asked["contents"]
    plan = [event["data"] for event in _events(generating) if event["kind"] == "plan.revised"][-1]
    assert any(f"drops {dropped}, which no revision made" in point for point in plan["open"])
    assert _tables(generating) == before


def _tables(shop: Spine) -> set[tuple[Any, ...]]:
    with psycopg.connect(shop.dsn) as connection:
        return set(connection.execute("SELECT relname FROM pg_class WHERE relkind IN ('r', 'p', 'i')").fetchall())


@pytest.mark.slow
def test_a_generated_revision_is_compared_with_what_it_says(generating: Spine) -> None:
    (generating.root / "models.py").write_text(MODELS + ROOM)
    ended = _run(generating, "--message", "rooms")
    assert ended.code == 0, ended.shown
    assert ("room",) in _tables(generating)
    compared = [event["data"]["evidence"] for event in _events(generating) if event["kind"] == "evidence"]
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
    ended = _run(generating, "--message", "nothing")
    assert ended.code == 1, ended.shown
    assert said in ended.shown
    assert len(_written(generating)) == count
    assert _events(generating)[-1]["data"]["revision"]["after"] == ["1a2b3c4d5e6f"]
    shutil.rmtree(generating.root / "alembic" / "versions" / "__pycache__", ignore_errors=True)
