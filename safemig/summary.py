"""One summary of a run, folded from its event stream: what is printed, reported and shown reads this.

``step(summary, event)`` takes one event; it is pure, ignores an event it has already taken, and passes over kinds
and keys it does not know, so that an older safemig reads a newer journal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from checks.evidence import Evidence, Json
from safemig.events import Event
from safemig.summary_document import document, verdict_of
from safemig.summary_model import (
    Approval,
    CommandState,
    Moment,
    Note,
    PlanRevision,
    Question,
    Seen,
    SignalState,
    StepState,
    Summary,
    Tick,
)

__all__ = ["Summary", "document", "empty", "fold", "step", "verdict_of"]


def empty() -> Summary:
    """The summary of a run of which nothing is known yet."""
    return Summary()


def fold(events: Iterable[Event]) -> Summary:
    """The summary of a whole journal."""
    summary = empty()
    for event in events:
        summary = step(summary, event)
    return summary


def step(summary: Summary, event: Event) -> Summary:
    """The summary after one more event."""
    if event.seq <= summary.seq:
        return summary
    began = summary.began or event.wall
    summary = replace(summary, seq=event.seq, run=event.run, target=event.target, began=began, ended=event.wall)
    handler = _HANDLERS.get(event.kind)
    return handler(summary, event) if handler else summary


def _text(data: Mapping[str, Json], key: str) -> str:
    value = data.get(key)
    return "" if value is None else str(value)


def _number(data: Mapping[str, Json], key: str) -> float:
    value = data.get(key)
    return value if isinstance(value, int | float) else 0


def _texts(data: Mapping[str, Json], key: str) -> tuple[str, ...]:
    value = data.get(key)
    return tuple(str(one) for one in value) if isinstance(value, list) else ()


def _table(data: Mapping[str, Json], key: str) -> Mapping[str, Json]:
    value = data.get(key)
    return value if isinstance(value, dict) else {}


def _tables(data: Mapping[str, Json], key: str) -> tuple[Mapping[str, Json], ...]:
    value = data.get(key)
    return tuple(one for one in value if isinstance(one, dict)) if isinstance(value, list) else ()


def _truth(data: Mapping[str, Json], key: str) -> bool | None:
    value = data.get(key)
    return value if isinstance(value, bool) else None


def _told(summary: Summary, event: Event, text: str) -> Summary:
    return replace(summary, timeline=(*summary.timeline, Moment(event.wall, event.step, text)))


def _with_step(summary: Summary, changed: StepState) -> Summary:
    if any(one.id == changed.id for one in summary.steps):
        return replace(summary, steps=tuple(changed if one.id == changed.id else one for one in summary.steps))
    return replace(summary, steps=(*summary.steps, changed))


def _begun(summary: Summary, step_id: str) -> Summary:
    """The step stands behind those that have begun: what a later revision of the plan adds is listed where it ran."""
    known = summary.step(step_id)
    if known.attempts:
        return summary
    others = [one for one in summary.steps if one.id != step_id]
    place = max((number for number, one in enumerate(others, 1) if one.attempts), default=0)
    return replace(summary, steps=(*others[:place], known, *others[place:]))


def _run_started(summary: Summary, event: Event) -> Summary:
    data = event.data
    summary = replace(
        summary,
        project=_text(data, "project"),
        spec=_text(data, "spec"),
        phase=_text(data, "phase"),
        mode=_text(data, "mode"),
        runtime=_text(data, "runtime"),
        engine=_text(data, "engine"),
    )
    return _told(summary, event, f"run started in {summary.mode} mode")


def _taken_up(step: StepState, wall: str, *, in_flight: bool) -> StepState:
    """A step that ran when its engine died. Its time counts from here on: nobody worked on it in between."""
    return replace(step, began=wall) if in_flight else replace(step, status="interrupted")


def _run_resumed(summary: Summary, event: Event) -> Summary:
    """The dead run's question is asked anew; only the step that was in flight goes on, without being started again."""
    in_flight = _text(event.data, "in_flight")
    steps = tuple(
        _taken_up(one, event.wall, in_flight=one.id == in_flight) if one.status == "running" else one
        for one in summary.steps
    )
    cleared = replace(summary, steps=steps, running="", waiting=(), resumed=summary.resumed + 1, verdict="", exit=None)
    told = _told(cleared, event, "run resumed" + (f"; in flight was {in_flight}" if in_flight else ""))
    for leftover in _texts(event.data, "leftovers"):
        told = _told(told, event, leftover)
    return replace(told, running=in_flight)


