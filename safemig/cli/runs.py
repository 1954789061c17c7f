"""`safemig runs`: the project's runs, oldest first."""

from __future__ import annotations

import argparse

from safemig.cli.opening import open_project, runs
from safemig.cli.printing import json_out, out


def main(options: argparse.Namespace) -> int:
    """Always 0; an empty list is an answer too."""
    rows = []
    for name, past in runs(open_project(options).state):
        finished = [step for step in past.known.values() if step.outcome]
        rows.append(
            {
                "run": name,
                "mode": past.mode,
                "verdict": past.verdict or "unfinished",
                "spec": past.spec,
                "steps": len(finished),
                "in_flight": past.in_flight,
            }
        )
    if options.json:
        json_out(rows)
        return 0
    for row in rows:
        in_flight = f"   in flight: {row['in_flight']}" if row["in_flight"] else ""
        out(f"{row['run']}   {row['verdict']:<12} {row['steps']:>3} steps   {row['mode']}{in_flight}\n")
    if not rows:
        out("no runs yet\n")
    return 0
