"""Whole runs whose tests touch the rows of the application's database."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from checks.evidence import Json
from safemig.journal.events import Event
from safemig.journal.journal import read_events
from tests.spine.project import PLAIN_PYTEST, Spine, make_project, migrated, remove_project

pytestmark = pytest.mark.slow

DRIVER = Path(__file__).with_name("driver.py")
HEAD = "import psycopg\nURL = {dsn!r}\n"
DELETES = """
def test_listing_is_empty_at_first():
    with psycopg.connect(URL) as connection:
        connection.execute("DELETE FROM course")
"""
MAKES_ANEW = """
import pytest
@pytest.fixture(autouse=True)
def tables():
    with psycopg.connect(URL) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS course (id serial PRIMARY KEY, slug text)")
    yield
    with psycopg.connect(URL) as connection:
        connection.execute("DROP TABLE course")
        connection.execute("CREATE TABLE course (id serial PRIMARY KEY, slug text)")
def test_a(): pass
"""
HARMLESS = """
def test_rolled_back():
    with psycopg.connect(URL) as connection:
        connection.execute("TRUNCATE course CASCADE")
        connection.execute("INSERT INTO course VALUES (900, 'mine')")
        connection.rollback()
def test_own_rows_go():
    with psycopg.connect(URL) as connection:
        connection.execute("INSERT INTO course VALUES (901, 'mine')")
        connection.execute("DELETE FROM course WHERE id = 901")
def test_database_of_its_own():
    with psycopg.connect(URL, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS spine_test")
        connection.execute("CREATE DATABASE spine_test")
    with psycopg.connect(URL + "_test") as own:
        own.execute("CREATE TABLE course (id int)")
        own.execute("TRUNCATE course")
        own.execute("DROP TABLE course")
"""
LEAVES_THREE = """
def test_three_more():
    with psycopg.connect(URL) as connection:
        connection.execute("INSERT INTO course SELECT max(id) + n, '' FROM course, generate_series(1, 3) n GROUP BY n")
"""


@pytest.fixture
def spine(tmp_path: Path) -> Iterator[Spine]:
    """The project with its database at the head and fifty courses in it."""
    project = make_project(tmp_path / "project")
    migrated(project)
    with psycopg.connect(project.dsn) as connection:
        connection.execute("INSERT INTO course SELECT n, 'c' || n FROM generate_series(1, 50) n")
    yield project
    remove_project(project)


def write_tests(spine: Spine, *sources: str) -> None:
    text = HEAD.format(dsn=spine.dsn) + "".join(sources)
    (spine.root / "tests/test_rows.py").write_text(text, encoding="utf-8")


def drive(spine: Spine, command: str = "run", kill: str = "") -> int:
    line = [sys.executable, "-P", str(DRIVER), str(spine.root), command, kill]
    environment = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "PYTHONPATH": str(DRIVER.parents[2]),
        "HOME": str(spine.root),
        "XDG_STATE_HOME": os.environ["XDG_STATE_HOME"],
        **PLAIN_PYTEST,
    }
    done = subprocess.run(
        line, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=180, check=False, env=environment
    )
    return done.returncode


def events(spine: Spine) -> tuple[Event, ...]:
    [run] = spine.runs()
    return read_events(run)


def signal_of_tests(spine: Spine) -> dict[str, Json]:
    signals = events(spine)[-1].data["signals"]
    assert isinstance(signals, dict) and isinstance(signals["tests"], dict)
    return signals["tests"]


def rows_seen(spine: Spine) -> list[dict[str, Json]]:
    seen = [event.data["evidence"] for event in events(spine) if event.kind == "evidence"]
    return [one for one in seen if isinstance(one, dict) and one["kind"] == "rows"]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (DELETES, "deleted rows of public.course (50 → 0 rows)"),
        (MAKES_ANEW, "dropped and made anew public.course (50 → 0 rows)"),
    ],
)
def test_tests_that_take_rows_end_the_run_and_are_not_good(spine: Spine, source: str, words: str) -> None:
    write_tests(spine, source)
    assert drive(spine) == 1
    final = events(spine)[-1].data
    assert (final["verdict"], signal_of_tests(spine)["ok"]) == ("failed", False)
    assert words in str(final["reason"]) and words in str(signal_of_tests(spine)["reasons"])
    assert spine.calls() == ["build", "start", "test"]  # nothing was changed after it


def test_tests_that_keep_the_rows_are_good_and_what_they_leave_is_named(spine: Spine) -> None:
    write_tests(spine, HARMLESS, LEAVES_THREE)
    assert drive(spine) == 0
    journal = events(spine)
    assert (journal[-1].data["verdict"], signal_of_tests(spine)["ok"]) == ("passed", True)
    notes = [str(event.data["text"]) for event in journal if event.kind == "note"]
    assert [text for text in notes if "rows" in text] == [
        "`make test` left rows behind in public.course (50 → 53 rows)",
        "`make test` left rows behind in public.course (53 → 56 rows)",
    ]


def test_the_rows_of_before_are_known_after_a_kill_in_the_middle_of_the_tests(spine: Spine) -> None:
    write_tests(spine, DELETES)
    assert drive(spine, kill="during:3") < 0
    assert drive(spine, "resume") == 1
    [seen] = rows_seen(spine)
    assert "50 → 0 rows" in str(events(spine)[-1].data["reason"])
    assert seen["seen"] is True


@contextmanager
def writing(dsn: str) -> Iterator[None]:
    """A session of others that writes all the while."""
    enough = threading.Event()
    with psycopg.connect(dsn, autocommit=True, application_name="cleaner") as connection:

        def write() -> None:
            while not enough.wait(0.01):
                connection.execute("UPDATE course SET slug = slug WHERE id = 1")

        thread = threading.Thread(target=write)
        thread.start()
        try:
            yield
        finally:
            enough.set()
            thread.join()


def test_a_loss_while_others_write_is_not_told_apart_and_never_passes(spine: Spine) -> None:
    write_tests(spine, DELETES)
    with writing(spine.dsn):
        drive(spine)
    assert events(spine)[-1].data["verdict"] != "passed"
    signal = signal_of_tests(spine)
    assert signal["ok"] is not True
    assert "not told apart" in str(signal["reasons"]) and "cleaner" in str(signal["reasons"])
    assert "50 → 0 rows" in str(signal["reasons"])
