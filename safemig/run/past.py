"""The past of a run, folded from its journal: what was decided, observed and finished."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import msgspec

from checks.evidence import Evidence, Json
from safemig.events import Event, Mode


@dataclass
class StepPast:
    """What the journal knows of one step."""

    status: str = ""
    started: bool = False
    commands: list[int] = field(default_factory=list)
    ended: dict[int, dict[str, Json]] = field(default_factory=dict)
    evidence: list[tuple[str, Evidence]] = field(default_factory=list)
    notes: set[str] = field(default_factory=set)
    reason: str = ""


@dataclass
class Past:
    """The fold. The engine reads it, and brings it up to date with each event it appends. ``answers`` are the person's
    own, by the digest of the action: the answer, and the lines of the checklist that it chose."""

    mode: Mode = "default"
    steps: dict[str, StepPast] = field(default_factory=dict)
    approved: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    answers: dict[str, tuple[str, tuple[int, ...]]] = field(default_factory=dict)
    planned: bool = False
    refusal: str = ""
    findings: list[tuple[str, str]] = field(default_factory=list)
    facts: tuple[str, str] | None = None
    plans: list[str] = field(default_factory=list)
    commands: int = 0
    evidence: list[tuple[str, str, Evidence]] = field(default_factory=list)
    asked: int = 0
    ticked: list[tuple[str, int, str]] = field(default_factory=list)
    checklist: dict[str, str] = field(default_factory=dict)
    verdict: str = ""
    changing: bool = False
    started: dict[str, Json] = field(default_factory=dict)
    in_flight: str = ""

    def of(self, step: str) -> StepPast:
        """The past of that step, empty when it has none."""
        return self.steps.setdefault(step, StepPast())

    def finished(self, step: str) -> bool:
        """Whether the step reached an end that resuming does not take up again."""
        return self.of(step).status in {"done", "failed", "skipped", "refused"}

    def last(self, kind: str, *moments: str) -> Evidence | None:
        """The newest evidence of that kind (of one of the moments, when given)."""
        for moment, _, evidence in reversed(self.evidence):
            if evidence.kind == kind and (not moments or moment in moments):
                return evidence
        return None

    def all(self, kind: str, moment: str) -> tuple[Evidence, ...]:
        """The newest evidence of each subject of that kind and moment."""
        found: dict[str, Evidence] = {}
        for at, _, evidence in self.evidence:
            if at == moment and evidence.kind == kind:
                found[evidence.subject] = evidence
        return tuple(found.values())


def rows_of(past: Past) -> tuple[Evidence, ...]:
    """Every comparison of rows: what a test run took stays taken, also where it was stopped and run again. One that
    could not be made counts only while no later one of its subject could."""
    found = [evidence for _, _, evidence in past.evidence if evidence.kind == "rows"]
    newest = {evidence.subject: evidence for evidence in found}
    return tuple(evidence for evidence in found if evidence.seen or newest[evidence.subject] is evidence)


CHANGE_STEPS = frozenset({"create", "generate", "build-migration", "start-migration", "migrate"})


def fold(events: Iterable[Event]) -> Past:
    """The past that these events come to."""
    past = Past()
    for event in events:
        take(past, event)
    return past


def take(past: Past, event: Event) -> None:
    """Brings ``past`` up to date with one more event."""
    taker = _TAKERS.get(event.kind)
    if taker:
        taker(past, event)


def _run_started(past: Past, event: Event) -> None:
    past.started = dict(event.data)
    past.mode = _mode(event.data["mode"])


def _run_resumed(past: Past, _: Event) -> None:
    past.verdict = ""


def _mode_changed(past: Past, event: Event) -> None:
    past.mode = _mode(event.data["after"])


def _facts(past: Past, event: Event) -> None:
    past.facts = (str(event.data["file"]), str(event.data["digest"]))


def _finding(past: Past, event: Event) -> None:
    past.findings.append((str(event.data["file"]), str(event.data["digest"])))


def _plan_revised(past: Past, event: Event) -> None:
    past.plans.append(str(event.data["digest"]))


def _step_started(past: Past, event: Event) -> None:
    known = past.of(event.step)
    known.started, known.status = True, ""
    known.evidence.clear()  # a second attempt looks again
    known.notes.clear()
    past.in_flight = event.step
    past.changing = past.changing or event.data.get("phase") == "change"
    past.changing = past.changing or event.step in CHANGE_STEPS or event.step.startswith("models-")


def _step_finished(past: Past, event: Event) -> None:
    known = past.of(event.step)
    known.status, known.reason = str(event.data["status"]), str(event.data.get("reason", ""))
    if past.in_flight == event.step:
        past.in_flight = ""


def _command_started(past: Past, event: Event) -> None:
    number = int(str(event.data["number"]))
    past.of(event.step).commands.append(number)
    past.commands = max(past.commands, number)


def _command_finished(past: Past, event: Event) -> None:
    past.of(event.step).ended[int(str(event.data["number"]))] = dict(event.data)


def _evidence(past: Past, event: Event) -> None:
    evidence = msgspec.convert(event.data["evidence"], Evidence)
    moment = str(event.data["moment"])
    past.evidence.append((moment, event.step, evidence))
    past.of(event.step).evidence.append((moment, evidence))


def _note(past: Past, event: Event) -> None:
    past.of(event.step).notes.add(str(event.data["text"]))


def _approval_asked(past: Past, _: Event) -> None:
    past.asked += 1


def _approval_given(past: Past, event: Event) -> None:
    named = event.data.get("named")
    commands = {str(digest) for digest in named} if isinstance(named, list) else set()
    if event.data["by"] == "person":
        lines = event.data.get("lines")
        chosen = tuple(line for line in lines if isinstance(line, int)) if isinstance(lines, list) else ()
        past.answers[str(event.data["digest"])] = (str(event.data["answer"]), chosen)
    if event.data["answer"] == "no":
        past.refusal = str(event.data["reason"])
        past.refused |= commands
        return
    past.approved |= {str(event.data["digest"]), *commands}
    more = event.data.get("digests")
    if isinstance(more, list):
        past.planned = True
        past.approved.update(str(digest) for digest in more)


def _tick(past: Past, event: Event) -> None:
    file = str(event.data["file"])
    past.checklist[file] = str(event.data.get("sha256", ""))
    if event.data.get("by", "engine") == "engine":
        past.ticked.append((file, int(str(event.data["line"])), str(event.data["text"])))


def _untick(past: Past, event: Event) -> None:
    past.checklist[str(event.data["file"])] = str(event.data.get("sha256", ""))


def _run_finished(past: Past, event: Event) -> None:
    past.verdict = str(event.data["verdict"])


def _mode(value: Json) -> Mode:
    mode: Mode = msgspec.convert(value, Mode)
    return mode


_TAKERS: dict[str, Callable[[Past, Event], None]] = {
    "run.started": _run_started,
    "run.resumed": _run_resumed,
    "mode.changed": _mode_changed,
    "facts": _facts,
    "finding": _finding,
    "plan.revised": _plan_revised,
    "step.started": _step_started,
    "step.finished": _step_finished,
    "command.started": _command_started,
    "command.finished": _command_finished,
    "evidence": _evidence,
    "note": _note,
    "approval.asked": _approval_asked,
    "approval.given": _approval_given,
    "tick": _tick,
    "untick": _untick,
    "run.finished": _run_finished,
}
