"""The terminal form on a pseudo-terminal: what a person types there, and what comes to the screen."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from safemig import entry
from tests.spine.project import PLAIN_PYTEST, Spine
from tests.trusting import trusting


@contextmanager
def typed(spine: Spine, command: str, *options: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """`safemig COMMAND` in a terminal of its own, and the terminal's other side."""
    primary, secondary = pty.openpty()
    trusting(spine.root)
    line = [sys.executable, "-P", str(Path(entry.__file__)), command, "--project", str(spine.root), *options]
    plain = {**os.environ, **PLAIN_PYTEST, "NO_COLOR": "1"}
    with subprocess.Popen(
        line, env=plain, stdin=secondary, stdout=secondary, stderr=secondary, start_new_session=True
    ) as process:
        os.close(secondary)
        try:
            yield process, primary
        finally:
            if process.poll() is None:
                process.terminate()
            os.close(primary)


def read_until(terminal: int, *words: str) -> str:
    """What came to a terminal until all of ``words`` stand in it."""
    text = ""
    while not all(word in text for word in words):
        ready, _, _ = select.select([terminal], [], [], 60)
        assert ready, f"{words} did not come: {text}"
        try:
            text += os.read(terminal, 65536).decode("utf-8", "replace").replace("\r\n", "\n")
        except OSError:
            pytest.fail(f"it ended before {words}: {text}")
    return text
