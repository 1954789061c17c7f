"""The report as Markdown. Every text comes from somewhere that is not trusted, so nothing of it is taken as markup."""

from __future__ import annotations

import json
from collections.abc import Iterator

from checks.evidence import Evidence, Json
from safemig.base.markdown import block, code, plain, table
from safemig.journal.events import SignalState
from safemig.journal.state import CommandState, RunState, StepState
from safemig.planning.plan import Plan, Step
from safemig.reports import impact
from safemig.reports.json_document import SIGNALS, proposed, tick_words, used_database, verdict_of
from safemig.signals.comparison import container_problems, endpoint_problem, tests_good
from safemig.signals.row_changes import doubts, losses
from safemig.signals.words import NOT_REACHED, signal_word

_TITLES = {"tests": "Tests", "container": "Container", "endpoints": "Endpoints"}
_KINDS = {"tests": ("tests", "rows"), "container": ("container",), "endpoints": ("endpoint",)}


def markdown(summary: RunState, plan: Plan | None, unsealed: str = "") -> str:
    """The whole report; of an unfinished run it says so first, and of a journal that others have written in."""
    lines: list[str] = []
    if unsealed:
        left_out = "It and all behind it are left out here."
        lines = [f"**Only a part of this run's journal is reported.** {plain(unsealed)}. {left_out}", ""]
    sections = (
        _head,
        _signals,
        _first,
        _plans,
        _steps,
        _approvals,
        _own,
        _databases,
        impact.section,
        _schema,
        _items,
        _ticks,
        _notes,
        _timeline,
    )
    for section in sections:
        made = list(section(summary, plan))
        if made:
            lines += [*made, ""]
    return "\n".join(lines).rstrip() + "\n"


def _head(summary: RunState, _: Plan | None) -> Iterator[str]:
    yield f"# safemig run {plain(summary.run)}: {plain(verdict_of(summary))}"
    yield ""
    if not summary.verdict:
        waits = "it waits for an answer" if summary.waiting else "it was killed, or it still runs"
        yield f"**This run has not finished** ({waits}): nothing below says how it ends. `safemig resume` takes it up."
        yield ""
    if summary.reason:
        yield f"{plain(summary.reason)}"
        yield ""
    if summary.state:
        yield f"State: {plain(summary.state)}"
        yield ""
    facts = (
        ("Target", plain(summary.target)),
        ("Project", code(summary.started.project)),
        ("Spec", plain(f"{summary.spec} {f'phase {summary.phase}' if summary.phase else ''}{_why_chosen(summary)}")),
        ("Runtime", plain(summary.started.runtime)),
        ("Mode at the end", plain(summary.mode)),
        ("Revision before", code(_revision(summary.before))),
        ("Revision after", code(_revision(summary.after))),
        ("Plan", code(summary.digest)),
        ("Began", plain(summary.began)),
        ("Last event", plain(summary.ended)),
        ("Resumed", str(summary.resumed) if summary.resumed else ""),
    )
    yield from (f"- {name}: {value}" for name, value in facts if value.strip())


def _revision(revisions: tuple[str, ...] | None) -> str:
    return "" if revisions is None else ", ".join(revisions) or "none yet"


def _signals(summary: RunState, _: Plan | None) -> Iterator[str]:
    yield "## The three signals"
    yield ""
    known = {name: summary.signals.get(name) for name in SIGNALS}
    yield from table(
        ("Signal", "", "Before", "After"),
        (
            (_TITLES[name], _word(one), plain(one.before) if one else "", plain(one.after) if one else "")
            for name, one in known.items()
        ),
    )
    for name, one in known.items():
        if one and one.reasons:
            yield ""
            yield f"{_TITLES[name]}:"
            yield ""
            yield from (f"- {plain(reason)}" for reason in one.reasons)
    for name in SIGNALS:
        yield from _evidence(summary, name)


def _word(signal: SignalState | None) -> str:
    return NOT_REACHED if signal is None else f"**{signal_word(signal.ok, signal.after)}**"


def _evidence(summary: RunState, name: str) -> Iterator[str]:
    """Each thing looked at, before beside after, and how to look again."""
    before, after = (
        {e.subject: e for kind in _KINDS[name] for e in summary.seen(m, kind)} for m in ("before", "after")
    )
    rows = []
    for subject in dict.fromkeys((*before, *after)):
        pair = (before.get(subject), after.get(subject))
        last = pair[1] or pair[0]
        repeat = code(last.repeat) if last else ""
        rows.append((plain(subject or name), _facts(pair[0]), _facts(pair[1]), repeat))
    if rows:
        yield ""
        yield f"### {_TITLES[name]}: evidence"
        yield ""
        yield from table(("What", "Before", "After", "To see it again"), rows)


