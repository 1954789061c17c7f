"""The plan for a person: what was found, and each step with its exact action, effect and undo."""

from __future__ import annotations

from dataclasses import replace

import pytest

from safemig.base.action import Action
from safemig.planning.facts import CommandFact, Facts, Finding, MigrationFact, RevisionFact, RiskFact, SpecFact
from safemig.planning.notes import lacks, unchosen
from safemig.planning.planner import ASSUMES, draft
from safemig.planning.text import change_points, plan_lines, undo_points, unwritten

FACTS = Facts(
    "development:backend",
    "docker",
    "backend",
    "api",
    "shop on db",
    {
        "build": CommandFact("make build", "build", "r1", "write"),
        "migrate": CommandFact("make migrate", "migrate", "r5", "destructive"),
        "test": CommandFact("make test", "test", "r4", "write"),
    },
    current=("a1",),
    pending=(),
    heads=("a1",),
    revisions=1,
    pattern="hash ids",
    spec=SpecFact("docs/plan.md", "5ec", "phase 1", "Database", ("Create the table",), origin="docs/plan.md:12"),
    migration=MigrationFact("versions/b2.py", "text", "b2", ("a1",), ("rating",), "+first\n+second"),
    running=("api", "db"),
)


def text(facts: Facts, *findings: Finding, diffs: bool = True) -> str:
    return "\n".join(plan_lines(facts, draft(facts, findings), diffs=diffs))


def test_every_step_stands_there_once_and_in_order() -> None:
    plan = draft(FACTS)
    lines = text(FACTS).splitlines()
    heads = [line for line in lines if line[:3].strip().isdigit() and line[3:5] == ". "]
    assert [int(line[:3]) for line in heads] == list(range(1, len(plan.steps) + 1))
    assert [line[5:].partition("   [")[0] for line in heads] == [step.title for step in plan.steps]
    assert [line for line in lines if line in {"Before the change", "The change", "After the change"}] == [
        "Before the change",
        "The change",
        "After the change",
    ]


def test_a_step_shows_its_exact_command_effect_undo_and_what_it_takes_for_granted() -> None:
    shown = text(FACTS)
    assert "Migrate the database to b2   [destructive]" in shown
    assert "     $ make migrate   (in backend)" in shown
    assert "     undo: `alembic downgrade a1` where the project runs alembic" in shown
    assert all(words in shown for words in (ASSUMES["recipe"], ASSUMES["schema"], ASSUMES["heads"]))
    assert "$ make migrate\n" in text(replace(FACTS, folder="."))


def test_an_edit_shows_its_diff_when_wanted() -> None:
    assert "     writes versions/b2.py\n     | +first\n     | +second\n" in text(FACTS)
    assert "| +first" not in text(FACTS, diffs=False)


def test_what_was_found() -> None:
    shown = text(FACTS)
    for words in (
        "development:backend on docker",
        draft(FACTS).digest[:12],
        "service api in backend; database shop on db",
        "running now: api, db",
        "database at: a1; heads in the code: a1; pending: none",
        "1 revision; hash ids",
        "spec docs/plan.md, phase phase 1: Database",
        "schema asked for at docs/plan.md:12",
    ):
        assert words in shown


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        (replace(FACTS, current=None, pending=None), "database at: not read; heads in the code: a1; pending: unknown"),
        (replace(FACTS, current=None), "open: the database could not be read"),
        (replace(FACTS, current=None), "(settled by step “revision”)"),
        (replace(FACTS, current=()), "database at: no revision yet"),
        (replace(FACTS, heads=()), "heads in the code: none"),
        (replace(FACTS, running=()), "running now: nothing of this project"),
        (replace(FACTS, service=""), "service unknown"),
        (replace(FACTS, missing=("no Makefile was found",)), "open: no Makefile was found"),
        (replace(FACTS, bridge=True), "note: recipes call docker-compose"),
        (replace(FACTS, spec=replace(FACTS.spec, phase="")) if FACTS.spec else FACTS, "phase (whole)"),
    ],
)
def test_what_could_not_be_read_or_is_missing_is_said(facts: Facts, words: str) -> None:
    assert words in text(facts)


