"""What a person chose where the phase stands on drift: the revision to be written first, the stamp to come first."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from safemig.base.action import Action
from safemig.planning.facts import Facts, Finding
from safemig.planning.plan import Step
from safemig.planning.steps import edit_step, look_step

WRITE = "adopt"  # the finding of a revision that makes what no revision makes; its step
STAMP = "stamp"  # the finding of a revision that the database has already; its step
_CURRENT = re.compile(r"(?<=\s)current(?:\s+(?:-v|--verbose))?(?=$|[\s'\"])")


def written_first(findings: Sequence[Finding]) -> Finding | None:
    """The choice to write a revision first."""
    return next((one for one in findings if one.name == WRITE), None)


def adopt_steps(findings: Sequence[Finding]) -> list[Step]:
    """The file of that revision, before the one of the phase."""
    chosen = written_first(findings)
    if chosen is None:
        return []
    title = f"Write the revision {chosen.revisions[0]} of what the database has and the revisions do not make alike"
    step = edit_step(WRITE, "edit", title, "change", chosen.actions[0], chosen.cause)
    return [replace(step, assumes=("file", "heads", "schema"))]


def rebased(findings: Sequence[Finding]) -> dict[str, Action]:
    """The phase's own file on top of that revision, by its step."""
    chosen = written_first(findings)
    return {"create": chosen.actions[1]} if chosen else {}


def stamp_line(facts: Facts, revision: str) -> str:
    """The command that records the revision, made from the one that reads it; "" where there is none."""
    current = facts.commands.get("current")
    line, count = _CURRENT.subn(f"stamp {revision}", current.line) if current else ("", 0)
    return line if count == 1 else ""


def stamp_steps(facts: Facts, findings: Sequence[Finding]) -> list[Step]:
    """Each stamp, and the baseline once more: what it stands on is another revision."""
    steps: list[Step] = []
    for number, one in enumerate((one for one in findings if one.name == STAMP), 1):
        suffix = "" if number == 1 else f"-{number}"
        (revision,) = one.revisions
        before = ", ".join(one.current) or "base"
        steps.append(
            Step(
                f"{STAMP}{suffix}", "stamp", f"Stamp the database with {revision}, which it has already", "before",
                one.actions[0], f"Alembic's own table: from {before} to {revision}; nothing of the schema, no row",
                ("schema", "heads"), f"the database is at {revision}, its schema as before",
                f"`{stamp_line(facts, before)}`", one.cause,
            )
        )  # fmt: skip
        title = "Take the baseline again, from the stamped revision on"
        steps.append(look_step(f"baseline-{number + 1}", "baseline", title, "before", ("schema",), one.cause))
    return steps
