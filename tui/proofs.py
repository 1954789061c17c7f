"""Which items of the plan a run has proved, from its journal: the same judgement that the engine ticks by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from checks.evidence import Json
from safemig.base.action import Action
from safemig.checklist import ticks
from safemig.journal.events import SignalState
from safemig.journal.state import RunState
from safemig.plan_document.document import Document, Phase
from safemig.planning.facts import Facts, SpecFact
from safemig.planning.plan import Plan
from safemig.signals.comparison import Moment, judge

DISPROVED = "disproved: "  # before the reason of an item that is ticked and not true
PROPOSED = "proposed: "  # before the evidence of an open item that says more than was proved
NAMED = "named"  # kind and intent of the commands that items name and that only look
SIGNALS = ("tests", "container", "endpoints")
_MAKEFILES = ("GNUmakefile", "makefile", "Makefile")


@dataclass(frozen=True)
class Proved:
    """``lines`` are proved; ``reasons`` say by line by what, or why not."""

    lines: frozenset[int] = frozenset()
    reasons: Mapping[int, str] = field(default_factory=dict)


def signals_of(summary: RunState) -> Mapping[str, SignalState]:
    """The three signals: as the run ended with them, else those that it has looked at after the change."""
    if summary.signals:
        return summary.signals
    before, after = _moment(summary, "before"), _moment(summary, "after")
    looked = {"tests": after.tests, "container": after.container, "endpoints": after.endpoints}
    return {
        name: SignalState(signal.ok, signal.before, signal.after, signal.reasons)
        for name, signal in judge(before, after).items()
        if looked[name]
    }


def before_words(summary: RunState) -> Mapping[str, str]:
    """What each signal was before the change, in words."""
    return {name: signal.before for name, signal in judge(_moment(summary, "before"), Moment(None, None)).items()}


def _moment(summary: RunState, moment: str) -> Moment:
    tests, containers = summary.seen(moment, "tests"), summary.seen(moment, "container")
    rows = summary.seen(moment, "rows") + (summary.seen("first", "rows") if moment == "before" else ())
    return Moment(
        tests[-1] if tests else None, containers[-1] if containers else None, summary.seen(moment, "endpoint"), rows
    )


def proved(summary: RunState, facts: Facts | None, plan: Plan | None, document: Document, root: Path) -> Proved:
    """What is proved of the phase that the run is about: what the engine has journalled of it, and before that what
    the run has made and run; nothing while a signal is not good.

    ``document`` is the file as it is drawn. An item that is ticked is judged like an open one, so that its evidence
    stays to be read.
    """
    spec = facts.spec if facts else None
    phase = next((one for one in document.phases if spec and one.key == spec.phase), None)
    if facts is None or plan is None or spec is None or phase is None or document.path != spec.path:
        return Proved()
    own = _own(phase, summary, facts, plan, root)
    said = _journalled(summary, spec)
    states = {item.line: said[item.text] for item in phase.items if item.text in said}
    lines = {line for line in own.lines if line not in states}
    lines |= {line for line, (state, _) in states.items() if state == "proved"}
    before = {"disproved": DISPROVED, "proposed": PROPOSED}
    reasons = {line: before.get(state, "") + reason for line, (state, reason) in states.items()}
    return Proved(frozenset(lines), {**own.reasons, **reasons})


def _own(phase: Phase, summary: RunState, facts: Facts, plan: Plan, root: Path) -> Proved:
    whole = replace(phase, items=tuple(replace(item, mark=" ", checked=False) for item in phase.items))
    judged = ticks.judge(whole, _proofs(summary, facts, plan, root))
    lines = frozenset(one.item.line for one in judged if one.proved)
    reasons = {one.item.line: one.reason for one in judged}
    missing = _not_good(summary, facts)
    if missing:
        held = {line: f"{reasons[line]}, but {missing}" for line in lines}
        return Proved(frozenset(), {**reasons, **held})
    return Proved(lines, reasons)


def _journalled(summary: RunState, spec: SpecFact) -> Mapping[str, tuple[str, str]]:
    """What the engine has judged the phase's items to be, by their words: state and reason."""
    from safemig.engine.item_context import KIND, subject_of

    found = [
        one.evidence.data.get("judged")
        for one in summary.evidence
        if one.moment == "after"
        and (one.evidence.kind, one.evidence.subject) == (KIND, subject_of(spec.path, spec.phase))
    ]
    last = found[-1] if found else None
    rows = [row for row in last if isinstance(row, dict)] if isinstance(last, list) else []
    return {str(row.get("text")): (str(row.get("state")), str(row.get("reason"))) for row in rows}


