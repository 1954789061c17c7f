"""Pending revisions: first on an empty database, the change on one in use; and revisions that were generated."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from safemig.planning.facts import Facts, Finding
from safemig.planning.pending import UNCOMPARED
from safemig.planning.planner import draft, revisions
from safemig.policy.decision import Context, judge
from tests.safemig.plans import DOWN, PENDING, ids
from tests.safemig.shops import events_of, made_shop, order_of, run_safemig, write_second, written_by
from tests.spine.face import asked, converse, decide
from tests.spine.project import Spine

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


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Spine]:
    with made_shop(tmp_path / "shop") as made:
        yield made


ADDS = ('op.add_column("course", sa.Column("title", sa.Text()))', 'op.drop_column("course", "title")')


@pytest.mark.slow
def test_a_pending_revision_of_a_database_in_use_is_proved_like_a_new_one(shop: Spine) -> None:
    write_second(shop, *ADDS)
    ended = run_safemig(shop)
    assert ended.code == 0, ended.shown
    order = order_of(shop)
    assert order.index("baseline") < order.index("pending") < order.index("verify") < order.index("prove")
    compared = [event["data"]["evidence"] for event in events_of(shop) if event["kind"] == "evidence"]
    [comparison] = [one for one in compared if one["kind"] == "comparison"]
    assert comparison["data"]["matches_spec"] is True


@pytest.mark.slow
def test_a_rename_that_the_service_does_not_survive_is_the_changes_fault(shop: Spine) -> None:
    write_second(
        shop,
        'op.alter_column("course", "slug", new_column_name="short")',
        'op.alter_column("course", "short", new_column_name="slug")',
    )
    ended = run_safemig(shop)
    assert ended.code == 4, ended.shown  # a name that running code may use: auto asks
    assert "renames the column slug to short" in ended.shown
    assert "unhealthy before" not in ended.shown
    yes = converse(shop, lambda event: [decide(event, "once")] if asked(event) else [], command="resume")
    assert yes[0] == 1, yes[1][-1]
    final = events_of(shop)[-1]["data"]
    assert final["verdict"] == "failed"
    assert "GET /courses" in final["reason"]
    assert final["revision"] == {"before": ["1a2b3c4d5e6f"], "after": ["2b3c4d5e6f70"]}


@pytest.mark.slow
def test_a_service_that_waits_for_the_pending_revision_is_said_to_be_unhealthy_and_nothing_is_applied(
    shop: Spine,
) -> None:
    service = shop.root / "service.py"
    service.write_text(service.read_text().replace("SELECT slug", "SELECT title"))
    write_second(shop, *ADDS)
    ended = run_safemig(shop)
    assert ended.code == 1, ended.shown
    final = events_of(shop)[-1]["data"]
    assert "unhealthy before the change" in final["reason"]
    assert "2b3c4d5e6f70 is pending, and the code may already expect" in final["reason"]
    assert final["revision"]["after"] == ["1a2b3c4d5e6f"]


@pytest.mark.slow
@pytest.mark.parametrize("accepted", [False, True])
def test_what_cannot_be_told_of_a_pending_revision_is_asked_before_it_is_applied(
    shop: Spine, *, accepted: bool
) -> None:
    helper = f"def add(name): {ADDS[0].replace(chr(34) + 'title' + chr(34), 'name')}"
    write_second(shop, f"{helper}\n    add('title')", ADDS[1])
    if accepted:
        with (shop.root / "safemig.yaml").open("a") as config:
            config.write("migration: {uncompared: accept}\n")
    ended = run_safemig(shop)
    assert ended.code == (0 if accepted else 4), ended.shown
    assert "2b3c4d5e6f70_second.py:10" in ended.shown
    assert "cannot be told" in ended.shown
    assert ("migration: {uncompared: accept}" in ended.shown) is not accepted


@pytest.mark.slow
def test_a_revision_of_a_spec_is_proved_on_top_of_a_pending_one(shop: Spine) -> None:
    from tests.spine.project import SPEC

    (shop.root / "docs" / "ratings_plan.md").write_text(SPEC)
    write_second(shop, *ADDS)
    ended = run_safemig(shop)
    assert ended.code == 0, ended.shown
    kinds = [(event["step"], event["data"]["evidence"]["data"]["matches_spec"]) for event in events_of(shop)
             if event["kind"] == "evidence" and event["data"]["evidence"]["kind"] == "comparison"]  # fmt: skip
    assert kinds == [("verify-pending", True), ("verify", True)]


RATING = """op.create_table(
        "rating",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("course_id", sa.Integer(), sa.ForeignKey("course.id", name="fk_rating_course"), nullable=False),
        sa.Column("stars", sa.SmallInteger(), nullable=False),
        sa.CheckConstraint("stars BETWEEN 1 AND 5", name="ck_rating_stars"),
    )
    op.create_index("ix_rating_course_id", "rating", ["course_id"])"""


@pytest.mark.slow
@pytest.mark.parametrize("whole", [True, False])
def test_pending_revisions_that_make_what_a_spec_asks_for_are_compared_with_it(shop: Spine, *, whole: bool) -> None:
    from tests.spine.project import SPEC

    (shop.root / "docs" / "ratings_plan.md").write_text(SPEC)
    write_second(
        shop, RATING if whole else RATING.replace("BETWEEN 1 AND 5", "BETWEEN 0 AND 9"), 'op.drop_table("rating")'
    )
    ended = run_safemig(shop)
    assert ended.code == (0 if whole else 1), ended.shown
    assert len(written_by(shop)) == 1
    if not whole:
        assert "not what the spec asked for" in ended.shown
        assert "ck_rating_stars" in ended.shown
