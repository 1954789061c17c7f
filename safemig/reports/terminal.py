"""The event stream as lines for a plain terminal. Pure; everything untrusted is sanitised before it is drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import singledispatch

from checks.evidence import Evidence
from checks.revisions.current import revisions_at
from checks.text import plain
from safemig.base.counting import counted
from safemig.journal import events as kinds
from safemig.journal.events import GOOD, Body, Event
from safemig.reports import impact
from safemig.reports.json_document import used_database
from safemig.signals.comparison import container_words, endpoint_problem, tests_words
from safemig.signals.words import signal_word

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
    body = event.body
    lines = _started(event.run, body, paint) if isinstance(body, kinds.RunStarted) else _lines(body, paint)
    return [line[: max(width * 4, 400)] for line in lines]


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


def _started(run: str, body: kinds.RunStarted, paint: Paint) -> Iterator[str]:
    yield paint("bold", f"safemig run {run}") + f"   {printable(body.project)}   mode {body.mode}"


@singledispatch
def _lines(_body: Body, _paint: Paint) -> Iterator[str]:
    """The lines of an event of this kind; none for kinds that a person need not read as they come."""
    yield from ()


@_lines.register
def _(body: kinds.RunResumed, paint: Paint) -> Iterator[str]:
    step = printable(body.in_flight)
    flying, mode = f"; in flight was {step}" if step else "", f"; mode {body.mode}" if body.mode else ""
    yield paint("bold", f"resumed after event {body.after}") + flying + mode


@_lines.register
def _(body: kinds.PlanRevised, paint: Paint) -> Iterator[str]:
    cause = f" new or changed, because {printable(body.cause)}" if body.cause else ""
    yield f"plan revision {body.revision}  {printable(body.digest)[:12]}: {counted(len(body.added), 'step')}{cause}"
    for point in body.open:
        yield paint("warn", f"  open: {printable(point)}")


@_lines.register
def _(body: kinds.StepStarted, paint: Paint) -> Iterator[str]:
    command = printable(body.command)
    yield paint("bold", f"> {printable(body.title)}") + (paint("dim", f"   $ {command}") if command else "")


@_lines.register
def _(body: kinds.StepFinished, paint: Paint) -> Iterator[str]:
    reason = printable(body.reason)
    word, shade = STATES.get(body.status, (printable(body.status), "dim"))
    if body.not_good:
        word, shade = "done, but not good", "warn"
    yield f"  {paint(shade, word)}  {body.seconds} s" + (f"  {reason}" if reason else "")


@_lines.register
def _(body: kinds.ApprovalAsked, paint: Paint) -> Iterator[str]:
    yield ""
    yield paint("warn", f"? {printable(body.title)}") + f"   [{printable(body.effect)}]"
    for line in body.what.splitlines()[:60]:
        yield f"    {printable(line)}"
    detail = body.detail.splitlines() if body.kind == "step" else []
    for line in detail[:DETAIL_LINES]:
        shade = "good" if line.startswith("+") else "bad" if line.startswith("-") else "dim"
        yield "    " + paint(shade, printable(line))
    if len(detail) > DETAIL_LINES:
        yield paint("dim", f"    … {counted(len(detail) - DETAIL_LINES, 'more line')}: d shows all")
    for name, text in (("changes", body.changes), ("undo", body.undo), ("rule", body.rule)):
        for number, line in enumerate(text.splitlines()):
            yield f"  {f'{name}:' if not number else '':<8} {printable(line)}"
    grants = {"once": body.once, "always": body.always, "tool": body.tool, "proposed": body.proposed}
    yield from (f"  {name} grants: {printable(text)}" for name, text in grants.items() if text)
    if body.skip:
        yield f"  skip: {printable(body.skip)}"


@_lines.register
def _(body: kinds.ApprovalGiven, paint: Paint) -> Iterator[str]:
    if body.by == "person":
        planned = "; the plan is approved, additions are asked" if body.digests and body.answer != "no" else ""
        yield f"  answered {printable(body.answer)}{planned}" + (f": {printable(body.reason)}" if body.reason else "")
    if body.grant:
        yield paint("warn", f"  {granted_words(body)}")


def granted_words(body: kinds.ApprovalGiven) -> str:
    """What was granted for good, and the way to take it back."""
    back = f"`safemig permissions --revoke {printable(body.grant)}` takes it back"
    return f"granted for good: {printable(body.granted)}; {back}"


@_lines.register
def _(body: kinds.Observed, paint: Paint) -> Iterator[str]:
    words = evidence_words(body.evidence)
    if words:
        shade = "dim" if body.evidence.seen else "warn"
        yield paint(shade, f"    {printable(body.moment)} {body.evidence.kind}: {printable(words)}")


@_lines.register
def _(body: kinds.Tick, paint: Paint) -> Iterator[str]:
    by = "" if body.by == "engine" else paint("warn", "   by hand")
    yield paint("good", "  [x] ") + f"{printable(body.file)}:{body.line} {printable(body.text)}{by}"


@_lines.register
def _(body: kinds.Note, paint: Paint) -> Iterator[str]:
    text = printable(body.text) if body.level == "info" else f"{printable(body.level)}: {printable(body.text)}"
    yield paint({"warning": "warn", "error": "bad"}.get(body.level, "dim"), f"    {text}")


@_lines.register
def _(body: kinds.Progress, paint: Paint) -> Iterator[str]:
    if body.text:
        yield paint("warn" if body.urgent else "dim", f"    {printable(body.text)}{time_words(body.waited, body.left)}")


def time_words(waited: float, left: float) -> str:
    """How long a wait has taken, and how long it still may; "" where nothing limits it."""
    return f" ({waited:.0f} s so far, at most {left:.0f} s more)" if left else ""


@_lines.register
def _(body: kinds.ModeChanged, _paint: Paint) -> Iterator[str]:
    yield f"mode {body.before} -> {body.after}, from the next step on"


@_lines.register
def _(body: kinds.RunFinished, paint: Paint) -> Iterator[str]:
    yield ""
    yield paint("good" if body.verdict in GOOD else "bad", f"=== {body.verdict.upper()} ===") + (
        f"  {printable(body.reason)}" if body.reason else ""
    )
    for name in SIGNALS:
        if name in body.signals:
            yield from _signal(name, body.signals[name], paint)
    matches, unread = body.schema.matches_spec, body.schema.not_checked
    good = "as compared, but not all was checked" if unread else "as the spec asks"
    word = good if matches else "not compared" if matches is None else "NOT as the spec asks"
    yield f"  schema     {word}"
    yield from (f"             not checked: {printable(one)}" for one in unread)
    yield f"  state      {printable(body.state)}"
    if body.verdict in {"interrupted", "waiting"}:
        yield "  goes on with: safemig resume"


def _signal(name: str, signal: kinds.SignalState, paint: Paint) -> Iterator[str]:
    before, after = printable(signal.before), printable(signal.after)
    shade = "good" if signal.ok else "warn" if signal.ok is None else "bad"
    judged = signal_word(signal.ok, signal.after)
    word = judged.upper() if signal.ok is False else judged
    yield f"  {name:<10} {paint(shade, word)}   before: {before}   after: {after}"
    yield from (f"             {printable(reason)}" for reason in signal.reasons)


def evidence_words(evidence: Evidence) -> str:
    """One line about any evidence; "" for kinds that a person need not read as they come."""
    if not evidence.seen:
        return f"not checked: {evidence.reason}"
    words = _WORDS.get(evidence.kind)
    return words(evidence) if words else ""


def _endpoint_words(evidence: Evidence) -> str:
    status, media = evidence.data.get("status"), evidence.data.get("media") or ""
    return endpoint_problem(evidence) or f"{evidence.subject} {status} {media}".strip()


def _revision_words(evidence: Evidence) -> str:
    current = revisions_at(evidence)
    return "" if current is None else f"database at {', '.join(current) or 'no revision'}"


def _comparison_words(evidence: Evidence) -> str:
    if not evidence.data.get("matches_spec"):
        return "the schema is NOT as asked for"
    left = "what was compared is as asked for, but some statements were not checked"
    return left if evidence.data.get("not_checked") else "the schema is what the spec asked for"


def _drift_words(evidence: Evidence) -> str:
    same = evidence.data.get("known") and not evidence.data.get("differences")
    return "the database is what its revisions make" if same else ""


def _database_words(evidence: Evidence) -> str:
    words = {"same": "uses", "different": "uses ANOTHER one,"}
    proof = words.get(str(evidence.data.get("proof")), "is not seen: database")
    return f"{evidence.subject} {proof} {used_database(evidence)}"


def _desired_words(evidence: Evidence) -> str:
    asked = evidence.data.get("asked")
    return f"the spec asks for {counted(len(asked), 'object')}" if isinstance(asked, list) else ""


_WORDS: Mapping[str, Callable[[Evidence], str]] = {
    "tests": tests_words,
    "container": container_words,
    "endpoint": _endpoint_words,
    "revision": _revision_words,
    "comparison": _comparison_words,
    "drift": _drift_words,
    "impact": impact.words,
    "database": _database_words,
    "protection": lambda evidence: "" if evidence.data.get("longest") else "nobody waited behind the change",
    "named": lambda evidence: f"{evidence.subject} {evidence.data.get('ended')}",
    "desired": _desired_words,
}