def _finding(summary: Summary, event: Event) -> Summary:
    found = (_text(event.data, "name"), _text(event.data, "cause"))
    return _told(replace(summary, findings=(*summary.findings, found)), event, f"found: {found[0]}: {found[1]}")


def _plan_revised(summary: Summary, event: Event) -> Summary:
    data = event.data
    revision = PlanRevision(
        int(_number(data, "revision")),
        _text(data, "digest"),
        _text(data, "parent"),
        _text(data, "cause"),
        _text(data, "file"),
        _texts(data, "added"),
        _texts(data, "open"),
    )
    known = {one.id for one in summary.steps}
    outlines = {_text(one, "id"): one for one in _tables(data, "steps")}
    added = tuple(_planned(name, outlines.get(name, {})) for name in revision.added if name not in known)
    summary = replace(summary, plans=(*summary.plans, revision), steps=(*summary.steps, *added))
    cause = f": {revision.cause}" if revision.cause else ""
    return _told(summary, event, f"plan, revision {revision.revision}{cause}")


def _planned(name: str, data: Mapping[str, Json]) -> StepState:
    """A step that has not begun; older journals tell no more than its id."""
    return StepState(
        name,
        title=_text(data, "title"),
        intent=_text(data, "intent"),
        effect=_text(data, "effect"),
        command=_text(data, "command"),
    )


def _mode_changed(summary: Summary, event: Event) -> Summary:
    after = _text(event.data, "after")
    return _told(replace(summary, mode=after), event, f"mode {after}, by {_text(event.data, 'by')}")


def _step_started(summary: Summary, event: Event) -> Summary:
    data = event.data
    summary = _begun(summary, event.step)
    known = summary.step(event.step)
    changed = replace(
        known,
        title=_text(data, "title"),
        intent=_text(data, "intent"),
        effect=_text(data, "effect"),
        command=_text(data, "command"),
        status="running",
        attempts=known.attempts + 1,
        began=event.wall,
        reason="",
    )
    return _told(replace(_with_step(summary, changed), running=event.step), event, f"{changed.title}: started")


def _step_finished(summary: Summary, event: Event) -> Summary:
    data = event.data
    known = summary.step(event.step)
    changed = replace(
        known,
        status=_text(data, "status"),
        seconds=round(known.seconds + _number(data, "seconds"), 3),
        reason=_text(data, "reason"),
        command=_text(data, "command") or known.command,
        ended=event.wall,
    )
    running = "" if summary.running == event.step else summary.running
    text = f"{changed.title or changed.id}: {changed.status}" + (f" ({changed.reason})" if changed.reason else "")
    return _told(replace(_with_step(summary, changed), running=running), event, text)


def _command_started(summary: Summary, event: Event) -> Summary:
    data = event.data
    number = int(_number(data, "number"))
    command = CommandState(number, event.step, _text(data, "line"), _text(data, "cwd"), _text(data, "output"))
    return replace(summary, commands={**summary.commands, number: command})


def _command_output(summary: Summary, event: Event) -> Summary:
    data = event.data
    number = int(_number(data, "number"))
    known = summary.commands.get(number) or CommandState(number, event.step, "", "", _text(data, "file"))
    known = replace(known, end=max(known.end, int(_number(data, "end"))))
    return replace(summary, commands={**summary.commands, number: known})


def _command_finished(summary: Summary, event: Event) -> Summary:
    data = event.data
    number = int(_number(data, "number"))
    known = summary.commands.get(number) or CommandState(number, event.step, "", "", _text(data, "file"))
    status = data.get("status")
    known = replace(
        known,
        status=status if isinstance(status, int) else None,
        how=_text(data, "how"),
        seconds=_number(data, "seconds"),
        start=int(_number(data, "start")),
        end=int(_number(data, "end")),
    )
    return replace(summary, commands={**summary.commands, number: known})


def _evidence(summary: Summary, event: Event) -> Summary:
    data = _table(event.data, "evidence")
    evidence = Evidence(
        _text(data, "kind"),
        _text(data, "subject"),
        data.get("seen") is True,
        _text(data, "began"),
        _text(data, "ended"),
        _text(data, "repeat"),
        _table(data, "data"),
        _text(data, "reason"),
        int(_number(data, "version")),
    )
    return replace(summary, evidence=(*summary.evidence, Seen(_text(event.data, "moment"), event.step, evidence)))