def _not_good(summary: RunState, facts: Facts) -> str:
    """Why nothing counts as proved yet; "" when all signals are good and the schema is as asked for."""
    signals = signals_of(summary)
    bad = [name for name in SIGNALS if name in signals and not signals[name].ok]
    if bad:
        return f"{', '.join(bad)} not good after the change"
    waiting = [name for name in SIGNALS if name not in signals]
    if waiting and not summary.verdict:
        running = summary.of(summary.running).intent == "test" and "tests" in waiting
        return "the tests after the change are still running" if running else f"{', '.join(waiting)} not looked at yet"
    if waiting:
        return f"{', '.join(waiting)} not looked at after the change"
    if facts.migration is not None and _matches(summary) is not True:
        return "the schema was not found as asked for"
    return ""


def _matches(summary: RunState) -> bool | None:
    if summary.verdict:
        return summary.matches_spec
    compared = [one for one in summary.seen("after", "comparison") if one.seen]
    return compared[-1].data.get("matches_spec") is True if compared else None


def _proofs(summary: RunState, facts: Facts, plan: Plan, root: Path) -> ticks.Proofs:
    from safemig.engine.item_commands import looked

    ran: list[str] = []
    for step in plan.steps:
        own = step.action.kind == "command" and step.intent != NAMED
        if own and step.phase != "before" and summary.of(step.id).status == "done":
            ran += [step.action.line, *_recipe(root, step.action)]
    desired = [seen.evidence for seen in summary.evidence if seen.evidence.kind == "desired"]
    asked = desired[-1].data.get("asked") if desired else None
    made = _new_objects(asked, root, summary) if _matches(summary) is True else []
    tables, names = ticks.names_of(made)
    written = facts.migration is not None and summary.of("create").status == "done"
    return ticks.Proofs(
        files_made=(facts.migration.path,) if facts.migration and written else (),
        tables_made=tables,
        names_made=names,
        commands_run=tuple(dict.fromkeys(ran)),
        looked=looked(facts.named, *(summary.seen(moment, NAMED) for moment in ("before", "after"))),
    )


def _new_objects(asked: Json, root: Path, summary: RunState) -> list[str]:
    """The objects that were asked for and not there before; none when that cannot be read."""
    from safemig.engine.ticking import BASE

    try:
        raw = (root / ".safemig" / "runs" / summary.run / BASE).read_bytes()
        objects = msgspec.json.decode(raw, type=_Objects).objects
    except (OSError, msgspec.MsgspecError):
        return []
    return [str(key) for key in asked if str(key) not in objects] if isinstance(asked, list) else []


class _Objects(msgspec.Struct):
    """Of a schema snapshot only the names: their attributes are not wanted here."""

    objects: dict[str, msgspec.Raw]


def _recipe(root: Path, action: Action) -> tuple[str, ...]:
    """The lines behind a make target, if its recipe is still the one that was run."""
    from safemig.planning.collect.commands import whole_recipe
    from safemig.shell.make_effects import recipe_digest
    from safemig.shell.makefile import read_makefile

    path = next((path for name in _MAKEFILES if (path := root / action.cwd / name).is_file()), None)
    if not action.target or path is None:
        return ()
    try:
        makefile = read_makefile(path, root)
    except OSError:
        return ()
    if makefile.target(action.target) is None or recipe_digest(makefile, action.target) != action.recipe:
        return ()
    return tuple(whole_recipe(makefile, action.target))
