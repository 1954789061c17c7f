"""What the report says of what a change would do to the tables in use."""

from __future__ import annotations

from collections.abc import Iterator

from checks.evidence import Evidence, Json
from safemig.base.markdown import code, plain, table
from safemig.journal.state import RunState
from safemig.planning.plan import Plan


def of_run(summary: RunState) -> list[Evidence]:
    """The evidence, in the order in which it was taken."""
    return [one.evidence for one in summary.evidence if one.evidence.kind == "impact"]


def section(summary: RunState, _: Plan | None) -> Iterator[str]:
    """Each revision's locks and hazards, as they were told before it was applied."""
    found = of_run(summary)
    hazards = [hazard for one in found for hazard in _rows(one, "hazards")]
    if not found:
        return
    yield "## Tables in use"
    yield ""
    if not hazards:
        yield "Nobody has to wait: the change locks no table that was there so that others cannot read and write it."
    else:
        columns = ("Hazard", "Where", "What", "Safer", "Asked")
        rows = (
            (
                plain(str(one["kind"])), code(f"{one['path']}:{one['line']}"), plain(str(one["text"])),
                plain(str(one["safer"])), "yes" if one["asks"] else "",
            )
            for one in hazards
        )  # fmt: skip
        yield from table(columns, rows)
    yield from (line for one in found if one.data.get("untraced") for line in ("", _untraced(one)))


def _untraced(one: Evidence) -> str:
    return f"Not known of {plain(one.subject)}: {plain(str(one.data['untraced']))}."


def _rows(one: Evidence, name: str) -> list[dict[str, Json]]:
    rows = one.data.get(name)
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def words(evidence: Evidence) -> str:
    """In one line; "" where something hurts, which the question has said."""
    return "" if _rows(evidence, "hazards") else f"nobody has to wait while {evidence.subject} is applied"
