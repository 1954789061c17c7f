"""A real terminal for the tests: tmux on a socket of its own, keys in, screen out. It waits by reading the screen."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.trusting import trusting

READY = "ready>"
RUN_SECONDS = 400.0  # for a whole run
ASKING = "n no, with a reason"  # the last line of every question
MODES = ("default", "plan", "auto")
LOOK = 0.1  # seconds between two looks at the screen
SLACK = 60.0  # seconds that a short wait may take on a machine that does other things too
HOSTILE = (
    "\x1b]52;c;c2FmZW1pZw==\x07\x1b]0;hostile\x07\x1b[66;31m\x1bP1;66|hostile\x1b\\"
    "\x9b66m\x9d0;hostile\x9c\u202etxet\u202c\x1b[?66h"
)
"""Sets clipboard, title, colours and modes of a terminal, by seven bit and C1 controls, and turns the text around."""
REACHED = (b"\x1b]52", b"\x1b]0;", b"\x1b[66;31m", b"\x1bP1;66", b"\xc2\x9b", b"\xc2\x9d", b"\xe2\x80\xae", b"\x1b[?66")
"""Bytes of which none is written to the terminal when all of that is harmless."""
PROGRAM = Path(sys.executable).parent / "safemig"

needs_tmux = pytest.mark.skipif(
    shutil.which("tmux") is None or shutil.which("bash") is None,
    reason="tmux or bash is not installed: nothing can be said about a real terminal here",
)


@dataclass(frozen=True)
class Terminal:
    """One shell in one tmux window. ``record`` gets every byte that was written to the terminal."""

    socket: str
    record: Path

    def tmux(self, *words: str) -> str:
        """One tmux command on this server; what it prints."""
        line = ["tmux", "-L", self.socket, "-f", "/dev/null", *words]
        return subprocess.run(line, capture_output=True, text=True, check=True, timeout=30).stdout

    def keys(self, *names: str) -> None:
        """Keys by tmux's names, such as Enter, BTab, C-z, y."""
        self.tmux("send-keys", "-t", "s", "--", *names)

    def type(self, text: str) -> None:
        """Text, letter by letter as it stands."""
        self.tmux("send-keys", "-t", "s", "-l", "--", text)

    def line(self, text: str) -> None:
        """A line for the shell, and Enter."""
        self.type(text)
        self.keys("Enter")

    def screen(self, *, escapes: bool = False) -> str:
        """What stands on the screen now."""
        return self.tmux("capture-pane", "-p", "-t", "s", *(["-e"] if escapes else []))

    def tell(self, name: str) -> str:
        """A variable of tmux, such as pane_title, alternate_on."""
        return self.tmux("display-message", "-p", "-t", "s", f"#{{{name}}}").strip()

    def raw(self) -> bytes:
        """Every byte that was written to the terminal so far."""
        return self.record.read_bytes()

    def resize(self, width: int, height: int) -> None:
        """Another size of the window."""
        self.tmux("resize-window", "-t", "s", "-x", str(width), "-y", str(height))

    def close(self) -> None:
        """The terminal goes away: everything in it gets SIGHUP."""
        self.tmux("kill-session", "-t", "s")

    def until(
        self, condition: Callable[[], object], seconds: float = SLACK, what: str = "it did not come true"
    ) -> None:
        """Waits for something to come true; fails with what stands on the screen."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                pytest.fail(f"{what} within {seconds} s; the screen:\n{self.screen()}")
            time.sleep(LOOK)

    def wait_for(self, *words: str, seconds: float = SLACK) -> str:
        """Waits until all of ``words`` stand on one screen; returns that screen."""
        found: list[str] = []

        def there() -> bool:
            found[:] = [self.screen()]
            return all(word in found[0] for word in words)

        self.until(there, seconds, f"{' and '.join(map(repr, words))} did not come")
        return found[0]

    def wait_gone(self, word: str, seconds: float = SLACK) -> None:
        """Waits until ``word`` stands nowhere on the screen."""
        self.until(lambda: word not in self.screen(), seconds, f"{word!r} stayed")

    def safemig(self, words: str = "", environment: str = "") -> None:
        """`safemig WORDS` as the person types it; the exit code is printed when it has ended."""
        self.line(f'{environment} safemig {words}; echo "exit=$?"'.strip())

    def insist(self, key: str, condition: Callable[[], object]) -> None:
        """Presses ``key`` once a second until it has had its effect: a fresh question takes no answer yet."""
        pressed = 0.0

        def done() -> object:
            nonlocal pressed
            if condition():
                return True
            if time.monotonic() - pressed > 1.0:
                self.keys(key)
                pressed = time.monotonic()
            return False

        self.until(done, what=f"{key} had no effect")

    def exit_code(self, seconds: float = SLACK) -> int:
        """The exit code of what `safemig` started, once the shell is back."""
        self.until(lambda: re.search(r"^exit=\d+$", self.screen(), re.M), seconds, "safemig did not end")
        return int(re.findall(r"^exit=(\d+)$", self.screen(), re.M)[-1])

    @property
    def asking(self) -> bool:
        """Whether a question stands on the screen, or is being typed at."""
        return ASKING in self.screen()

    def answer_all(self, key: str, ended: Callable[[], bool], seconds: float) -> list[str]:
        """Answers each question with ``key`` until ``ended``; returns the first lines of the questions in their order.

        A question that does not fit opens in full first: that is read and left, and the key pressed again. Another
        key is sent only when the screen has had a second for the last: a question that is younger than that
        (SETTLE) is not answered.
        """
        asked: list[str] = []
        pressed = 0.0

        def step() -> bool:
            nonlocal pressed
            if ended():
                return True
            screen = self.screen()
            if "Esc goes back" in screen:
                self.keys("Escape")
                self.until(lambda: "Esc goes back" not in self.screen())
            elif ASKING in screen and (heading(screen) != (asked or [""])[-1] or time.monotonic() - pressed > 1.0):
                if heading(screen) != (asked or [""])[-1]:
                    asked.append(heading(screen))
                self.keys(key)
                pressed = time.monotonic()
            return False

        self.until(step, seconds, "the run did not end")
        return asked


def heading(screen: str) -> str:
    """The title of the question on the screen."""
    found = re.findall(r"^ \? (.*?)(?:\s{2,}.*)?$", screen, re.M)
    return str(found[-1]) if found else ""


def begin(screen: Terminal, mode: str) -> None:
    """`safemig` typed into the shell, the mode chosen with Shift+Tab, Enter."""
    screen.safemig()
    screen.wait_for("Enter starts a run", "mode  default")
    choose_mode(screen, mode)
    screen.keys("Enter")


def choose_mode(screen: Terminal, mode: str) -> None:
    """From the default mode to that one, with Shift+Tab."""
    for name in MODES[1 : MODES.index(mode) + 1]:
        screen.keys("BTab")
        screen.wait_for(f"mode  {name}")


def poison(folder: Path) -> None:
    """Makes every output of the demo's service hostile: Makefile, build, start-up log, tests."""
    (folder / "hostile").write_text(f"visible-build {HOSTILE} end-build\n", encoding="utf-8")
    path = folder / "Makefile"
    lines = path.read_text(encoding="utf-8").splitlines()
    hostile = [f"{line}{HOSTILE} visible-makefile" if "## " in line and "awk" not in line else line for line in lines]
    hostile.insert(next(i for i, line in enumerate(hostile) if line.startswith("build:")) + 1, "\t@cat hostile")
    path.write_text("\n".join(hostile) + "\n", encoding="utf-8")
    with (folder / "app" / "main.py").open("a", encoding="utf-8") as file:
        file.write(f"\nprint({f'INFO: visible-start {HOSTILE} end-start'!r}, flush=True)\n")
    with (folder / "tests" / "conftest.py").open("a", encoding="utf-8") as file:
        file.write(f"\n\ndef pytest_report_header():\n    return {f'visible-tests {HOSTILE} end-tests'!r}\n")


