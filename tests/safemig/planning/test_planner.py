"""The planner: a pure function of facts and findings, whose later revisions only go on from the earlier ones."""

from __future__ import annotations

from dataclasses import replace

import pytest

from safemig.planning.facts import CommandFact, Facts, Finding
from safemig.planning.planner import added, draft, revisions
from tests.safemig.plans import (
    ASYNC,
    CLEAN,
    COMMANDS,
    DOWN,
    FACTS,
    FOUND,
    HTTPX,
    MIGRATION,
    PENDING,
    SPEC,
    TARGET,
    ids,
    shared,
    without,
)


@pytest.mark.parametrize(
    ("facts", "findings", "expected"),
    [
        (
            FACTS,
            (),
            "build start observe revision same-database test baseline create migrate verify test-after "
            "prove judge tick",
        ),
        (
            PENDING,
            (),
            "build start observe revision same-database pending test baseline create migrate verify "
            "test-after prove judge tick",
        ),
        (
            replace(FACTS, test_target=TARGET),
            (),
            "build start observe revision same-database test-target test baseline create migrate verify "
            "test-after prove judge tick",
        ),
        (
            FACTS,
            (HTTPX,),
            "build start observe revision same-database test remedy-1 remedy-2 rebuild restart "
            "check-image test-again baseline "
            "create migrate verify test-after prove judge tick",
        ),
        (
            FACTS,
            (HTTPX, ASYNC),
            "build start observe revision same-database test remedy-1 remedy-2 rebuild restart check-image test-again "
            "remedy-2-1 rebuild-2 restart-2 check-image-2 test-again-2 baseline "
            "create migrate verify test-after prove judge tick",
        ),
        (
            DOWN,
            (FOUND,),
            "build start observe revision same-database pending test baseline create migrate verify "
            "test-after prove judge tick",
        ),
        (
            replace(FACTS, reachable_source=False),
            (),
            "build start observe revision same-database test baseline create build-migration "
            "start-migration migrate verify "
            "test-after prove judge tick",
        ),
        (
            replace(FACTS, migration=None, message="add rating"),
            (),
            "build start observe revision same-database test baseline generate desire migrate verify test-after "
            "prove judge tick",
        ),
        (
            replace(FACTS, migration=None),
            (),
            "build start observe revision test baseline test-after prove judge tick",
        ),
        (
            replace(FACTS, start_database="(PostgreSQL of safemig)", spec=None),
            (),
            "database build start observe revision same-database test baseline create migrate verify test-after prove",
        ),
        (
            replace(FACTS, spec=replace(SPEC, items=())),
            (),
            "build start observe revision same-database test baseline create migrate verify test-after prove",
        ),
        (
            Facts("t", "docker", ".", "", ""),
            (),
            "observe revision baseline prove",
        ),
        (
            without("build", "start"),
            (HTTPX,),
            "observe revision same-database test remedy-1 remedy-2 check-image test-again baseline "
            "create migrate verify "
            "test-after prove judge tick",
        ),
        (
            without("migrate", facts=PENDING),
            (),
            "build start observe revision test baseline test-after prove judge tick",
        ),
        (
            shared("build", "migrate", facts=PENDING),
            (),
            "build start observe revision same-database test baseline create migrate verify test-after "
            "prove judge tick",
        ),
        (
            shared("build", "migrate", facts=PENDING),
            (FOUND,),
            "build start observe revision same-database pending test baseline create migrate verify "
            "test-after prove judge tick",
        ),
        (
            shared("build", "migrate", facts=replace(FACTS, reachable_source=False)),
            (),
            "build start observe revision same-database test baseline create start-migration migrate "
            "verify test-after prove "
            "judge tick",
        ),
        (
            shared("build", "start"),
            (HTTPX,),
            "start observe revision same-database test remedy-1 remedy-2 restart check-image test-again baseline "
            "create migrate verify test-after prove judge tick",
        ),
    ],
)
def test_the_steps_and_their_order(facts: Facts, findings: tuple[Finding, ...], expected: str) -> None:
    assert ids(draft(facts, findings)) == expected.split()


def test_a_command_step_is_the_project_s_own_line_with_its_recipe() -> None:
    step = draft(FACTS).step("migrate")
    assert (step.action.line, step.action.cwd, step.action.target) == ("make migrate", "backend", "migrate")
    assert (step.action.recipe, step.action.effect, step.action.touches) == ("r5", "write", ("database", "revision b2"))
    assert step.assumes == ("recipe", "schema", "heads")
    assert step.intent == "upgrade"


def test_approving_the_pending_revisions_approves_no_other_migration() -> None:
    plan = draft(PENDING)
    pending, migrate = plan.step("pending").action, plan.step("migrate").action
    assert pending.line == migrate.line
    assert pending.digest != migrate.digest
    assert draft(replace(PENDING, pending=("a1",))).step("pending").action.digest != pending.digest


def test_a_command_without_a_make_target_takes_no_recipe_for_granted() -> None:
    line = CommandFact("docker compose exec -T api pytest", effect="write")
    plan = draft(replace(without("test"), test_command=line))
    assert plan.step("test").assumes == ()
    assert plan.step("test-after").action == plan.step("test").action


