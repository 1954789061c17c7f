"""The planner: a pure function of facts and findings, whose later revisions only go on from the earlier ones."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safemig.facts import CommandFact, Facts, Finding, MigrationFact, SpecFact
from safemig.plan import Action, Plan
from safemig.planner import ASSUMES, added, draft, revisions

COMMANDS = {
    "build": CommandFact("make build", "build", "r1", "write", ("images",)),
    "start": CommandFact("make start", "start", "r2", "write", ("containers",)),
    "stop": CommandFact("make stop", "stop", "r3", "write", ("containers",)),
    "test": CommandFact("make test", "test", "r4", "write", ("containers",)),
    "migrate": CommandFact("make migrate", "migrate", "r5", "write", ("database",)),
    "create": CommandFact("make create-migration", "create-migration", "r6", "write", ("files",), asks=1),
    "downgrade": CommandFact("docker compose exec api alembic downgrade {revision}", effect="destructive"),
}
MIGRATION = MigrationFact("backend/alembic/versions/b2_rating.py", "text", "b2", ("a1",), ("course_rating",), "+text")
SPEC = SpecFact("docs/plan.md", "5ec", "phase 1", "Database", ("Create the table", "Run make migrate"))
TARGET = Action("edit", path="Makefile", before="aa", text="test:", diff="+test:", effect="write")
FACTS = Facts(
    "development:backend",
    "docker",
    "backend",
    "api",
    "shop on db",
    COMMANDS,
    current=("a1",),
    pending=(),
    heads=("a1",),
    revisions=1,
    spec=SPEC,
    migration=MIGRATION,
)
PENDING = replace(FACTS, current=(), pending=("a0", "a1"))
DOWN = replace(FACTS, current=None, pending=None, unread=("connection refused",))


def edit(path: str, before: str = "aa", text: str = "new") -> Action:
    return Action("edit", path=path, before=before, text=text, diff=f"+{text}", effect="write", touches=("files",))


HTTPX = Finding("remedy", "httpx is missing", actions=(edit("pyproject.toml"), edit("uv.lock")), packages=("httpx",))
ASYNC = Finding("remedy", "async tests", actions=(edit("pyproject.toml", "bb", "newer"),), packages=("pytest-asyncio",))
FOUND = Finding("database", "the database is at a0, pending: a1", current=("a0",), pending=("a1",))
CLEAN = Finding("database", "the database is at a1, pending: none", current=("a1",), pending=())


def ids(plan: Plan) -> list[str]:
    return [step.id for step in plan.steps]


def without(*roles: str, facts: Facts = FACTS) -> Facts:
    return replace(facts, commands={role: fact for role, fact in facts.commands.items() if role not in roles})


def shared(one: str, other: str, facts: Facts = FACTS) -> Facts:
    """One make target that plays both roles."""
    return replace(facts, commands={**facts.commands, other: facts.commands[one]})


@pytest.mark.parametrize(
    ("facts", "findings", "expected"),
    [
        (
            FACTS,
            (),
            "build start observe revision test baseline create migrate verify test-after prove tick",
        ),
        (
            PENDING,
            (),
            "build start observe revision pending test baseline create migrate verify test-after prove tick",
        ),
        (
            replace(FACTS, test_target=TARGET),
            (),
            "build start observe revision test-target test baseline create migrate verify test-after prove tick",
        ),
        (
            FACTS,
            (HTTPX,),
            "build start observe revision test remedy-1 remedy-2 rebuild restart check-image test-again baseline "
            "create migrate verify test-after prove tick",
        ),
        (
            FACTS,
            (HTTPX, ASYNC),
            "build start observe revision test remedy-1 remedy-2 rebuild restart check-image test-again "
            "remedy-2-1 rebuild-2 restart-2 check-image-2 test-again-2 baseline "
            "create migrate verify test-after prove tick",
        ),
        (
            DOWN,
            (FOUND,),
            "build start observe revision pending test baseline create migrate verify test-after prove tick",
        ),
        (
            replace(FACTS, reachable_source=False),
            (),
            "build start observe revision test baseline create build-migration start-migration migrate verify "
            "test-after prove tick",
        ),
        (
            replace(FACTS, migration=None, message="add rating"),
            (),
            "build start observe revision test baseline generate migrate verify test-after prove tick",
        ),
        (
            replace(FACTS, migration=None),
            (),
            "build start observe revision test baseline test-after prove tick",
        ),
        (
            replace(FACTS, start_database="(PostgreSQL of safemig)", spec=None),
            (),
            "database build start observe revision test baseline create migrate verify test-after prove",
        ),
        (
            replace(FACTS, spec=replace(SPEC, items=())),
            (),
            "build start observe revision test baseline create migrate verify test-after prove",
        ),
        (
            Facts("t", "docker", ".", "", ""),
            (),
            "observe revision baseline prove",
        ),
        (
            without("build", "start"),
            (HTTPX,),
            "observe revision test remedy-1 remedy-2 check-image test-again baseline create migrate verify "
            "test-after prove tick",
        ),
        (
            without("migrate", facts=PENDING),
            (),
            "build start observe revision test baseline test-after prove tick",
        ),
        (
            shared("build", "migrate", facts=PENDING),
            (),
            "build start observe revision test baseline create migrate verify test-after prove tick",
        ),
        (
            shared("build", "migrate", facts=PENDING),
            (FOUND,),
            "build start observe revision pending test baseline create migrate verify test-after prove tick",
        ),
        (
            shared("build", "migrate", facts=replace(FACTS, reachable_source=False)),
            (),
            "build start observe revision test baseline create start-migration migrate verify test-after prove tick",
        ),
        (
            shared("build", "start"),
            (HTTPX,),
            "start observe revision test remedy-1 remedy-2 restart check-image test-again baseline "
            "create migrate verify test-after prove tick",
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


def test_a_finding_that_changes_nothing_makes_no_revision() -> None:
    assert len(revisions(FACTS, (CLEAN,))) == 1
    assert len(revisions(DOWN, (CLEAN,))) == 2  # it settles the open point


def test_only_a_step_with_another_action_is_asked_again() -> None:
    one = draft(FACTS)
    other = draft(replace(FACTS, commands={**COMMANDS, "build": replace(COMMANDS["build"], recipe="changed")}))
    assert [step.id for step in added(one, other)] == ["build"]
    assert added(one, one) == ()


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
            assert step.action.effect in given | {"write"}
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
    assert {step for step in before.steps if step.id != "pending"} == {s for s in after.steps if s.id != "pending"}
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
