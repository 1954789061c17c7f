"""The app as a person uses it: panes, mode, stop, leave, help, palette, and a screen of any size."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest
from textual.command import CommandPalette

from safemig.journal.state import RunState
from tests.tui.screens import screen_text
from tests.tui.stage import stage
from tui.bridge import EngineFeed
from tui.key_bar import KeyBar
from tui.keys import Own
from tui.log.search_line import SearchLine
from tui.notice import NoticeLine
from tui.panes.plan import PlanPane
from tui.screens.dialogs import LeaveScreen
from tui.screens.report import ReportScreen
from tui.screens.step import TextScreen
from tui.theme import NAMES

SIZES = [(200, 60), (120, 40), (80, 24), (40, 12), (20, 5), (1, 1)]


@pytest.mark.parametrize("size", SIZES)
async def test_no_size_breaks_the_screen(tmp_path: Path, size: tuple[int, int]) -> None:
    async with stage(tmp_path, size) as s:
        s.run.done("build", "start")
        s.run.start_step("test")
        s.run.command("test", "collected 7 items\n... [ 42%]\n", ended=False)
        s.run.ask("migrate")
        await s.play()
        await s.press("1", "enter", "escape", "2", "3", "d", "escape", "y")
        for width, height in SIZES:
            await s.pilot.resize_terminal(width, height)
            await s.pilot.pause()
        assert s.app.crash is None


async def test_numbers_and_tab_go_to_the_panes_and_a_key_goes_back(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        seen = []
        for key in ("1", "2", "3", "tab", "tab", "ctrl+o"):
            await s.press(key)
            assert s.app.focused is not None
            seen.append(s.app.focused.id)
        assert seen == ["plan", "log", "checklist", "plan", "log", "plan"]


async def test_a_narrow_screen_shows_the_pane_that_is_asked_for(tmp_path: Path) -> None:
    async with stage(tmp_path, (80, 24)) as s:
        assert s.screen.query_one("#log").display
        assert not s.screen.query_one("#checklist").display
        await s.press("3")
        assert s.screen.query_one("#checklist").display
        assert not s.screen.query_one("#log").display
        assert s.screen.query_one("#plan").display
        await s.shows("Create the migration")
        await s.pilot.resize_terminal(40, 12)
        async with asyncio.timeout(20.0):
            while s.screen.query_one("#plan").display:
                await s.pilot.pause()


async def test_a_low_screen_says_how_the_run_has_ended_and_cuts_no_step(tmp_path: Path) -> None:
    async with stage(tmp_path, (40, 12)) as s:
        for name in ("build", "start", "test"):
            s.run.done(name)
        s.run.finish("passed")
        await s.play()
        await s.shows("PASSED")
        await s.shows("mode  default")
        rows = [line for line in screen_text(s.app).splitlines() if line.startswith("┃")]
        assert rows
        assert all(len(row.strip("┃").split()) > 1 for row in rows if row.strip("┃ ")), "a row ends below itself"


async def test_shift_tab_cycles_the_mode_and_the_header_says_so(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        for mode in ("plan", "auto", "default", "plan"):
            await s.press("shift+tab")
            assert s.feed.sent[-1].mode == mode
        assert [message.type for message in s.feed.sent] == ["mode"] * 4
        assert "(from the next step on)" in screen_text(s.app)
        s.run.add("mode.changed", {"before": "default", "after": "plan", "by": "person"})
        await s.play()
        text = screen_text(s.app)
        assert "plan: changes nothing until the plan is approved" in text
        assert "(from the next step on)" not in text


async def test_ctrl_c_stops_the_step_and_a_second_one_asks_to_quit(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        s.run.start_step("build")
        await s.play()
        await s.press("ctrl+c")
        assert [message.type for message in s.feed.sent] == ["stop"]
        assert not isinstance(s.app.screen, LeaveScreen)
        s.feed.code = 0  # a played feed is not an engine of ours: leaving needs no question
        await s.press("ctrl+c")
        assert s.app._exit
        assert [message.type for message in s.feed.sent] == ["stop"]


async def test_an_open_report_tells_of_the_run_as_it_goes(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        await s.press("R")
        assert "Build the images: done" not in screen_text(s.app)
        s.run.done("build")
        s.run.finish("failed", 1, "the build ended with 2")
        await s.play()
        await s.shows("the build ended with 2")


async def test_the_shell_line_is_there_while_an_engine_works_and_only_then(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        await s.shows("catalogue · ! shell")
        await s.press("!", *"ls")
        s.run.finish()
        s.feed.code = 0
        await s.play()
        assert "! shell" not in screen_text(s.app)
        await s.press("!", "l", "s", "enter")
        assert not s.screen.panes.command_line.is_open
        assert s.feed.sent == []


async def test_a_shell_line_goes_to_the_engine_with_its_folder(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        await s.press("exclamation_mark", *"ls", "enter")
        assert [(one.type, one.line_text, one.cwd) for one in s.feed.sent] == [("shell", "ls", ".")]


async def test_a_tick_goes_to_the_engine_and_into_the_file_when_there_is_none(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        path = s.app.root / "specs" / "01_ratings_plan.md"
        await s.press("3", "space")
        assert [(one.type, one.file, one.line) for one in s.feed.sent] == [("tick", "specs/01_ratings_plan.md", 5)]
        assert "- [ ] Create" in path.read_text()
        s.feed.code = 0
        s.app._drain()
        await s.press("space")
        assert "- [x] Create" in path.read_text()


async def test_enter_opens_a_step_and_escape_goes_back(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        await s.press("1", "G", "k", "k", "enter")
        assert isinstance(s.app.screen, TextScreen)
        text = screen_text(s.app)
        assert "Migrate the database to b8bf1fd366a3" in text
        assert "$ make migrate" in text
        assert "`make downgrade`" in text
        await s.press("escape")
        assert not isinstance(s.app.screen, TextScreen)


async def test_a_step_tells_its_evidence_its_file_and_why_it_waits(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        s.run.done("build")
        s.run.see("revision", {"current": ["3f6c1a9d27b4"]}, "create")
        s.run.ask("create")
        await s.play()
        await s.press("1", "enter")
        text = screen_text(s.app)
        assert "an answer is needed: default mode asks before every change" in text
        assert "database at 3f6c1a9d27b4" in text
        assert "op.create_table" in text


async def test_groups_fold(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        await s.press("1", "g", "space")
        assert "Build the service" not in screen_text(s.app)
        await s.press("space")
        assert "Build the service" in screen_text(s.app)


async def test_the_plan_follows_the_running_step_until_one_moves(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        pane = s.screen.query_one(PlanPane)
        s.run.done("build")
        s.run.start_step("start")
        await s.play()
        assert pane.selected == "start"
        await s.press("1", "g")
        s.run.end_step("start")
        s.run.start_step("test")
        await s.play()
        assert pane.selected == ""
        await s.press("f")
        assert pane.selected == "test"


async def test_long_steps_tell_how_far_they_are(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        s.run.start_step("test")
        s.run.command("test", "collected 8 items\n\ntests/test_x.py ....  [ 50%]\n", ended=False)
        await s.play()
        assert "4/8" in screen_text(s.app)


async def test_help_tells_the_keys_of_the_focused_pane_also_while_typing(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        await s.press("2", "question_mark")
        assert "Keys" in screen_text(s.app)
        assert "The log" in screen_text(s.app)
        await s.press("escape", "exclamation_mark", "question_mark")
        assert s.app.screen is s.screen
        await s.press("f1")
        assert isinstance(s.app.screen, TextScreen)


async def test_the_palette_offers_what_can_be_done(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        await s.press("ctrl+p")
        assert isinstance(s.app.screen, CommandPalette)
        names = [command.title for command in s.app.get_system_commands(s.screen)]
        assert {"report", "shell", "theme", "mode"} <= set(names)
        assert "yes" not in names
        s.run.ask("migrate")
        await s.press("escape")
        await s.play()
        assert "yes" in [command.title for command in s.app.get_system_commands(s.screen)]


async def test_the_report_opens_for_a_run_that_has_ended(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        s.run.done("build")
        s.run.finish()
        await s.play()
        assert "PASSED" in screen_text(s.app).splitlines()[1]
        await s.press("R")
        assert isinstance(s.app.screen, ReportScreen)
        await s.press("escape", "q")
        assert s.app._exit


async def test_own_keys_replace_ours(tmp_path: Path) -> None:
    async with stage(tmp_path, own=Own(keys={"pane.log": "L", "nonsense": "x"})) as s:
        await s.press("2")
        assert s.app.focused is s.screen.query_one("#plan")
        await s.press("L")
        assert s.app.focused is s.screen.query_one("#log")


async def test_an_event_of_an_unknown_kind_and_one_told_twice_change_nothing(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        s.run.add("something.new", {"x": 1})
        await s.play()
        before = s.app.summary
        s.feed.events.append(s.run.events[0])
        s.app._drain()
        assert s.app.summary is before


async def test_a_run_that_waits_can_be_taken_up_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with stage(tmp_path) as s:
        begun: list[tuple[str, str]] = []

        async def begin(command: str, run: str = "") -> None:
            begun.append((command, run))

        monkeypatch.setattr(s.app, "begin", begin)
        await s.press("r")
        assert begun == []
        s.run.finish("waiting", 4, "the screen has gone")
        s.feed.code = 4
        await s.play()
        await s.press("r")
        assert begun == [("resume", s.run.folder.name)]


async def test_an_engine_that_dies_with_a_complaint_is_told_in_the_log_and_can_be_taken_up(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        lines = (s.run.folder / "events.jsonl").as_posix()
        code = f"import sys; sys.stdout.write(open({lines!r}).read()); sys.exit('no room on the \\x1b[31mdisk')"
        s.app.summary = RunState()
        await s.app.open_feed(EngineFeed([sys.executable, "-c", code]))
        while s.app._live:
            await s.pilot.pause()
            s.app._drain()
        s.screen.panes.log.flush()
        await s.pilot.pause()
        text = screen_text(s.app)
        assert "✗ no room on the disk" in text
        assert "r takes it up again" in text
        assert "NOT RUNNING" in text


async def test_a_crash_ends_the_app_and_keeps_the_error_for_the_border(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        async with stage(tmp_path) as s:
            app = s.app
            app.call_later(lambda: 1 // 0)
            await s.pilot.pause()
    assert isinstance(app.crash, ZeroDivisionError)
    assert app.return_code == 1
    assert app._exit_renderables == []


async def test_the_palette_and_the_list_of_keys_tell_each_thing_once_and_only_ours(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        for pane in ("1", "2", "3", "exclamation_mark"):
            await s.press(pane)
            titles = [command.title for command in s.app.get_system_commands(s.screen)]
            assert len(titles) == len(set(titles))
            await s.press("f1")
            text = screen_text(s.app)
            for words in ("VerticalScroll", "super+", "Focus Next", "ShellInput", "LogPane"):
                assert words not in text
            await s.press("escape", "escape")
        assert sorted(s.app.available_themes) == sorted(NAMES)


async def test_the_bar_keeps_quit_help_and_mode_in_every_state(tmp_path: Path) -> None:
    async with stage(tmp_path, (80, 24)) as s:
        for keys in (("1",), ("2",), ("3",)):
            await s.press(*keys)
            bar = screen_text(s.app).splitlines()[-1]
            assert [words for words in ("mode", "? keys", "q quit") if words not in bar] == []
        s.run.ask("migrate")
        await s.play()
        bar = screen_text(s.app).splitlines()[-1]
        for words in (
            *("y yes", "a always", "t tool", "e edit", "n no", "d details"),
            *("^c stop", "mode", "? keys", "q quit"),
        ):
            assert words in bar
        await s.press("n")
        bar = screen_text(s.app).splitlines()[-1]
        assert [words for words in ("mode", "f1 keys", "^q quit") if words not in bar] == []


async def test_a_notice_hides_nothing_and_goes_by_itself(tmp_path: Path) -> None:
    async with stage(tmp_path, (80, 24)) as s:
        s.run.done("build")
        s.run.finish("failed", 1, "Run the tests: make test ended with 2")
        await s.play()
        s.screen.panes.log.flush()
        s.app.notify("[b]said\x1b[2J", title="Kept", severity="warning")
        await s.pilot.pause()
        text = screen_text(s.app)
        assert "! Kept: [b]said" in text
        for words in ("FAILED", "$ make build", "2 Log", "q quit"):
            assert words in text
        s.screen.query_one(NoticeLine).close()
        await s.pilot.pause()
        assert "said" not in screen_text(s.app)


async def test_keys_typed_right_behind_one_that_moves_the_focus_reach_their_place(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        for key in ("2", "slash", "n", "e", "2"):
            s.app.simulate_key(key)
        await s.pilot.pause()
        await s.pilot.pause()
        assert isinstance(s.app.focused, SearchLine)
        assert s.app.focused.value == "ne2"
        await s.press("escape")
        for key in ("3", "T", "1", "j"):
            s.app.simulate_key(key)
        await s.pilot.pause()
        assert s.app.focused is s.screen.query_one("#plan")
        assert s.screen.query_one(PlanPane).selected == "build"


async def test_the_mouse_takes_a_pane_a_step_and_a_key_of_the_bar(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        await s.pilot.click("#log", offset=(5, 5))
        assert s.app.focused is s.screen.query_one("#log")
        plan = s.screen.query_one(PlanPane)
        row = [one.step for one in plan.rows].index("migrate")
        await s.pilot.click("#plan", offset=(6, row + 1))
        assert plan.selected == "migrate"
        await s.pilot.click("#plan", offset=(6, row + 1))
        await s.pilot.pause()
        assert isinstance(s.app.screen, TextScreen)
        await s.press("escape")
        s.run.ask("migrate")
        await s.play()
        await s.press("2")
        await s.pilot.click(KeyBar, offset=(2, 0))
        await s.pilot.pause()
        assert [one.answer for one in s.answers] == ["once"]
