"""Choosing a plan: Tab completes, and nothing starts while the field is open."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest
from textual.widgets import Input

from tui.app import SafemigApp
from tui.keys import Own
from tui.screens.start import StartScreen
from tui.screens.start_text import completed

NAMES = ("01_ratings", "02_orders", "02_ordinals")


@pytest.mark.parametrize(
    ("typed", "result"),
    [
        ("01", "01_ratings "),
        ("02", "02_ord"),
        ("02_ORDE", "02_orders "),
        ("", "0"),
        ("03", "03"),
        ("01_ratings 1", "01_ratings 1"),
    ],
)
def test_tab_completes_as_far_as_the_names_go_alike(typed: str, result: str) -> None:
    assert completed(typed, NAMES) == result


async def test_nothing_starts_while_the_field_is_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[str] = []

    async def begin(_app: SafemigApp, command: str, run: str = "") -> None:
        begun.append(command)

    monkeypatch.setattr(SafemigApp, "begin", begin)
    monkeypatch.setattr(StartScreen, "begin_look", lambda _screen: None)
    app = SafemigApp(tmp_path, argparse.Namespace(project=str(tmp_path), spec="", phase=""), Own())
    async with app.run_test() as pilot:
        await pilot.pause()
        screen = app.start_screen
        screen.show_look({"specs": ["docs/01_ratings.md"], "target": "t", "runs": []})
        await pilot.press("p", "0", "tab")
        assert screen.query_one(Input).value == "01_ratings "
        screen.set_focus(screen.query_one("#start"))
        await pilot.press("enter", "r", "x", "i")
        assert begun == []
        await pilot.press("tab", "1", "enter")
        assert (app.options.spec, app.options.phase, begun) == ("01_ratings", "1", [])
        await pilot.press("enter")
        assert begun == ["run"]
