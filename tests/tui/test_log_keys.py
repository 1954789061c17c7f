"""Each key of the log pane, pressed as a person presses it."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.binding import Binding

from tests.tui.log_stage import LONG, stage, story
from tests.tui.screens import screen_text
from tui.log.keys import KEYS

MOVES = [
    (("g",), 0),
    (("home",), 0),
    (("g", "j", "down"), 2),
    (("g", "j", "j", "k", "up"), 0),
    (("g", "pagedown"), 20),
    (("g", "space"), 20),
    (("g", "ctrl+d"), 10),
    (("g", "pagedown", "ctrl+u"), 10),
    (("g", "pagedown", "pageup"), 0),
    (("G",), 280),
    (("g", "end"), 280),
    (("g", "k"), 0),
    (("G", "pagedown"), 280),
]


@pytest.mark.parametrize("wrap", [False, True])
async def test_keys_that_move(wrap: bool, tmp_path: Path) -> None:
    async with stage(tmp_path) as played:
        played.command(1, "make long", "long", LONG, how="")
        await played.settle()
        rows = played.pane.rows.size.height
        scaled = {20: rows // 2 * 2, 10: rows // 2, 280: 301 - rows}
        await played.press(*(["w"] if wrap else []))
        for keys, top in MOVES:
            await played.press(*keys)
            assert played.top == scaled.get(top, top), keys


async def test_a_long_line_is_read_sideways_or_broken(tmp_path: Path) -> None:
    async with stage(tmp_path) as played:
        words = " ".join(f"word{number}" for number in range(30))
        played.command(1, "x", "s", f"{words}\n".encode(), how="")
        await played.settle()
        assert "word25" not in screen_text(played.app)
        await played.press(*["right"] * 20)
        assert "word29" in screen_text(played.app) and "word0 " not in screen_text(played.app)
        await played.press(*["left"] * 20, "w")
        assert all(f"word{number}" in screen_text(played.app).replace("│\n│", "") for number in (0, 15))
        together = "".join(line[5:-2] for line in screen_text(played.app).splitlines()[2:9]).rstrip("│ ")
        assert "word29" in together


async def test_a_line_longer_than_the_screen_is_walked_through(tmp_path: Path) -> None:
    async with stage(tmp_path) as played:
        played.command(1, "x", "s", b"<" + b"0123456789" * 1000 + b">\n", how="")
        await played.settle()
        await played.press("w")
        assert ">" in screen_text(played.app) and "<" not in screen_text(played.app)
        await played.press("g", "j", "j", "k", "k")
        assert "<" in screen_text(played.app)
        for _ in range(200):
            if played.pane.rows.following:
                break
            await played.press("pagedown")
        assert ">" in screen_text(played.app)


async def test_search_goes_on_and_back_and_around(tmp_path: Path) -> None:
    async with stage(tmp_path) as played:
        played.command(1, "make long", "long", LONG, how="")
        await played.settle()
        await played.press("g", "slash", *"line 2", "enter")
        assert (played.here, played.pane.has_focus) == ("line 2 of the long output", True)
        assert "/line 2" in played.state and "PAUSED" in played.state
        await played.press("n")
        assert played.here.startswith("line 20 ")
        await played.press("N", "N")
        assert played.here.startswith("line 299 ")
        assert "from the end again" in played.told
        await played.press("n")
        assert played.here.startswith("line 2 ")
        await played.press("slash", *"no such text", "enter")
        assert played.told[-1] == "No line has “no such text”."
        await played.press("escape")
        assert "/" not in played.state


async def test_matches_stand_out(tmp_path: Path) -> None:
    async with stage(tmp_path) as played:
        played.command(1, "x", "s", b"one needle and a Needle\n", how="")
        await played.settle()
        await played.press("slash", *"needle", "enter")
        strip = played.pane.rows.render_line(1)
        reverse = [segment.text for segment in strip if segment.style and segment.style.reverse]
        assert reverse == ["needle", "Needle"]


async def test_typing_a_search_presses_no_key_of_the_log(tmp_path: Path) -> None:
    async with stage(tmp_path) as played:
        await story(played)
        await played.press("slash", *"fwtlsec", "N")
        assert (played.pane.rows.following, played.pane.rows.wrap, played.pane.rows.times) == (True, False, False)
        await played.press("escape")
        assert played.pane.has_focus and played.pane.pattern == ""


async def test_next_and_previous_error(tmp_path: Path) -> None:
    async with stage(tmp_path, (80, 12)) as played:
        await story(played)
        await played.press("g", "e")
        assert played.here == "start-up error, line 3 of its log: no such table"
        await played.press("e")
        assert played.here == "E   ModuleNotFoundError: No module named 'httpx'"
        await played.press("e", "e", "e")
        assert played.here == "ended with status 2 after 1.2 s"
        await played.press("e")
        assert played.here.startswith("start-up error") and "from the top again" in played.told
        await played.press("E", "E")
        assert played.here == "make: *** [Makefile:32: test] Error 2"


async def test_no_error_is_said(tmp_path: Path) -> None:
    async with stage(tmp_path) as played:
        await played.press("e")
        assert played.told == ["No line is an error."]


async def test_filters_by_source_step_and_level(tmp_path: Path) -> None:
    async with stage(tmp_path) as played:
        await story(played)
        await played.press("s")
        assert "6 of 21 lines · only source make build" in played.state
        assert "Installed 23 packages" in screen_text(played.app) and "httpx" not in screen_text(played.app)
        await played.press("s", "s", "s")
        assert "only source make test" in played.state
        await played.press("l")
        assert "5 of 21 lines · only source make test, warnings and errors" in played.state
        await played.press("l")
        assert "4 of 21 lines · only source make test, errors" in played.state
        await played.press("escape")
        assert "following · 21 lines" in played.state
        await played.press("S", "S")
        assert "4 of 21 lines · only step observe" in played.state
        await played.press("escape", "s", "s", "s", "s", "s")
        assert "3 of 21 lines · only source ! git status --short" in played.state
        await played.press("s")
        assert "only" not in played.state


async def test_a_filter_keeps_the_place_and_takes_what_comes(tmp_path: Path) -> None:
    async with stage(tmp_path) as played:
        played.command(1, "make long", "long", LONG.replace(b"line 150 ", b"ERROR 150 "), how="")
        await played.settle()
        await played.press("g", "e")
        assert "ERROR 150" in screen_text(played.app)
        await played.press("s")
        assert "line 151 of" in screen_text(played.app), "still where it was"
        await played.press("l")
        assert "1 of 301 lines" in played.state
        played.grow(1, b"ERROR more\nfine\n")
        size = (tmp_path / "0001.output").stat().st_size
        played.event("command.output", "long", number=1, file="0001.output", start=0, end=size)
        await played.settle()
        assert "+1 new" in played.state and "2 of 303 lines" in played.state


async def test_copy_takes_whole_lines_of_the_screen(tmp_path: Path) -> None:
    async with stage(tmp_path) as played:
        played.command(1, "x", "s", b"a" * 300 + b"\n\x1b]52;c;AAAA\x07short\n", how="")
        await played.settle()
        await played.press("c")
        assert played.app.copied == f"x: $ x   in backend\nx: {'a' * 300}\nx: short"
        assert played.told == ["3 lines copied"]


async def test_save_writes_what_is_shown_and_overwrites_nothing(tmp_path: Path) -> None:
    async with stage(tmp_path) as played:
        await story(played)
        await played.press("ctrl+s", "l", "l", "t", "ctrl+s")
        lines = (tmp_path / "log.txt").read_text().splitlines()
        assert len(lines) == 21 and lines[1] == "make build: uv sync --frozen"
        errors = (tmp_path / "log-2.txt").read_text().splitlines()
        assert len(errors) == 5 and errors[-1].endswith("make test: ended with status 2 after 1.2 s")
        assert errors[0].startswith("10:00:")
        assert (tmp_path / "log.txt").stat().st_mode & 0o777 == 0o600
        assert played.told[-1] == f"Saved as {tmp_path / 'log-2.txt'}"


async def test_save_says_why_it_cannot(tmp_path: Path) -> None:
    async with stage(tmp_path) as played:
        played.pane.open_run(tmp_path / "absent")
        await played.press("ctrl+s")
        played.pane.store.run_folder = None
        await played.press("ctrl+s")
        assert "could not be saved" in played.told[0] and "no run yet" in played.told[1]


def test_every_key_has_a_name_and_a_tooltip() -> None:
    keys = [key for key in KEYS if isinstance(key, Binding)]
    assert len(keys) == len(KEYS)
    assert all(key.id and key.id.startswith("log.") and key.tooltip and key.description for key in keys)
    assert len({key.id for key in keys}) == len(keys)
    pressed = [one for key in keys for one in key.key.split(",")]
    assert len(set(pressed)) == len(pressed)
    assert not {"ctrl+i", "ctrl+m", "ctrl+h", "enter", "shift+tab"} & set(pressed)