def reached(raw: bytes) -> list[bytes]:
    """What of HOSTILE was written to the terminal."""
    return [part for part in REACHED if part in raw]


def leave_report(screen: Terminal, there: str = "save Mark") -> int:
    """Esc, and q once the report (where ``there`` stands) has gone: together they would be one key, Alt+q. The exit
    code."""
    screen.wait_for(there)
    screen.keys("Escape")
    screen.wait_gone(there)
    screen.keys("q")
    return screen.exit_code()


@contextmanager
def terminal(
    folder: Path,
    home: Path,
    size: tuple[int, int] = (120, 40),
    environment: Mapping[str, str] | None = None,
    *,
    trusted: bool = True,
) -> Iterator[Terminal]:
    """A terminal whose shell stands in ``folder``; ``home`` gets the shell's start file and the record."""
    home.mkdir(parents=True, exist_ok=True)
    if trusted:
        trusting(folder)
    start, record = home / "bashrc", home / f"record-{uuid.uuid4().hex[:6]}"
    start.write_text(f"PS1='{READY} '\nalias safemig='{PROGRAM}'\nunset NO_COLOR\n", encoding="utf-8")
    record.touch()
    one = Terminal(f"safemig-{uuid.uuid4().hex[:12]}", record)
    told = [part for name, value in (environment or {}).items() for part in ("-e", f"{name}={value}")]
    width, height = map(str, size)
    one.tmux("new-session", "-d", "-s", "s", "-x", width, "-y", height, "-c", str(folder), *told,
             "bash", "--noprofile", "--rcfile", str(start), "-i")  # fmt: skip
    try:
        one.tmux("set-option", "-g", "history-limit", "20000")
        one.tmux("pipe-pane", "-t", "s", "-O", f"exec cat >> '{record}'")
        one.wait_for(READY)
        yield one
    finally:
        subprocess.run(["tmux", "-L", one.socket, "kill-server"], capture_output=True, check=False, timeout=30)
