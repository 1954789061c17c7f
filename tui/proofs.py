"""Which items of the plan a run has proved, from its journal: the same judgement that the engine ticks by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from safemig import checklist
from safemig.facts import Facts
from safemig.plan import Action, Plan
from safemig.signals import Moment, judge
from safemig.spec.document import Document
from safemig.summary import Summary
from safemig.summary_model import SignalState

_MAKEFILES = ("GNUmakefile", "makefile", "Makefile")


@dataclass(frozen=True)
class Proved:
    """``lines`` are proved; ``reasons`` say by line by what, or why not."""

    lines: frozenset[int] = frozenset()
    reasons: Mapping[int, str] = field(default_factory=dict)


def signals_of(summary: Summary) -> Mapping[str, SignalState]:
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


def before_words(summary: Summary) -> Mapping[str, str]:
    """What each signal was before the change, in words."""
    return {name: signal.before for name, signal in judge(_moment(summary, "before"), Moment(None, None)).items()}


def _moment(summary: Summary, moment: str) -> Moment:
    tests, containers = summary.seen(moment, "tests"), summary.seen(moment, "container")
    return Moment(
        tests[-1] if tests else None, containers[-1] if containers else None, summary.seen(moment, "endpoint")
    )


def proved(summary: Summary, facts: Facts | None, plan: Plan | None, document: Document, root: Path) -> Proved:
    """What is proved of the phase that the run is about; nothing while a signal is not good, as in the engine.

    ``document`` is the file as it is drawn. An item that is ticked is judged like an open one, so that its evidence
    stays to be read.
    """
    spec = facts.spec if facts else None
    phase = next((one for one in document.phases if spec and one.key == spec.phase), None)
    if facts is None or plan is None or spec is None or phase is None or document.path != spec.path:
        return Proved()
    whole = replace(phase, items=tuple(replace(item, mark=" ", checked=False) for item in phase.items))
    judged = checklist.judge(whole, _proofs(summary, facts, plan, root))
    lines = frozenset(one.item.line for one in judged if one.proved)
    reasons = {one.item.line: one.reason for one in judged}
    missing = _not_good(summary, facts)
    if missing:
        held = {line: f"{reasons[line]}, but {missing}" for line in lines}
        return Proved(frozenset(), {**reasons, **held})
    return Proved(lines, reasons)


def _not_good(summary: Summary, facts: Facts) -> str:
    """Why nothing counts as proved yet; "" when all signals are good and the schema is as asked for."""
    signals = signals_of(summary)
    bad = [name for name in ("tests", "container", "endpoints") if name not in signals or not signals[name].ok]
    if bad:
        return f"{', '.join(bad)} not good after the change"
    if facts.migration is not None and _matches(summary) is not True:
        return "the schema was not found as asked for"
    return ""


def _matches(summary: Summary) -> bool | None:
    if summary.verdict:
        return summary.matches_spec
    compared = [one for one in summary.seen("after", "comparison") if one.seen]
    return compared[-1].data.get("matches_spec") is True if compared else None


def _proofs(summary: Summary, facts: Facts, plan: Plan, root: Path) -> checklist.Proofs:
    ran: list[str] = []
    for step in plan.steps:
        if step.action.kind == "command" and step.phase != "before" and summary.step(step.id).status == "done":
            ran += [step.action.line, *_recipe(root, step.action)]
    desired = [seen.evidence for seen in summary.evidence if seen.evidence.kind == "desired"]
    asked = desired[-1].data.get("asked") if desired else None
    made = map(str, asked) if isinstance(asked, list) and _matches(summary) is True else ()
    tables, names = checklist.names_of(made)
    written = facts.migration is not None and summary.step("create").status == "done"
    return checklist.Proofs(
        files_made=(facts.migration.path,) if facts.migration and written else (),
        tables_made=tables,
        names_made=names,
        commands_run=tuple(dict.fromkeys(ran)),
    )


def _recipe(root: Path, action: Action) -> tuple[str, ...]:
    """The lines behind a make target, if its recipe is still the one that was run."""
    from safemig.discovery.makefile import read_makefile, recipe_digest
    from safemig.run.command_facts import whole_recipe

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
