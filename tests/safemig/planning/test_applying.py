"""Steps of a plan that apply revisions although they are no upgrade by name."""

from __future__ import annotations

from dataclasses import replace

import pytest

from safemig.base.action import Effect
from safemig.planning.applying import FIRST_LOOK
from safemig.planning.facts import AppliesFact, ApplyingRole, CommandFact, Facts, Finding, RiskFact
from safemig.planning.plan import Plan
from safemig.planning.planner import draft
from tests.safemig.plans import CLEAN, DOWN, FACTS, FOUND, HTTPX, PENDING, ids, shared, without

BAKED = replace(FACTS, reachable_source=False)
LOSES = RiskFact("b2", "versions/b2.py:12 drops the column t.c with its data")


def applying(facts: Facts, *roles: ApplyingRole) -> Facts:
    """A project that applies revisions by itself in those roles."""
    places = tuple(AppliesFact(role, "service api runs `alembic upgrade head`", "Dockerfile", 6) for role in roles)
    return replace(facts, applies=places)


def carried(plan: Plan) -> dict[str, tuple[str, ...]]:
    """Step -> the revisions that it applies by itself."""
    return {step.id: step.applies for step in plan.steps if step.applies}


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (FACTS, {}),
        (BAKED, {}),
        (applying(FACTS, "start"), {}),  # nothing is pending, and the file is seen at once by `make migrate`
        (applying(BAKED, "start"), {"start-migration": ("b2",)}),
        (applying(BAKED, "build"), {"build-migration": ("b2",)}),
        (applying(PENDING, "start"), {"start": ("a0", "a1")}),
        # A build that finds no database applies nothing, and then the start does.
        (applying(PENDING, "build", "start"), {"build": ("a0", "a1"), "start": ("a0", "a1")}),
        (applying(DOWN, "build", "start"), {"build": ("",), "start": ("",)}),
        (applying(BAKED, "build", "start"), {"build-migration": ("b2",), "start-migration": ("b2",)}),
        (applying(PENDING, "start", "write"), {"start": ("a0", "a1"), "create": ("b2",)}),
        (applying(FACTS, "start", "write"), {"create": ("b2",)}),
        (applying(PENDING, "test"), {}),  # what is pending has been applied before the tests run
        (applying(without("migrate", facts=PENDING), "test"), {"test": ("a0", "a1"), "test-after": ()}),
        (applying(without("migrate"), "start"), {"start-migration": ("b2",)}),
        (applying(without("migrate", facts=BAKED), "start"), {"start-migration": ("b2",)}),
        (applying(without("migrate"), "start", "write"), {"create": ("b2",), "start-migration": ("b2",)}),
        (shared("start", "migrate", PENDING), {"start": ("a0", "a1"), "start-migration": ("b2",)}),
        (shared("build", "migrate", PENDING), {"build": ("a0", "a1")}),
    ],
)
def test_the_step_that_applies_revisions_carries_them(facts: Facts, expected: dict[str, tuple[str, ...]]) -> None:
    assert carried(draft(facts)) == {step: names for step, names in expected.items() if names}


@pytest.mark.parametrize("roles", [("start",), ("start", "write")])
def test_it_is_asked_as_the_migration_that_it_is(roles: tuple[ApplyingRole, ...]) -> None:
    plain = applying(BAKED if roles == ("start",) else FACTS, *roles)
    name = next(iter(carried(draft(plain))))
    harmless, losing = draft(plain).step(name), draft(replace(plain, risks=(LOSES,))).step(name)
    assert (harmless.action.effect, losing.action.effect) == ("write", "destructive")
    assert "drops the column t.c with its data" in losing.changes
    assert "service api runs `alembic upgrade head` (Dockerfile:6)" in losing.changes
    assert harmless.title.endswith("; this applies b2")
    assert "alembic downgrade a1" in harmless.undo
    assert {"schema", "heads"} <= set(harmless.assumes)
    assert {"database schema", "revision b2"} <= set(harmless.action.touches)
    # An approval of the first start is none of the one that applies the new revision.
    assert draft(plain).step("start").action.digest != harmless.action.digest


def test_nothing_that_applies_comes_before_its_answer() -> None:
    plan = draft(applying(BAKED, "start"))
    assert [step.id for step in plan.steps if step.phase == "change"] == [
        "create", "build-migration", "start-migration", "migrate", "verify",
    ]  # fmt: skip
    restarted = draft(applying(without("migrate"), "start"))
    assert [step.id for step in restarted.steps if step.phase == "change"] == [
        "create", "stop-start-migration", "start-migration", "verify",
    ]  # fmt: skip
    reloaded = draft(applying(without("migrate"), "start", "write"))
    assert [step.id for step in reloaded.steps if step.phase == "change"] == [
        "create", "stop-start-migration", "start-migration", "verify",
    ]  # fmt: skip


