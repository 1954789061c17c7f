"""A real terminal for tests: tmux runs the installed safemig, keys are typed and the screen is read."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

SAFEMIG = Path(sys.executable).with_name("safemig")


class Terminal:
    """One tmux server of its own with one window."""

    def __init__(self, folder: Path, width: int, height: int) -> None:
        self._socket = f"safemig-test-{uuid.uuid4().hex[:8]}"
        self._tmux("-f", "/dev/null", "new-session", "-d", "-x", str(width), "-y", str(height), "-c", str(folder), "sh")

    def _tmux(self, *words: str) -> str:
        line = ["tmux", "-L", self._socket, *words]
        own = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
        return subprocess.run(line, capture_output=True, text=True, check=True, timeout=20, env=own).stdout

    def type(self, *keys: str) -> None:
        """Keys by tmux's names."""
        self._tmux("send-keys", *keys)

    def run(self, line: str) -> None:
        """A shell line."""
        self._tmux("send-keys", "-l", line)
        self._tmux("send-keys", "Enter")

    def resize(self, width: int, height: int) -> None:
        """Another size of the window."""
        self._tmux("resize-window", "-x", str(width), "-y", str(height))

    @property
    def text(self) -> str:
        """What stands on the screen."""
        return self._tmux("capture-pane", "-p")

    def wait(self, *words: str, seconds: float = 60.0) -> str:
        """The screen once one of these texts stands on it."""
        return self.until(lambda text: any(word in text for word in words), f"any of {words}", seconds)

    def until(self, good: Callable[[str], bool], what: str, seconds: float = 60.0) -> str:
        """The screen once ``good`` says so of it."""
        last = ""
        limit = time.monotonic() + seconds
        while time.monotonic() < limit:
            last = self.text
            if good(last):
                return last
            time.sleep(0.05)
        raise AssertionError(f"{what} did not come up in {seconds} s; on the screen:\n{last}")

    def close(self) -> None:
        """The terminal is closed: what runs in it gets SIGHUP."""
        subprocess.run(["tmux", "-L", self._socket, "kill-server"], capture_output=True, check=False, timeout=20)


@contextmanager
def terminal(folder: Path, width: int = 120, height: int = 40) -> Iterator[Terminal]:
    """A terminal in ``folder``; skips where there is no tmux."""
    if not shutil.which("tmux"):
        pytest.skip("no tmux here")
    if not SAFEMIG.exists():
        pytest.skip("the console script is not installed beside this Python")
    one = Terminal(folder, width, height)
    try:
        yield one
    finally:
        one.close()
