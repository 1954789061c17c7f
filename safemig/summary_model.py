"""What a run amounts to so far: plain data, folded from its events by safemig.summary."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from checks.evidence import Evidence, Json


@dataclass(frozen=True)
class PlanRevision:
    """One revision of the plan; ``file`` (relative to the run's folder) holds the document."""

    revision: int
    digest: str
    parent: str
    cause: str
    file: str
    added: tuple[str, ...]
    open: tuple[str, ...]


@dataclass(frozen=True)
class StepState:
    """A step: ``status`` is planned, running, interrupted, or what step.finished said. Seconds add up over attempts."""

    id: str
    title: str = ""
    intent: str = ""
    effect: str = ""
    status: str = "planned"
    seconds: float = 0.0
    attempts: int = 0
    command: str = ""
    reason: str = ""
    began: str = ""
    ended: str = ""


@dataclass(frozen=True)
class Seen:
    """Evidence with the moment (first, start, before, after or "") and the step it belongs to."""

    moment: str
    step: str
    evidence: Evidence


@dataclass(frozen=True)
class Question:
    """A question that waits for an answer; the texts are those of approval.asked."""

    id: str
    step: str
    kind: str
    digest: str
    title: str
    effect: str
    what: str
    detail: str
    changes: str
    undo: str
    rule: str
    once: str
    always: str
    tool: str
    proposed: str = ""
    typed: str = ""


@dataclass(frozen=True)
class Approval:
    """An answer that was given, by whom (person, rule, mode) and by which rule."""

    id: str
    step: str
    digest: str
    title: str
    answer: str
    by: str
    rule: str
    reason: str
    wall: str


@dataclass(frozen=True)
class CommandState:
    """A command and the range of its output file (relative to the run's folder) that is known so far."""

    number: int
    step: str
    line: str
    cwd: str
    file: str
    start: int = 0
    end: int = 0
    how: str = ""
    status: int | None = None
    seconds: float = 0.0


@dataclass(frozen=True)
class Note:
    level: str
    text: str
    step: str
    wall: str


@dataclass(frozen=True)
class SignalState:
    """``ok`` None: could not look."""

    ok: bool | None = None
    before: str = ""
    after: str = ""
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Tick:
    file: str
    line: int
    text: str


@dataclass(frozen=True)
class Moment:
    """A line of the timeline."""

    wall: str
    step: str
    text: str


@dataclass(frozen=True)
class ItemState:
    """What one checklist item came to: proved, proposed (open, with evidence, but saying more), disproved (ticked, but
    not true) or not provable, and why. ``at`` is the time of the look (ISO 8601)."""

    line: int
    text: str
    checked: bool
    state: str
    reason: str
    at: str


@dataclass(frozen=True)
class Summary:
    """Everything a face or a report needs. ``verdict`` is "" until the run has finished."""

    run: str = ""
    target: str = ""
    project: str = ""
    spec: str = ""
    phase: str = ""
    mode: str = ""
    runtime: str = ""
    engine: str = ""
    seq: int = 0
    began: str = ""
    ended: str = ""
    resumed: int = 0
    plans: tuple[PlanRevision, ...] = ()
    steps: tuple[StepState, ...] = ()
    running: str = ""
    evidence: tuple[Seen, ...] = ()
    waiting: tuple[Question, ...] = ()
    approvals: tuple[Approval, ...] = ()
    commands: Mapping[int, CommandState] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()
    findings: tuple[tuple[str, str], ...] = ()
    ticks: tuple[Tick, ...] = ()
    timeline: tuple[Moment, ...] = ()
    stops: int = 0
    verdict: str = ""
    exit: int | None = None
    reason: str = ""
    state: str = ""
    signals: Mapping[str, SignalState] = field(default_factory=dict)
    matches_spec: bool | None = None
    differences: tuple[Mapping[str, Json], ...] = ()
    not_checked: tuple[str, ...] = ()
    before: Json = None
    after: Json = None

    @property
    def digest(self) -> str:
        """The digest of the plan in force; "" before there is one."""
        return self.plans[-1].digest if self.plans else ""

    def step(self, step_id: str) -> StepState:
        """The step of that id, as good as it is known."""
        return next((one for one in self.steps if one.id == step_id), StepState(step_id))

    def seen(self, moment: str, kind: str = "") -> tuple[Evidence, ...]:
        """The evidence of a moment, the last one of each kind and subject, in the order of their first appearance."""
        found: dict[tuple[str, str], Evidence] = {}
        for one in self.evidence:
            if one.moment == moment and kind in ("", one.evidence.kind):
                found[(one.evidence.kind, one.evidence.subject)] = one.evidence
        return tuple(found.values())

    @property
    def items(self) -> tuple[ItemState, ...]:
        """The items of the phase, as the run has judged them; none before it has."""
        found = self.seen("after", "items")
        judged = found[-1].data.get("judged") if found else None
        return tuple(
            ItemState(
                line if isinstance(line := one.get("line"), int) else 0,
                str(one.get("text", "")),
                one.get("checked") is True,
                str(one.get("state", "")),
                str(one.get("reason", "")),
                found[-1].ended,
            )
            for one in (judged if isinstance(judged, list) else ())
            if isinstance(one, dict)
        )
