"""`safemig plan`: the document, from facts alone. Changes nothing of the project."""

from __future__ import annotations

import argparse

import msgspec

from safemig.base.redaction import redact
from safemig.cli.opening import look_at, open_project
from safemig.cli.printing import escaped, out
from safemig.cli.writing import write_out
from safemig.engine.redact_evidence import clean_texts
from safemig.planning.collect.impact import with_impact
from safemig.planning.planner import draft
from safemig.planning.request import Request
from safemig.planning.text import plan_lines, unwritten


def main(options: argparse.Namespace) -> int:
    """0 when a plan could be made, open points or not; 4 when discovery leaves a choice to a person."""
    opened = open_project(options)
    request = Request(options.spec, options.phase, options.message)
    facts = with_impact(look_at(opened, request), opened.runtime, opened.config)
    plan = draft(facts)

    def clean(text: str) -> str:
        return redact(text, opened.runtime.secrets())

    if options.json:
        document = {"digest": plan.digest, **msgspec.to_builtins(plan), "facts": msgspec.to_builtins(facts)}
        document["unwritten"] = [fact.path for fact in unwritten(facts, plan)]
        text = msgspec.json.format(msgspec.json.encode(clean_texts(document, clean))).decode() + "\n"
    else:
        text = clean("\n".join(plan_lines(facts, plan)) + "\n")
    if options.out:
        write_out(options.out, text)
    else:
        out(escaped(text) if options.json else text)
    return 4 if any(problem.candidates for problem in opened.project.problems) else 0
