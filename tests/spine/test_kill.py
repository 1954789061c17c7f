"""Killed at every journal record and in the middle of every command, a resumed run ends as an unbroken one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from safemig.journal.events import Event
from safemig.journal.journal import read_events
from tests.spine.project import MAKEFILE, PLAIN_PYTEST, Spine, make_project, remove_project

DRIVER = Path(__file__).with_name("driver.py")
UNBROKEN = ["build", "start", "migrate", "test", "migrate", "test"]
KILLED = -signal.SIGKILL


@pytest.fixture
def spine(tmp_path: Path) -> Iterator[Spine]:
    project = make_project(tmp_path / "project")
    yield project
    remove_project(project)


def environment(spine: Spine) -> dict[str, str]:
    """All that an engine process gets."""
    repository = str(DRIVER.parent.parent.parent)
    own = {"HOME": str(spine.root), "XDG_STATE_HOME": os.environ["XDG_STATE_HOME"]}
    return {"PATH": "/usr/local/bin:/usr/bin:/bin", "PYTHONPATH": repository, **own, **PLAIN_PYTEST}


def drive(spine: Spine, command: str, kill: str = "") -> int:
    """The exit code of one engine process."""
    line = [sys.executable, "-P", str(DRIVER), str(spine.root), command, kill]
    done = subprocess.run(
        line, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False,
        env=environment(spine),
    )  # fmt: skip
    assert done.returncode in {0, 1, KILLED}, done.stderr + done.stdout[-2000:]
    return done.returncode


def events(spine: Spine) -> tuple[Event, ...]:
    [run] = spine.runs()
    return read_events(run)


def ended(spine: Spine) -> bool:
    """Whether the last death came after the run's last record."""
    journal = events(spine)
    return bool(journal) and journal[-1].kind == "run.finished"


def check_unbroken(spine: Spine) -> None:
    """The end of every run here, however often it was killed."""
    journal = events(spine)
    assert journal[-1].data["verdict"] == "passed", journal[-1].data
    assert spine.calls() == UNBROKEN
    done = Counter(event.step for event in journal if event.kind == "step.finished")
    assert set(done.values()) == {1}
    commands = [event for event in journal if event.kind == "command.started"]
    finished = [event for event in journal if event.kind == "command.finished"]
    assert {e.data["number"] for e in finished} <= {e.data["number"] for e in commands}
    text = (spine.root / "docs/ratings_plan.md").read_text(encoding="utf-8")
    assert text.count("- [x]") == 2
    assert "- [ ] Somebody has been told" in text


def test_unbroken_run_passes(spine: Spine) -> None:
    assert drive(spine, "run") == 0
    check_unbroken(spine)


def last_record(spine: Spine) -> tuple[str, ...]:
    """What the journal ends with, told by what stays when the same thing is done anew: no number, no time."""
    journal = events(spine) if spine.runs() else ()
    if not journal:
        return ()
    data = journal[-1].data
    evidence = data.get("evidence")
    look = (str(evidence["kind"]), str(evidence["subject"])) if isinstance(evidence, dict) else ()
    told = tuple(str(data.get(key, "")) for key in ("line", "text", "title", "cause", "digest", "how", "status"))
    return (journal[-1].kind, journal[-1].step, *told, *look)


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_at_every_record_in_one_chain(spine: Spine, when: str) -> None:
    """Each process dies one record further on (the first record of a resumed process says that it resumes). A look that
    has to be taken anew as a whole, as that at the command's database, gets one record more each time."""
    code = drive(spine, "run", f"{when}:2")
    deaths = more = 0
    seen: set[tuple[str, ...]] = set()
    while code == KILLED and not (spine.runs() and ended(spine)):
        deaths += 1
        assert deaths < 400
        resumable = spine.runs() and events(spine)
        code = drive(spine, "resume" if resumable else "run", f"{when}:{(2 if when == 'after' else 3) + more}")
        latest = last_record(spine)
        more = more + 1 if latest in seen else 0
        seen.add(latest)
    check_unbroken(spine)
    assert deaths > 40


@pytest.mark.slow
@pytest.mark.parametrize("number", range(1, 8))
def test_killed_in_the_middle_of_every_command(spine: Spine, number: int) -> None:
    assert drive(spine, "run", f"during:{number}") == KILLED
    assert drive(spine, "resume") == 0
    check_unbroken(spine)


@pytest.mark.parametrize(
    ("table", "last"),
    [
        ("course", "test"),
        pytest.param("rating", "test-after", marks=pytest.mark.slow),
        pytest.param("course", "verify", marks=pytest.mark.slow),
    ],
)
def test_table_dropped_between_kill_and_resume_is_stale(spine: Spine, table: str, last: str) -> None:
    assert drive(spine, "run", f"done:{last}") == KILLED
    with psycopg.connect(spine.dsn, autocommit=True) as connection:
        connection.execute(f"DROP TABLE {table} CASCADE")
    assert drive(spine, "resume") == 1
    final = events(spine)[-1]
    assert final.data["verdict"] == "stale"
    assert table in str(final.data["reason"])


def test_a_stop_ends_the_wait_for_the_command_of_a_killed_engine(tmp_path: Path) -> None:
    """The build goes on under its supervisor, and would for the ten minutes that it may take."""
    lasting = MAKEFILE.replace("\techo build >> calls.log\n", "\techo build >> calls.log; sleep 600\n")
    spine = make_project(tmp_path / "project", makefile=lasting)
    try:
        assert drive(spine, "run", "during:1") == KILLED
        with subprocess.Popen(
            [sys.executable, "-P", str(DRIVER), str(spine.root), "resume", ""], env=environment(spine),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        ) as engine:  # fmt: skip
            while "run.resumed" not in [event.kind for event in events(spine)]:
                assert engine.poll() is None
            engine.send_signal(signal.SIGINT)
            assert engine.wait(60) == 130
        assert events(spine)[-1].data["verdict"] == "interrupted"
        assert [event.data["how"] for event in events(spine) if event.kind == "command.finished"] == ["stopped"]
    finally:
        remove_project(spine)


@pytest.mark.slow
def test_a_step_that_failed_is_not_passed_over_by_an_engine_that_is_resumed(spine: Spine) -> None:
    makefile = spine.root / "Makefile"
    makefile.write_text(makefile.read_text().replace("build:\n", "build:\n\t@echo no space left; exit 3\n"))
    assert drive(spine, "run", "done:build") == KILLED
    assert not ended(spine)
    assert drive(spine, "resume") == 1
    final = events(spine)[-1].data
    assert final["verdict"] == "failed"
    assert "had failed when the engine before this one was gone" in str(final["reason"])
    assert "no space left" in str(final["reason"])
    assert spine.calls() == []
