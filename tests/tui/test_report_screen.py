"""The report screen: what a person reads of a run, and what the save keys write."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import pytest
from textual.app import App
from textual.pilot import Pilot
from textual.widgets import Input

from checks.evidence import Evidence, Json
from safemig.journal.events import SignalState
from safemig.journal.fold import fold
from safemig.journal.state import RunState
from tests.tui.recorded import Recording
from tests.tui.screens import check_golden, screen_text
from tui.screens.report import ReportScreen
from tui.screens.report_tables import Table, tables

GOLDENS = Path(__file__).parent / "goldens"
WALL = "2026-03-01T10:15:00.000+00:00"
TESTS: dict[str, Json] = {"passed": 7, "failed": 0, "errors": 0, "exit_code": 0, "complete": True}
CONTAINER: dict[str, Json] = {"services": {"api": {"id": "1", "state": "running", "health": "healthy", "restarts": 0}}}
ENDPOINT: dict[str, Json] = {"status": 200, "matches": None, "media": "application/json"}


def see(recording: Recording, moment: str, kind: str, subject: str, data: Mapping[str, Json], step: str) -> None:
    repeat = {"tests": "make test", "container": "docker compose ps"}.get(kind, "curl -i http://127.0.0.1:8000/health")
    evidence = Evidence(kind, subject, True, WALL, WALL, repeat, data)
    recording.add("evidence", {"moment": moment, "evidence": msgspec.to_builtins(evidence)}, step)


def look(recording: Recording, moment: str, step: str) -> None:
    after = moment == "after"
    see(recording, moment, "tests", "", TESTS, step)
    see(recording, moment, "container", "api", CONTAINER, step)
    see(recording, moment, "endpoint", "GET /health", ENDPOINT, step)
    see(recording, moment, "revision", "", {"current": ["b8bf1fd366a3" if after else "3f6c1a9d27b4"]}, step)
    names: list[Json] = ["public.course", *(["public.course_rating"] if after else [])]
    counts: dict[str, Json] = {"table": len(names), "column": 16 if after else 11}
    schema: dict[str, Json] = {"fingerprint": ("c2" if after else "9a") * 32, "counts": counts, "tables": names}
    see(recording, moment, "schema", "schema", schema, step)


def record(root: Path) -> Recording:
    """Everything up to the baseline, with one answer of the person, one of a rule and a shell line."""
    recording = Recording(root)
    recording.begin()
    recording.done("build")
    recording.ask("start")
    given: dict[str, Json] = {"id": "q1", "digest": "d", "title": "Start the service", "answer": "once", "reason": ""}
    recording.add("approval.given", {**given, "by": "person", "rule": "asked in default mode"}, "start")
    recording.done("start", "test")
    recording.add("note", {"level": "warning", "text": "GET /courses/{slug} is not checked"}, "test")
    look(recording, "before", "test")
    line: dict[str, Json] = {"number": 90, "line": "git status", "cwd": "backend", "output": "commands/0090.output"}
    recording.add("command.started", {**line, "limit": 60.0, "by": "person"}, "!")
    ended: dict[str, Json] = {"number": 90, "status": 1, "how": "exit", "seconds": 0.2, "file": "commands/0090.output"}
    recording.add("command.finished", {**ended, "start": 0, "end": 0}, "!")
    rule: dict[str, Json] = {"by": "rule", "rule": "allow: make migrate", "title": "Migrate the database"}
    recording.add("approval.given", {**given, "id": "migrate", **rule}, "migrate")
    return recording


def whole(root: Path) -> RunState:
    recording = record(root)
    recording.done("create", "migrate", "test-after")
    look(recording, "after", "test-after")
    see(recording, "after", "comparison", "", {"matches_spec": True, "differences": []}, "test-after")
    tick: dict[str, Json] = {
        "file": "specs/plan.md",
        "line": 5,
        "text": "Apply it with `make migrate`",
        "by": "engine",
        "sha256": "0",
    }
    recording.add("tick", tick)
    recording.finish()
    return fold(recording.events)


def folder(root: Path) -> Path:
    return next((root / ".safemig/runs").iterdir())


class Small(App[None]):
    def __init__(self, summary: RunState, root: Path) -> None:
        super().__init__()
        self.summary, self.root = summary, root

    def on_mount(self) -> None:
        self.push_screen(ReportScreen(self.summary, folder(self.root)))

    @property
    def report(self) -> ReportScreen:
        assert isinstance(self.screen, ReportScreen)
        return self.screen


async def all_text(summary: RunState, root: Path, size: tuple[int, int] = (120, 120)) -> str:
    app = Small(summary, root)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        return screen_text(app)


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_a_person_reads_three_signals_before_beside_after(tmp_path: Path, size: tuple[int, int]) -> None:
    app = Small(whole(tmp_path), tmp_path)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        check_golden(app, GOLDENS / f"report_{size[0]}x{size[1]}.txt")


async def test_the_whole_report_is_there_to_be_scrolled_to(tmp_path: Path) -> None:
    app = Small(whole(tmp_path), tmp_path)
    async with app.run_test(size=(120, 100)) as pilot:
        await pilot.pause()
        check_golden(app, GOLDENS / "report_whole.txt")


@pytest.mark.parametrize("size", [(40, 12), (200, 60), (10, 3)])
async def test_no_size_breaks_it(tmp_path: Path, size: tuple[int, int]) -> None:
    app = Small(whole(tmp_path), tmp_path)
    async with app.run_test(size=size) as pilot:
        await pilot.press("G", "g", "m", "escape", "pagedown", "down", "up", "ctrl+u")
        await pilot.resize_terminal(120, 40)
        await pilot.pause()
        assert "✓ GOOD" in screen_text(app)


async def test_a_run_that_goes_on_shows_what_it_has_and_then_more(tmp_path: Path) -> None:
    recording = record(tmp_path)
    recording.start_step("migrate")
    app = Small(fold(recording.events), tmp_path)
    async with app.run_test(size=(120, 100)) as pilot:
        await pilot.pause()
        shown = screen_text(app)
        assert "NOT FINISHED" in shown
        assert shown.count("· NOT YET") == 3
        assert "api running (healthy)" in shown
        assert "Migrate the database to b8bf1fd366a3: started" in shown
        assert "The schema was not compared" in shown
        app.report.show(whole(tmp_path / "later"))
        await pilot.pause()
        shown = screen_text(app)
        assert "PASSED" in shown
        assert shown.count("✓ GOOD") == 3


async def test_a_bad_signal_says_so_in_words_with_its_reasons(tmp_path: Path) -> None:
    summary = whole(tmp_path)
    good = summary.signals["tests"]
    bad = SignalState(
        ok=False, before=good.before, after="6 passed, 1 failed", reasons=tuple(f"failed: test_{n}" for n in range(12))
    )
    signals = {**summary.signals, "tests": bad, "endpoints": SignalState(None, good.before, "not checked")}
    shown = await all_text(replace(summary, verdict="failed", reason="tests", signals=signals), tmp_path)
    assert "FAILED" in shown
    assert "✗ NOT GOOD" in shown
    assert "? NOT CHECKED" in shown
    assert "6 passed, 1" in shown
    assert "- failed: test_9" in shown
    assert "- and 2 more, in the report" in shown
    assert "reason: tests" in shown


async def test_differences_of_the_schema_are_told_with_what_was_wanted_and_found(tmp_path: Path) -> None:
    difference: dict[str, Json] = {
        "key": "column public.course_rating.rating",
        "aspect": "type",
        "wanted": "smallint",
        "found": "integer",
    }
    summary = replace(whole(tmp_path), matches_spec=False, differences=(difference,))
    shown = await all_text(summary, tmp_path)
    assert "The schema is NOT what the spec asked for." in shown
    assert "differs: column public.course_rating.rating type; wanted smallint; found integer" in shown


def part(summary: RunState, title: str) -> Table:
    return next(table for table in tables(summary) if table.title == title)


def test_the_timeline_has_one_line_a_step_with_how_long_it_took(tmp_path: Path) -> None:
    rows = part(whole(tmp_path), "Timeline").rows
    texts = [text for _, _, text in rows]
    assert ("+7.0 s", "4.0 s", "Build the service: done") in rows
    assert not any("started" in text and "run started" not in text for text in texts)
    assert any(text.startswith("approved: Start the service, by person") for text in texts)
    assert not any("by rule" in text for text in texts)


def test_approvals_say_who_or_which_rule(tmp_path: Path) -> None:
    rows = part(whole(tmp_path), "Approvals").rows
    assert [row[1:] for row in rows] == [
        ("Start the service", "approved", "person", "asked in default mode"),
        ("Migrate the database", "approved", "rule", "allow: make migrate"),
    ]


def test_a_question_that_waits_is_among_the_approvals(tmp_path: Path) -> None:
    recording = record(tmp_path)
    recording.ask("migrate", "q2")
    rows = part(fold(recording.events), "Approvals").rows
    assert rows[-1][1:3] == ("Migrate the database to b8bf1fd366a3", "waits for an answer")


def test_shell_lines_are_marked_as_the_persons_own(tmp_path: Path) -> None:
    table = part(whole(tmp_path), "Shell lines")
    assert table.said == ("The person's own, no part of the run:",)
    assert table.rows == (("git status", "backend", "exit 1", "0.2 s"),)


def test_a_run_of_which_nothing_is_known_has_a_report_too() -> None:
    assert [table.title for table in tables(RunState())] == ["Schema"]


async def test_nothing_that_others_wrote_is_markup_or_an_escape_sequence(tmp_path: Path) -> None:
    evil = "\x1b[2J\x9b31m[red]x[/red] [@click=app.quit]y[/]\u202e"
    recording = record(tmp_path)
    given = {"id": "q9", "digest": "e", "title": evil, "answer": "no", "by": "person", "reason": evil}
    recording.add("approval.given", {**given, "rule": evil}, "create")
    recording.add("note", {"level": "error", "text": evil}, "create")
    recording.add("command.started", {"number": 91, "line": evil, "cwd": evil, "output": "x"}, "!")
    recording.finish(reason=evil)
    app = Small(fold(recording.events), tmp_path)
    async with app.run_test(size=(200, 100)) as pilot:
        await pilot.pause()
        shown = screen_text(app)
    assert shown.count("[red]x[/red] [@click=app.quit]y[/]") >= 5
    assert all(char.isprintable() or char == "\n" for char in shown)


async def saved(pilot: Pilot[None], *keys: str) -> None:
    await pilot.press(*keys)
    await pilot.pause()


async def test_the_keys_save_into_the_runs_folder(tmp_path: Path) -> None:
    app = Small(whole(tmp_path), tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        for key in ("m", "j", "u"):
            await saved(pilot, key, "enter")
        assert "saved:" in screen_text(app)  # the path may be folded
    home = folder(tmp_path)
    markdown = (home / "report.md").read_text(encoding="utf-8")
    assert "# safemig run" in markdown
    assert "delete the file" in markdown  # the undo of the plan document
    assert json.loads((home / "report.json").read_text(encoding="utf-8"))["verdict"] == "passed"
    assert ElementTree.fromstring((home / "report.xml").read_text(encoding="utf-8")).tag == "testsuites"
    assert not list(home.glob(".*.part"))


async def test_another_path_can_be_asked_for_and_its_own_report_is_replaced(tmp_path: Path) -> None:
    app = Small(whole(tmp_path), tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("j")
        await pilot.pause()
        assert "save json as" in screen_text(app)
        app.report.query_one(Input).value = str(tmp_path / "mine.json")
        await saved(pilot, "enter")
        assert (tmp_path / "mine.json").exists()
        (folder(tmp_path) / "report.json").write_text("old", encoding="utf-8")
        await saved(pilot, "j", "enter")
        assert (folder(tmp_path) / "report.json").read_text(encoding="utf-8") != "old"


async def test_a_file_of_somebody_else_is_replaced_only_at_a_second_word(tmp_path: Path) -> None:
    other = tmp_path / "README.md"
    other.write_text("mine", encoding="utf-8")
    app = Small(whole(tmp_path), tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("m")
        app.report.query_one(Input).value = str(other)
        await saved(pilot, "enter")
        assert other.read_text(encoding="utf-8") == "mine"
        assert "it exists; Enter again replaces it" in screen_text(app)
        await saved(pilot, "enter")
        assert other.read_text(encoding="utf-8") != "mine"


@pytest.mark.parametrize(("name", "why"), [("none/x.md", "No such file"), ("", "name a file"), (".", "Enter again")])
async def test_a_path_that_cannot_be_written_says_why(tmp_path: Path, name: str, why: str) -> None:
    app = Small(whole(tmp_path), tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("m")
        app.report.query_one(Input).value = str(tmp_path / name) if name else ""
        await saved(pilot, "enter")
        assert why in screen_text(app)
        if name == ".":
            await saved(pilot, "enter")
            assert "is a folder" in screen_text(app)
        await pilot.press("escape")
        await pilot.pause()
        assert app.report.query_one("SaveLine").display is False


async def test_escape_drops_the_path_first_and_leaves_the_screen_then(tmp_path: Path) -> None:
    app = Small(whole(tmp_path), tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("u", "q", "j", "escape")
        await pilot.pause()
        assert isinstance(app.screen, ReportScreen)
        assert not (folder(tmp_path) / "report.xml").exists()
        await pilot.press("escape")
        await pilot.pause()
        assert not isinstance(app.screen, ReportScreen)
