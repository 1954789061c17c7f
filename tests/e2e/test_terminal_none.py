"""Where there is no terminal, or nothing to show in it."""

from __future__ import annotations

import subprocess
from functools import partial
from pathlib import Path

import pytest

from tests.e2e.terminal import PROGRAM, READY, Terminal, needs_tmux, terminal

LINE = "safemig: no terminal here; use a command, for example `safemig run --mode auto --json`"


@pytest.mark.parametrize("words", [[], ["show"]])
def test_one_line_and_exit_2(tmp_path: Path, words: list[str]) -> None:
    done = subprocess.run(
        [PROGRAM, *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"{LINE}\n")


@needs_tmux
@pytest.mark.parametrize("redirection", ["< /dev/null", "| cat", "2> errors"])
def test_half_a_terminal_is_none(tmp_path: Path, redirection: str) -> None:
    with terminal(tmp_path, tmp_path / "tmux", (120, 24)) as screen:
        screen.line(f'set -o pipefail; safemig {redirection}; echo "exit=$?"')
        assert screen.exit_code() == 2
        said = (tmp_path / "errors").read_text(encoding="utf-8") if "errors" in redirection else screen.screen()
        assert LINE in said
        assert b"\x1b[?1049h" not in screen.raw(), "the screen was never opened"


@needs_tmux
@pytest.mark.parametrize("term", ["dumb", "ansi", "screen-256color", "unknown-to-everybody"])
def test_an_empty_folder_is_told_in_any_terminal(tmp_path: Path, term: str) -> None:
    with terminal(tmp_path, tmp_path / "tmux", (80, 24)) as screen:
        screen.safemig(environment=f"TERM={term}")
        screen.wait_for("mode  default", "Found here")
        screen.keys("q")
        assert screen.exit_code() == 0
        assert screen.tell("alternate_on") == "0"


@needs_tmux
def test_nothing_to_show_is_one_line(tmp_path: Path) -> None:
    with terminal(tmp_path, tmp_path / "tmux", (120, 24)) as screen:
        screen.safemig("show")
        assert screen.exit_code() == 2
        lines = [line for line in screen.screen().splitlines() if line and READY not in line]
        assert len(lines) == 2, lines
        assert lines[0].startswith("safemig: ")


@needs_tmux
def test_a_size_in_the_environment_does_not_hold_the_screen(tmp_path: Path) -> None:
    with terminal(tmp_path, tmp_path / "tmux", (90, 24)) as screen:
        screen.safemig(environment="COLUMNS=50 LINES=14")
        for width, height in ((90, 24), (100, 30), (72, 20)):
            screen.resize(width, height)
            screen.until(partial(fills, screen, width, height), what=f"a screen of {width}x{height}")
        screen.keys("q")
        assert screen.exit_code() == 0


def fills(screen: Terminal, width: int, height: int) -> bool:
    """Whether the first line ends at the right border, and the keys stand in the last line."""
    lines = screen.screen().split("\n")
    return width - 2 <= len(lines[0].rstrip()) <= width and "q quit" in lines[height - 1]
