"""The event stream as lines for a plain terminal. Pure; everything untrusted is sanitised before it is drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import msgspec

from checks.evidence import Evidence, Json
from checks.text import plain
from safemig.events import GOOD, Event
from safemig.signals.comparison import container_words, endpoint_problem, tests_words
from safemig.summary_document import used_database

COLOURS = {"good": "32", "bad": "31", "warn": "33", "dim": "2", "bold": "1"}
STATES = {
    "done": ("ok", "good"),
    "failed": ("FAILED", "bad"),
    "refused": ("refused", "warn"),
    "stopped": ("stopped", "warn"),
}
DETAIL_LINES = 60
SIGNALS = ("tests", "container", "endpoints")


def render(event: Event, *, colour: bool = False, width: int = 100) -> list[str]:
    """The lines that this event adds to what a person reads; none for most bookkeeping events."""
    paint = _painter(colour)
    renderer = _RENDERERS.get(event.kind)
    return [line[: max(width * 4, 400)] for line in renderer(event, paint)] if renderer else []


def printable(text: str, *, keep_lines: bool = False) -> str:
    """Untrusted text without escape sequences and control characters."""
    if keep_lines:
        return "\n".join(plain(line) for line in text.splitlines())
    return plain(text)


Paint = Callable[[str, str], str]


def _painter(colour: bool) -> Paint:
    def paint(name: str, text: str) -> str:
        return f"\x1b[{COLOURS[name]}m{text}\x1b[0m" if colour else text

    return paint


def _started(event: Event, paint: Paint) -> Iterator[str]:
    data = event.data
    yield paint("bold", f"safemig run {event.run}") + f"   {_text(data, 'project')}   mode {_text(data, 'mode')}"


def _resumed(event: Event, paint: Paint) -> Iterator[str]:
    step = _text(event.data, "in_flight")
    yield paint("bold", f"resumed after event {_text(event.data, 'after')}") + (
        f"; in flight was {step}" if step else ""
    )


def _revised(event: Event, paint: Paint) -> Iterator[str]:
    data = event.data
    added = data["added"] if isinstance(data["added"], list) else []
    cause = _text(data, "cause")
    yield f"plan revision {_text(data, 'revision')}  {_text(data, 'digest')[:12]}: {len(added)} steps" + (
        f" new or changed, because {cause}" if cause else ""
    )
    for point in data["open"] if isinstance(data["open"], list) else []:
        yield paint("warn", f"  open: {printable(str(point))}")


def _step_started(event: Event, paint: Paint) -> Iterator[str]:
    command = _text(event.data, "command")
    yield paint("bold", f"> {_text(event.data, 'title')}") + (paint("dim", f"   $ {command}") if command else "")


def _step_finished(event: Event, paint: Paint) -> Iterator[str]:
    data = event.data
    reason = _text(data, "reason")
    word, shade = STATES.get(_text(data, "status"), (_text(data, "status"), "dim"))
    if data["status"] == "done" and reason:
        word, shade = "done, but red", "warn"
    yield f"  {paint(shade, word)}  {data['seconds']} s" + (f"  {reason}" if reason else "")


def _asked(event: Event, paint: Paint) -> Iterator[str]:
    data = event.data
    yield ""
    yield paint("warn", f"? {_text(data, 'title')}") + f"   [{_text(data, 'effect')}]"
    for line in str(data["what"]).splitlines()[:60]:
        yield f"    {printable(line)}"
    detail = str(data["detail"]).splitlines() if data["kind"] == "step" else []
    for line in detail[:DETAIL_LINES]:
        shade = "good" if line.startswith("+") else "bad" if line.startswith("-") else "dim"
        yield "    " + paint(shade, printable(line))
    if len(detail) > DETAIL_LINES:
        yield paint("dim", f"    … {len(detail) - DETAIL_LINES} more lines: d shows all")
    for name in ("changes", "undo", "rule"):
        for number, line in enumerate(str(data[name]).splitlines()):
            yield f"  {f'{name}:' if not number else '':<8} {printable(line)}"
    for name in ("once", "always", "tool", "proposed"):
        if _text(data, name):
            yield f"  {name} grants: {_text(data, name)}"


def _given(event: Event, _: Paint) -> Iterator[str]:
    data = event.data
    if data["by"] == "person":
        reason = _text(data, "reason")
        yield f"  answered {_text(data, 'answer')}" + (f": {reason}" if reason else "")


def _evidence(event: Event, paint: Paint) -> Iterator[str]:
    evidence = msgspec.convert(event.data["evidence"], Evidence)
    words = evidence_words(evidence)
    if words:
        shade = "dim" if evidence.seen else "warn"
        yield paint(shade, f"    {_text(event.data, 'moment')} {evidence.kind}: {printable(words)}")


def evidence_words(evidence: Evidence) -> str:
    """One line about any evidence; "" for kinds that a person need not read as they come."""
    if not evidence.seen:
        return f"could not look: {evidence.reason}"
    data = evidence.data
    if evidence.kind == "tests":
        return tests_words(evidence)
    if evidence.kind == "container":
        return container_words(evidence)
    if evidence.kind == "endpoint":
        problem = endpoint_problem(evidence)
        return problem or f"{evidence.subject} {data.get('status')} {data.get('media') or ''}".strip()
    if evidence.kind == "revision":
        current = data.get("current")
        return f"database at {', '.join(map(str, current)) or 'no revision'}" if isinstance(current, list) else ""
    if evidence.kind == "comparison":
        if not data.get("matches_spec"):
            return "the schema is NOT as asked for"
        left = "what was compared is as asked for, but some statements were not checked"
        return left if data.get("not_checked") else "the schema is what the spec asked for"
    if evidence.kind == "drift":
        return "the database is what its revisions make" if data.get("known") and not data.get("differences") else ""
    if evidence.kind == "database":
        words = {"same": "uses", "none": "is seen with no other than", "different": "uses ANOTHER one,"}
        return (
            f"{evidence.subject} {words.get(str(data.get('proof')), 'is not seen: database')} {used_database(evidence)}"
        )
    if evidence.kind == "named":
        return f"{evidence.subject} {data.get('ended')}"
    if evidence.kind == "desired":
        asked = data.get("asked")
        return f"the spec asks for {len(asked)} objects" if isinstance(asked, list) else ""
    return ""


def _tick(event: Event, paint: Paint) -> Iterator[str]:
    yield paint("good", "  [x] ") + f"{_text(event.data, 'file')}:{event.data['line']} {_text(event.data, 'text')}"


def _note(event: Event, paint: Paint) -> Iterator[str]:
    level = _text(event.data, "level")
    text = f"    {level}: {_text(event.data, 'text')}" if level != "info" else f"    {_text(event.data, 'text')}"
    yield paint({"warning": "warn", "error": "bad"}.get(level, "dim"), text)


def _progress(event: Event, paint: Paint) -> Iterator[str]:
    if event.data["text"]:
        yield paint("warn" if event.data["urgent"] else "dim", f"    {_text(event.data, 'text')}")


def _mode(event: Event, _: Paint) -> Iterator[str]:
    yield f"mode {_text(event.data, 'before')} -> {_text(event.data, 'after')}, from the next step on"


def _finished(event: Event, paint: Paint) -> Iterator[str]:
    data = event.data
    verdict = _text(data, "verdict")
    yield ""
    yield paint("good" if verdict in GOOD else "bad", f"=== {verdict.upper()} ===") + (
        f"  {_text(data, 'reason')}" if data["reason"] else ""
    )
    signals = data["signals"] if isinstance(data["signals"], dict) else {}
    for name in SIGNALS:
        signal = signals.get(name)
        if isinstance(signal, dict):
            yield from _signal(name, signal, paint)
    schema = data["schema"] if isinstance(data["schema"], dict) else {}
    matches = schema.get("matches_spec")
    unread = schema.get("not_checked")
    left = [printable(str(one)) for one in unread] if isinstance(unread, list) else []
    good = "as compared, but not all was checked" if left else "as the spec asks"
    word = good if matches else "not compared" if matches is None else "NOT as the spec asks"
    yield f"  schema     {word}"
    yield from (f"             not checked: {one}" for one in left)
    yield f"  state      {_text(data, 'state')}"
    if verdict in {"interrupted", "waiting"}:
        yield "  goes on with: safemig resume"


def _signal(name: str, signal: Mapping[str, Json], paint: Paint) -> Iterator[str]:
    ok = signal.get("ok")
    before, after = printable(str(signal.get("before"))), printable(str(signal.get("after")))
    unknown = "not judged" if after == "not looked at" else "could not look"
    word, shade = ("good", "good") if ok else (unknown, "warn") if ok is None else ("BAD", "bad")
    yield f"  {name:<10} {paint(shade, word)}   before: {before}   after: {after}"
    reasons = signal.get("reasons")
    for reason in reasons if isinstance(reasons, list) else []:
        yield f"             {printable(str(reason))}"


def _text(data: Mapping[str, Json], name: str) -> str:
    value = data.get(name)
    return "" if value is None else printable(str(value))


_RENDERERS: Mapping[str, Callable[[Event, Paint], Iterator[str]]] = {
    "run.started": _started,
    "run.resumed": _resumed,
    "plan.revised": _revised,
    "step.started": _step_started,
    "step.finished": _step_finished,
    "approval.asked": _asked,
    "approval.given": _given,
    "evidence": _evidence,
    "tick": _tick,
    "note": _note,
    "progress": _progress,
    "mode.changed": _mode,
    "run.finished": _finished,
}
