"""`safemig report`: rebuilt from the journal, for a finished, killed or running run."""

from __future__ import annotations

import argparse
from pathlib import Path

import msgspec

from safemig.cli.opening import open_project, run_folder
from safemig.cli.printing import escaped, out
from safemig.journal.fold import fold
from safemig.journal.journal import read_events
from safemig.planning.plan import Plan
from safemig.reports.formats import render


def main(options: argparse.Namespace) -> int:
    """0 when there is a report."""
    folder = run_folder(open_project(options).state, options.run)
    summary = fold(read_events(folder))
    plan = None
    if summary.plans:
        plan = msgspec.json.decode((folder / summary.plans[-1].file).read_bytes(), type=Plan)
    text = render(summary, options.format, plan=plan)
    if options.out:
        Path(options.out).write_text(text, encoding="utf-8")
    else:
        out(escaped(text) if options.format == "json" else text)
    return 0