def test_the_same_intents_come_to_other_actions_on_another_target() -> None:
    plain = {role: replace(fact, line=fact.line.replace("make", "make -f plain.mk")) for role, fact in COMMANDS.items()}
    here, there = draft(FACTS), draft(replace(FACTS, target="copy:.", runtime="process", commands=plain))
    assert [step.intent for step in here.steps] == [step.intent for step in there.steps]
    assert here.step("migrate").action.digest != there.step("migrate").action.digest
    assert here.digest != there.digest


@pytest.mark.parametrize(
    ("facts", "findings", "step", "undo"),
    [
        (FACTS, (), "migrate", "`docker compose exec api alembic downgrade a1`"),
        (PENDING, (), "pending", "`docker compose exec api alembic downgrade base`"),
        (replace(PENDING, current=("a0",)), (), "pending", "`docker compose exec api alembic downgrade a0`"),
        (DOWN, (FOUND,), "pending", "`docker compose exec api alembic downgrade a0`"),
        (replace(DOWN, heads=()), (), "migrate", "`docker compose exec api alembic downgrade base`"),
        (without("downgrade"), (), "migrate", "`alembic downgrade a1` where the project runs alembic"),
        (FACTS, (), "start", "`make stop`"),
        (without("stop"), (), "start", "`docker compose stop`"),
        (without("stop", facts=replace(FACTS, runtime="process")), (), "start", "stop the service by hand"),
        (FACTS, (), "create", "delete backend/alembic/versions/b2_rating.py"),
        (FACTS, (HTTPX,), "remedy-1", "restore the earlier text of pyproject.toml"),
        (replace(FACTS, migration=None, message="m"), (), "generate", "delete the new revision file"),
    ],
)
def test_undo(facts: Facts, findings: tuple[Finding, ...], step: str, undo: str) -> None:
    assert draft(facts, findings).step(step).undo == undo


def test_a_migration_is_written_as_a_new_file_with_the_planned_text() -> None:
    action = draft(FACTS).step("create").action
    assert (action.kind, action.path, action.before, action.text) == ("edit", MIGRATION.path, None, "text")
    assert draft(FACTS).step("create").assumes == ("file", "heads", "schema")
    assert draft(FACTS).step("migrate").done_when == "the database is at b2"


@pytest.mark.parametrize(("asks", "stdin"), [(0, ""), (1, "add rating\n"), (2, "add rating\nadd rating\n")])
def test_a_command_that_asks_is_answered(asks: int, stdin: str) -> None:
    commands = {**COMMANDS, "create": replace(COMMANDS["create"], asks=asks)}
    facts = replace(FACTS, commands=commands, migration=None, message="add rating")
    assert draft(facts).step("generate").action.stdin == stdin


def test_what_could_not_be_read_is_an_open_point_until_a_finding_settles_it() -> None:
    (point,) = draft(DOWN).open_points
    assert (point.id, point.settled_by) == ("revision", "revision")
    assert "connection refused" in point.text
    assert draft(DOWN, (FOUND,)).open_points == ()
    assert draft(FACTS).open_points == ()
    missing = draft(replace(FACTS, missing=("no make target upgrades the database",)))
    assert [point.text for point in missing.open_points] == ["no make target upgrades the database"]


def test_notes_tell_of_problems_the_bridge_and_contradictions() -> None:
    facts = replace(
        FACTS, problems=("two Makefiles",), bridge=True, spec=replace(SPEC, differences=("SERIAL or IDENTITY",))
    )
    notes = draft(facts).notes
    assert notes[0] == "two Makefiles"
    assert "docker-compose" in notes[1]
    assert notes[2].endswith("SERIAL or IDENTITY")


def test_revisions_form_a_chain_with_their_causes() -> None:
    first, second, third = revisions(DOWN, (FOUND, HTTPX))
    assert (first.revision, first.parent, first.cause) == (1, "", "")
    assert (second.revision, second.parent, second.cause) == (2, first.digest, FOUND.cause)
    assert (third.revision, third.parent, third.cause) == (3, second.digest, HTTPX.cause)
    assert [step.id for step in added(None, first)] == ids(first)
    assert [step.id for step in added(first, second)] == ["pending"]
    assert [step.id for step in added(second, third)] == [
        "remedy-1", "remedy-2", "rebuild", "restart", "check-image", "test-again",
    ]  # fmt: skip
    assert {step.cause for step in added(second, third)} == {HTTPX.cause}


def test_a_remedy_is_installed_by_its_own_line_else_by_the_build() -> None:
    install = CommandFact(".venv/bin/pip install -r requirements.txt", effect="write")
    unbuilt = replace(FACTS, commands={role: each for role, each in FACTS.commands.items() if role != "build"})
    plan = draft(unbuilt, (replace(HTTPX, install=install),))
    assert plan.step("rebuild").action.line == install.line
    assert draft(FACTS, (replace(HTTPX, install=install),)).step("rebuild").action.line == install.line
    assert draft(FACTS, (HTTPX,)).step("rebuild").action.line == FACTS.commands["build"].line
    assert "rebuild" not in ids(draft(unbuilt, (HTTPX,)))


def test_a_finding_that_changes_nothing_makes_no_revision() -> None:
    assert len(revisions(FACTS, (CLEAN,))) == 1
    assert len(revisions(DOWN, (CLEAN,))) == 2  # it settles the open point


def test_only_a_step_with_another_action_is_asked_again() -> None:
    one = draft(FACTS)
    other = draft(replace(FACTS, commands={**COMMANDS, "build": replace(COMMANDS["build"], recipe="changed")}))
    assert [step.id for step in added(one, other)] == ["build"]
    assert added(one, one) == ()
