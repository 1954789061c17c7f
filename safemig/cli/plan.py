"""`safemig plan`: the document, from facts alone. Changes nothing of the project."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

import msgspec

from safemig.cli.opening import open_project
from safemig.cli.printing import escaped, out
from safemig.planning.collect.observe import observe
from safemig.planning.planner import draft
from safemig.planning.request import Request
from safemig.planning.text import plan_lines


def main(options: argparse.Namespace) -> int:
    """0 when a plan could be made, open points or not; 4 when discovery leaves a choice to a person."""
    opened = open_project(options)
    request = Request(options.spec, options.phase, options.message)
    facts = asyncio.run(observe(opened.project, opened.config, opened.runtime, request))
    plan = draft(facts)
    if options.json:
        document = {"digest": plan.digest, **msgspec.to_builtins(plan), "facts": msgspec.to_builtins(facts)}
        text = msgspec.json.format(msgspec.json.encode(document)).decode() + "\n"
    else:
        text = "\n".join(plan_lines(facts, plan)) + "\n"
    if options.out:
        Path(options.out).write_text(text, encoding="utf-8")
    else:
        out(escaped(text) if options.json else text)
    return 4 if any(problem.candidates for problem in opened.project.problems) else 0