def test_what_is_not_known_before_the_start_is_read_first_or_counts_whole() -> None:
    unknown = replace(applying(DOWN, "start"), risks=(RiskFact("a0", "versions/a0.py:3 drops the table t"),))
    plan = draft(unknown)
    assert ids(plan)[:3] == [FIRST_LOOK, "build", "start"]
    assert plan.step("start").action.effect == "destructive"
    assert "whatever is pending" in plan.step("start").title
    looked = replace(FOUND, step=FIRST_LOOK)
    fresh = draft(unknown, (looked,))
    assert fresh.step("start").applies == ("a1",)
    assert fresh.step("start").action.effect == "write"
    assert "pending" not in ids(fresh)
    # The start has not applied it after all.
    assert "pending" in ids(draft(unknown, (looked, replace(FOUND, cause="still pending"))))
    alone = draft(replace(unknown, database_alone="docker compose up -d db"))
    assert ids(alone)[:2] == ["database-alone", FIRST_LOOK]
    assert ids(draft(replace(DOWN, start_unread=True)))[0] == FIRST_LOOK
    assert FIRST_LOOK not in ids(draft(DOWN))


def test_a_file_that_is_generated_under_a_reloader_is_applied_before_anybody_has_read_it() -> None:
    facts = applying(replace(FACTS, migration=None, message="add rating"), "start", "write")
    assert draft(facts).step("generate").action.effect == "destructive"


def test_what_was_seen_after_the_start_counts_from_there_on() -> None:
    """Asked as what applies "whatever is pending" was each test run that upgrades, also where nothing was pending."""
    facts = replace(applying(DOWN, "test"), risks=(RiskFact("a0", "versions/a0.py:3 drops the table t"),))
    assert carried(draft(facts))["test"] == ("",)
    assert "test" not in carried(draft(facts, (CLEAN,)))
    used = draft(facts, (replace(FOUND, in_use=True),))
    assert (carried(used)["test"], used.step("test").action.effect) == (("a1",), "write")
    # The start did not apply what it was asked about: the next that does is asked, too.
    both = replace(applying(PENDING, "start", "test"), in_use=True)
    left = draft(both, (replace(FOUND, in_use=True),))
    assert carried(left)["start"] == ("a0", "a1")
    assert carried(left)["test"] == ("a1",)


def test_a_remedy_s_restart_carries_nothing_that_the_first_start_has_applied() -> None:
    plan = draft(applying(replace(PENDING, reachable_source=False), "start"), (HTTPX,))
    assert carried(plan) == {"start": ("a0", "a1"), "start-migration": ("b2",)}


def test_a_step_that_was_seen_to_change_the_schema_says_so() -> None:
    place = AppliesFact("test", "an earlier run saw it", kind="schema")
    step = draft(replace(FACTS, applies=(place,))).step("test")
    assert (step.moves, step.action.effect) == ("schema", "destructive")
    assert "an earlier run saw it" in step.changes


@pytest.mark.parametrize(
    ("facts", "at"),
    [
        (FACTS, "before"),
        (applying(without("migrate", facts=BAKED), "start"), "before"),
        (applying(without("migrate"), "start", "write"), "before"),
        (shared("start", "migrate"), "before"),
        (replace(FACTS, migration=None), ""),
    ],
)
def test_whatever_applies_the_change_the_database_is_proved_before_it(facts: Facts, at: str) -> None:
    assert [step.phase for step in draft(facts).steps if step.id == "same-database"] == ([at] if at else [])


@pytest.mark.parametrize(
    ("start", "restart", "effect"),
    [("write", "destructive", "destructive"), ("destructive", "write", "destructive"), ("write", "read", "write")],
)
def test_a_restart_is_asked_as_what_its_own_line_does(start: Effect, restart: Effect, effect: Effect) -> None:
    facts = applying(without("migrate"), "start")
    own = CommandFact("make restart", "restart", "r9", restart, ("volumes",))
    commands = {**facts.commands, "restart": own, "start": replace(facts.commands["start"], effect=start)}
    step = draft(replace(facts, commands=commands)).step("start-migration")
    action = step.action
    assert (action.line, action.target, action.recipe, action.effect) == ("make restart", "restart", "r9", effect)
    assert {"volumes", "containers"} <= set(action.touches)
    assert "recipe" in step.assumes


def test_several_heads_are_merged_before_a_start_that_applies() -> None:
    merge = replace(FACTS.migration, revision="m1", down=("b2", "c3")) if FACTS.migration else None
    facts = applying(replace(FACTS, migration=None, merge=merge, heads=("m1",), pending=("a1", "m1")), "start")
    plan = draft(facts)
    assert ids(plan)[:3] == ["merge", "build", "start"]
    assert plan.step("start").applies == ("a1", "m1")


def test_what_an_edited_finding_changes_stays() -> None:
    facts = applying(BAKED, "start")
    action = replace(draft(facts).step("start-migration").action, line="make start FAST=1")
    edited = Finding("edited", "the person edited it", actions=(action,), step="start-migration")
    assert draft(facts, (edited,)).step("start-migration").action == action
