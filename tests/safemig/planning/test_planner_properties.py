"""What holds for every plan, whatever the facts and findings."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from safemig.planning.facts import CommandFact, Facts, Finding
from safemig.planning.planner import ASSUMES, draft, revisions
from tests.safemig.plans import (
    ASYNC,
    CLEAN,
    COMMANDS,
    FACTS,
    FOUND,
    HTTPX,
    MIGRATION,
    SPEC,
    TARGET,
    ids,
)

ROLES = st.dictionaries(
    st.sampled_from(sorted(COMMANDS)),
    st.builds(
        CommandFact,
        st.sampled_from(["make x", "./x.sh {revision}"]),
        st.sampled_from(["", "x"]),
        st.sampled_from(["", "recipe"]),
        st.sampled_from(["read", "write", "destructive"]),
        asks=st.integers(0, 2),
    ),
)
NAMES = st.lists(st.sampled_from(["a1", "b2", "c3"]), max_size=3, unique=True).map(tuple)
ALL_FACTS = st.builds(
    Facts,
    st.just("t"),
    st.sampled_from(["docker", "process"]),
    st.sampled_from([".", "backend"]),
    st.just("api"),
    st.just("db"),
    commands=ROLES,
    test_target=st.none() | st.just(TARGET),
    test_command=st.none() | st.just(CommandFact("pytest")),
    start_database=st.sampled_from(["", "start"]),
    current=st.none() | NAMES,
    pending=st.none() | NAMES,
    heads=NAMES,
    spec=st.none() | st.just(SPEC),
    migration=st.none() | st.just(MIGRATION),
    reachable_source=st.booleans(),
    bridge=st.booleans(),
    missing=st.sampled_from([(), ("no Makefile",)]),
    message=st.sampled_from(["", "add x"]),
)
REMEDIES = st.lists(st.sampled_from([HTTPX, ASYNC]), max_size=3)
FINDINGS = st.lists(st.sampled_from([HTTPX, ASYNC, FOUND, CLEAN]), max_size=4)
CHANGING = {"create", "generate", "build-migration", "start-migration", "migrate", "verify"}


def is_subsequence(short: Sequence[str], long: Sequence[str]) -> bool:
    rest = iter(long)
    return all(item in rest for item in short)


@given(ALL_FACTS, FINDINGS)
@settings(max_examples=80, deadline=None)
def test_the_same_facts_and_findings_come_to_the_same_plan(facts: Facts, findings: list[Finding]) -> None:
    turned = replace(facts, commands=dict(reversed(list(facts.commands.items()))))
    assert [plan.digest for plan in revisions(facts, findings)] == [plan.digest for plan in revisions(turned, findings)]


@given(ALL_FACTS, FINDINGS)
@settings(max_examples=150, deadline=None)
def test_what_holds_for_every_plan(facts: Facts, findings: list[Finding]) -> None:
    plans = revisions(facts, findings)
    for parent, plan in pairwise(plans):
        assert plan.parent == parent.digest
        assert plan.revision == parent.revision + 1
    plan = plans[-1]
    names = ids(plan)
    assert len(set(names)) == len(names)
    assert names.index("revision") < names.index("baseline") < names.index("prove")
    assert [step.phase for step in plan.steps] == sorted(
        (step.phase for step in plan.steps), key=["before", "change", "after"].index
    )
    for name in CHANGING & set(names):
        assert names.index("baseline") < names.index(name)
    if "pending" in names:
        assert names.index("revision") < names.index("pending") < names.index("baseline")
        assert {"schema", "heads"} <= set(plan.step("pending").assumes)
    if "migrate" in names:
        assert names.index("migrate") + 1 == names.index("verify")
        assert {"schema", "heads"} <= set(plan.step("migrate").assumes)
    assert {name for step in plan.steps for name in step.assumes} <= set(ASSUMES)
    assert {point.settled_by for point in plan.open_points} <= {"", *names}


@given(ALL_FACTS, FINDINGS)
@settings(max_examples=80, deadline=None)
def test_only_a_look_is_free_of_effect(facts: Facts, findings: list[Finding]) -> None:
    plan = draft(facts, findings)
    by_effect = {step.id: step.action.effect for step in plan.steps}
    given = {fact.effect for fact in [*facts.commands.values(), facts.test_command] if fact}
    for step in plan.steps:
        assert by_effect[step.id] == step.action.effect
        if step.action.kind == "look":
            assert (step.action.effect, step.action.line, step.action.path) == ("read", "", "")
        elif step.action.kind == "edit":
            assert step.action.effect == "write"
        else:
            assert step.action.line
            # A start or a build that applies a revision which is not there yet may lose anything.
            assert step.action.effect in given | ({"write", "destructive"} if step.applies else {"write"})
            assert bool(step.action.target) == ("recipe" in step.assumes)
        assert step.title
        assert step.changes
        assert step.undo
        assert step.done_when


@given(ALL_FACTS, FINDINGS, REMEDIES)
@settings(max_examples=80, deadline=None)
def test_a_remedy_only_adds(facts: Facts, findings: list[Finding], more: list[Finding]) -> None:
    before, after = draft(facts, findings), draft(facts, [*findings, *more])
    assert is_subsequence(ids(before), ids(after))
    assert all(after.step(step.id) == step for step in before.steps)
    assert before.open_points == after.open_points


@given(ALL_FACTS, FINDINGS)
@settings(max_examples=80, deadline=None)
def test_a_finding_about_the_database_touches_only_the_pending_step(facts: Facts, findings: list[Finding]) -> None:
    before, after = draft(facts, findings), draft(facts, [*findings, FOUND])
    # A build whose line is that of the migrate command applies what is pending: it is told by what that is.
    applying = {step.id for step in (*before.steps, *after.steps) if step.applies}
    of_it = {"pending", "same-database", *applying}
    assert {step for step in before.steps if step.id not in of_it} == {s for s in after.steps if s.id not in of_it}
    assert set(ids(before)) - {"pending", "same-database"} == set(ids(after)) - {"pending", "same-database"}
    assert ("pending" in ids(after)) <= ("same-database" in ids(after))
    assert ("pending" in ids(after)) == ("migrate" in facts.commands)


@given(st.integers(1, 4))
@settings(deadline=None)
def test_rounds_of_remedies_are_numbered(rounds: int) -> None:
    plan = draft(FACTS, [replace(ASYNC, cause=f"cause {number}") for number in range(rounds)])
    tests = [step.id for step in plan.steps if step.intent == "test" and step.phase == "before"]
    assert tests == ["test", "test-again", *(f"test-again-{number}" for number in range(2, rounds + 1))][: rounds + 1]
    assert plan.step(tests[-1]).cause == f"cause {rounds - 1}"
    assert len({plan.step(name).action.digest for name in tests}) == 1


@given(ALL_FACTS, FINDINGS)
@settings(max_examples=40, deadline=None)
def test_a_plan_holds_no_time(facts: Facts, findings: list[Finding]) -> None:
    assert not re.search(r"\d{4}-\d\d-\d\dT|\d\d:\d\d:\d\d", repr(revisions(facts, findings)))
