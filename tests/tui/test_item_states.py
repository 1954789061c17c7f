"""What the checklist pane shows as proved: the judgement that the engine ticks by, read from the journal."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from checks.evidence import Evidence, Json
from safemig.base.action import Action
from safemig.journal.fold import fold
from safemig.journal.state import RunState, Seen, StepState
from safemig.plan_document.document import Document, parse
from safemig.planning.facts import CommandFact, Facts, MigrationFact, NamedFact, SpecFact
from safemig.planning.plan import Intent, Plan, Step
from safemig.shell.make_effects import recipe_digest
from safemig.shell.makefile import read_makefile
from tests.tui.recorded import Recording
from tui.panes.item_states import Proved, before_words, proved, signals_of

MAKEFILE = "migrate:\n\talembic upgrade head\n\ntest:\n\tpytest\n"
CHECKLIST = """\
## Phase 1: Database

- [ ] Create the migration `alembic/versions/…_add_course_rating.py`
- [x] Apply it with `make migrate`
- [ ] Run `alembic upgrade head`
- [ ] Create `ck_course_rating_range`
- [ ] `make test` is green
- [ ] The support team knows

## Phase 2: More

- [ ] Apply it with `make migrate` elsewhere
"""
CREATED, MIGRATED, UPGRADED, CONSTRAINT, GREEN, SUPPORT, ELSEWHERE = 3, 4, 5, 6, 7, 8, 12
ALL = frozenset({CREATED, MIGRATED, UPGRADED, CONSTRAINT, GREEN})
ASKED: list[Json] = ["table public.course_rating", "constraint public.course_rating.ck_course_rating_range"]
FILE = "backend/alembic/versions/b8bf1fd366a3_add_course_rating.py"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "backend").mkdir()
    (tmp_path / "backend/Makefile").write_text(MAKEFILE, encoding="utf-8")
    return tmp_path


def document() -> Document:
    return parse(CHECKLIST.encode(), "specs/plan.md")


def facts() -> Facts:
    migration = MigrationFact(FILE, "", "b8bf1fd366a3", ("3f6c1a9d27b4",), ("course_rating",))
    spec = SpecFact("specs/plan.md", "0" * 64, "1", "Database")
    return Facts("development:backend", "process", "backend", "", "", spec=spec, migration=migration)


def plan(root: Path) -> Plan:
    makefile = read_makefile(root / "backend/Makefile")

    def command(name: str, target: str, phase: str) -> Step:
        recipe = recipe_digest(makefile, target)
        action = Action("command", line=f"make {target}", cwd="backend", target=target, recipe=recipe, effect="write")
        intent: Intent = "upgrade" if target == "migrate" else "test"
        return Step(name, intent, name, "before" if phase == "before" else "after", action)

    create = Step("create", "create", "create", "change", Action("edit", path=FILE, effect="write"))
    steps = (command("test", "test", "before"), create, command("migrate", "migrate", ""), command("green", "test", ""))
    return Plan(1, "development:backend", steps)


GOOD_TESTS: dict[str, Json] = {"passed": 7, "failed": 0, "errors": 0, "exit_code": 0, "complete": True}
GOOD_CONTAINER: dict[str, Json] = {"services": {"api": {"id": "1", "state": "running", "health": None, "restarts": 0}}}
GOOD_ENDPOINT: dict[str, Json] = {"status": 200, "matches": None, "media": "application/json"}


def run(
    root: Path,
    *,
    leave_out: str = "",
    ended_red: str = "",
    tests: dict[str, Json] | None = None,
    matches: bool = True,
    base: dict[str, Json] | None = None,
) -> RunState:
    """A run that has done everything and seen everything but has not finished; ``leave_out`` names what it has not."""
    recording = Recording(root)
    recording.add("run.started", {"project": "x", "mode": "auto"})
    for number, name in enumerate(("test", "create", "migrate", "green"), 1):
        if name != leave_out:
            recording.add("step.started", {"title": name}, name)
            if name != "create":
                status = 1 if name == ended_red else 0
                recording.add("command.started", {"number": number, "line": f"make {name}"}, name)
                recording.add("command.finished", {"number": number, "status": status, "how": "exit"}, name)
            recording.add("step.finished", {"status": "done", "seconds": 1.0}, name)
    for moment in ("before", "after"):
        seen = {"tests": GOOD_TESTS, "container": GOOD_CONTAINER, "endpoint": GOOD_ENDPOINT}
        if moment == "after" and tests is not None:
            seen["tests"] = tests
        for kind, data in seen.items():
            if not (moment == "after" and kind == leave_out):
                recording.see(kind, data, moment=moment)
    recording.see("desired", {"asked": ASKED}, moment="before")
    recording.save("schema-base.json", {"server_version": 180000, "objects": base or {"table public.course": {"a": 1}}})
    if leave_out != "comparison":
        recording.see("comparison", {"matches_spec": matches, "asked": ASKED}, moment="after")
    return fold(recording.events)


def test_what_was_made_and_run_is_proved_in_the_phase_at_hand(root: Path) -> None:
    found = proved(run(root), facts(), plan(root), document(), root)
    assert found.lines == ALL
    assert found.reasons[MIGRATED] == "make migrate ended well"
    assert FILE in found.reasons[CREATED]
    assert found.reasons[SUPPORT] == "it names nothing that can be looked up"
    assert ELSEWHERE not in found.reasons


@pytest.mark.parametrize(
    ("leave_out", "lost"),
    [
        ("create", {CREATED}),
        ("migrate", {MIGRATED, UPGRADED}),
        ("green", {GREEN}),  # that the tests ran before the change is no proof
        ("tests", ALL),
        ("container", ALL),
        ("endpoint", ALL),
        ("comparison", ALL),
    ],
)
def test_what_was_not_done_or_not_seen_proves_nothing(root: Path, leave_out: str, lost: set[int]) -> None:
    assert proved(run(root, leave_out=leave_out), facts(), plan(root), document(), root).lines == ALL - lost


def test_a_step_that_is_done_proves_its_command_only_where_that_ended_well(root: Path) -> None:
    """The engine ticks by the same rule: that the step is over is no end of its command."""
    shown = proved(run(root, ended_red="migrate"), facts(), plan(root), document(), root)
    assert shown.lines == ALL - {MIGRATED, UPGRADED}


def test_nothing_is_proved_while_a_signal_is_not_good(root: Path) -> None:
    summary = run(root, tests={**GOOD_TESTS, "failed": 1, "exit_code": 1})
    found = proved(summary, facts(), plan(root), document(), root)
    assert found.lines == frozenset()
    assert found.reasons[MIGRATED] == "make migrate ended well, but tests not good after the change"
    assert proved(run(root, matches=False), facts(), plan(root), document(), root).lines == frozenset()


@pytest.mark.parametrize(
    ("intent", "verdict", "words"),
    [
        ("test", "", "the tests after the change are still running"),
        ("prove", "", "tests not checked yet"),
        ("", "interrupted", "tests not checked after the change"),
    ],
)
def test_what_is_not_looked_at_yet_is_not_called_bad(root: Path, intent: str, verdict: str, words: str) -> None:
    summary = run(root, leave_out="tests")
    steps = [*summary.steps, StepState("at-work", intent=intent, status="running")]
    summary = replace(summary, steps=steps, in_flight="at-work" if intent else "", verdict=verdict)
    found = proved(summary, facts(), plan(root), document(), root)
    assert found.reasons[MIGRATED] == f"make migrate ended well, but {words}"
    assert found.lines == frozenset()


def test_a_command_that_an_item_names_says_that_it_waits(root: Path) -> None:
    named = (NamedFact("make look", 3, "`make look`", "make", CommandFact("make look")),)
    listed = parse(
        b"## Phase 1: Database\n\n- [ ] `python -c 'import a'`, `make look`\n- [ ] `make look`\n", "specs/plan.md"
    )
    found = proved(run(root), replace(facts(), named=named), plan(root), listed, root)
    assert found.reasons[4].endswith("make look: not run: this run changes nothing that it could show")


def test_a_finished_run_is_taken_at_its_word(root: Path) -> None:
    summary = run(root)
    finished = replace(summary, verdict="passed", matches_spec=True, signals=signals_of(summary))
    assert proved(finished, facts(), plan(root), document(), root).lines == ALL
    assert proved(replace(finished, matches_spec=None), facts(), plan(root), document(), root).lines == frozenset()


def test_a_recipe_that_is_another_by_now_proves_only_the_line_that_was_run(root: Path) -> None:
    document_of_plan = plan(root)
    (root / "backend/Makefile").write_text(MAKEFILE.replace("upgrade head", "upgrade head --sql"), encoding="utf-8")
    assert proved(run(root), facts(), document_of_plan, document(), root).lines == ALL - {UPGRADED}
    (root / "backend/Makefile").unlink()
    assert proved(run(root), facts(), document_of_plan, document(), root).lines == ALL - {UPGRADED}


def test_another_file_or_no_plan_proves_nothing(root: Path) -> None:
    other = replace(document(), path="specs/other.md")
    assert proved(run(root), facts(), plan(root), other, root) == Proved()
    assert proved(run(root), None, plan(root), document(), root) == Proved()
    assert proved(run(root), facts(), None, document(), root) == Proved()
    assert proved(RunState(), facts(), plan(root), document(), root).lines == frozenset()


def test_a_signal_that_was_not_looked_at_after_the_change_is_not_judged(root: Path) -> None:
    signals = signals_of(run(root, leave_out="endpoint"))
    assert {name: signal.ok for name, signal in signals.items()} == {"tests": True, "container": True}
    assert signals_of(RunState()) == {}
    assert before_words(run(root, leave_out="endpoint")) == {
        "tests": "7 passed",
        "container": "api running",
        "endpoints": "1 of 1 good",
    }


def test_an_object_that_was_there_before_is_not_made(root: Path) -> None:
    summary = run(root, base={str(ASKED[1]): {}})
    assert proved(summary, facts(), plan(root), document(), root).lines == ALL - {CONSTRAINT}
    (root / ".safemig/runs" / summary.run / "schema-base.json").unlink()
    assert proved(summary, facts(), plan(root), document(), root).lines == ALL - {CONSTRAINT}


def test_what_the_engine_has_judged_counts_for_the_words_it_has_judged(root: Path) -> None:
    judged: list[Json] = [
        {"text": "The support team knows", "state": "proved", "reason": "they were told"},
        {"text": "Apply it with `make migrate`", "state": "disproved", "reason": "the database is at another revision"},
        {"text": "`make test` is green before the migration", "state": "disproved", "reason": "never"},
    ]
    summary = run(root)
    found = Evidence("items", "specs/plan.md, phase 1", True, "", "", "", {"judged": judged})
    other = replace(found, subject="specs/plan.md, phase 2")
    summary = replace(summary, evidence=[*summary.evidence, Seen("after", "tick", found), Seen("after", "tick", other)])
    shown = proved(summary, facts(), plan(root), document(), root)
    assert shown.lines == (ALL - {MIGRATED}) | {SUPPORT}
    assert shown.reasons[MIGRATED] == "disproved: the database is at another revision"
    assert shown.reasons[GREEN] == "make test ended well"


def test_what_is_only_proposed_says_so_and_is_not_among_the_proved(root: Path) -> None:
    proof = "table course_rating was made; but “team” is none of the plain words"
    judged: list[Json] = [{"text": "The support team knows", "state": "proposed", "reason": proof}]
    summary = run(root)
    found = Evidence("items", "specs/plan.md, phase 1", True, "", "", "", {"judged": judged})
    summary = replace(summary, evidence=[*summary.evidence, Seen("after", "judge", found)])
    shown = proved(summary, facts(), plan(root), document(), root)
    assert SUPPORT not in shown.lines
    assert shown.reasons[SUPPORT] == f"proposed: {proof}"
