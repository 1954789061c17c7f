"""What the plan pane, the header and the closing lines say, from a summary alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from safemig.journal.fold import fold
from tests.tui.recorded import Recording, facts, plan
from tui.main import closing_lines, write_report
from tui.panes.header import database_health, revision_now, service_health
from tui.panes.plan import rows_of
from tui.panes.progress import words
from tui.words import clean, clean_lines, duration, since


def test_rows_tell_state_risk_and_time(tmp_path: Path) -> None:
    run = Recording(tmp_path)
    run.begin()
    run.done("build")
    run.start_step("start")
    run.end_step("start", "failed", 75.0, "no port")
    run.start_step("test")
    run.ask("migrate")
    summary = fold(run.events)
    rows = {row.step or row.group: row for row in rows_of(plan(), summary, "3/7", set(), live=False)}
    assert (rows["build"].status, rows["build"].risk, rows["build"].note) == ("done", "write", "3.2 s")
    assert (rows["start"].status, rows["start"].note) == ("failed", "1:15")
    assert rows["test"].note.startswith("3/7 ")
    assert (rows["migrate"].status, rows["migrate"].note) == ("waiting", "waits")
    assert rows["create"].status == "planned"
    assert (rows["before"].title, rows["before"].note) == ("▾ Before the change", "1/3")
    folded = rows_of(plan(), summary, "", {"before"})
    assert [row.step for row in folded] == ["", "", "create", "migrate", "", "test-after"]


def test_without_a_plan_document_the_steps_of_the_events_are_shown(tmp_path: Path) -> None:
    run = Recording(tmp_path)
    run.begin()
    run.done("build")
    rows = rows_of(None, fold(run.events), "", set())
    assert rows[0].title == "Build the service"
    assert len(rows) == len(plan().steps)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (9.9, "9.9 s"), (9.97, "10 s"), (59.4, "59 s"), (61, "1:01"), (3725, "1:02:05")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_moments() -> None:
    assert since("2026-03-01T10:00:00+00:00", "2026-03-01T10:01:00+00:00") == 60
    assert since("nonsense") == 0
    assert since("", "2026-03-01T10:01:00+00:00") == 0


def test_untrusted_words() -> None:
    assert clean("a\x1b[31mb\x07\u202ec") == "abc"
    assert clean_lines("\ta\n\x1b]0;x\x07b") == ["    a", "b"]


@pytest.mark.parametrize(
    ("intent", "output", "text"),
    [
        ("test", "collected 8 items\n\ntests/x.py ....  [ 50%]\n", "4/8"),
        ("test", "tests/x.py ....  [ 50%]\n", "50%"),
        ("test", "nothing to see\n", ""),
        ("build", "#5 [1/5] FROM python\n#7 [builder 2/5] RUN pip install\n#7 1.2 Collecting x\n", "2/5"),
        ("build", "Step 3/9 : COPY . .\n ---> ab12\n", "3/9"),
        ("build", "Resolved 3 packages in 2ms\nInstalled 24 packages in 9ms\n", "24 packages"),
        ("start", "collected 8 items\n", ""),
        ("build", "", ""),
    ],
)
def test_progress(intent: str, output: str, text: str) -> None:
    assert words(intent, output) == text


def test_health_tells_could_not_look_from_bad(tmp_path: Path) -> None:
    run = Recording(tmp_path)
    run.begin()
    assert service_health(fold(run.events)) == (None, "not checked")
    assert database_health(fold(run.events)) == (None, "not checked")
    run.see("container", {"services": {"api": {"state": "running", "health": "unhealthy"}}})
    run.see("revision", {"current": []})
    summary = fold(run.events)
    assert service_health(summary) == (False, "api unhealthy")
    assert database_health(summary) == (True, "answers")
    assert revision_now(summary) == "none"
    run.see("container", {"services": {"api": {"state": "running", "health": None}}})
    assert service_health(fold(run.events)) == (True, "running")
    run.see("container", {"services": {}})
    assert service_health(fold(run.events)) == (False, "not running")


def test_closing_lines_tell_how_to_go_on(tmp_path: Path) -> None:
    run = Recording(tmp_path)
    run.begin()
    lines = closing_lines(fold(run.events), None, live=False)
    assert "the run is not finished" in lines
    assert f"resume: safemig resume {run.folder.name}" in lines
    assert lines[-1] == f"report: safemig report {run.folder.name}"
    assert "the run goes on where it was started; `safemig show` follows it" in closing_lines(
        fold(run.events), None, live=True
    )
    run.finish("failed", 1, "the tests failed")
    text = "\n".join(closing_lines(fold(run.events), run.events[-1], live=False))
    assert "=== FAILED ===  the tests failed" in text
    assert "resume:" not in text
    assert facts().migration is not None


def test_leaving_an_ended_run_leaves_its_report_and_says_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run = Recording(tmp_path)
    run.begin()
    assert write_report(tmp_path, fold(run.events)) == ""
    run.finish("failed", 1, "the tests failed")
    summary = fold(run.events)
    report = write_report(tmp_path, summary)
    assert report == f".safemig/runs/{run.folder.name}/report.md"
    assert "the tests failed" in (run.folder / "report.md").read_text()
    assert closing_lines(summary, run.events[-1], live=False, report=report)[-1] == f"report: {report}"
    (run.folder / "report.md").unlink()
    (run.folder / "report.md").mkdir()
    assert write_report(tmp_path, summary) == ""
