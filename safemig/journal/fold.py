"""The one fold: from the events of a run to its state. What is decided, printed, reported and shown stands on it.

``take(state, event)`` brings the state up to date with one more event; it passes over an event that it has taken
already and over kinds that it does not know, so that an older safemig reads a newer journal.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from functools import singledispatch

from msgspec import UNSET

from safemig.journal import events as kinds
from safemig.journal.events import RESUMABLE, Body, Event, StepOutline
from safemig.journal.state import (
    Approval,
    CommandState,
    Moment,
    Note,
    Question,
    RunState,
    Seen,
    StepState,
)

# Steps of plans from before step.started told its phase.
CHANGE_STEPS = frozenset({"create", "generate", "build-migration", "start-migration", "migrate"})


def fold(events: Iterable[Event]) -> RunState:
    """The state that these events come to."""
    state = RunState()
    for event in events:
        take(state, event)
    return state


def take(state: RunState, event: Event) -> None:
    """Brings ``state`` up to date with one more event."""
    if event.seq <= state.seq:
        return
    body = event.body
    state.seq, state.run, state.target = event.seq, event.run, event.target
    state.began, state.ended = state.began or event.wall, event.wall
    _take(body, state, event)


def _of(state: RunState, step: str) -> StepState:
    """The step of that id, known to the state from now on."""
    known = state.known.get(step)
    if known is None:
        known = state.known[step] = StepState(step)
    return known


def _listed(state: RunState, step: str) -> StepState:
    """The same, as one of the plan."""
    known = _of(state, step)
    if not known.listed:
        known.listed = True
        state.steps.append(known)
    return known


def _tell(state: RunState, event: Event, text: str) -> None:
    state.timeline.append(Moment(event.wall, event.step, text))


@singledispatch
def _take(body: Body, state: RunState, event: Event) -> None:
    """What an event of this kind changes; nothing for kinds that bring nothing to the state."""


@_take.register
def _(body: kinds.RunStarted, state: RunState, event: Event) -> None:
    state.start, state.mode = body, body.mode
    _tell(state, event, f"run started in {body.mode} mode")


@_take.register
def _(body: kinds.RunResumed, state: RunState, event: Event) -> None:
    """The dead run's question is asked anew; only the step that was in flight goes on, without being started again.
    Its time counts from here on: nobody worked on it in between."""
    for step in state.steps:
        if step.status == "running" and step.id == body.in_flight:
            step.began = event.wall
        elif step.status == "running":
            step.status = "interrupted"
    state.in_flight, state.waiting, state.verdict, state.exit = body.in_flight, (), "", None
    state.resumed += 1
    _tell(state, event, "run resumed" + (f"; in flight was {body.in_flight}" if body.in_flight else ""))
    for leftover in body.leftovers:
        _tell(state, event, leftover)


@_take.register
def _(body: kinds.FactsKept, state: RunState, _event: Event) -> None:
    state.facts = body


@_take.register
def _(body: kinds.Finding, state: RunState, event: Event) -> None:
    state.findings.append(body)
    _tell(state, event, f"found: {body.name}: {body.cause}")


@_take.register
def _(body: kinds.PlanRevised, state: RunState, event: Event) -> None:
    state.plans.append(body)
    outlines = {outline.id: outline for outline in body.steps}
    for name in body.added:
        if not state.of(name).listed:
            _outlined(_listed(state, name), outlines.get(name, StepOutline()))
    _tell(state, event, f"plan, revision {body.revision}" + (f": {body.cause}" if body.cause else ""))


def _outlined(step: StepState, outline: StepOutline | kinds.StepStarted) -> None:
    step.title, step.intent = outline.title, outline.intent
    step.effect, step.command = outline.effect, outline.command


@_take.register
def _(body: kinds.ModeChanged, state: RunState, event: Event) -> None:
    state.mode = body.after
    _tell(state, event, f"mode {body.after}, by {body.by}")


@_take.register
def _(body: kinds.StepStarted, state: RunState, event: Event) -> None:
    step = _listed(state, event.step)
    if not step.started:  # what a later revision of the plan adds is listed where it ran
        place = next(at for at in range(state.begun, len(state.steps)) if state.steps[at] is step)
        state.steps.insert(state.begun, state.steps.pop(place))
        state.begun += 1
    _outlined(step, body)
    step.status, step.began, step.reason = "running", event.wall, ""
    step.changes_database = body.changes_database
    step.attempts += 1
    step.evidence.clear()  # a second attempt looks again
    step.notes.clear()
    state.in_flight = event.step
    state.changing |= body.phase == "change" or event.step in CHANGE_STEPS or event.step.startswith("models-")
    _tell(state, event, f"{step.title}: started")


@_take.register
def _(body: kinds.StepFinished, state: RunState, event: Event) -> None:
    step = _listed(state, event.step)
    step.status, step.reason, step.ended = body.status, body.reason, event.wall
    step.not_good = body.not_good
    step.seconds = round(step.seconds + body.seconds, 3)
    step.command = body.command or step.command
    if state.in_flight == event.step:
        state.in_flight = ""
    _tell(state, event, f"{step.title or step.id}: {step.status}" + (f" ({step.reason})" if step.reason else ""))


@_take.register
def _(body: kinds.CommandStarted, state: RunState, event: Event) -> None:
    state.commands[body.number] = CommandState(body.number, event.step, body.line, body.cwd, body.output)
    _of(state, event.step).commands.append(body.number)


def _command(state: RunState, event: Event, number: int, file: str) -> CommandState:
    known = state.commands.get(number)
    if known is None:
        known = state.commands[number] = CommandState(number, event.step, "", "", file)
    return known


@_take.register
def _(body: kinds.CommandOutput, state: RunState, event: Event) -> None:
    command = _command(state, event, body.number, body.file)
    command.end = max(command.end, body.end)


@_take.register
def _(body: kinds.CommandFinished, state: RunState, event: Event) -> None:
    command = _command(state, event, body.number, body.file)
    command.status, command.how, command.seconds = body.status, body.how, body.seconds
    command.start, command.end = body.start, body.end
    _of(state, event.step).ends[body.number] = body


@_take.register
def _(body: kinds.Observed, state: RunState, event: Event) -> None:
    state.evidence.append(Seen(body.moment, event.step, body.evidence))
    _of(state, event.step).evidence.append((body.moment, body.evidence))


@_take.register
def _(body: kinds.ApprovalAsked, state: RunState, event: Event) -> None:
    state.asked += 1
    texts = {field.name: getattr(body, field.name) for field in fields(Question) if field.name != "step"}
    question = Question(step=event.step, **texts)
    if event.step and not state.of(event.step).title:
        step = _listed(state, event.step)
        step.title, step.effect = body.title, body.effect
    # A step has one question: the newest one takes the place of what was asked before an edit or a change of its files.
    kept = (other for other in state.waiting if other.id != body.id and (other.step != event.step or not event.step))
    state.waiting = (*kept, question)
    _tell(state, event, f"asked: {body.title}")


@_take.register
def _(body: kinds.ApprovalGiven, state: RunState, event: Event) -> None:
    # An answer names its question by id, or by the digest of what was asked.
    state.waiting = tuple(other for other in state.waiting if other.id != body.id and other.digest != body.digest)
    state.approvals.append(
        Approval(body.id, event.step, body.digest, body.title, body.answer, body.by, body.rule, body.reason, event.wall)
    )
    if body.by == "person":
        state.answers[body.digest] = (body.answer, () if body.lines is UNSET else body.lines)
    named = () if body.named is UNSET else body.named
    if body.answer == "no":
        state.refusal = body.reason
        state.refused.update(named)
    elif body.answer == "skip":  # approves nothing
        state.passed_over.add(event.step)
    else:
        state.planned |= body.digests is not UNSET
        fresh = [body.digest, *named, *(() if body.digests is UNSET else body.digests)]
        state.approved.update(fresh)
        state.given.update(fresh)  # a plan's answer is for each of its steps, also where two have one action
    word = {"no": "refused", "skip": "skipped"}.get(body.answer, "approved")
    reason = f": {body.reason}" if body.reason else ""
    _tell(state, event, f"{word}: {body.title}, by {body.by} ({body.rule}){reason}")


@_take.register
def _(body: kinds.Tick, state: RunState, event: Event) -> None:
    state.ticks.append(body)
    state.checklist[body.file] = body.sha256
    _tell(state, event, f"ticked {body.file}:{body.line} {body.text}")


@_take.register
def _(body: kinds.Untick, state: RunState, _event: Event) -> None:
    state.checklist[body.file] = body.sha256


@_take.register
def _(body: kinds.Note, state: RunState, event: Event) -> None:
    state.notes.append(Note(body.level, body.text, event.step, event.wall))
    _of(state, event.step).notes.add(body.text)
    _tell(state, event, f"{body.level}: {body.text}")


@_take.register
def _(body: kinds.StopAsked, state: RunState, event: Event) -> None:
    state.stops += 1
    _tell(state, event, f"stop asked by {body.by}")


@_take.register
def _(body: kinds.RunFinished, state: RunState, event: Event) -> None:
    """``in_flight`` stays: a run that waits or was stopped is taken up again there."""
    state.verdict, state.exit, state.reason, state.state = body.verdict, body.exit, body.reason, body.state
    state.waiting = state.waiting if body.verdict in RESUMABLE else ()
    state.signals = body.signals
    state.matches_spec, state.differences = body.schema.matches_spec, body.schema.differences
    state.not_checked = body.schema.not_checked
    state.before, state.after = body.revision.before, body.revision.after
    ticked = {(tick.file, tick.line, tick.text) for tick in state.ticks}
    state.ticks += [
        kinds.Tick(one.file, one.line, one.text) for one in body.ticked if (one.file, one.line, one.text) not in ticked
    ]
    _tell(state, event, f"run finished: {body.verdict}" + (f" ({body.reason})" if body.reason else ""))
