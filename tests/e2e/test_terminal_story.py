"""The main job by keyboard alone in a real terminal, in each of the three modes, and what can be read of it later."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.terminal import (
    HOSTILE,
    REACHED,
    READY,
    RUN_SECONDS,
    Terminal,
    begin,
    heading,
    leave_report,
    needs_tmux,
    poison,
    reached,
    terminal,
)
from tests.e2e.test_demo_docker import missing
from tests.e2e.world import PLAN, Demo, check_checklist, check_database, check_document, check_no_password, demo

pytestmark = [pytest.mark.slow, needs_tmux]
ENDS = re.compile(r" (PASSED|FAILED|REFUSED|INTERRUPTED|WAITING|STALE|NOT RUNNING) ")


@dataclass(frozen=True)
class Told:
    """A run driven by keyboard to its end: its project, and what stood on the screen at each point."""

    world: Demo
    home: Path
    checklist: str
    report: str
    leaving: str
    code: int
    line_before: str
    line_after: str
    raw: bytes
    state: str


def ended(screen: Terminal) -> bool:
    """Whether the head of the screen says that the run has ended."""
    return ENDS.search("\n".join(screen.screen().splitlines()[:2])) is not None


def tty_line(screen: Terminal, home: Path) -> str:
    """The settings of the terminal line, as stty writes them."""
    path = home / "stty"
    with suppress(FileNotFoundError):
        path.unlink()
    screen.line(f"stty -g > '{path}.new' && mv '{path}.new' '{path}'")
    screen.until(path.exists)
    return path.read_text(encoding="utf-8")


def read_and_leave(screen: Terminal, world: Demo, home: Path, line_before: str) -> Told:
    """The checklist and the report by their keys, then q."""
    screen.wait_for("PASSED")
    screen.keys("3")
    checklist = screen.wait_for("8 of 9", "[x]")
    screen.keys("R")
    screen.wait_for("save Markdown", "BEFORE", "AFTER")
    screen.until(lambda: screen.screen().count("✓ GOOD") == 3, what="three green signals did not come")
    report = screen.screen()
    code = leave_report(screen)
    state = screen.tmux(
        "display-message", "-p", "-t", "s", "#{alternate_on} #{cursor_flag} #{mouse_any_flag} #{mouse_sgr_flag}"
    )
    leaving = screen.screen()
    after = tty_line(screen, home)
    return Told(world, home, checklist, report, leaving, code, line_before, after, screen.raw(), state.strip())


@pytest.fixture(scope="module")
def default_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """The main job in default mode at 120x40, each step approved with y, in a project whose every output is hostile.

    Several tests read what is left of it.
    """
    home = tmp_path_factory.mktemp("default")
    with demo(home / "demo", "process") as world, terminal(world.folder, home / "tmux") as screen:
        poison(world.folder)
        before = tty_line(screen, home)
        begin(screen, "default")
        screen.answer_all("y", lambda: heading(screen.screen()).startswith("Add a test target"), RUN_SECONDS)
        screen.keys("d")
        screen.wait_for("what will be done", "visible-makefile", "Esc goes back")
        screen.answer_all("y", lambda: ended(screen), RUN_SECONDS)
        yield read_and_leave(screen, world, home, before)


def check_run(told: Told) -> None:
    """What every way through the main job has to come to."""
    world = told.world
    assert told.code == 0, told.leaving
    document = json.loads(world.safemig("report", "--format", "json").stdout)
    check_document(document)
    check_database(world, document)
    check_checklist(world)
    check_no_password(world, told.raw.decode(errors="replace"))


def test_default_mode_asks_before_each_change(default_run: Told) -> None:
    check_run(default_run)
    events = default_run.world.events()
    given = [one for one in events if one.kind == "approval.given"]
    asked, approved = {one.step for one in given}, set[object]()
    for one in events:
        if one.kind == "step.started" and one.data["effect"] != "read":
            assert one.step in asked or one.data["command"] in approved, f"{one.step} was not approved"
            approved.add(one.data["command"])
    assert {"database", "build", "start", "pending", "test-target", "test", "create", "migrate", "tick"} <= asked
    assert len(asked) == len(given), "no step was asked twice"
    # The look at the database that the migrate command uses runs a command that reads: no question, and said.
    by = {one.step: (one.data["by"], one.data["answer"]) for one in given}
    assert by.pop("same-database") == ("rule", "once")
    assert set(by.values()) == {("person", "once")}
    assert not [one for one in events if one.kind == "mode.changed"]


def test_report_shows_three_green_signals_before_beside_after(default_run: Told) -> None:
    assert default_run.report.count("✓ GOOD") == 3
    for words in ("Tests", "Container", "Endpoints", "PASSED"):
        assert words in default_run.report
    assert re.search(r"7 passed {4,}7 passed", default_run.report), default_run.report
    assert "[ ]" not in "".join(re.findall(r"› .*|  \[.\].*", default_run.checklist)[:3])


def test_leaving_gives_the_terminal_back_with_a_summary(default_run: Told) -> None:
    assert default_run.state == "0 1 0 0", "alternate screen off, cursor shown, no mouse"
    assert default_run.line_after == default_run.line_before
    for words in ("=== PASSED ===", "tests      good", "container  good", "endpoints  good", "exit=0"):
        assert words in default_run.leaving
    run = default_run.world.run.name
    assert f"report: ../.safemig/runs/{run}/report.md" in default_run.leaving
    assert "safemig\n" in default_run.leaving.replace(f"{READY} safemig", "safemig\n"), "what stood there before"


def test_the_same_journal_replays(default_run: Told) -> None:
    world, home = default_run.world, default_run.home
    with terminal(world.folder, home / "replay") as screen:
        screen.safemig("show")
        screen.wait_for("PASSED", "23 of 23 done", "2 Log", "Database · this run")
        screen.keys("R")
        again = screen.wait_for("save Markdown", "Approvals")
        assert again.count("✓ GOOD") == 3
        assert signals(again) == signals(default_run.report)
        assert leave_report(screen) == 0


def test_nothing_hostile_reaches_the_terminal(default_run: Told) -> None:
    """Neither in the run (log, questions, details, report), nor in its replay, nor from the checklist's own text."""
    world = default_run.world
    assert reached(default_run.raw) == []
    plan = world.root / PLAN
    text = plan.read_text(encoding="utf-8")
    try:
        with terminal(world.folder, default_run.home / "hostile") as screen:
            screen.safemig("show")
            screen.wait_for("PASSED", "23 of 23 done")
            plan.write_text(
                text.replace("The support team", f"{HOSTILE} visible-item The support team"), encoding="utf-8"
            )
            screen.keys("3")
            screen.wait_for("visible-item The support team")
            for before, mark in (("search the log", "build"), ("┃visible-build", "start"), ("┃visible-start", "tests")):
                screen.keys("2")
                screen.type("/")
                screen.wait_for(before)
                screen.type(f"visible-{mark}")
                screen.keys("Enter")
                screen.wait_for(f"end-{mark}")
                screen.wait_gone(f"┃visible-{mark}")
            screen.keys("1")
            screen.wait_for("open step")
            screen.keys("g", "j", "j", "Enter")
            screen.wait_for("Build the service", "Esc goes back", "make build")
            screen.keys("Escape")
            screen.wait_gone("Esc goes back")
            screen.keys("q")
            assert screen.exit_code() == 0
            screen.line("clear")
            screen.line("safemig report")
            screen.wait_for("run finished: passed", READY)
            assert screen.tell("pane_title") != "hostile"
            assert reached(screen.raw()) == []
            screen.line("cat hostile")
            screen.until(lambda: len(reached(screen.raw())) == len(REACHED), what="the search finds what was written")
    finally:
        plan.write_text(text, encoding="utf-8")


