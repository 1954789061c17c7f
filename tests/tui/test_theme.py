"""Themes: each can be taken, the chosen one is kept, and none is needed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tui.screens import screen_text
from tests.tui.stage import stage
from tui.keys import Own, read_own
from tui.theme import chosen_theme


@pytest.mark.parametrize("theme", ["light", "contrast", "ansi", "ansi-light"])
async def test_themes(tmp_path: Path, theme: str) -> None:
    async with stage(tmp_path, own=Own(theme=theme)) as s:
        s.run.ask("migrate")
        await s.play()
        assert s.app.theme == theme
        assert "? Migrate" in screen_text(s.app)


async def test_the_chosen_theme_is_kept_for_the_next_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert chosen_theme() == "dark"
    async with stage(tmp_path, own=Own(theme=chosen_theme())) as s:
        assert not [*(tmp_path / "state").rglob("theme*")], "what was not chosen is not kept"
        s.app.theme = "contrast-light"
        await s.pilot.pause()
    assert chosen_theme() == "contrast-light"
    assert read_own(tmp_path / "none.yaml", chosen_theme()) == Own(theme="contrast-light")
    (tmp_path / "config.yaml").write_text("theme: light\n")
    assert read_own(tmp_path / "config.yaml", chosen_theme()) == Own(theme="light"), "the configuration wins"


async def test_a_theme_that_cannot_be_kept_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "state").write_text("a file where the folder belongs")
    async with stage(tmp_path) as s:
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
        s.app.theme = "light"
        await s.shows("the theme holds for this session only")
    assert chosen_theme() == "dark"


async def test_no_color_is_honoured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with stage(tmp_path) as s:
        s.run.done("build")
        s.run.ask("migrate")
        await s.play()
        colours = {
            (segment.style.color.triplet, segment.style.bgcolor.triplet)
            for strip in s.app.screen._compositor.render_strips(s.app.size)
            for segment in strip.apply_filter(s.app._filters[-1], s.app.screen.styles.background)
            if segment.style and segment.style.color and segment.style.bgcolor
        }
        greys = {pair for pair in colours if all(t is None or len(set(t)) == 1 for t in pair)}
        assert colours == greys
        assert "✓" in screen_text(s.app)
