"""Pending revisions: before everything else on an empty database, the change itself on one that is in use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from safemig.planning.contents import applying
from safemig.planning.facts import Facts, Finding, RiskFact
from safemig.planning.heads import merges_only
from safemig.planning.plan import OpenPoint, Phase, Step
from safemig.planning.steps import command_step, downgrade_line, look_step

UNCOMPARED = "uncompared"  # the finding that nothing tells beforehand what a step makes of the schema
ACCEPTED = "accepted"  # the same, where safemig.yaml accepts it
GENERATED = "generated"  # the finding of the file that the project's own command wrote
NEW = "the new revision"  # one that is still to be generated


def revisions(
    facts: Facts, findings: Sequence[Finding], pending: tuple[str, ...] | None
) -> tuple[tuple[str, ...] | None, tuple[str, ...] | None]:
    """Where the database is and what is pending, the merge that is planned with it, as last seen."""
    current = facts.current
    for finding in findings:
        if finding.name == "database":
            current, pending = finding.current, finding.pending
            if facts.merge and facts.merge.revision not in (*pending, *current):
                pending = (*pending, facts.merge.revision)  # looked at before the file was written
    return current, pending


def in_use(facts: Facts, findings: Sequence[Finding]) -> bool:
    """Whether the database had tables when it was first seen: what our own start makes in it does not count."""
    if facts.current is not None:
        return facts.in_use
    return next((finding.in_use for finding in findings if finding.name == "database"), False)


def changing(facts: Facts, findings: Sequence[Finding], pending: tuple[str, ...] | None) -> tuple[str, ...]:
    """The pending revisions that are the change, or the first part of it: those of a database that is in use."""
    known = revisions(facts, findings, pending)[1]
    if "migrate" not in facts.commands or merges_only(facts) or not in_use(facts, findings):
        return ()
    return known or ()


def pending_step(facts: Facts, findings: Sequence[Finding], pending: tuple[str, ...], phase: Phase) -> Step:
    """The step that applies the pending revisions."""
    current = revisions(facts, findings, pending)[0]
    title = f"Apply the pending revisions: {', '.join(pending)}"
    return _upgrade(facts, "pending", title, phase, pending, (current or (), facts.heads))


def upgrade_step(facts: Facts, names: tuple[str, ...]) -> Step:
    """The step that applies the new revisions by the project's own command."""
    title = f"Migrate the database to {', '.join(names) or NEW}"
    return _upgrade(facts, "migrate", title, "change", names, (facts.heads, names or (NEW,)))


def _upgrade(
    facts: Facts, name: str, title: str, phase: Phase, names: tuple[str, ...], ends: tuple[Sequence[str], Sequence[str]]
) -> Step:
    """A step from one of the ``ends`` to the other."""
    listed = ", ".join(names) or NEW
    step = command_step(
        name,
        "upgrade",
        title,
        phase,
        facts.commands["migrate"],
        facts,
        changes=f"database schema, by revision {listed}",
        undo=downgrade_line(facts, ", ".join(ends[0]) or "base"),
        assumes=("schema", "heads"),
        reaches=f"revision {listed}",
        done_when=f"the database is at {', '.join(ends[1])}",
    )
    return applying(step, facts, names)


def pending_change(facts: Facts, findings: Sequence[Finding], pending: tuple[str, ...], *, more: bool) -> list[Step]:
    """The pending revisions as the change: applied, and compared with what they make on a throwaway server.

    With ``more`` a new revision follows: it is proved on top of them, once they are there.
    """
    title = "Compare the schema in PostgreSQL with what the pending revisions make"
    steps = [pending_step(facts, findings, pending, "change")]
    if more:
        steps.append(look_step("verify-pending", "verify", title, "change", ("schema",)))
    return steps


def desire_step(facts: Facts) -> Step:
    """The wanted schema once more: what it stands on is there only now."""
    what = "the generated revision makes" if facts.message else "the spec asks for"
    return look_step("desire", "desire", f"Find the schema that {what}, on a throwaway server", "change", ("schema",))


def generated(findings: Sequence[Finding]) -> Finding | None:
    """The newest reading of what the project's own command wrote; None before it did."""
    return next((finding for finding in reversed(findings) if finding.name == GENERATED), None)


def uncompared(steps: Sequence[Step], findings: Sequence[Finding]) -> list[Step]:
    """The steps, those asked in every mode of which nothing tells what they make of the schema."""
    reasons = {finding.step: finding.cause for finding in findings if finding.name == UNCOMPARED}
    return [
        step
        if step.id not in reasons
        else replace(
            step,
            action=replace(step.action, asks="; ".join(filter(None, (step.action.asks, reasons[step.id])))),
            cause=step.cause or reasons[step.id],
        )
        for step in steps
    ]


def points(findings: Sequence[Finding]) -> list[OpenPoint]:
    """What a person must answer for: what cannot be compared, and what is dropped that no revision made."""
    found = [(finding.cause, finding.step) for finding in findings if finding.name == UNCOMPARED]
    drops: tuple[RiskFact, ...] = tuple(one for finding in findings for one in finding.foreign)
    found += [(one.text, "migrate") for one in drops]
    return [OpenPoint(f"answer-{number}", text, step) for number, (text, step) in enumerate(found, 1)]