# The keys that say most, per kind; the journal holds the rest.
_SHOWN = {
    "tests": (
        "summary",
        "passed",
        "failed",
        "errors",
        "skipped",
        "exit_code",
        "problems",
        "status_lost",
        "failed_tests",
        "error_places",
    ),
    "rows": ("tables", "changes", "others", "not_counted"),
    "endpoint": ("status", "media", "latency_ms", "matches", "unhealthy", "body"),
}


def _facts(evidence: Evidence | None) -> str:
    if evidence is None:
        return ""
    if not evidence.seen:
        return f"not checked: {plain(evidence.reason)}"
    if evidence.kind == "container":
        return plain(_services(evidence), 600)
    keys = _SHOWN.get(evidence.kind, tuple(evidence.data))
    shown = [f"{key} {_short(evidence.data[key])}" for key in keys if evidence.data.get(key) not in (None, "", [], 0)]
    return plain(f"{', '.join(shown)} ({evidence.ended})", 600)


def _services(evidence: Evidence) -> str:
    services = evidence.data.get("services")
    words = []
    for name, one in sorted(services.items()) if isinstance(services, dict) else ():
        if isinstance(one, dict):
            health = f", {one['health']}" if one.get("health") else ""
            words.append(
                f"{name}: {one.get('state')}{health}, restarts {one.get('restarts', 0)}, since {one.get('started')}"
            )
    return f"{'; '.join(words) or 'nothing of this project'} ({evidence.ended})"


def _short(value: Json) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 200 else text[:200] + " …"


def first_red(summary: RunState) -> tuple[Evidence, ...]:
    """What was not good, or could not be seen, when it was looked at first: the tests, and containers and endpoints
    just after the first start (an answer of 503, a 200 that says “degraded”)."""
    first: dict[tuple[str, str], Evidence] = {}
    for one in summary.evidence:
        if one.moment in ("first", "start"):
            first.setdefault((one.evidence.kind, one.evidence.subject), one.evidence)
    return tuple(one for one in first.values() if _is_red(one))


def _is_red(evidence: Evidence) -> bool:
    if evidence.kind == "tests":
        return tests_good(evidence) is not True
    if evidence.kind == "endpoint":
        return bool(endpoint_problem(evidence))
    if evidence.kind == "rows":
        return bool(losses([evidence]) or doubts([evidence]))
    return evidence.kind == "container" and (not evidence.seen or bool(container_problems(evidence)))


def _first(summary: RunState, _: Plan | None) -> Iterator[str]:
    found = first_red(summary)
    if found or summary.findings:
        yield "## The first red state"
    if found:
        yield ""
        yield "As the project was found, before any repair:"
        yield ""
        rows = ((plain(f"{one.kind} {one.subject}"), _facts(one), code(one.repeat)) for one in found)
        yield from table(("What", "Observed", "To see it again"), rows)
    for finding in summary.findings:
        yield from ("", f"- {plain(finding.name)}: {plain(finding.cause)}")


def _plans(summary: RunState, _: Plan | None) -> Iterator[str]:
    if not summary.plans:
        return
    yield "## Plan"
    yield ""
    for plan in summary.plans:
        cause = f": {plain(plan.cause)}" if plan.cause else ""
        yield f"- revision {plan.revision}, {code(plan.digest[:12])}{cause}"
    for point in summary.plans[-1].open:
        yield f"- open point: {plain(point)}"


def _steps(summary: RunState, plan: Plan | None) -> Iterator[str]:
    if not summary.steps:
        return
    yield "## Steps"
    yield ""
    rows = []
    for number, one in enumerate(summary.steps, 1):
        tries = (", not good" if one.not_good else "") + (f", {one.attempts} attempts" if one.attempts > 1 else "")
        status = f"{one.status}{tries}" + (f": {one.reason}" if one.reason else "")
        rows.append(
            (
                str(number),
                plain(one.title or one.id),
                plain(one.effect),
                plain(status),
                f"{one.seconds:.1f}",
                code(one.command),
            )
        )
    yield from table(("", "Step", "Effect", "Status", "Seconds", "Command"), rows)
    planned = {step.id: step for step in plan.steps} if plan else {}
    for one in summary.steps:
        if one.id in planned:
            yield from _planned(one, planned[one.id])


def _planned(state: StepState, step: Step) -> Iterator[str]:
    if step.action.kind == "look":
        return
    yield ""
    yield f"### {plain(step.title)} ({plain(state.status)})"
    yield ""
    if step.action.line:
        yield f"- Command: {code(step.action.line)} in {code(step.action.cwd)}"
    if step.action.path:
        yield f"- Writes: {code(step.action.path)}"
    for name, value in (("Changes", step.changes), ("Undo", step.undo), ("Because", step.cause)):
        if value:
            yield f"- {name}: {plain(value)}"
    if step.action.diff:
        yield ""
        yield from block(step.action.diff, "diff")


