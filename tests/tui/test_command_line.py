"""The command line: `!`, the person's own shell line."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.events import Paste
from textual.widgets import Button

from checks.evidence import Json
from tests.tui.recorded import Recording
from tests.tui.screens import screen_text
from tui.panes.shell_input import ShellInput
from tui.panes.shell_line import CommandLine, ShellAsked


class Small(App[None]):
    CSS = "CommandLine { dock: bottom; }"
    BINDINGS = [Binding("exclamation_mark", "open"), Binding("n", "answered")]  # noqa: RUF012

    def __init__(self, root: Path) -> None:
        super().__init__()
        self.root = root
        self.asked: list[ShellAsked] = []
        self.answers = 0

    def compose(self) -> ComposeResult:
        yield Button("first")
        yield Button("second", id="second")
        yield CommandLine(self.root)

    def action_open(self) -> None:
        self.line.open()

    def action_answered(self) -> None:
        self.answers += 1

    def on_shell_asked(self, message: ShellAsked) -> None:
        self.asked.append(message)

    @property
    def line(self) -> CommandLine:
        return self.query_one(CommandLine)

    @property
    def typed(self) -> str:
        return self.query_one(ShellInput).value


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "catalogue"
    (root / "backend/app").mkdir(parents=True)
    (root / "backend/Makefile").touch()
    (root / "backend/main.py").touch()
    return root


def bottom(app: Small, lines: int = 1) -> str:
    return "\n".join(screen_text(app).splitlines()[-lines:])


async def test_closed_it_says_where_a_line_would_run(root: Path) -> None:
    async with Small(root).run_test() as pilot:
        assert isinstance(pilot.app, Small)
        assert "catalogue · ! shell" in bottom(pilot.app)


async def test_a_line_is_asked_for_and_the_next_can_be_typed(root: Path) -> None:
    app = Small(root)
    async with app.run_test() as pilot:
        await pilot.press("!", *"make test", "enter", *"ls", "enter")
        await pilot.pause()
        assert app.asked == [ShellAsked("make test", "."), ShellAsked("ls", ".")]
        assert isinstance(app.focused, ShellInput)
        assert app.typed == ""


async def test_keys_of_the_app_are_letters_while_one_types(root: Path) -> None:
    app = Small(root)
    async with app.run_test() as pilot:
        await pilot.press("!", "n", "!", "space", "n")
        assert app.typed == "n! n"
        assert app.answers == 0


async def test_cd_moves_the_folder_that_is_shown(root: Path) -> None:
    app = Small(root)
    async with app.run_test() as pilot:
        await pilot.press("!", *"cd backend", "enter")
        await pilot.pause()
        assert "catalogue/backend $" in bottom(app)
        assert app.asked == []
        await pilot.press(*"ls", "enter", *"cd app && pwd", "enter", *"cd -", "enter", *"cd", "enter")
        await pilot.pause()
        assert app.asked == [ShellAsked("ls", "backend"), ShellAsked("pwd", "backend/app")]
        assert app.line.folder == "."
        await pilot.press("escape")
        await pilot.pause()
        assert "catalogue · ! shell" in bottom(app)


async def test_the_folder_stays_when_the_line_is_left(root: Path) -> None:
    app = Small(root)
    async with app.run_test() as pilot:
        await pilot.press("!", *"cd backend", "enter", "escape", "!", *"ls", "enter")
        await pilot.pause()
        assert app.asked == [ShellAsked("ls", "backend")]


async def test_a_cd_that_cannot_be_followed_runs_nothing_and_says_why(root: Path) -> None:
    app = Small(root)
    async with app.run_test() as pilot:
        await pilot.press("!", *"cd nowhere; rm x", "enter")
        await pilot.pause()
        assert "there is no folder nowhere; nothing was run" in bottom(app, 2)
        assert app.asked == []


async def test_a_folder_that_went_away_brings_the_line_back_to_the_root(root: Path) -> None:
    app = Small(root)
    async with app.run_test() as pilot:
        await pilot.press("!", *"cd backend/app", "enter")
        (root / "backend/app").rmdir()
        await pilot.press(*"ls", "enter")
        await pilot.pause()
        assert app.asked == []
        assert "there is no folder backend/app" in bottom(app, 2)
        assert app.line.folder == "."


@pytest.mark.parametrize("keys", [["escape"], ["backspace"], ["x", "backspace", "backspace"], ["x", "escape"]])
async def test_it_is_left_with_escape_or_backspace_and_gives_the_focus_back(root: Path, keys: list[str]) -> None:
    app = Small(root)
    async with app.run_test() as pilot:
        app.query_one("#second").focus()
        await pilot.press("!", *keys)
        await pilot.pause()
        assert app.focused is app.query_one("#second")
        assert not app.line.is_open
        assert app.typed == ""
        assert app.asked == []


async def test_backspace_deletes_while_there_is_something(root: Path) -> None:
    app = Small(root)
    async with app.run_test() as pilot:
        await pilot.press("!", "a", "b", "backspace")
        assert app.typed == "a"
        assert app.line.is_open


async def test_the_focus_goes_nowhere_when_what_had_it_is_gone(root: Path) -> None:
    app = Small(root)
    async with app.run_test() as pilot:
        app.query_one("#second").focus()
        await pilot.press("!")
        await app.query_one("#second").remove()
        await pilot.press("escape")
        await pilot.pause()
        assert not app.line.is_open


async def test_up_and_down_walk_through_what_was_run(root: Path) -> None:
    run = Recording(root)
    at: dict[str, Json] = {"number": 1, "line": "earlier \x1b[31mline", "cwd": ".", "output": "commands/0001.output"}
    run.add("command.started", {**at, "line": "make build", "by": "engine"}, "build")
    run.add("command.started", {**at, "by": "person"}, "!")
    app = Small(root)
    async with app.run_test() as pilot:
        await app.workers.wait_for_complete()
        await pilot.press("!", *"one", "enter", *"cd backend", "enter", *"dra", "up")
        assert app.typed == "cd backend"
        await pilot.press("up", "up", "up")
        assert app.typed == "earlier line"
        await pilot.press("down", "down", "down", "f", "t")
        assert app.typed == "draft"


async def test_tab_completes_files_below_the_folder_and_shows_the_choices(root: Path) -> None:
    app = Small(root)
    async with app.run_test() as pilot:
        await pilot.press("!", *"cat ba", "tab")
        await pilot.pause()
        assert app.typed == "cat backend/"
        await pilot.press("tab")
        await pilot.pause()
        assert "Makefile  app/  main.py" in bottom(app, 2)
        await pilot.press("M", "tab", "enter")
        await pilot.pause()
        assert app.asked == [ShellAsked("cat backend/Makefile", ".")]
        assert "main.py" not in bottom(app, 2)
        assert isinstance(app.focused, ShellInput)


async def test_an_empty_line_runs_nothing(root: Path) -> None:
    app = Small(root)
    async with app.run_test() as pilot:
        await pilot.press("!", "space", "enter", "enter")
        await pilot.pause()
        assert app.asked == []
        assert app.line.is_open


async def test_what_is_pasted_holds_nothing_that_cannot_be_seen(root: Path) -> None:
    app = Small(root)
    async with app.run_test() as pilot:
        await pilot.press("!")
        app.query_one(ShellInput).post_message(Paste("ls\t-l\x1b[31m\u202e x\nrm y"))
        await pilot.pause()
        assert app.typed == "ls -l[31m x"
        assert all(char.isprintable() or char == "\n" for char in screen_text(app))


@pytest.mark.parametrize("size", [(120, 40), (80, 24), (40, 12), (8, 3), (200, 60)])
async def test_the_folder_is_shown_at_every_size(root: Path, size: tuple[int, int]) -> None:
    (root / "backend/a-folder-with-quite-a-long-name/and-another-one-in-it").mkdir(parents=True)
    app = Small(root)
    async with app.run_test(size=size) as pilot:
        await pilot.press("!", *"cd backend/a-folder-with-quite-a-long-name/and-another-one-in-it", "enter")
        await pilot.press(*"make te")
        await pilot.pause()
        if size[0] >= 40:
            assert "in-it $ " in bottom(app)
            assert "make te" in bottom(app)


async def test_what_the_app_says_is_harmless(root: Path) -> None:
    app = Small(root)
    async with app.run_test() as pilot:
        await pilot.press("!")
        app.line.say("refused \x1b[2J[red]by rule[/red]")
        await pilot.pause()
        assert "refused [red]by rule[/red]" in bottom(app, 2)
