"""`safemig tick FILE:LINES`: the person's own ticks, one byte each."""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path

from safemig import checklist
from safemig.cli.errors import UsageError
from safemig.spec.document import read


def main(options: argparse.Namespace) -> int:
    """0 when all lines are ticked now, or were already; nothing is written when one of them is no item."""
    name, _, lines = options.place.rpartition(":")
    path = Path(name)
    if not name or path.is_dir():
        raise UsageError(f"{options.place}: say FILE:LINES, for example docs/plan.md:12,14-16")
    if not path.is_file():
        raise UsageError(f"{name}: there is no such file")
    wanted = numbers(lines)
    content = path.read_bytes()
    document = read(path, path.parent)
    items = [item for phase in document.phases for item in phase.items if item.line in wanted]
    missing = sorted(wanted - {item.line for item in items})
    if missing:
        raise UsageError(f"{name}: no checklist item stands on line {', '.join(map(str, missing))}")
    fresh = [item for item in items if not item.checked]
    if fresh:
        checklist.write_ticks(path, hashlib.sha256(content).hexdigest(), fresh)
    for item in items:
        word = "already ticked" if item.checked else "[x]"
        sys.stdout.write(f"{name}:{item.line} {word} {item.text}\n")
    return 0


def numbers(text: str) -> frozenset[int]:
    """ "3,5-7" -> 3, 5, 6, 7. Raises UsageError."""
    found: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()):
            raise UsageError(f"{text}: lines are numbers and ranges, for example 12,14-16")
        start, end = int(first), int(last or first)
        if not 1 <= start <= end <= start + 10_000:
            raise UsageError(f"{part}: not a range of lines")
        found.update(range(start, end + 1))
    return frozenset(found)
