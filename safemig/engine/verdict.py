"""The verdict: passed means all signals good after, nothing worse than before, and the schema as asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import msgspec

from checks.evidence import Evidence, Json
from checks.revisions.current import revisions_at
from safemig.engine import watchdog
from safemig.engine.proofs import moments
from safemig.engine.session import Session
from safemig.engine.skipping import SKIPPED, skipped_steps, without_skipped
from safemig.journal.events import Verdict
from safemig.plan_document.migrating import asks_migration
from safemig.planning.applying import FIRST_LOOK
from safemig.planning.heads import NOTHING_TO_DO, SEEN_THERE, found_there
from safemig.planning.pending import ACCEPTED, UNCOMPARED
from safemig.signals.comparison import Signal, judge
from safemig.signals.words import signal_word

EXIT_CODES: dict[Verdict, int] = {
    "passed": 0,
    "unchanged": 0,
    "failed": 1,
    "refused": 1,
    "stale": 1,
    "waiting": 4,
    "interrupted": 130,
}

SHOWN = 3  # open items that a reason names
UNTESTED = "nothing runs them; name the command in safemig.yaml (commands: test: ...)"
NOTHING_ASKED = "no change was asked for, and none was made"
UNTOLD = "no change was asked for; whether “{}” made one is not known: the database could not be read before it"


@dataclass(frozen=True)
class Judged:
    """The signals and the schema's comparison. ``matches`` is None when no schema was asked for or compared;
    ``skipped`` are the titles of the steps that the person has skipped."""

    signals: dict[str, Signal]
    matches: bool | None
    asked: bool
    differences: tuple[dict[str, Json], ...]
    not_checked: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()

    def reasons(self) -> tuple[str, ...]:
        """Why this is not "passed"; empty when it is."""
        found: list[str] = []
        for name, signal in self.signals.items():
            if not signal.ok:
                words = "; ".join(signal.reasons) or signal_word(signal.ok, signal.after)
                found.append(f"{name}: {words}")
        if self.asked and self.matches is not True:
            found.append("schema: not compared with the spec" if self.matches is None else "schema: not as asked for")
        return (*found, *(f"“{title}” was {SKIPPED}" for title in self.skipped))


def judged(s: Session) -> Judged:
    """What the run's evidence comes to by now."""
    past = s.past
    before, after = moments(past)
    comparison = past.last("comparison", "after", "before")
    matches = comparison.data.get("matches_spec") if comparison and comparison.seen else None
    differences = comparison.data.get("differences") if comparison else None
    unread = comparison.data.get("not_checked") if comparison else None
    return Judged(
        without_skipped(s, _told(s, judge(before, after))),
        matches if isinstance(matches, bool) else None,
        _compares(s) or _asks_schema(s),
        tuple(d for d in differences if isinstance(d, dict)) if isinstance(differences, list) else (),
        tuple(map(str, unread)) if isinstance(unread, list) else (),
        tuple(step.title for step in skipped_steps(s)),
    )


def _told(s: Session, signals: dict[str, Signal]) -> dict[str, Signal]:
    """The signals, with what settles it where nothing runs tests."""
    tests = signals["tests"]
    if tests.ok is not None or tests.reasons or "test" in s.facts.commands or s.facts.test_command is not None:
        return signals
    return {**signals, "tests": replace(tests, reasons=(UNTESTED,))}


def _compares(s: Session) -> bool:
    """Whether a comparison of the schema is part of the plan, and not one that was said to be impossible of the last
    step that applies revisions. One that was passed over was asked about by nobody: only safemig.yaml counts there."""
    applying = [
        step.id for step in s.plan.steps if step.intent == "upgrade" or (step.applies and step.phase == "change")
    ]
    run = [step for step in applying if s.past.of(step).status != "skipped"]
    asked = {finding.step for finding in s.findings if finding.name == UNCOMPARED}
    accepted = {finding.step for finding in s.findings if finding.name == ACCEPTED}
    untold = (asked | accepted) & {*run[-1:]} or accepted & {*applying[-1:]}
    return any(step.intent == "verify" for step in s.plan.steps) and not untold


def _asks_schema(s: Session) -> bool:
    return s.facts.spec is not None and s.facts.spec.asks_schema and not s.facts.missing


