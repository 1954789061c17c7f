"""What a plan leaves open, and what else it tells."""

from __future__ import annotations

from collections.abc import Sequence

from safemig.planning.facts import Facts, Finding, SpecFact
from safemig.planning.heads import shares_migration
from safemig.planning.pending import changing
from safemig.planning.plan import OpenPoint


def open_points(facts: Facts, findings: Sequence[Finding]) -> list[OpenPoint]:
    """What planning could not read or find; ``settled_by`` names the step that will."""
    points: list[OpenPoint] = []
    settled = any(finding.name == "database" for finding in findings)
    if facts.current is None and not settled:
        points.append(
            OpenPoint(
                "revision",
                "the database could not be read, so its revision and what is pending are unknown"
                + (f" ({facts.unread[0]})" if facts.unread else ""),
                "revision",
            )
        )
    points += [OpenPoint(f"missing-{number}", text) for number, text in enumerate(facts.missing, 1)]
    return points


def phase_words(spec: SpecFact) -> str:
    """The phase as it is called in a sentence."""
    return f"phase {spec.phase}" if spec.phase.isdigit() else spec.phase or spec.title or "the whole"


def lacks(facts: Facts) -> tuple[str, ...]:
    """What the project lacks, that too which the plan adds."""
    path = facts.test_target.path if facts.test_target else ""
    own = f"{path} has no target that runs the tests; the plan adds one"
    return (*facts.missing, *([own] if path else []))


def unchosen(facts: Facts) -> str:
    """Why no phase was chosen, as one line for a person; "" where one was."""
    reason, *phases = facts.unchosen or ("",)
    return reason and "; ".join([f"{reason}; name one with --spec and --phase", *phases])


def notes(facts: Facts) -> list[str]:
    """What a person should know beside the steps."""
    notes = [*facts.problems, *(command.told for command in facts.commands.values() if command.told)]
    if facts.bridge:
        notes.append(
            "recipes call docker-compose, which is not installed: "
            "our commands find a bridge to `docker compose` on their PATH"
        )
    if facts.unchosen:
        notes.append(f"{facts.unchosen[0]}, so no new revision is planned; --spec and --phase name one")
        notes += [f"there is {text}" for text in facts.unchosen[1:]]
    if facts.spec and facts.spec.why:
        notes.append(f"{phase_words(facts.spec)} of {facts.spec.path} was chosen: {facts.spec.why}")
    if facts.spec:
        notes += [f"the spec contradicts itself: {text}" for text in facts.spec.differences]
    notes += [f"not done, nothing tells whether it is asked for or an example: {text}" for text in facts.undone]
    if facts.merge:
        notes.append(f"the code has several heads ({', '.join(facts.merge.down)}): a merge revision joins them first")
    if facts.used:
        notes.append(
            f"{', '.join(facts.used)} makes what the spec asks for and is pending: it is used, none is written"
        )
    if waiting := changing(facts, (), () if shares_migration(facts) else facts.pending):
        notes.append(
            f"the database is in use, so what is pending ({', '.join(waiting)}) is part of the change: the baseline is "
            "taken before it, and it is compared and proved like a new revision"
        )
    if facts.migration:
        notes += [f"chosen for its locks: {text}" for text in facts.migration.choices]
        if facts.migration.choices:
            notes.append("decline these forms with `migration: {gentle: false}` in safemig.yaml")
    return notes
