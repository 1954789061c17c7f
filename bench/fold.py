"""How long it takes to read and fold a journal: 20,000 events, and whether twice as many take twice as long.

Usage: python bench/fold.py. Prints the seconds for reading and for folding, and the ratio of folding twice the
events; ends with 1 when folding 20,000 takes more than 0.5 s, or twice the events take more than 3 times as long.
"""

from __future__ import annotations

import gc
import sys
import time
from pathlib import Path

import msgspec

sys.path.insert(0, str(Path(__file__).parent.parent))

EVENTS = 20_000
LIMIT = 0.5  # seconds
RATIO = 3.0
TIMES = 5


def journal(count: int) -> list[bytes]:
    """The lines of a run that did everything often: steps, commands with output, evidence, questions, notes."""
    from safemig.journal.events import Event

    told: list[tuple[str, str, dict[str, object]]] = [("run.started", "", {"project": "/p", "mode": "auto"})]
    number = 0
    while len(told) < count:
        number += 1
        step = f"step-{number}"
        file = f"commands/{number:04}.output"
        evidence = {"kind": "endpoint", "subject": f"GET /{number % 50}", "seen": True, "began": "", "ended": ""}
        told += [
            ("step.started", step, {"title": step, "intent": "test", "phase": "before", "command": "make test"}),
            ("approval.asked", step, {"id": f"q{number}", "kind": "step", "digest": f"d{number}", "title": step}),
            ("approval.given", step, {"id": f"q{number}", "digest": f"d{number}", "answer": "once", "by": "person"}),
            ("command.started", step, {"number": number, "line": "make test", "cwd": ".", "output": file}),
            *(("command.output", step, {"number": number, "file": file, "end": end}) for end in range(4)),
            ("command.finished", step, {"number": number, "status": 0, "how": "exit", "file": file, "end": 4}),
            ("evidence", step, {"moment": "before", "evidence": {**evidence, "repeat": "", "data": {"status": 200}}}),
            ("note", step, {"level": "info", "text": f"note {number}"}),
            ("step.finished", step, {"status": "done", "seconds": 1.0, "command": "make test"}),
        ]
    wall = "2026-01-01T00:00:00.000+00:00"
    lines = enumerate(told[:count], 1)
    return [msgspec.json.encode(Event(seq, kind, "r", "t", step, wall, 0.0, data)) for seq, (kind, step, data) in lines]  # type: ignore[arg-type]


def measured(count: int) -> tuple[float, float]:
    """Seconds of CPU for reading that many events, and for folding them; the best of several."""
    from safemig.journal.fold import fold
    from safemig.journal.journal import decode

    lines = journal(count)
    gc.disable()  # its full passes over all that is alive grow with the test, not with the fold
    reading, folding = [], []
    for _ in range(TIMES):
        began = time.process_time()
        events = decode(lines, "bench")
        read = time.process_time()
        fold(events)
        reading.append(read - began)
        folding.append(time.process_time() - read)
    return min(reading), min(folding)


def main() -> int:
    """Prints the figures; 1 when one is passed."""
    reading, folding = measured(EVENTS)
    _, twice = measured(2 * EVENTS)
    ratio = twice / folding
    print(f"{EVENTS} events: read and checked in {reading:.3f} s, folded in {folding:.3f} s (limit {LIMIT} s)")
    print(f"folding twice as many takes {ratio:.2f} times as long (limit {RATIO})")
    return int(folding > LIMIT or ratio > RATIO)


if __name__ == "__main__":
    sys.exit(main())
