"""How long `safemig` takes from exec to its first painted text, against an empty Textual app, in one run.

Prints one JSON document; exits 1 when the ratio of the medians is over its limit. Both are started in turns on a
pseudo terminal, so that a busy machine slows both.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import pty
import select
import signal
import statistics
import struct
import sys
import tempfile
import termios
import time
from pathlib import Path

LIMIT = 1.3
EMPTY = """
from textual.app import App, ComposeResult
from textual.widgets import Static

class Empty(App[None]):
    def compose(self) -> ComposeResult:
        yield Static("painted")

Empty().run()
"""
PATIENCE = 30.0


def seconds_to(argv: list[str], folder: Path, mark: bytes) -> float:
    """From exec until ``mark`` was painted; the process is ended then."""
    began = time.perf_counter()
    pid, fd = pty.fork()
    if pid == 0:
        os.chdir(folder)
        os.environ.update({"TERM": "xterm-256color", "COLUMNS": "120", "LINES": "40"})
        os.execv(argv[0], argv)
    try:
        fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        seen = b""
        while mark not in seen:
            if time.perf_counter() - began > PATIENCE:
                raise TimeoutError(f"{argv} did not paint {mark!r} in {PATIENCE} s")
            if select.select([fd], [], [], 0.5)[0]:
                seen += os.read(fd, 65536)
        return time.perf_counter() - began
    finally:
        os.kill(pid, signal.SIGKILL)
        os.close(fd)
        os.waitpid(pid, 0)


def measure(times: int) -> dict[str, object]:
    """The medians of both, and their ratio."""
    with tempfile.TemporaryDirectory(prefix="safemig-bench-") as made:
        folder = Path(made)
        (folder / "Makefile").write_text("build:\n\ttrue\n")
        empty = folder / "empty.py"
        empty.write_text(EMPTY)
        programs = {
            "empty": ([sys.executable, str(empty)], b"painted"),
            "safemig": ([str(Path(sys.executable).with_name("safemig"))], b"looking at the project"),
        }
        found: dict[str, list[float]] = {name: [] for name in programs}
        for turn in range(times + 1):
            for name, (argv, mark) in programs.items():
                seconds = seconds_to(argv, folder, mark)
                if turn:  # the first turn fills the file cache and writes the byte code
                    found[name].append(seconds)
    medians = {name: statistics.median(all_of) for name, all_of in found.items()}
    ratio = medians["safemig"] / medians["empty"]
    return {
        "empty_ms": round(medians["empty"] * 1000),
        "safemig_ms": round(medians["safemig"] * 1000),
        "ratio": round(ratio, 3),
        "limit": LIMIT,
        "ok": ratio <= LIMIT,
        "runs": times,
    }


def main() -> int:
    """0 when within the limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=15)
    result = measure(parser.parse_args().runs)
    print(json.dumps(result, indent=2))
    return 0 if result["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
