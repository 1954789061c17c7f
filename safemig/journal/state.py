"""The state of a run: what its events amount to so far. One for all: the engine decides by it, and printed lines,
reports, the screen and ``--json`` read it. It is folded from the events by safemig.journal.fold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from checks.evidence import Evidence, Json
from safemig.journal.events import (
    CommandFinished,
    FactsKept,
    Finding,
    Mode,
    PlanRevised,
    RunStarted,
    SignalState,
    Tick,
    TickedItem,
)

ENDED = frozenset({"done", "failed", "skipped", "refused"})  # resuming does not take such a step up again
SHELL = "!"  # in the place of a step: the person's own shell lines
AT_WORK = frozenset({"planned", "running", "interrupted"})


@dataclass
class StepState:
    """A step: ``status`` is planned, running, interrupted, or what step.finished said. Seconds add up over attempts;
    ``commands`` are the numbers of all that were started for it, and ``ends`` how they ended. ``evidence`` (with its
    moment) and ``notes`` are those of the newest attempt: a second one looks again. ``listed`` is one of a plan,
    ``not_good`` one that is done and saw nothing good."""

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
    commands: list[int] = field(default_factory=list)
    ends: dict[int, CommandFinished] = field(default_factory=dict)
    evidence: list[tuple[str, Evidence]] = field(default_factory=list)
    notes: set[str] = field(default_factory=set)
    listed: bool = False
    changes_database: bool = False
    not_good: bool = False

    @property
    def started(self) -> bool:
        """Whether it was ever begun."""
        return self.attempts > 0

    @property
    def outcome(self) -> str:
        """What its end said; "" while it has none."""
        return "" if self.status in AT_WORK else self.status


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
    write: str = ""
    stamp: str = ""
    skip: str = ""
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


@dataclass
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


@dataclass
class RunState:
    """Everything that engine, faces and reports need. It only grows: each event costs the same, however many came
    before it.

    ``steps`` are those that were planned, asked about or begun, in the order in which they ran or stand in the plan;
    the first ``begun`` of them have begun. ``verdict`` is "" until the run has finished. ``approved`` and ``refused``
    are digests of actions; ``answers`` are the person's own, by the digest of the action: the answer, and the lines
    of the checklist that it chose. ``checklist`` is the sha256 of each file that was ticked. ``changing`` says that a
    step of the change has begun; nothing takes that back. ``given`` counts how often each
    digest was approved; ``passed_over`` are the steps that the person skipped."""

    run: str = ""
    target: str = ""
    seq: int = 0
    began: str = ""
    ended: str = ""
    start: RunStarted | None = None
    mode: Mode = "default"
    resumed: int = 0
    facts: FactsKept | None = None
    plans: list[PlanRevised] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    steps: list[StepState] = field(default_factory=list)
    begun: int = 0
    in_flight: str = ""
    changing: bool = False
    evidence: list[Seen] = field(default_factory=list)
    commands: dict[int, CommandState] = field(default_factory=dict)
    asked: int = 0
    waiting: tuple[Question, ...] = ()
    approvals: list[Approval] = field(default_factory=list)
    approved: set[str] = field(default_factory=set)
    given: Counter[str] = field(default_factory=Counter)
    refused: set[str] = field(default_factory=set)
    passed_over: set[str] = field(default_factory=set)
    answers: dict[str, tuple[str, tuple[int, ...]]] = field(default_factory=dict)
    planned: bool = False
    refusal: str = ""
    notes: list[Note] = field(default_factory=list)
    ticks: list[Tick] = field(default_factory=list)
    checklist: dict[str, str] = field(default_factory=dict)
    timeline: list[Moment] = field(default_factory=list)
    stops: int = 0
    verdict: str = ""
    exit: int | None = None
    reason: str = ""
    state: str = ""
    signals: Mapping[str, SignalState] = field(default_factory=dict)
    matches_spec: bool | None = None
    differences: tuple[Mapping[str, Json], ...] = ()
    not_checked: tuple[str, ...] = ()
    before: tuple[str, ...] | None = None
    after: tuple[str, ...] | None = None
    known: dict[str, StepState] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        for step in self.steps:
            step.listed = True
            self.known[step.id] = step

    @property
    def spec(self) -> str:
        """The path of the chosen spec; what the person named before one was chosen, and in older journals."""
        return (self.facts.spec if self.facts else "") or self.started.spec

    @property
    def phase(self) -> str:
        """The phase of it; as above."""
        return (self.facts.phase if self.facts else "") or self.started.phase

    @property
    def started(self) -> RunStarted:
        """What the run was started with; nothing where that is not known."""
        return self.start or RunStarted()

    @property
    def running(self) -> str:
        """The step that is at work; "" once the run has finished."""
        return "" if self.verdict else self.in_flight

    @property
    def changing_database(self) -> str:
        """The step that is at work and changes the database; "" where none does."""
        return self.running if self.of(self.running).changes_database else ""

    @property
    def own_lines(self) -> tuple[int, ...]:
        """The numbers of the person's own shell lines that have not ended."""
        own = self.of(SHELL)
        return () if self.verdict else tuple(number for number in own.commands if number not in own.ends)

    @property
    def digest(self) -> str:
        """The digest of the plan in force; "" before there is one."""
        return self.plans[-1].digest if self.plans else ""

    def of(self, step: str) -> StepState:
        """The step of that id, as good as it is known (also one that only commands or notes belong to)."""
        return self.known.get(step) or StepState(step)

    def finished(self, step: str) -> bool:
        """Whether the step reached an end that resuming does not take up again."""
        return self.of(step).status in ENDED

    def last(self, kind: str, *moments: str) -> Evidence | None:
        """The newest evidence of that kind (of one of the moments, when given)."""
        for seen in reversed(self.evidence):
            if seen.evidence.kind == kind and (not moments or seen.moment in moments):
                return seen.evidence
        return None

    def seen(self, moment: str, kind: str = "") -> tuple[Evidence, ...]:
        """The evidence of a moment, the last one of each kind and subject, in the order of their first appearance."""
        newest: dict[tuple[str, str], Evidence] = {}
        for seen in self.evidence:
            if seen.moment == moment and kind in ("", seen.evidence.kind):
                newest[(seen.evidence.kind, seen.evidence.subject)] = seen.evidence
        return tuple(newest.values())

    @property
    def rows(self) -> tuple[Evidence, ...]:
        """Every comparison of rows: what a test run took stays taken, also where it was stopped and run again. One
        that could not be made counts only while no later one of its subject could."""
        compared = [seen.evidence for seen in self.evidence if seen.evidence.kind == "rows"]
        newest = {evidence.subject: evidence for evidence in compared}
        return tuple(evidence for evidence in compared if evidence.seen or newest[evidence.subject] is evidence)

    @property
    def ticked(self) -> tuple[TickedItem, ...]:
        """The items that the engine has ticked."""
        return tuple(TickedItem(tick.file, tick.line, tick.text) for tick in self.ticks if tick.by == "engine")

    @property
    def items(self) -> tuple[ItemState, ...]:
        """The items of the phase, as the run has judged them; none before it has."""
        looks = self.seen("after", "items")
        judged = looks[-1].data.get("judged") if looks else None
        return tuple(
            ItemState(
                line if isinstance(line := row.get("line"), int) else 0,
                str(row.get("text", "")),
                row.get("checked") is True,
                str(row.get("state", "")),
                str(row.get("reason", "")),
                looks[-1].ended,
            )
            for row in (judged if isinstance(judged, list) else ())
            if isinstance(row, dict)
        )
