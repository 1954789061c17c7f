"""The log pane as a person meets it: what it draws, how it follows, and output that wants to do harm."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from textual.events import MouseScrollUp

from checks.evidence import Json
from tests.tui.log_stage import LONG, looked_at, stage, story
from tests.tui.screens import check_golden, screen_text
from tests.tui.test_log_store import HOSTILE

GOLDENS = Path(__file__).parent / "goldens"


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_what_a_run_leaves_in_the_log(size: tuple[int, int], tmp_path: Path) -> None:
    async with stage(tmp_path, size) as played:
        await story(played)
        check_golden(played.app, GOLDENS / f"log_{size[0]}x{size[1]}.txt")


async def test_errors_with_times_and_long_lines_broken(tmp_path: Path) -> None:
    async with stage(tmp_path) as played:
        await story(played)
        played.command(4, "make migrate", "migrate", b"word " * 40 + b"\n")
        await played.settle()
        await played.press("t", "w", "l", "l")
        check_golden(played.app, GOLDENS / "log_errors_80x24.txt")
        await played.press("l", "G")
        check_golden(played.app, GOLDENS / "log_wrapped_80x24.txt")


@pytest.mark.parametrize("size", [(40, 12), (200, 60), (20, 6), (5, 3), (1, 1)])
async def test_no_size_breaks_it(size: tuple[int, int], tmp_path: Path) -> None:
    async with stage(tmp_path, size) as played:
        await story(played)
        played.command(4, "make long", "long", LONG + "日本語 ".encode() * 500 + b"\n")
        await played.settle()
        await played.press("w", "t", "k", "pageup", "right", "w", "right", "E", "slash", "escape", "g", "G")
        await played.pilot.resize_terminal(33, 7)
        await played.pilot.resize_terminal(100, 50)
        await played.settle()
        assert "the long output" in screen_text(played.app)


async def test_it_follows_until_one_scrolls_up_and_says_what_is_new(tmp_path: Path) -> None:
    async with stage(tmp_path) as played:
        played.command(1, "make long", "long", LONG, how="")
        await played.settle()
        assert "line 300 of" in screen_text(played.app) and played.state.startswith("following · 301 lines")
        await played.press("k")
        shown = screen_text(played.app)
        assert "line 300 of" not in shown and "line 299 of" in shown
        assert "PAUSED +0 new" in played.state
        played.grow(1, b"more\n" * 1200)
        played.event("command.output", "long", number=1, file="0001.output", start=0, end=len(LONG) + 6000)
        await played.settle()
        assert "line 299 of" in screen_text(played.app), "what is read does not move"
        assert "PAUSED +1,200 new" in played.state
        await played.press("f")
        assert "following" in played.state and "line 299 of" not in screen_text(played.app)
        await played.press("f")
        assert "PAUSED +0 new" in played.state
        await played.press("k", "j")
        assert "following" in played.state, "the end of the log follows again"


async def test_the_file_of_a_running_command_is_looked_at_between_events(tmp_path: Path) -> None:
    async with stage(tmp_path) as played:
        played.command(1, "make serve", "serve", b"begun\n", how="ready")
        await played.settle()
        played.grow(1, b"a word without an event\n")
        await played.until(lambda: "a word without an event" in screen_text(played.app))


async def test_a_long_backlog_is_taken_in_turns(tmp_path: Path) -> None:
    async with stage(tmp_path) as played:
        played.command(1, "make long", "long", LONG * 1000, how="")
        await played.until(lambda: len(played.pane.store) > 0)
        assert len(played.pane.store) < 300_001
        await played.press("t")
        assert played.pane.rows.times
        await played.settle()
        assert "300,001 lines" in played.state


async def test_wheel_and_scroll_bar(tmp_path: Path) -> None:
    async with stage(tmp_path) as played:
        played.command(1, "make long", "long", LONG, how="")
        await played.settle()
        bottom = played.top
        await played.pilot._post_mouse_events([MouseScrollUp], played.pane.rows, (5, 5))
        await played.pilot.pause()
        assert played.top == bottom - 3
        bar = played.pane.query_one("LogBar")
        await played.pilot.click(bar, offset=(0, 0))
        await played.pilot.pause()
        assert played.top < bottom - 3
        await played.pilot.mouse_down(bar, offset=(0, bar.size.height - 2))
        await played.pilot.pause()


async def test_no_control_of_the_output_reaches_the_screen(tmp_path: Path) -> None:
    async with stage(tmp_path, (120, 40)) as played:
        for number, attack in enumerate(HOSTILE, 1):
            label = attack.decode("utf-8", "replace")
            played.command(
                number, f"make {label}", f"step {label}", attack + b"\n" + b"mid " + attack + b" end\n", status=1
            )
            played.event("note", "x", level="error", text=f"note {label} note")
            service: Json = {"id": "1", "log_tail": [label], "startup_errors": [{"line": 1, "text": label}]}
            evidence = looked_at("container", {"services": {f"web{label}": service}})
            played.event("evidence", "x", moment="start", evidence=evidence)
        await played.settle()
        for keys in [("g", "t"), *[("pagedown",)] * 4, ("w", "g"), *[("s",)] * 5, *[("S",)] * 3, ("l", "g")]:
            await played.press(*keys)
            drawn = list(played.app.screen._compositor.render_strips(played.app.size))
            assert controls("".join(strip.text for strip in drawn)) == []
            assert not [segment for strip in drawn for segment in strip if segment.control]


def controls(text: str) -> list[str]:
    return [char for char in text if unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"}]


async def test_the_end_of_following_the_service_is_no_error(tmp_path: Path) -> None:
    async with stage(tmp_path) as played:
        played.command(1, "docker compose logs -f api", "logs", b"listening\n", how="stopped")
        played.command(2, "make test", "test", b"3 passed\n", how="stopped")
        await played.settle()
        assert "is no longer followed after 1.2 s" in screen_text(played.app)
        await played.press("l")
        shown = screen_text(played.app)
        assert "no longer followed" not in shown
        assert "was stopped after 1.2 s" in shown
