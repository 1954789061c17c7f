"""One run at work: its journal, its past, its plan and the ways to the world."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec

from checks.evidence import Evidence, Json
from safemig.base.action import digest_of
from safemig.base.redaction import redact
from safemig.engine.inbox import Inbox
from safemig.engine.redact_evidence import clean_event, clean_evidence, clean_finding
from safemig.journal.events import Event, Verdict
from safemig.journal.fold import fold, take
from safemig.journal.journal import Journal
from safemig.journal.state import RunState
from safemig.planning.facts import Facts, Finding
from safemig.planning.plan import Plan, Step
from safemig.planning.planner import added, revisions
from safemig.planning.request import Request
from safemig.project.config_text import ConfigText, read_config_text

if TYPE_CHECKING:
    from checks.service.container import SentRequest
    from safemig.execution.process_tree import Launched
    from safemig.project.config import Config
    from safemig.project.layout import Project
    from safemig.runtimes.backends import Claim
    from safemig.runtimes.base import Runtime

T = TypeVar("T")
STARTER_GONE = (
    "the terminal or the process that started this run is gone; `safemig resume` goes on "
    "(with --detach a run goes on by itself)"
)


class RunEnds(Exception):
    """The run cannot go on: with this verdict, for this reason."""

    def __init__(self, verdict: Verdict, reason: str) -> None:
        super().__init__(reason)
        self.verdict = verdict
        self.reason = reason


@dataclass
class Session:
    """What the parts of a run share. ``facts`` and ``plan`` are set once the journal holds them; ``requests`` are those
    that this engine sent to the service beside the endpoints in the journal, ``launched`` is what its last start left
    running on this machine. ``claims`` are the sessions that are proved to be a command's, by its number;
    ``own`` are the person's own shell lines at work, with what ends each;
    ``unheard`` is why no other terminal can answer."""

    project: Project
    config: Config
    runtime: Runtime
    journal: Journal
    inbox: Inbox
    request: Request
    past: RunState = field(init=False)
    facts: Facts = field(init=False)
    findings: list[Finding] = field(default_factory=list)
    numbers: int = 0
    claims: dict[int, tuple[Claim, ...]] = field(default_factory=dict)
    own: dict[asyncio.Task[None], asyncio.Event] = field(default_factory=dict)
    follower: asyncio.Task[None] | None = None
    requests: list[SentRequest] = field(default_factory=list)
    launched: Launched | None = None
    unheard: str = ""
    plan: Plan = field(init=False)
    config_text: ConfigText = field(init=False)

    def __post_init__(self) -> None:
        self.past = fold(self.journal.events)
        self.config_text = read_config_text(self.project.root, self.config.file)
        self.numbers = max(self.past.commands, default=0)

    def number(self) -> int:
        """The next command's number; given out once, also when two commands start side by side."""
        self.numbers += 1
        return self.numbers

    @property
    def root(self) -> Path:
        """The project's root."""
        return self.project.root

    def emit(self, kind: str, data: Mapping[str, Json], step: str = "") -> Event:
        """Journals one event, its texts redacted; the fold is up to date when this returns."""
        return self._journal(kind, clean_event(kind, data, self.clean), step)

    def _journal(self, kind: str, data: Mapping[str, Json], step: str) -> Event:
        event = self.journal.append(kind, data, step)
        take(self.past, event)
        return event

    def note(self, text: str, step: str = "", level: str = "info") -> None:
        """Tells the person something; within one attempt of a step a resumed engine does not repeat it."""
        text = self.clean(text)
        if not step or text not in self.past.of(step).notes:
            self.emit("note", {"level": level, "text": text}, step)

    def clean(self, text: str) -> str:
        """``text`` without passwords."""
        return redact(text, self.runtime.secrets())

    def observe(self, step: str, moment: str, evidence: Evidence) -> Evidence:
        """Journals evidence once per step, moment, kind and subject: a resumed step does not say it twice."""
        for at, known in self.past.of(step).evidence:
            if (at, known.kind, known.subject) == (moment, evidence.kind, evidence.subject):
                return known
        evidence = clean_evidence(evidence, self.clean)
        self._journal("evidence", {"moment": moment, "evidence": msgspec.to_builtins(evidence)}, step)
        return evidence

    def known(self, step: str, moment: str, kind: str) -> tuple[Evidence, ...]:
        """Evidence of that kind which the step has journalled already."""
        return tuple(e for at, e in self.past.of(step).evidence if at == moment and e.kind == kind)

    def find(self, finding: Finding) -> None:
        """Records what an outcome calls for and makes the plan's next revision, once per cause."""
        finding = clean_finding(finding, self.clean)
        if any(known.name == finding.name and known.cause == finding.cause for known in self.findings):
            return
        name = f"finding-{len(self.findings) + 1}.json"
        self.journal.save(name, msgspec.json.encode(finding))
        self.findings.append(finding)
        self.emit(
            "finding",
            {"name": finding.name, "cause": finding.cause, "file": name, "digest": digest_of(finding)},
        )
        self.replan()

    def replan(self) -> None:
        """Brings the plan to its newest revision and journals every revision that is not there yet."""
        plans = revisions(self.facts, self.findings)
        for parent, plan in zip((None, *plans[:-1]), plans, strict=True):
            if plan.digest not in {known.digest for known in self.past.plans}:
                self._journal_plan(parent, plan)
        self.plan = plans[-1]

    def _journal_plan(self, parent: Plan | None, plan: Plan) -> None:
        name = f"plan-{plan.revision}.json"
        self.journal.save(name, msgspec.json.encode(plan))
        fresh = added(parent, plan)
        self.emit(
            "plan.revised",
            {
                "revision": plan.revision,
                "digest": plan.digest,
                "parent": plan.parent,
                "cause": plan.cause,
                "file": name,
                "added": [step.id for step in fresh],
                "steps": [self._outline(step) for step in fresh],
                "open": [point.text for point in plan.open_points],
            },
        )

    def _outline(self, step: Step) -> dict[str, Json]:
        return {
            "id": step.id,
            "title": self.clean(step.title),
            "intent": step.intent,
            "effect": step.action.effect,
            "command": self.clean(step.action.line),
        }

    def check_stop(self) -> None:
        """Raises RunEnds when the person has asked for a stop or whoever drives the run has gone."""
        if self.inbox.stop.is_set():
            raise RunEnds("interrupted", "stopped by the person")
        self.inbox.look()
        if self.inbox.left:
            raise RunEnds("interrupted", STARTER_GONE)
        if self.inbox.attached and self.inbox.gone.is_set():
            raise RunEnds("waiting", "the screen that drove this run has gone; `safemig resume` goes on")

    async def look(self, call: Callable[[], T]) -> T:
        """Runs a blocking look beside the loop."""
        return await asyncio.to_thread(call)

    def limit(self, step: Step) -> float:
        """Seconds that a command of this step may take."""
        roles = {"upgrade": "migrate", "generate": "create", "models": "test", "service": "start"}
        role = {**roles, "same-database": "current"}.get(step.intent, step.intent)
        limit = self.config.timeout(role)
        return max(limit, self.config.timeout("migrate")) if step.applies else limit
