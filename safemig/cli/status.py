"""`safemig status`: one look at project, services, database and runs. Changes nothing."""

from __future__ import annotations

import argparse

from checks.text import plain
from safemig.cli.opening import look_at, open_project, runs
from safemig.cli.printing import json_out, out
from safemig.journal.events import RESUMABLE
from safemig.planning.notes import lacks
from safemig.planning.request import Request

READ = ("current", "pending")  # null: could not be read
LONG = ("running", "missing", "unread", "notes")  # lists of sentences: a line each


def main(options: argparse.Namespace) -> int:
    """0 when the project could be read, whatever state it is in."""
    opened = open_project(options)
    facts = look_at(opened, Request())
    unfinished = [name for name, past in runs(opened.state) if past.verdict in RESUMABLE and past.start]
    document = {
        "format": 1,
        "target": facts.target,
        "trusted": opened.standing.trusted,
        "digest": opened.standing.digest,
        "runtime": facts.runtime,
        "runtime_problem": opened.runtime.available(),
        "running": facts.running,
        "database": facts.database,
        "current": facts.current,
        "heads": facts.heads,
        "pending": facts.pending,
        "spec": facts.spec.path if facts.spec else None,
        "phase": facts.spec.phase if facts.spec else None,
        "chosen_because": facts.spec.why if facts.spec else None,
        "missing": lacks(facts),
        "unread": facts.unread,
        "notes": (*facts.problems, *facts.unchosen),
        "unfinished_runs": unfinished,
    }
    if options.json:
        json_out(document, indented=True)
        return 0
    for name, value in document.items():
        if name == "format":
            continue
        words = [str(one) for one in value] if isinstance(value, (list, tuple)) else [_word(value)]
        short = "unknown" if value is None and name in READ else ", ".join(words) or "-"
        lines = words if name in LONG and words else [short]
        for place, line in enumerate(lines):
            out(f"{'' if place else name.replace('_', ' '):<16} {plain(line)}\n")
    return 0


def _word(value: object) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else str(value or "-")