_QUESTION = (
    "id",
    "kind",
    "digest",
    "title",
    "effect",
    "what",
    "detail",
    "changes",
    "undo",
    "rule",
    "once",
    "always",
    "tool",
    "proposed",
    "typed",
)


def _approval_asked(summary: Summary, event: Event) -> Summary:
    question = Question(step=event.step, **{key: _text(event.data, key) for key in _QUESTION})
    known = summary.step(event.step)
    if event.step and not known.title:
        summary = _with_step(summary, replace(known, title=question.title, effect=question.effect))
    others = tuple(one for one in summary.waiting if one.id != question.id)
    return _told(replace(summary, waiting=(*others, question)), event, f"asked: {question.title}")


def _approval_given(summary: Summary, event: Event) -> Summary:
    data = event.data
    given = Approval(
        _text(data, "id"),
        event.step,
        _text(data, "digest"),
        _text(data, "title"),
        _text(data, "answer"),
        _text(data, "by"),
        _text(data, "rule"),
        _text(data, "reason"),
        event.wall,
    )
    # An answer names its question by id, or by the digest of what was asked.
    left = tuple(one for one in summary.waiting if one.id != given.id and one.digest != given.digest)
    word = "refused" if given.answer == "no" else "approved"
    reason = f": {given.reason}" if given.reason else ""
    summary = replace(summary, waiting=left, approvals=(*summary.approvals, given))
    return _told(summary, event, f"{word}: {given.title}, by {given.by} ({given.rule}){reason}")


def _tick_of(data: Mapping[str, Json]) -> Tick:
    return Tick(_text(data, "file"), int(_number(data, "line")), _text(data, "text"))


def _tick(summary: Summary, event: Event) -> Summary:
    tick = _tick_of(event.data)
    return _told(replace(summary, ticks=(*summary.ticks, tick)), event, f"ticked {tick.file}:{tick.line} {tick.text}")


def _note(summary: Summary, event: Event) -> Summary:
    note = Note(_text(event.data, "level"), _text(event.data, "text"), event.step, event.wall)
    return _told(replace(summary, notes=(*summary.notes, note)), event, f"{note.level}: {note.text}")


def _stop_asked(summary: Summary, event: Event) -> Summary:
    stopped = replace(summary, stops=summary.stops + 1)
    return _told(stopped, event, f"stop asked by {_text(event.data, 'by')}")


def _run_finished(summary: Summary, event: Event) -> Summary:
    data = event.data
    schema, revision = _table(data, "schema"), _table(data, "revision")
    ticked = tuple(_tick_of(one) for one in _tables(data, "ticked"))
    code = data.get("exit")
    signals = {name: _signal(_table(_table(data, "signals"), name)) for name in _table(data, "signals")}
    summary = replace(
        summary,
        verdict=_text(data, "verdict"),
        exit=code if isinstance(code, int) else None,
        reason=_text(data, "reason"),
        state=_text(data, "state"),
        signals=signals,
        matches_spec=_truth(schema, "matches_spec"),
        differences=_tables(schema, "differences"),
        not_checked=_texts(schema, "not_checked"),
        before=revision.get("before"),
        after=revision.get("after"),
        ticks=(*summary.ticks, *(one for one in ticked if one not in summary.ticks)),
        running="",
    )
    return _told(
        summary, event, f"run finished: {summary.verdict}" + (f" ({summary.reason})" if summary.reason else "")
    )


def _signal(data: Mapping[str, Json]) -> SignalState:
    return SignalState(_truth(data, "ok"), _text(data, "before"), _text(data, "after"), _texts(data, "reasons"))


_HANDLERS: dict[str, Callable[[Summary, Event], Summary]] = {
    "run.started": _run_started,
    "run.resumed": _run_resumed,
    "finding": _finding,
    "plan.revised": _plan_revised,
    "mode.changed": _mode_changed,
    "step.started": _step_started,
    "step.finished": _step_finished,
    "command.started": _command_started,
    "command.output": _command_output,
    "command.finished": _command_finished,
    "evidence": _evidence,
    "approval.asked": _approval_asked,
    "approval.given": _approval_given,
    "tick": _tick,
    "note": _note,
    "stop.asked": _stop_asked,
    "run.finished": _run_finished,
}