def test_a_remedy_tells_its_cause() -> None:
    action = Action("edit", path="pyproject.toml", before="aa", text="x", diff="+httpx", effect="write")
    shown = text(FACTS, Finding("remedy", "the test client needs httpx", actions=(action,), packages=("httpx",)))
    assert shown.count("because: the test client needs httpx") == 4
    assert "Declare in pyproject.toml (httpx)" in shown


def test_nothing_in_a_plan_moves_the_terminal() -> None:
    hostile = "make build \x1b[2J\x1b]0;owned\x07\r"
    facts = replace(FACTS, commands={"build": CommandFact(hostile, "build", "r")}, problems=("bad \x1b[31mname",))
    assert not set("\x1b\x07\r") & set(text(facts))


def test_plain_processes_have_no_service_name() -> None:
    assert "service as plain processes in backend" in text(replace(FACTS, runtime="process", service=""))
    assert "service unknown in backend" in text(replace(FACTS, service=""))


def test_why_a_phase_was_chosen_or_none() -> None:
    spec = replace(FACTS.spec, phase="2", why="its models are not there") if FACTS.spec else None
    assert "note: phase 2 of docs/plan.md was chosen: its models are not there" in text(replace(FACTS, spec=spec))
    none = replace(FACTS, spec=None, unchosen=("nothing fits", "a.md, phase 1 (models: there; no items)"))
    shown = text(none)
    assert "note: nothing fits, so no new revision is planned; --spec and --phase name one" in shown
    assert "note: there is a.md, phase 1 (models: there; no items)" in shown
    assert unchosen(none).startswith("nothing fits; name one with --spec and --phase; a.md, phase 1")
    assert unchosen(FACTS) == ""


def test_a_test_target_that_the_plan_adds_is_lacking_until_then() -> None:
    added = Action("edit", path="backend/Makefile", text="test:")
    assert lacks(replace(FACTS, test_target=added)) == (
        "backend/Makefile has no target that runs the tests; the plan adds one",
    )
    assert lacks(replace(FACTS, missing=("no start",))) == ("no start",)


def test_what_a_plan_changes_is_a_short_list_with_each_thing_once() -> None:
    steps = draft(FACTS).steps
    assert change_points([*steps, *steps]) == (
        "files: versions/b2.py",
        "images or installed packages",
        "database schema, by revision b2",
        "ticks of proved items in docs/plan.md",
    )
    assert undo_points(steps) == (
        "Migrate the database to b2: `alembic downgrade a1` where the project runs alembic",
        "the other steps: as the plan says",
    )
    assert undo_points([steps[0]]) == ("step by step, as the plan says",)
    many = [replace(steps[-1], intent="edit", action=Action("edit", path=f"f{number}")) for number in range(9)]
    assert change_points(many) == ("files: f0, f1, f2, f3, f4, f5, 3 more",)


def test_what_nothing_applies_is_shown_all_the_same() -> None:
    merge = MigrationFact("versions/m1.py", "merge = True\nmore", "m1", ("a1", "c1"), ())
    without = replace(FACTS, commands={"test": FACTS.commands["test"]}, merge=merge)
    shown = text(without)
    assert "once something applies it: versions/m1.py\n     | merge = True\n     | more\n" in shown
    assert "once something applies it: versions/b2.py\n     | text" in shown
    assert [fact.revision for fact in unwritten(without, draft(without))] == ["m1", "b2"]
    assert "once something applies it" not in text(FACTS)


def test_the_risks_of_many_revisions_make_no_endless_line() -> None:
    """Of 549 revisions one line was 63,832 characters long."""
    names = tuple(f"r{number}" for number in range(500))
    risks = tuple(RiskFact(name, f"versions/{name}.py:9 drops a column", final=name == "r400") for name in names)
    others = tuple(RiskFact(name, f"versions/{name}.py:12 gives access", loses=False) for name in names)
    files = tuple(RevisionFact(name, f"versions/{name}.py", "sha", sql="SELECT 1") for name in names)
    facts = replace(FACTS, pending=names, in_use=True, files=files, risks=(*risks, *others))
    step = next(step for step in draft(facts).steps if step.id == "pending")
    assert step.action.effect == "destructive"
    assert "irreversible: versions/r400.py:9" in step.changes  # the gravest is among those that are named
    assert "and 488 more like these" in step.changes
    assert max(len(line) for line in (step.changes, step.action.asks, step.undo)) < 9_000
