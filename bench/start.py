"""`safemig --help` against an empty Python: medians of 15 starts each, taken in turns.

Prints "name milliseconds, ratio, limit ok|over" and exits 1 when it takes more than 5 times as long.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

LIMIT = 5.0
ROUNDS = 15
EMPTY = [sys.executable, "-c", "pass"]
HELP = [str(Path(sys.executable).with_name("safemig")), "--help"]


def seconds(line: list[str]) -> float:
    """Wall time of one start."""
    began = time.perf_counter()
    subprocess.run(line, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def main() -> int:
    """Prints the figures; 1 when the limit is passed."""
    for line in (EMPTY, HELP):
        seconds(line)  # the byte code is written, the files are in the page cache
    pairs = [(seconds(EMPTY), seconds(HELP)) for _ in range(ROUNDS)]
    empty, shown = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = shown / empty
    verdict = "over" if ratio > LIMIT else "ok"
    print(f"empty Python {empty * 1000:.0f} ms")
    print(f"safemig --help {shown * 1000:.0f} ms, {ratio:.1f} times an empty Python, limit {LIMIT:g} {verdict}")
    return int(ratio > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