def ending(s: Session) -> tuple[Verdict, str]:
    """How a run ends that has come to its last step. "passed" needs that something was asked, done and proved."""
    if s.facts.missing:
        return "failed", s.facts.missing[0]
    reasons = judged(s).reasons()
    if reasons:
        return "failed", reasons[0]
    if stalls := _over_budget(s):
        return "failed", f"{stalls[0]}; more than protection: victim_budget allows (protection: over_budget: fail)"
    if _done(s):
        return "passed", ""
    if s.facts.undone:
        why = "write it into the migration's code (op.execute), set it aside as an example, or tick what it belongs to"
        return "failed", f"not done, and nothing was changed: {s.facts.undone[0]}; {why}"
    spec = s.facts.spec
    own = asks_migration(spec.items, s.config.ticks.words) if spec else ()
    if spec and own and not spec.asks_schema:
        why = (
            "nothing in the phase says in code, a table or a model what it makes: name that, tick it yourself, or give "
            "its words as plain ones (ticks: words in safemig.yaml)"
        )
        return (
            "failed",
            f"{spec.path} has an open item that asks for a migration, and none was made: “{own[0]}”; {why}",
        )
    return "unchanged", _unchanged(s, own)


def _over_budget(s: Session) -> tuple[str, ...]:
    """The stalls for which safemig.yaml fails the run, in words."""
    if s.config.protection.over_budget != "fail":
        return ()
    seen = [one.evidence.data for one in s.past.evidence if one.evidence.kind == watchdog.KIND]
    return tuple(watchdog.stall_words(data) for data in seen if watchdog.over_budget(data))


def _unchanged(s: Session, own: Sequence[str]) -> str:
    """Why nothing was to be done, with all that this does not say: the open items that ask for a migration (that the
    schema is there does not say that these are done: a backfill leaves no trace in it), and the statements of the phase
    that a revision has and that no look shows."""
    there = found_there(s.findings)
    unread = judged(s).not_checked if there else ()
    seen = SEEN_THERE if unread else NOTHING_TO_DO
    reason = seen if there else UNTOLD.format(title) if (title := _untold(s)) else NOTHING_ASKED
    named = (
        _naming("statements that a revision has and no look shows", unread),
        _naming("open items that ask for a migration of the phase", own),
        _naming("open items that ask for a migration in words alone, in no chosen phase", s.facts.left_open),
    )
    return "; ".join([reason, *filter(None, named)])


def _naming(what: str, listed: Sequence[str]) -> str:
    """The first of them behind what they are; "" where there are none."""
    more = f" and {len(listed) - SHOWN} more" if len(listed) > SHOWN else ""
    return f"{what}: {'; '.join(listed[:SHOWN])}{more}" if listed else ""


def _done(s: Session) -> bool:
    """Whether something of the change was done: revisions applied, models written."""
    made = any(
        step.intent == "upgrade" or any(step.applies) or step.id.startswith("models-") for step in s.plan.steps
        if s.past.of(step.id).status == "done" and step.id != "models-check"
    )  # fmt: skip
    known, current = _before(s), revisions_at(s.past.last("revision"))
    return made or (known is not None and current is not None and set(current) != set(known))


def _before(s: Session) -> tuple[str, ...] | None:
    """Where the database was before anything was started; None where nobody could read it then."""
    first = (one.current for one in s.findings if one.name == "database" and one.step == FIRST_LOOK)
    return s.facts.current if s.facts.current is not None else next(first, None)


def _untold(s: Session) -> str:
    """The title of a step that applied whatever was pending, of a database that nobody could read before it."""
    done = (step.title for step in s.plan.steps if step.applies == ("",) and s.past.of(step.id).status == "done")
    return next(done, "") if _before(s) is None else ""


def finish(s: Session, verdict: Verdict, reason: str) -> int:
    """The run's last event; returns the exit code."""
    has_facts = s.past.facts is not None
    result = judged(s) if has_facts else None
    before, after = s.past.last("revision", "before", "start"), s.past.last("revision")
    signals = {name: msgspec.to_builtins(signal) for name, signal in result.signals.items()} if result else {}
    s.emit(
        "run.finished",
        {
            "verdict": verdict,
            "exit": EXIT_CODES[verdict],
            "reason": reason,
            "state": state_words(s),
            "signals": signals,
            "schema": {
                "matches_spec": result.matches if result else None,
                "differences": list(result.differences) if result else [],
                "not_checked": list(result.not_checked) if result else [],
            },
            "ticked": msgspec.to_builtins(s.past.ticked),
            "revision": {"before": _current(before), "after": _current(after)},
        },
    )
    return EXIT_CODES[verdict]


def _current(evidence: Evidence | None) -> Json:
    current = revisions_at(evidence)
    return None if current is None else [*current]


def state_words(s: Session) -> str:
    """What state things are in, for a person who has to act next."""
    current = revisions_at(s.past.last("revision"))
    seen = "" if current is None else f"last seen at {', '.join(current) or 'no revision'}"
    words = [f"database: {seen or 'not checked in this run'}"]
    if s.past.facts and s.facts.migration and s.past.of("create").status == "done":
        words.append(f"migration file {s.facts.migration.path} is written")
    if s.past.in_flight:
        words.append(f"step in flight: {s.past.in_flight}")
    return "; ".join(words)