def _approvals(summary: RunState, _: Plan | None) -> Iterator[str]:
    if not (summary.approvals or summary.waiting):
        return
    yield "## Approvals"
    yield ""
    words = {"no": "refused", "once": "approved", "always": "approved, not to be asked again", "tool": "tool granted"}
    words["proposed"] = "approved, the proposed items too"
    yield from table(
        ("When", "What", "Answer", "By", "Rule", "Reason"),
        (
            (
                plain(a.wall),
                plain(a.title),
                plain(words.get(a.answer, a.answer)),
                plain(a.by),
                plain(a.rule),
                plain(a.reason),
            )
            for a in summary.approvals
        ),
    )
    for question in summary.waiting:
        yield from ("", f"Waits for an answer: {plain(question.title)}: {code(question.what)}")


def _own(summary: RunState, _: Plan | None) -> Iterator[str]:
    """The person's own shell lines, with the file of the run's folder that holds their output."""
    own = [command for command in summary.commands.values() if command.step == "!"]
    if own:
        yield "## The person's own shell lines"
        yield ""
        yield "Run beside the run by the person, no part of it:"
        yield ""
        rows = ((code(o.line), code(o.cwd), _ended(o), f"{o.seconds:.1f}", code(o.file)) for o in own)
        yield from table(("Line", "Folder", "Ended", "Seconds", "Output"), rows)


def _ended(command: CommandState) -> str:
    return f"exit {command.status}" if command.how == "exit" else plain(command.how or "its end is not known")


_AS_ASKED = "The schema is what the spec asked for."


def _schema(summary: RunState, _: Plan | None) -> Iterator[str]:
    yield "## Schema"
    yield ""
    good = "What was compared is what the spec asked for." if summary.not_checked else _AS_ASKED
    words = {True: good, False: "**The schema is not what the spec asked for.**"}
    yield (
        words.get(bool(summary.matches_spec), "")
        if summary.matches_spec is not None
        else "The schema was not compared."
    )
    yield from (line for one in summary.not_checked for line in ("", f"Not checked: {code(one)}"))
    if summary.differences:
        yield ""
        keys = list(dict.fromkeys(key for difference in summary.differences for key in difference))
        rows = (
            [code(_short(difference[key])) if key in difference else "" for key in keys]
            for difference in summary.differences
        )
        yield from table([plain(key) for key in keys], rows)


def _databases(summary: RunState, _: Plan | None) -> Iterator[str]:
    """Which database each command used, and by what that was seen."""
    found = [one.evidence for one in summary.evidence if one.evidence.kind == "database"]
    if found:
        yield "## Databases"
        yield ""
        yield f"Looked at: {plain(str(found[-1].data.get('looked_at')))}, {plain(str(found[-1].data.get('place')))}."
        yield ""
        rows = (
            (plain(o.subject), plain(used_database(o)), plain(str(o.data.get("proof"))), plain(str(o.data.get("how"))))
            for o in found
        )
        yield from table(("What", "Database", "Proof", "Seen by, or why not"), rows)


def _items(summary: RunState, _: Plan | None) -> Iterator[str]:
    """Item, evidence, time; what is ticked but not true stands first."""
    if summary.items:
        yield "## Checklist"
        yield ""
        wrong = [item for item in summary.items if item.state == "disproved"]
        for one in wrong:
            yield f"**DISPROVED, line {one.line}: {plain(one.text)}** ({plain(one.reason)})"
            yield ""
        waiting = proposed(summary)
        if waiting:
            lines = ",".join(str(one.line) for one in waiting)
            yield (
                f"{len(waiting)} proposed, with evidence but saying more than was proved. A person ticks them: "
                + code(f"safemig tick {summary.spec}:{lines}")
            )
            yield ""
        rows = ((str(o.line), plain(o.text), plain(o.state), plain(o.reason), plain(o.at)) for o in summary.items)
        yield from table(("Line", "Item", "State", "Evidence", "When"), rows)


def _why_chosen(summary: RunState) -> str:
    why = summary.facts.chosen_because if summary.facts else ""
    return f", chosen because {why}" if why else ""


def _ticks(summary: RunState, _: Plan | None) -> Iterator[str]:
    if summary.ticks:
        yield "## Ticked"
        yield ""
        for tick in summary.ticks:
            yield f"- {code(f'{tick.file}:{tick.line}')} {plain(tick.text)} ({tick_words(summary, tick)})"


def _notes(summary: RunState, _: Plan | None) -> Iterator[str]:
    if summary.notes:
        yield "## Notes"
        yield ""
        yield from (f"- {plain(note.level)}: {plain(note.text)}" for note in summary.notes)


def _timeline(summary: RunState, _: Plan | None) -> Iterator[str]:
    if summary.timeline:
        yield "## Timeline"
        yield ""
        yield from table(("When", "What"), ((plain(entry.wall), plain(entry.text, 400)) for entry in summary.timeline))
