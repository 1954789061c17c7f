"""`safemig checklist`: every item of a phase as proved, disproved or not provable, with the reason. Changes nothing."""

from __future__ import annotations

import argparse
import asyncio
import sys

import msgspec

from checks.evidence import Evidence, Json
from safemig import checklist
from safemig.cli.errors import UsageError
from safemig.cli.opening import Opened, open_project, runs
from safemig.items.commands import Looking, to_run
from safemig.items.places import World
from safemig.plan_points import unchosen
from safemig.run.items import KIND, look_around, shown, strings, subject_of, world_of
from safemig.run.observe import observe
from safemig.run.past import Past
from safemig.run.session import Request
from safemig.spec.document import Phase, read


def main(options: argparse.Namespace) -> int:
    """0 when no ticked item is untrue, 1 when one is."""
    opened = open_project(options)
    request = Request(options.spec, options.phase, purpose="items")
    facts = asyncio.run(observe(opened.project, opened.config, opened.runtime, request))
    if facts.spec is None:
        raise UsageError(unchosen(facts) or "no phase was found here; name one with --spec NAME and --phase N")
    spec, key = facts.spec.path, facts.spec.phase
    phase = next((one for one in read(opened.project.root / spec, opened.project.root).phases if one.key == key), None)
    if phase is None:
        raise UsageError(f"{spec} has no phase {key}")
    document = _judge(opened, spec, phase) | {"chosen_because": facts.spec.why}
    if options.json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(document)).decode() + "\n")
    else:
        _print(document)
    counts = document["counts"]
    return 1 if isinstance(counts, dict) and counts["disproved"] else 0


def _judge(opened: Opened, spec: str, phase: Phase) -> dict[str, Json]:
    known = [past for _, past in runs(opened.state)]
    baselines, proofs = _earlier(known, subject_of(spec, phase.key))
    now = look_around(opened.project, opened.runtime, phase.items)
    before: World = {}
    for baseline in baselines:  # the oldest baseline that knows a thing saw it before the phase's work
        before = {**world_of(baseline), **{key: places for key, places in before.items() if places is not None}}
    found = checklist.judge_all(phase, proofs, checklist.Worlds(before, now))
    judged: list[Json] = shown(found)
    states = [one.state for one in found]
    return {
        "format": 1,
        "spec": spec,
        "phase": phase.key,
        "title": phase.title,
        "baseline": baselines[0].ended if baselines else None,
        "items": judged,
        "counts": {state: states.count(state) for state in ("proved", "disproved", "not provable")},
        "commands": [_command(one) for one in to_run(phase.items)],
    }


def _earlier(known: list[Past], subject: str) -> tuple[list[Evidence], checklist.Proofs]:
    """The baselines of that phase, the oldest first, and the commands that its runs have run."""
    baselines: list[Evidence] = []
    ran: dict[str, None] = {}
    for past in known:
        for moment, _, evidence in past.evidence:
            if evidence.kind == KIND and evidence.subject == subject:
                baselines += [evidence] if moment == "before" else []
                ran |= dict.fromkeys(strings(evidence, "commands"))
    return baselines, checklist.Proofs(commands_run=tuple(ran))


def _command(one: Looking) -> Json:
    return {"line": one.item.line, "command": one.line, "effect": one.effect, "why": one.why}


_MARKS = {"proved": "+", "disproved": "!", "not provable": "."}


def _print(document: dict[str, Json]) -> None:
    out = sys.stdout.write
    seen = document["baseline"]
    out(f"{document['spec']}, phase {document['phase']}: {document['title']}\n")
    out(f"baseline: {seen}\n" if seen else "baseline: none; no run has seen this phase begin\n")
    if document["chosen_because"]:
        out(f"chosen because {document['chosen_because']}\n")
    items, commands, counts = document["items"], document["commands"], document["counts"]
    for item in items if isinstance(items, list) else []:
        if isinstance(item, dict):
            state = str(item["state"])
            box = "[x]" if item["checked"] else "[ ]"
            out(f"{_MARKS[state]} {item['line']:>4} {box} {item['text']}\n")
            out(f"         {state.upper() if state == 'disproved' else state}: {item['reason']}\n")
    for one in commands if isinstance(commands, list) else []:
        if isinstance(one, dict):
            out(f"? {one['line']:>4} `{one['command']}` would be run after approval: {one['why']}\n")
    if isinstance(counts, dict):
        out(", ".join(f"{number} {state}" for state, number in counts.items()) + "\n")
