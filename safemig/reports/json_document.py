"""The document that ``--json`` prints, from the state of a run."""

from __future__ import annotations

from checks.evidence import Evidence, Json
from safemig.journal.events import FactsKept, SignalState, Tick
from safemig.journal.state import Approval, ItemState, RunState, Seen, StepState
from safemig.reports import impact

SIGNALS = ("tests", "container", "endpoints")


def verdict_of(summary: RunState) -> str:
    """The verdict; of a run that has not finished: waiting while it asks, else interrupted."""
    return summary.verdict or ("waiting" if summary.waiting else "interrupted")


def proposed(summary: RunState) -> tuple[ItemState, ...]:
    """The items that were proposed and that nobody has ticked in this run."""
    ticked = {(tick.line, tick.text) for tick in summary.ticks}
    return tuple(item for item in summary.items if item.state == "proposed" and (item.line, item.text) not in ticked)


def tick_state(summary: RunState, tick: Tick) -> str:
    """What this run knows of a ticked item: "proved" or "proposed", "" where it has no evidence of it."""
    known = (item.state for item in summary.items if (item.line, item.text) == (tick.line, tick.text))
    state = next(known, "proved" if tick.by == "engine" else "")  # the engine ticks nothing without evidence
    return state if state in ("proved", "proposed") else ""


def tick_words(summary: RunState, tick: Tick) -> str:
    """By whom an item was ticked and what this run has of it, so that a tick by hand is not taken for a proof."""
    words = {"proved": "proved by this run", "proposed": "proposed: it says more than this run has proved"}
    known = words.get(tick_state(summary, tick), "not proved by this run")
    return f"by hand, {known}" if tick.by == "person" else known


def document(summary: RunState) -> dict[str, Json]:
    """The one document of ``--json``, format 1."""
    signals: dict[str, Json] = {}
    for name in (*SIGNALS, *(name for name in summary.signals if name not in SIGNALS)):
        one = summary.signals.get(name, SignalState())
        signals[name] = {"ok": one.ok, "before": one.before, "after": one.after, "reasons": [*one.reasons]}
    return {
        "format": 1,
        "run": summary.run,
        "target": summary.target,
        "plan": summary.digest,
        "spec": _spec_document(summary),
        "verdict": verdict_of(summary),
        "signals": signals,
        "steps": [_step_document(step) for step in summary.steps],
        "rows": [_rows_document(one) for one in summary.evidence if one.evidence.kind == "rows"],
        "databases": [_database_document(one.evidence) for one in summary.evidence if one.evidence.kind == "database"],
        "protection": [dict(one.evidence.data) for one in summary.evidence if one.evidence.kind == "protection"],
        "impact": [{"revisions": one.subject, **one.data} for one in impact.of_run(summary)],
        "revision": {"before": _listed(summary.before), "after": _listed(summary.after)},
        "schema": {
            "matches_spec": summary.matches_spec,
            "differences": [dict(difference) for difference in summary.differences],
            "not_checked": [*summary.not_checked],
        },
        "ticked": [
            {"file": tick.file, "line": tick.line, "text": tick.text, "by": tick.by, "state": tick_state(summary, tick)}
            for tick in summary.ticks
        ],
        "proposed": [
            {"file": summary.spec, "line": one.line, "text": one.text, "reason": one.reason}
            for one in proposed(summary)
        ],
        "approvals": [_approval_document(approval) for approval in summary.approvals],
    }


def _spec_document(summary: RunState) -> dict[str, Json]:
    """What of the specs the run is about, and why; of a run that chose nothing, why not."""
    kept = summary.facts or FactsKept()
    return {
        "path": summary.spec,
        "phase": summary.phase,
        "chosen_because": kept.chosen_because,
        "schema_at": kept.schema_at,
        "unchosen": [*kept.unchosen],
    }


def _listed(revisions: tuple[str, ...] | None) -> list[Json] | None:
    return None if revisions is None else [*revisions]


def _step_document(one: StepState) -> dict[str, Json]:
    return {
        "id": one.id,
        "title": one.title,
        "effect": one.effect,
        "status": one.status,
        "seconds": one.seconds,
        "command": one.command,
    }


def used_database(evidence: Evidence) -> str:
    """The database that was used, as far as it is known."""
    key = "looked_at" if evidence.data.get("proof") == "same" else "database"
    return str(evidence.data.get(key) or "not known")


def _database_document(evidence: Evidence) -> dict[str, Json]:
    """Which database a command or the service uses."""
    keys = ("proof", "how", "looked_at", "system_identifier", "place")
    told: dict[str, Json] = {key: evidence.data.get(key) for key in keys}
    return {"subject": evidence.subject, "database": used_database(evidence), **told}


def _rows_document(one: Seen) -> dict[str, Json]:
    """What a test run did to the rows of the application's database; ``reason`` says why that was not seen."""
    evidence = one.evidence
    return {
        "step": one.step,
        "moment": one.moment,
        "subject": evidence.subject,
        "seen": evidence.seen,
        "reason": evidence.reason,
        **evidence.data,
    }


def _approval_document(one: Approval) -> dict[str, Json]:
    return {
        "step": one.step,
        "title": one.title,
        "digest": one.digest,
        "answer": one.answer,
        "by": one.by,
        "rule": one.rule,
        "reason": one.reason,
        "at": one.wall,
    }
