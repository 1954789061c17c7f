"""`safemig report`: rebuilt from the journal, for a finished, killed or running run."""

from __future__ import annotations

import argparse
from dataclasses import replace

import msgspec

from safemig.base.redaction import redact
from safemig.cli.errors import UsageError
from safemig.cli.opening import open_project, past_of, run_folder
from safemig.cli.printing import escaped, out
from safemig.cli.writing import write_out
from safemig.engine.redact_evidence import clean_step
from safemig.planning.plan import Plan
from safemig.reports.formats import render


def main(options: argparse.Namespace) -> int:
    """0 when there is a report."""
    opened = open_project(options)
    folder = run_folder(opened.state, options.run)
    summary, unsealed = past_of(opened.state, folder)
    if unsealed and summary.start is None:
        raise UsageError(f"{unsealed}; there is nothing to report")
    plan = None
    if summary.plans:
        plan = msgspec.json.decode((folder / summary.plans[-1].file).read_bytes(), type=Plan)
        shown = (clean_step(step, lambda text: redact(text, opened.runtime.secrets())) for step in plan.steps)
        plan = replace(plan, steps=tuple(shown))
    text = render(summary, options.format, plan=plan, unsealed=unsealed)
    if options.out:
        write_out(options.out, text)
    else:
        out(escaped(text) if options.format == "json" else text)
    return 0
