"""Steps that a person may skip: few and known. What such a step would have shown is not checked, and the run does not
pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from safemig.engine.session import Session
from safemig.planning.plan import Step
from safemig.policy.decision import applies_revisions
from safemig.signals.comparison import Signal

SKIPPED = "skipped by the person"
# Intent -> the signal that nobody can judge without such a step, "" where it bears on none. A migration, a baseline, a
# verification and whatever applies revisions are never among them.
SIGNAL_OF: Mapping[str, str] = {"test": "tests", "build": "container", "start": "container", "hook": ""}


def skip_words(step: Step) -> str:
    """What skipping the step comes to; "" where it cannot be skipped."""
    if step.intent not in SIGNAL_OF or step.applies or step.moves or applies_revisions(step.action):
        return ""
    signal = SIGNAL_OF[step.intent]
    unchecked = f"the signal {signal} is not checked, and " if signal else ""
    return f"goes on without it; {unchecked}the run cannot pass"


def skipped_steps(s: Session) -> tuple[Step, ...]:
    """The steps that the person has skipped."""
    return tuple(step for step in s.plan.steps if step.id in s.past.passed_over)


def without_skipped(s: Session, signals: Mapping[str, Signal]) -> dict[str, Signal]:
    """The signals, of which one is not checked where a step that shows it was skipped. What is bad stays bad."""
    told = dict(signals)
    for step in skipped_steps(s):
        if (name := SIGNAL_OF[step.intent]) in told:
            known, why = told[name], f"“{step.title}” was {SKIPPED}"
            after = known.after if known.ok is False else f"not checked: {why}"
            told[name] = replace(known, ok=None if known.ok else known.ok, after=after, reasons=(*known.reasons, why))
    return told
