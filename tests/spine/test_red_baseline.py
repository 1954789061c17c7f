"""Tests that are red before the change: asked about in every mode, gone over only where safemig.yaml says so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.spine.face import Said, asked, converse, decide, of
from tests.spine.project import MAKEFILE, Spine, make_project, remove_project
from tests.spine.test_rows import drive, events, signal_of_tests

pytestmark = pytest.mark.slow

NEEDS_THE_CHANGE = """
import psycopg
def test_ratings_can_be_stored():
    with psycopg.connect({dsn!r}) as connection:
        assert connection.execute("SELECT to_regclass('rating')").fetchone()[0]
"""
STAYS_RED = "def test_price():\n    assert 19 == 20\n"
BREAKS = """
import psycopg
def test_no_ratings_yet():
    with psycopg.connect({dsn!r}) as connection:
        assert connection.execute("SELECT to_regclass('rating')").fetchone()[0] is None
def test_ratings():
    with psycopg.connect({dsn!r}) as connection:
        assert connection.execute("SELECT to_regclass('rating')").fetchone()[0]
"""
BEFORE = ["build", "start", "migrate", "test"]


@pytest.fixture
def spine(tmp_path: Path) -> Iterator[Spine]:
    project = make_project(tmp_path / "project")
    yield project
    remove_project(project)


def write_tests(spine: Spine, source: str, *, accept: bool = False) -> None:
    (spine.root / "tests/test_more.py").write_text(source.replace("{dsn!r}", repr(spine.dsn)), encoding="utf-8")
    if accept:
        with (spine.root / "safemig.yaml").open("a", encoding="utf-8") as file:
            file.write("tests:\n  red_baseline: accept\n")


def revisions(spine: Spine) -> list[str]:
    return [path.name for path in (spine.root / "alembic/versions").glob("*.py")]


def test_auto_mode_waits_for_an_answer_and_resume_takes_it(spine: Spine) -> None:
    """The tests are red for want of the table that the change brings."""
    write_tests(spine, NEEDS_THE_CHANGE)
    assert drive(spine) == 4
    final = events(spine)[-1].data
    assert final["verdict"] == "waiting"
    assert "the tests are not good before the change: 1 passed, 1 failed (exit 2)" in str(final["reason"])
    assert spine.calls() == BEFORE and len(revisions(spine)) == 1

    def answers(event: Said) -> list[Said]:
        return [decide(event, "once")] if asked(event) else []

    code, told = converse(spine, answers, command="resume")
    *_, question = of(told, "approval.asked", "baseline")
    assert "test_ratings_can_be_stored" in question["data"]["detail"]
    assert (code, told[-1]["data"]["verdict"]) == (0, "passed")
    assert spine.calls() == [*BEFORE, "migrate", "test"]


def test_a_no_leaves_the_database_as_it_is(spine: Spine) -> None:
    write_tests(spine, STAYS_RED)

    def answers(event: Said) -> list[Said]:
        return [decide(event, "no" if event["step"] == "baseline" else "once")] if asked(event) else []

    code, told = converse(spine, answers)
    assert (code, told[-1]["data"]["verdict"]) == (1, "refused")
    assert spine.calls() == BEFORE and len(revisions(spine)) == 1


def test_a_project_that_accepts_red_is_not_asked_and_a_new_failure_is_named(spine: Spine) -> None:
    """One test turns green by the change and another one red: the counts are the same."""
    write_tests(spine, BREAKS, accept=True)
    assert drive(spine) == 1
    journal = events(spine)
    assert not any(event.kind == "approval.asked" for event in journal)
    signal = signal_of_tests(spine)
    assert signal["ok"] is False
    assert signal["reasons"] == ["failed, and did not before: tests/test_more.py::test_no_ratings_yet"]
    assert any("red_baseline: accept" in str(event.data.get("text")) for event in journal if event.kind == "note")
    assert spine.calls() == [*BEFORE, "migrate", "test"]


BELOW_ITS_LIMIT = """
def pytest_terminal_summary(terminalreporter):
    terminalreporter.write_line("FAIL Required test coverage of 99% not reached. Total coverage: 41.20%")
def pytest_sessionfinish(session):
    session.exitstatus = 1
"""
LOOSE = MAKEFILE + "\t$(PY) -m pytest -q -p no:cacheprovider slow || true\n"


@pytest.mark.parametrize(
    ("makefile", "file", "source", "words"),
    [
        (MAKEFILE, "tests/conftest.py", BELOW_ITS_LIMIT, "coverage is below its limit"),
        (LOOSE, "slow/conftest.py", "import no_such_faker\n", "ImportError while loading conftest"),
    ],
)
def test_what_makes_the_tests_no_proof_is_named_and_nothing_is_changed(
    tmp_path: Path, makefile: str, file: str, source: str, words: str
) -> None:
    spine = make_project(tmp_path / "project", makefile=makefile)
    (spine.root / file).parent.mkdir(exist_ok=True)
    (spine.root / file).write_text(source, encoding="utf-8")
    (spine.root / file).with_name("test_slow.py").write_text("def test_slow(): pass\n", encoding="utf-8")
    try:
        assert drive(spine) == 4
        assert words in str(events(spine)[-1].data["reason"])
        assert len(revisions(spine)) == 1
        notes = [str(event.data["text"]) for event in events(spine) if event.kind == "note"]
        assert any("is no proof" in text and "|| true" in text for text in notes) is ("|| true" in makefile)
    finally:
        remove_project(spine)
