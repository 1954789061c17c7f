"""The question whether a folder is trusted, on the start screen: first of all, answered by y alone, once it is read."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from checks.evidence import Json
from safemig.consent import trust
from safemig.project.config import parse
from safemig.project.config_trust import settings
from tests.tui.screens import screen_text
from tests.tui.test_start import PROJECT, UNFINISHED, WORLD, Stage
from tui.app import SafemigApp
from tui.keys import Own
from tui.screens import trust as screen
from tui.screens.background_look import look
from tui.screens.trust import TrustScreen

QUESTION: Json = ["This folder is not trusted yet.", "  make, with the recipes of Makefile\x1b[31m", "digest: 5f3a"]
FOREIGN: dict[str, Json] = PROJECT | {"trusted": False, "digest": "5f3a", "question": QUESTION}


def asked(app: SafemigApp) -> bool:
    return isinstance(app.screen, TrustScreen)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that the screen has run; no question waits until it could be read."""
    lines: list[list[str]] = []

    async def ask(_options: object, words: list[str]) -> str:
        lines.append(words)
        return ""

    async def no_look(_options: object, _take: object) -> str:
        return ""

    monkeypatch.setattr("tui.screens.background_look.ask", ask)
    monkeypatch.setattr("tui.screens.background_look.look", no_look)
    monkeypatch.setattr(screen, "SETTLE", 0.0)
    return lines


async def test_it_comes_first_and_y_trusts_exactly_what_was_shown(tmp_path: Path, told: list[list[str]]) -> None:
    app = Stage(tmp_path)
    async with app.run_test(size=(100, 30)) as pilot:
        app.start_screen.show_look(FOREIGN)
        await pilot.pause()
        assert asked(app)
        text = screen_text(app)
        assert "make, with the recipes of Makefile" in text
        assert "\x1b" not in text
        app.start_screen.show_look(WORLD)
        await pilot.press("enter")
        await pilot.pause()
        assert asked(app), "Enter answers nothing"
        assert app.asked == []
        await pilot.press("y")
        await pilot.pause()
        assert told == [["trust", "--trust", "5f3a"]]
        assert not asked(app)


@pytest.mark.parametrize("key", ["n", "escape"])
async def test_without_it_nothing_can_be_started_and_t_asks_again(
    tmp_path: Path, told: list[list[str]], key: str
) -> None:
    app = Stage(tmp_path)
    async with app.run_test(size=(100, 30)) as pilot:
        app.start_screen.show_look(FOREIGN | {"runs": UNFINISHED})
        await pilot.pause()
        await pilot.press(key)
        await pilot.pause()
        app.start_screen.show_look(WORLD)
        await pilot.pause()
        assert "This folder is not trusted" in screen_text(app)
        assert "Found here" in screen_text(app)
        for start in ("enter", "r", "t"):
            assert not asked(app)
            await pilot.press(start)
            await pilot.pause()
            assert asked(app), start
            await pilot.press(key)
            await pilot.pause()
        assert (app.asked, told) == ([], [])


async def test_y_typed_before_it_could_be_read_answers_nothing(
    tmp_path: Path, told: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(screen, "SETTLE", 60.0)
    app = Stage(tmp_path)
    async with app.run_test(size=(100, 30)) as pilot:
        app.start_screen.show_look(FOREIGN)
        await pilot.press("y")
        await pilot.pause()
        assert asked(app)
        assert told == []


async def test_a_long_question_is_read_to_its_end_first(tmp_path: Path, told: list[list[str]]) -> None:
    app = Stage(tmp_path)
    lines: Json = [f"  commands.build: step {number}" for number in range(60)]
    async with app.run_test(size=(100, 24)) as pilot:
        app.start_screen.show_look(FOREIGN | {"question": lines})
        await pilot.pause()
        await pilot.press("y")
        await pilot.pause()
        assert asked(app)
        assert "Space shows the rest" in screen_text(app)
        await pilot.press(*["space"] * 8)
        await pilot.pause()
        await pilot.press("y")
        await pilot.pause()
        assert told == [["trust", "--trust", "5f3a"]]


async def test_a_folder_that_is_trusted_is_not_asked_about(tmp_path: Path) -> None:
    app = Stage(tmp_path)
    async with app.run_test(size=(100, 30)) as pilot:
        app.start_screen.show_look(PROJECT | WORLD | {"trusted": True, "digest": "5f3a", "question": []})
        await pilot.press("enter")
        await pilot.pause()
        assert not asked(app)
        assert app.asked == [("run", "")]


async def test_y_is_kept_by_the_real_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole way: the child looks, the question comes, the child keeps the answer, the next look knows it."""
    monkeypatch.setattr(screen, "SETTLE", 0.0)
    root = tmp_path / "project"
    root.mkdir()
    (root / "safemig.yaml").write_text("commands: {test: ./check}\n")
    app = SafemigApp(root, Stage(root).options, Own())
    async with app.run_test(size=(110, 40)) as pilot:
        while not asked(app):
            await asyncio.sleep(0.02)
            await pilot.pause()
        assert "commands.test: ./check" in screen_text(app)
        await pilot.press("y")
        while not app.start_screen.look.get("trusted"):
            await asyncio.sleep(0.02)
            await pilot.pause()
        assert not asked(app)
    kept = trust.standing(root, settings(parse("commands: {test: ./check}")))
    assert kept.trusted
    parts: list[object] = []
    assert await look(app.options, parts.append) == ""
    assert [part["trusted"] for part in parts if isinstance(part, dict) and "trusted" in part] == [True]
