"""The parts of the report screen below the signals, each as a title and rows of words. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from checks.evidence import Evidence, Json
from safemig.base.counting import counted
from safemig.journal.state import Moment, RunState
from safemig.reports.json_document import proposed, tick_words, used_database
from safemig.reports.terminal import evidence_words
from tui.words import clean, duration, since

KINDS = ("tests", "container", "endpoint")
ANSWERS = {
    "no": "refused",
    "once": "approved",
    "always": "approved, not to be asked again",
    "tool": "approved, the tool too",
    "proposed": "approved, the proposed items too",
    "edit": "changed by the person",
}
_ENDED = ("done", "failed", "refused", "skipped", "stopped")
_MOMENTS = 400


@dataclass(frozen=True)
class Table:
    """``said`` stands above the rows; ``columns`` are the heads (empty for none)."""

    title: str
    said: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


def tables(summary: RunState) -> tuple[Table, ...]:
    """All parts that have something to say, in the order they are read."""
    parts = (schema, looked, approvals, databases, own_lines, ticked, not_ticked, notes, timeline)
    return tuple(made for part in parts if (made := part(summary)) is not None)


def _after_start(summary: RunState, wall: str) -> str:
    return f"+{duration(since(summary.began, wall))}" if wall else ""


def schema(summary: RunState) -> Table | None:
    """What changed in the schema, before beside after, and whether it is what was asked for."""
    before = _last(summary.seen("before", "schema") or summary.seen("start", "schema"))
    after = _last(summary.seen("after", "schema"))
    compared = _last(summary.seen("after", "comparison"))
    matches = summary.matches_spec
    if matches is None and compared is not None and compared.seen:
        matches = compared.data.get("matches_spec") is True
    good = "What was compared" if summary.not_checked else "The schema"
    words = {True: f"{good} is what the spec asked for.", False: "The schema is NOT what the spec asked for."}
    said = ["The schema was not compared with a spec." if matches is None else words[matches]]
    said += [f"not checked: {clean(one)}" for one in summary.not_checked]
    said += _made(before, after)
    differences = summary.differences or _tables(compared.data.get("differences") if compared else None)
    said += [f"differs: {_difference(difference)}" for difference in differences]
    rows = [("revision", *(_revision(summary, moment) for moment in ("before", "after")))]
    if before is not None and after is not None:
        old, new = _counts(before), _counts(after)
        rows += [(kind, str(old.get(kind, 0)), str(new.get(kind, 0))) for kind in sorted({*old, *new})]
        changed = before.data.get("fingerprint") != after.data.get("fingerprint")
        rows.append(("fingerprint", _short(before), _short(after) if changed else f"{_short(after)} (the same)"))
    return Table("Schema", tuple(said), ("", "BEFORE", "AFTER"), tuple(rows))


def databases(summary: RunState) -> Table | None:
    """Which database each command used, and by what that was seen."""
    found = [one.evidence for one in summary.evidence if one.evidence.kind == "database"]
    rows = [
        (clean(o.subject), clean(used_database(o)), clean(str(o.data.get("proof"))), clean(str(o.data.get("how")), 300))
        for o in found
    ]
    said = [f"Looked at: {clean(str(o.data.get('looked_at')))}, {clean(str(o.data.get('place')))}" for o in found[-1:]]
    return Table("Databases", tuple(said), ("WHAT", "DATABASE", "PROOF", "SEEN BY"), tuple(rows)) if rows else None


def _last(found: Sequence[Evidence]) -> Evidence | None:
    return found[-1] if found else None


def _tables(value: Json) -> tuple[Mapping[str, Json], ...]:
    return tuple(one for one in value if isinstance(one, dict)) if isinstance(value, list) else ()


def _made(before: Evidence | None, after: Evidence | None) -> list[str]:
    """Tables that came and went."""
    if before is None or after is None or not (before.seen and after.seen):
        return []
    old, new = (_texts(one.data.get("tables")) for one in (before, after))
    return [f"+ table {clean(name)}" for name in new if name not in old] + [
        f"- table {clean(name)}" for name in old if name not in new
    ]


def _texts(value: Json) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else []


def _counts(evidence: Evidence) -> dict[str, int]:
    counts = evidence.data.get("counts")
    return (
        {clean(key): value for key, value in counts.items() if isinstance(value, int)}
        if isinstance(counts, dict)
        else {}
    )


def _short(evidence: Evidence) -> str:
    return clean(str(evidence.data.get("fingerprint") or ""))[:12] or "not read"


def _difference(one: Mapping[str, Json]) -> str:
    known = ("key", "aspect", "wanted", "found")
    first = " ".join(clean(str(one[name])) for name in known[:2] if one.get(name))
    rest = [f"{clean(str(name))} {clean(str(one[name]), 200)}" for name in one if name not in known[:2]]
    return "; ".join([first, *rest] if first else rest)


def _revision(summary: RunState, moment: str) -> str:
    known = summary.before if moment == "before" else summary.after
    value: Json = None if known is None else [*known]
    if value is None:
        seen = summary.seen(moment, "revision") or (summary.seen("start", "revision") if moment == "before" else ())
        value = seen[-1].data.get("current") if seen else None
    if isinstance(value, list):
        return ", ".join(clean(str(one)) for one in value) or "none yet"
    return clean(str(value)) if value else "not read"


def looked(summary: RunState) -> Table | None:
    """Each thing that was looked at, before beside after, and how to look again."""
    rows = []
    for kind in KINDS:
        before, after = ({one.subject: one for one in summary.seen(at, kind)} for at in ("before", "after"))
        for subject in dict.fromkeys((*before, *after)):
            pair = (before.get(subject), after.get(subject))
            last = pair[1] or pair[0]
            words = [clean(evidence_words(one), 300) if one else "not reached" for one in pair]
            rows.append((clean(subject) or kind, *words, clean(last.repeat, 300) if last else ""))
    return Table("Looked at", (), ("WHAT", "BEFORE", "AFTER", "TO SEE IT AGAIN"), tuple(rows)) if rows else None


def approvals(summary: RunState) -> Table | None:
    """What was approved or refused, by whom or by which rule."""
    rows = [
        (
            _after_start(summary, approval.wall),
            clean(approval.title or approval.id, 300),
            ANSWERS.get(approval.answer, clean(approval.answer)),
            clean(approval.by),
            clean(
                f"{approval.rule}: {approval.reason}"
                if approval.rule and approval.reason
                else approval.rule or approval.reason,
                400,
            ),
        )
        for approval in summary.approvals
    ]
    rows += [("", clean(one.title, 300), "waits for an answer", "", clean(one.rule, 400)) for one in summary.waiting]
    return Table("Approvals", (), ("AT", "WHAT", "ANSWER", "BY", "RULE OR REASON"), tuple(rows)) if rows else None


def own_lines(summary: RunState) -> Table | None:
    """The shell lines that the person ran beside the run."""
    rows = []
    for command in summary.commands.values():
        if command.step == "!":
            ended = (
                "runs" if not command.how else f"exit {command.status}" if command.how == "exit" else clean(command.how)
            )
            rows.append(
                (clean(command.line, 400), clean(command.cwd), ended, duration(command.seconds) if command.how else "")
            )
    said = ("The person's own, no part of the run:",)
    return Table("Shell lines", said, ("LINE", "FOLDER", "ENDED", "TOOK"), tuple(rows)) if rows else None


def ticked(summary: RunState) -> Table | None:
    """The items that were ticked."""
    rows = [
        (f"{clean(tick.file)}:{tick.line}", f"[x] {clean(tick.text)}", clean(tick_words(summary, tick)))
        for tick in summary.ticks
    ]
    return Table("Ticked", (), ("LINE", "ITEM", "BY"), tuple(rows)) if rows else None


def not_ticked(summary: RunState) -> Table | None:
    """The items that are proposed, each with its evidence."""
    rows = [(f"{one.line}", f"[ ] {clean(one.text)}", clean(one.reason, 400)) for one in proposed(summary)]
    said = ("They have evidence, but say more than was proved. P in the checklist ticks them.",)
    return Table("Proposed", said, ("LINE", "ITEM", "EVIDENCE"), tuple(rows)) if rows else None


def notes(summary: RunState) -> Table | None:
    """What was said that is more than information."""
    rows = [(note.level, clean(note.text)) for note in summary.notes if note.level in ("warning", "error")]
    return Table("Warnings", (), (), tuple(dict.fromkeys(rows))) if rows else None


def timeline(summary: RunState) -> Table | None:
    """What happened when and how long it took. A step is one line, at its end; the answers of modes and rules stand
    among the approvals."""
    rows = list(_moments(summary))
    left = len(rows) - _MOMENTS
    said = [f"From {summary.began[:19].replace('T', ' ')} UTC"] if summary.began else []
    said += [f"{counted(left, 'earlier line')}: see the saved report"] if left > 0 else []
    return Table("Timeline", tuple(said), ("AT", "TOOK", "WHAT"), tuple(rows[-_MOMENTS:])) if rows else None


def _moments(summary: RunState) -> Iterator[tuple[str, str, str]]:
    silent = {(approval.wall, approval.step) for approval in summary.approvals if approval.by != "person"}
    began: dict[str, Moment] = {}
    for one in summary.timeline:
        title = summary.of(one.step).title or one.step
        rest = one.text.removeprefix(f"{title}: ") if one.step and one.text.startswith(f"{title}: ") else ""
        if rest == "started":
            began[one.step] = one
            continue
        if (one.wall, one.step) in silent and one.text.startswith("approved: "):
            continue
        start = began.pop(one.step, None) if rest.startswith(_ENDED) else None
        took = duration(since(start.wall, one.wall)) if start else ""
        yield _after_start(summary, one.wall), took, clean(one.text, 400)
    for one in began.values():
        yield _after_start(summary, one.wall), "", clean(one.text, 400)
