"""What the checklist pane shows of each item: what the engine has journalled, and until then what it would prove."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from safemig.base.action import Action
from safemig.base.redaction import MARK, may_come_from
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
    from safemig.engine.proofs import moments

    before, after = moments(summary)
    looked = {"tests": after.tests, "container": after.container, "endpoints": after.endpoints}
    return {
        name: SignalState(signal.ok, signal.before, signal.after, signal.reasons)
        for name, signal in judge(before, after).items()
        if looked[name]
    }


def before_words(summary: RunState) -> Mapping[str, str]:
    """What each signal was before the change, in words."""
    from safemig.engine.proofs import moments

    before, _ = moments(summary)
    return {name: signal.before for name, signal in judge(before, Moment(None, None)).items()}


def proved(summary: RunState, facts: Facts | None, plan: Plan | None, document: Document, root: Path) -> Proved:
    """What is proved of the phase that the run is about: what the engine has journalled of it, and before that what
    the run has made and run; nothing while a signal is not good.

    ``document`` is the file as it is drawn. An item that is ticked is judged like an open one, so that its evidence
    stays to be read.
    """
    spec = facts.spec if facts else None
    phase = next((phase for phase in document.phases if spec and phase.key == spec.phase), None)
    if facts is None or plan is None or spec is None or phase is None or document.path != spec.path:
        return Proved()
    own = _own(phase, summary, facts, plan, root)
    said = _journalled(summary, spec)
    found = {item.line: _said_of(said, item.text) for item in phase.items}
    states = {line: state for line, state in found.items() if state is not None}
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


def _said_of(said: Mapping[str, tuple[str, str]], text: str) -> tuple[str, str] | None:
    """What the journal, which has no secrets, says of the item with these words."""
    if text in said:
        return said[text]
    return next((state for words, state in said.items() if MARK in words and may_come_from(words, text)), None)


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
        return "the tests after the change are still running" if running else f"{', '.join(waiting)} not checked yet"
    if waiting:
        return f"{', '.join(waiting)} not checked after the change"
    if facts.migration is not None and _matches(summary) is not True:
        return "the schema was not found as asked for"
    return ""


def _matches(summary: RunState) -> bool | None:
    if summary.verdict:
        return summary.matches_spec
    compared = [one for one in summary.seen("after", "comparison") if one.seen]
    return compared[-1].data.get("matches_spec") is True if compared else None


def _proofs(summary: RunState, facts: Facts, plan: Plan, root: Path) -> ticks.Proofs:
    from safemig.engine.proofs import Done, proofs_of

    def there() -> Collection[str] | None:
        return _objects_before(root, summary)

    def recipe(action: Action) -> tuple[str, ...]:
        return _recipe(root, action)

    folder = "" if facts.folder == "." else facts.folder
    return proofs_of(Done(summary, facts, plan, _matches(summary), there, recipe, folder))


def _objects_before(root: Path, summary: RunState) -> Collection[str] | None:
    """The names of the objects that were there before; None when they cannot be read."""
    from safemig.engine.ticking import BASE

    try:
        raw = (root / ".safemig" / "runs" / summary.run / BASE).read_bytes()
        return msgspec.json.decode(raw, type=_Objects).objects
    except (OSError, msgspec.MsgspecError):
        return None


class _Objects(msgspec.Struct):
    """Of a schema snapshot only the names: their attributes are not wanted here."""

    objects: dict[str, msgspec.Raw]


def _recipe(root: Path, action: Action) -> tuple[str, ...]:
    """The lines behind a make target, if its recipe is still the one that was run."""
    from safemig.shell.make_effects import recipe_digest
    from safemig.shell.makefile import read_makefile, whole_recipe

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
