"""`safemig checklist`: every item of a phase as proved, proposed, disproved or not provable. Changes nothing."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace

from checks.evidence import Evidence, Json
from checks.text import plain
from safemig.checklist import ticks
from safemig.checklist.locations import World
from safemig.checklist.plain_words import plain_words
from safemig.cli.errors import UsageError
from safemig.cli.opening import Opened, look_at, open_project, runs, sealed_runs
from safemig.cli.printing import coloured, json_out, out, painted
from safemig.cli.trusting import not_looked
from safemig.engine.item_commands import KIND as NAMED
from safemig.engine.item_commands import looked
from safemig.engine.item_context import KIND, look_around, shown, strings, subject_of, world_of
from safemig.journal.state import RunState
from safemig.plan_document.document import Phase, read
from safemig.planning.collect.item_commands import folder_of
from safemig.planning.facts import Facts, NamedFact
from safemig.planning.notes import unchosen
from safemig.planning.request import Request


def main(options: argparse.Namespace) -> int:
    """0 when no ticked item is untrue, 1 when one is."""
    document = judged(open_project(options), options)
    if options.json:
        json_out(document, indented=True)
    else:
        _print(document)
    counts = document["counts"]
    return 1 if isinstance(counts, dict) and counts["disproved"] else 0


def judged(opened: Opened, options: argparse.Namespace) -> dict[str, Json]:
    """The document of the phase's items as they are now, against what its runs have seen."""
    request = Request(options.spec, options.phase, purpose="items")
    facts = look_at(opened, request)
    if facts.spec is None:
        raise UsageError(unchosen(facts) or "no phase was found here; name one with --spec NAME and --phase N")
    spec, key = facts.spec.path, facts.spec.phase
    root = opened.project.root
    document = read(root / spec, root, opened.project.words)
    phase = next((each for each in document.phases if each.key == key), None)
    if phase is None:
        raise UsageError(f"{spec} has no phase {key}")
    return _judge(opened, facts, spec, phase) | {"chosen_because": facts.spec.why}


def _judge(opened: Opened, facts: Facts, spec: str, phase: Phase) -> dict[str, Json]:
    known = [past for _, past in runs(opened.state)]
    baselines, proofs = _earlier(known, facts.named, subject_of(spec, phase.key))
    proofs = replace(proofs, folder=folder_of(opened.project))
    now = look_around(opened.project, opened.runtime, phase.items)
    before: World = {}
    for baseline in baselines:  # the oldest baseline that knows a thing saw it before the phase's work
        before = {**world_of(baseline), **{key: places for key, places in before.items() if places is not None}}
    words = plain_words().with_own(opened.config.ticks.words)
    found = ticks.judge_all(phase, proofs, ticks.Worlds(before, now), words)
    items: list[Json] = shown(found)
    states = [one.state for one in found]
    return {
        "format": 1,
        "spec": spec,
        "phase": phase.key,
        "title": phase.title,
        "baseline": baselines[0].ended if baselines else None,
        "items": items,
        "counts": {state: states.count(state) for state in ticks.STATES},
        "commands": [_command(one) for one in facts.named],
        "notes": [*_notes(opened, facts)],
    }


def _earlier(known: list[RunState], named: Sequence[NamedFact], subject: str) -> tuple[list[Evidence], ticks.Proofs]:
    """The baselines of that phase, the oldest first, and the commands that its runs have run."""
    baselines: list[Evidence] = []
    ran: dict[str, None] = {}
    revisions: dict[str, None] = {}
    ends: dict[str, list[Evidence]] = {"before": [], "after": []}
    for past in known:
        for seen in past.evidence:
            moment, evidence = seen.moment, seen.evidence
            if evidence.kind == KIND and evidence.subject == subject:
                baselines += [evidence] if moment == "before" else []
                ran |= dict.fromkeys(strings(evidence, "commands"))
                revisions |= dict.fromkeys(strings(evidence, "revisions"))
            elif evidence.kind == NAMED and evidence.data.get("of") == subject:
                ends[moment].append(evidence)
    ended = looked(named, ends["before"], ends["after"])
    return baselines, ticks.Proofs(commands_run=tuple(ran), looked=ended, revisions=tuple(revisions))


def _notes(opened: Opened, facts: Facts) -> Iterator[str]:
    """What was not looked at, since the folder is not trusted, and what of the runs proves nothing."""
    yield from (f"{why}; it proves nothing" for _, _, why in sealed_runs(opened.state) if why)
    if not opened.standing.trusted:
        problem = not_looked(opened.standing)
        yield f"{problem.what}; {problem.next}"
        yield from facts.unread


def _command(one: NamedFact) -> Json:
    """``runs`` is the exact line that a run runs after approval; null when none does: ``why`` says why not."""
    runs = one.command.line if one.command else one.query or None
    effect = one.command.effect if one.command else "read" if one.query else None
    return {"line": one.line, "command": one.code, "effect": effect, "why": one.why, "runs": runs}


_SHADES = {"proved": "good", "proposed": "warn", "disproved": "bad", "not provable": "dim"}
_MARKS = {"proved": "+", "proposed": "?", "disproved": "!", "not provable": "."}


def _print(document: dict[str, Json]) -> None:
    seen = document["baseline"]
    out(f"{document['spec']}, phase {document['phase']}: {document['title']}\n")
    out(f"baseline: {seen}\n" if seen else "baseline: none; no run has seen this phase begin\n")
    if document["chosen_because"]:
        out(f"chosen because {document['chosen_because']}\n")
    notes = document["notes"]
    for note in notes if isinstance(notes, list) else []:
        out(f"note: {note}\n")
    items, counts = _rows(document["items"]), document["counts"]
    for item in items:
        state = str(item["state"])
        box = "[x]" if item["checked"] else "[ ]"
        out(f"{_MARKS[state]} {item['line']:>4} {box} {item['text']}\n")
        word = painted(_SHADES[state], state.upper() if state == "disproved" else state)
        out(f"         {word}: {plain(str(item['reason']))}\n", coloured=coloured())
    for command in _rows(document["commands"]):
        why = f"is run after approval: {command['why']}" if command["runs"] else str(command["why"])
        out(f"? {command['line']:>4} `{command['command']}` {why}\n")
    if isinstance(counts, dict):
        out(", ".join(f"{number} {state}" for state, number in counts.items()) + "\n")
    waiting = [str(item["line"]) for item in items if item["state"] == "proposed"]
    if waiting:
        lines = ",".join(waiting)
        out(f"a person ticks what is proposed: safemig tick {document['spec']}:{lines}; all of it: --proposed\n")


def _rows(value: Json) -> list[dict[str, Json]]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []
