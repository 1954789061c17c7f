"""Tests that are still red before the change: nothing is changed on top of them unless somebody says so."""

from __future__ import annotations

from checks.evidence import Evidence
from safemig.base.action import digest_of
from safemig.engine.approval import ask_person
from safemig.engine.session import Session
from safemig.planning.plan import Plan, Step
from safemig.signals import row_changes
from safemig.signals.comparison import failed_tests, tests_good, tests_words

KEY = "tests: red_baseline"
RULE = "a red baseline is asked about in every mode"
SHOWN = 20  # failed tests that the question names


async def ask_red(s: Session, step: Step) -> None:
    """Asks before the change where the newest test run is not good, or cannot be told from what others wrote.

    Raises RunEnds: refused on no, waiting where nobody can answer. An answer holds for exactly these tests.
    """
    tests = s.past.last("tests", "first", "before")
    doubts = row_changes.doubts(s.past.rows)
    reasons = red_reasons(tests, doubts)
    if not reasons or not changes_something(s.plan):
        return
    if s.config.tests.red_baseline == "accept":
        s.note(f"{reasons[0]}; the run goes on, for safemig.yaml says {KEY}: accept", step.id, "warning")
        return
    digest = digest_of(("red baseline", reasons))
    if digest in s.past.approved:
        return
    title = f"{reasons[0]}; change the database all the same?"
    await ask_person(s, step, title, "\n".join((*reasons, _HINT)), _ONCE, RULE, digest)


_HINT = f"To go on without this question write `{KEY}: accept` into safemig.yaml."
_ONCE = "the run goes on; it passes only if the tests are good after the change"


def red_reasons(tests: Evidence | None, doubts: tuple[str, ...]) -> tuple[str, ...]:
    """Why the tests of before are no ground to build on; empty when they are, or when the project has none."""
    found = list(doubts)
    if tests is not None and tests_good(tests) is not True:
        failed = [f"failed: {name}" for name in failed_tests(tests)[:SHOWN]]
        found = [f"the tests are not good before the change: {tests_words(tests)}", *failed, *found]
    return tuple(found)


def changes_something(plan: Plan) -> bool:
    """Whether anything is written or applied after the baseline."""
    return any(step.phase == "change" and step.action.kind != "look" for step in plan.steps)
