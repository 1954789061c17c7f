"""The plan as a document: one digest over all of it, the same for the same content."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safemig.base.action import Action, FileDigest, digest_of
from safemig.planning.facts import CommandFact, Facts
from safemig.planning.plan import OpenPoint, Plan, Step, child

STEP = Step("build", "build", "Build", "before", Action("command", line="make build", target="build"))
PLAN = Plan(1, "development:.", (STEP,), (OpenPoint("revision", "not read", "revision"),), ("a note",))

OTHER: dict[str, Any] = {
    "kind": "edit",
    "line": "make clean",
    "cwd": "backend",
    "target": "other",
    "recipe": "abc",
    "stdin": "yes\n",
    "path": "Makefile",
    "before": "abc",
    "text": "all:\n",
    "diff": "+all:",
    "effect": "write",
    "touches": ("files",),
    "contents": (FileDigest("versions/a1.py", "abc"),),
    "calls": (FileDigest("scripts/seed.sh", "abc"),),
    "asks": "its files changed",
}


@pytest.mark.parametrize("name", [field.name for field in fields(Action)])
def test_an_approval_holds_for_every_part_of_an_action(name: str) -> None:
    action = STEP.action
    changed = replace(action, **{name: OTHER[name]})
    assert changed.digest != action.digest
    assert replace(action).digest == action.digest


@pytest.mark.parametrize(
    "changed",
    [
        replace(PLAN, revision=2),
        replace(PLAN, target="staging:."),
        replace(PLAN, steps=()),
        replace(PLAN, steps=(STEP, STEP)),
        replace(PLAN, steps=(replace(STEP, undo="nothing"),)),
        replace(PLAN, steps=(replace(STEP, action=replace(STEP.action, line="make  build")),)),
        replace(PLAN, open_points=()),
        replace(PLAN, notes=()),
        replace(PLAN, parent="abc"),
        replace(PLAN, cause="why"),
    ],
)
def test_the_digest_is_over_the_whole_document(changed: Plan) -> None:
    assert changed.digest != PLAN.digest


def test_before_that_is_absent_differs_from_before_that_is_empty() -> None:
    assert Action("edit", path="a", before=None).digest != Action("edit", path="a", before="").digest


def test_a_child_names_its_parent_and_cause() -> None:
    next_one = child(PLAN, replace(PLAN, steps=(STEP, replace(STEP, id="b2"))), "tests are red")
    assert (next_one.revision, next_one.parent, next_one.cause) == (2, PLAN.digest, "tests are red")
    assert child(next_one, PLAN, "").parent == next_one.digest


def test_a_step_is_found_by_its_id() -> None:
    assert PLAN.step("build") is STEP
    with pytest.raises(KeyError, match="nothing"):
        PLAN.step("nothing")


def test_a_plan_comes_back_from_its_file_with_the_same_digest() -> None:
    again = msgspec.json.decode(msgspec.json.encode(PLAN), type=Plan)
    assert again == PLAN
    assert again.digest == PLAN.digest


@given(st.permutations(["build", "start", "migrate", "test"]))
@settings(deadline=None)
def test_the_order_in_which_facts_were_gathered_is_no_part_of_the_digest(names: list[str]) -> None:
    facts = Facts("t", "docker", ".", "app", "db", commands={name: CommandFact(f"make {name}") for name in names})
    fixed = replace(facts, commands=dict(sorted(facts.commands.items())))
    assert digest_of(facts) == digest_of(fixed)
    assert len(digest_of(facts)) == 64
