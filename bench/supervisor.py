"""Output through the supervisor's redaction against the same output through `cat`, and what a command's start costs.

Usage: python bench/supervisor.py [MEGABYTES]. Prints "name MB/s, times cat, limit ok|over" and exits 1 when plain lines
come slower than 20 MB/s. "keyed" lines hold words that call for a closer look (key, token): every pattern runs,
so there are sixteen times fewer of them.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from safemig.execution import command as commands  # noqa: E402

MEGABYTES = 64
LIMIT = 20.0  # MB/s
ROUNDS = 3
LINES = {
    "plain": "2026-01-05 09:00:00,123 INFO  app.main step {n} of the build has copied layer sha256:9e8cbaa48a37\n",
    "keyed": "tests/test_key.py::test_token[{n}] PASSED --durations=0 password=hunter{n} http://localhost:8000/\n",
}


async def through(line: str, folder: Path) -> float:
    """Seconds that the command takes under its supervisor."""
    command = commands.Command(line, folder, dict(os.environ), secrets=("S3cret!S3cret!S3cret!",))
    ended = await commands.run(command, commands.Files(folder, 1), stop=asyncio.Event(), on_output=lambda *_: None)
    assert ended.status == 0
    return ended.seconds


def supervised(line: str) -> float:
    """The same in a fresh folder."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(through(line, Path(folder)))


def bare(line: str, folder: Path) -> float:
    """Seconds of the same through a pipe into a file."""
    began = time.monotonic()
    subprocess.run(["/bin/sh", "-c", f"{line} | cat > copy"], cwd=folder, check=True)
    return time.monotonic() - began


def main() -> int:
    """Prints the figures; 1 when a limit is passed."""
    megabytes = int(sys.argv[1]) if len(sys.argv) > 1 else MEGABYTES
    folder = Path(tempfile.mkdtemp(prefix="safemig-bench-"))
    over = False
    try:
        for name, line in LINES.items():
            part = "".join(line.format(n=n) for n in range(10_000))
            path = folder / name
            wanted = megabytes * 1_000_000 // (1 if name == "plain" else 16)
            path.write_text(part * (wanted // len(part) + 1), encoding="utf-8")
            size = path.stat().st_size / 1e6
            cat = min(bare(f"cat {path}", folder) for _ in range(ROUNDS))
            ours = min(supervised(f"cat {path}") for _ in range(ROUNDS))
            slow = name == "plain" and size / ours < LIMIT
            over |= slow
            verdict = f"limit {LIMIT:g} {'over' if slow else 'ok'}" if name == "plain" else "no limit"
            print(f"{name} {size / ours:.0f} MB/s, {ours / cat:.1f} times cat, {verdict}")
        empty = statistics.median(supervised("true") for _ in range(9))
        print(f"start and end of an empty command {empty * 1000:.0f} ms")
    finally:
        shutil.rmtree(folder)
    return int(over)


if __name__ == "__main__":
    sys.exit(main())
