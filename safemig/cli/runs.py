"""`safemig runs`: the project's runs, oldest first."""

from __future__ import annotations

import argparse
from pathlib import Path

from checks.evidence import Json
from checks.text import plain
from safemig.base.counting import counted
from safemig.base.moments import minute
from safemig.cli.opening import open_project, sealed_runs
from safemig.cli.printing import coloured, json_out, out, painted
from safemig.journal.events import GOOD, RESUMABLE
from safemig.journal.state import RunState

WAITING = "unfinished"  # a run that an engine works on, or that was killed


def main(options: argparse.Namespace) -> int:
    """Always 0; an empty list is an answer too."""
    found = rows(open_project(options).state)
    if options.json:
        json_out(found)
        return 0
    for row in found:
        out(_line(row) + "\n", coloured=coloured())
        if "unsealed" in row:
            out(plain(f"  left out: {row['unsealed']}") + "\n")
    if not found:
        out("no runs yet\n")
    return 0


def rows(state: Path) -> list[dict[str, Json]]:
    """What is told of each run of the project, oldest first."""
    return [_row(name, past, unsealed) for name, past, unsealed in sealed_runs(state)]


def _row(name: str, past: RunState, unsealed: str) -> dict[str, Json]:
    """``unsealed`` says why the rest of its journal is left out."""
    return {
        "run": name,
        "began": past.began,
        "ended": past.ended if past.verdict else "",
        "mode": past.mode,
        "verdict": past.verdict or WAITING,
        "resumable": past.verdict in RESUMABLE and past.start is not None and not unsealed,
        "spec": past.spec,
        "phase": past.phase,
        "steps": sum(bool(step.outcome) for step in past.known.values()),
        "in_flight": past.in_flight,
        "reason": past.reason,
        **({"unsealed": unsealed} if unsealed else {}),
    }


def _line(row: dict[str, Json]) -> str:
    verdict = str(row["verdict"])
    shade = "good" if verdict in GOOD else "warn" if row["resumable"] else "bad"
    steps = row["steps"]
    about = [
        f"{counted(steps if isinstance(steps, int) else 0, 'step'):>9}",
        f"{row['mode']:<8}",
        f"{row['spec']} phase {row['phase']}" if row["phase"] else str(row["spec"]),
        f"in flight: {row['in_flight']}" if row["resumable"] and row["in_flight"] else "",
    ]
    name = plain(f"{minute(str(row['began'])):<16}  {row['run']}")
    return f"{name}  {painted(shade, f'{verdict:<12}')}  {plain('  '.join(about))}".rstrip()
