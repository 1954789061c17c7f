"""The plan as lines for a person."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from checks.text import plain
from safemig.base.counting import counted
from safemig.planning.facts import Facts, MigrationFact
from safemig.planning.plan import Plan, Step
from safemig.planning.planner import ASSUMES

_FILES = 6  # names of files in a question about a plan
LONGEST = 100_000  # characters of a line: an exact command is shown whole
PHASES = {"before": "Before the change", "change": "The change", "after": "After the change"}


def plan_lines(facts: Facts, plan: Plan, *, diffs: bool = True) -> Iterator[str]:
    """What was found, then every step with its exact action, effect and undo. Safe to print: no escape sequences."""
    return (plain(line, LONGEST) for line in _lines(facts, plan, diffs))


def _lines(facts: Facts, plan: Plan, diffs: bool) -> Iterator[str]:
    yield f"Plan for {plan.target} on {facts.runtime}   digest {plan.digest[:12]}"
    yield from _found(facts)
    for point in plan.open_points:
        settled = f" (settled by step “{point.settled_by}”)" if point.settled_by else ""
        yield f"  open: {point.text}{settled}"
    for note in plan.notes:
        yield f"  note: {note}"
    yield from _unwritten(facts, plan)
    number = 0
    for phase, title in PHASES.items():
        steps = [step for step in plan.steps if step.phase == phase]
        if steps:
            yield ""
            yield title
        for step in steps:
            number += 1
            yield from _step(number, step, diffs)


def unwritten(facts: Facts, plan: Plan) -> tuple[MigrationFact, ...]:
    """The revisions that would be written, and are not, because nothing applies them."""
    written = {step.action.path for step in plan.steps if step.action.kind == "edit"}
    return tuple(fact for fact in (facts.merge, facts.migration) if fact and fact.path not in written)


def _unwritten(facts: Facts, plan: Plan) -> Iterator[str]:
    for fact in unwritten(facts, plan):
        yield ""
        yield f"Would be written, once something applies it: {fact.path}"
        yield from (f"     | {line}" for line in fact.text.splitlines())


def _found(facts: Facts) -> Iterator[str]:
    plain_processes = "as plain processes" if facts.runtime == "process" else "unknown"
    yield f"  service {facts.service or plain_processes} in {facts.folder}; database {facts.database}"
    yield f"  running now: {', '.join(facts.running) or 'nothing of this project'}"
    current = "not read" if facts.current is None else ", ".join(facts.current) or "no revision yet"
    pending = "unknown" if facts.pending is None else ", ".join(facts.pending) or "none"
    yield f"  database at: {current}; heads in the code: {', '.join(facts.heads) or 'none'}; pending: {pending}"
    yield f"  {counted(facts.revisions, 'revision')}" + (f"; {facts.pattern}" if facts.pattern else "")
    if facts.spec:
        yield f"  spec {facts.spec.path}, phase {facts.spec.phase or '(whole)'}: {facts.spec.title}"
        if facts.spec.origin:
            yield f"  schema asked for at {facts.spec.origin}"


def change_points(steps: Sequence[Step]) -> tuple[str, ...]:
    """What the steps change, each thing once and in a few words: files by name, the rest as the steps say it."""
    files = dict.fromkeys(step.action.path for step in steps if step.action.kind == "edit" and step.intent != "tick")
    shown = [*files][:_FILES] + ([f"{len(files) - _FILES} more"] if len(files) > _FILES else [])
    rest = [step.changes for step in steps if step.action.kind == "command" and not step.changes.startswith("nothing")]
    ticks = [f"ticks of proved items in {step.action.path}" for step in steps if step.intent == "tick"]
    return tuple(dict.fromkeys([*([f"files: {', '.join(shown)}"] if shown else []), *rest, *ticks]))


def undo_points(steps: Sequence[Step]) -> tuple[str, ...]:
    """How to undo the steps that can lose data; of the others the plan says it."""
    grave = [f"{step.title}: {step.undo}" for step in steps if step.action.effect == "destructive"]
    if not grave:
        return ("step by step, as the plan says",)
    others = ("the other steps: as the plan says",) if len(grave) < len(steps) else ()
    return (*dict.fromkeys(grave), *others)


def _step(number: int, step: Step, diffs: bool) -> Iterator[str]:
    badge = "" if step.action.effect == "read" else f"   [{step.action.effect}]"
    yield f"{number:3}. {step.title}{badge}"
    if step.cause:
        yield f"     because: {step.cause}"
    if step.action.kind == "command":
        yield f"     $ {step.action.line}" + (f"   (in {step.action.cwd})" if step.action.cwd != "." else "")
    if step.action.kind == "look" and step.action.line:
        yield f"     asks the database for `{step.action.line}`: {step.action.text}"
    if step.action.kind == "edit":
        yield f"     writes {step.action.path}"
        if diffs:
            yield from (f"     | {line}" for line in step.action.diff.splitlines())
    if step.action.kind != "look":
        yield from (f"     | {line}" for line in step.detail)
        yield f"     changes: {step.changes}"
        yield f"     undo: {step.undo}"
    if step.assumes:
        yield f"     takes for granted: {'; '.join(ASSUMES[name] for name in step.assumes)}"