def signals(report: str) -> list[str]:
    """The words of the part of the report screen that holds the three signals, without frames and scrollbar."""
    lines = report.splitlines()
    first = next(i for i, line in enumerate(lines) if "━ Tests" in line)
    return [" ".join(re.findall(r"[\w✓✗·]+", line)) for line in lines[first:11]]


def test_no_color_is_honoured(default_run: Told) -> None:
    with terminal(default_run.world.folder, default_run.home / "plain") as screen:
        screen.safemig("show", "NO_COLOR=1")
        screen.wait_for("PASSED", "23 of 23 done")
        screen.keys("R")
        screen.wait_for("✓ GOOD", "Approvals")
        assert leave_report(screen) == 0
        assert not coloured(screen.raw()), "no colour was asked for"
    assert coloured(default_run.raw), "the same search finds colours where they are allowed"


def coloured(raw: bytes) -> bool:
    """Whether any SGR in ``raw`` sets a colour that is not a shade of grey."""
    for found in re.findall(rb"\x1b\[([0-9;]*)m", raw):
        codes = [int(code or 0) for code in found.split(b";")]
        while codes:
            code = codes.pop(0)
            if code in (38, 48) and codes[:1] == [2]:
                if len(set(codes[1:4])) > 1:
                    return True
                del codes[:4]
            elif code in (38, 48):
                if codes[1] not in (0, 7, 8, 15, 16) and codes[1] < 231:
                    return True
                del codes[:2]
            elif code in range(31, 37) or code in range(41, 47) or code in range(91, 97) or code in range(101, 107):
                return True
    return False


@pytest.mark.parametrize("term", ["dumb", "ansi", "vt100", "xterm-256color", "unknown-to-everybody"])
def test_no_kind_of_terminal_crashes_it(default_run: Told, term: str) -> None:
    with terminal(default_run.world.folder, default_run.home / term) as screen:
        screen.safemig("show", f"TERM={term}")
        screen.wait_for("PASSED", "23 of 23 done")
        screen.keys("q")
        assert screen.exit_code() == 0


@pytest.mark.parametrize("size", [(40, 12), (80, 24), (200, 60)])
def test_a_finished_run_is_read_at_every_size(default_run: Told, size: tuple[int, int]) -> None:
    with terminal(default_run.world.folder, default_run.home / "size", size) as screen:
        screen.safemig("show")
        screen.wait_for("PASSED", "23 of 23 done")
        screen.keys("R")
        assert leave_report(screen, "✓ GOOD") == 0


def test_plan_mode_asks_once_and_then_for_each_addition_at_80x24(tmp_path: Path) -> None:
    with demo(tmp_path / "demo", "process") as world, terminal(world.folder, tmp_path / "tmux", (80, 24)) as screen:
        before = tty_line(screen, tmp_path)
        begin(screen, "plan")
        screen.answer_all("y", lambda: ended(screen), RUN_SECONDS)
        told = read_and_leave(screen, world, tmp_path, before)
        check_run(told)
        events = world.events()
        asked = [one for one in events if one.kind == "approval.asked"]
        assert {one.data["kind"] for one in asked} == {"plan"}
        assert asked[0].seq < min(one.seq for one in events if one.kind == "step.started"), "planning changes nothing"
        changing = {one.step for one in events if one.kind == "step.started" and one.data["effect"] != "read"}
        added = [one.data["added"] for one in events if one.kind == "plan.revised"][1:]
        assert len(asked) == 1 + sum(
            1 for names in added if isinstance(names, list) and changing & set(map(str, names))
        )
        assert [one.data["after"] for one in events if one.kind == "mode.changed"] == ["default"]


def test_auto_mode_asks_nothing_and_takes_every_size(tmp_path: Path) -> None:
    with demo(tmp_path / "demo", "process") as world, terminal(world.folder, tmp_path / "tmux") as screen:
        before = tty_line(screen, tmp_path)
        begin(screen, "auto")
        screen.wait_for("1 Plan")
        for size in ((40, 12), (1, 1), (200, 60), (80, 24), (120, 40)):
            screen.resize(*size)
            if size != (1, 1):
                screen.wait_for("1 Plan")
        screen.wait_for("1 Plan", "2 Log", "3 Checklist", "q quit")
        screen.until(lambda: world.begun("start"))
        screen.resize(40, 12)
        screen.until(lambda: world.begun("test"))
        screen.resize(120, 40)
        screen.wait_for("1 Plan", "2 Log", "3 Checklist", "q quit")
        screen.until(lambda: ended(screen), RUN_SECONDS)
        check_run(read_and_leave(screen, world, tmp_path, before))
        assert not world.events("approval.asked")


@pytest.mark.docker
def test_auto_mode_in_containers(tmp_path: Path) -> None:
    why = missing()
    if why:
        pytest.skip(why)
    with demo(tmp_path / "demo", "docker") as world, terminal(world.folder, tmp_path / "tmux") as screen:
        before = tty_line(screen, tmp_path)
        begin(screen, "auto")
        screen.until(lambda: ended(screen), RUN_SECONDS)
        told = read_and_leave(screen, world, tmp_path, before)
        check_run(told)
        assert told.report.count("✓ GOOD") == 3
        assert not world.events("approval.asked")
