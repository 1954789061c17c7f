"""Before the change begins, and before its file is written: whether the live database is ready for it."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import TYPE_CHECKING

from checks.database.readiness import look
from checks.evidence import Evidence, unseen
from safemig.engine.approval import ask_person
from safemig.engine.session import RunEnds
from safemig.planning.facts import Facts
from safemig.planning.impact import impact_of
from safemig.planning.plan import Step
from safemig.protection.impact import Impact
from safemig.protection.readiness import Change, Trouble, troubles
from safemig.runtimes.base import APPLICATION, Unreachable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from safemig.engine.session import Session
    from safemig.planning.facts import RevisionFact

KIND = "readiness"
POLL_SECONDS = 0.5


async def look_ready(s: Session, step: Step, facts: Facts, files: Sequence[RevisionFact]) -> None:
    """Looks at the database once, journals it, and ends the run or asks where the change could not succeed. With
    ``protection: quiet_window`` it waits until the tables are free, and ends the run where they do not become so."""
    if s.known(step.id, "before", KIND):
        return
    change = _change(facts, files)
    seen = await s.look(partial(_look, s, change))
    found = troubles(seen, change)
    waited = [one for one in found if one.weight == "waits"]
    if waited and s.config.protection.quiet_window:
        seen, found = await _wait_quiet(s, step, change, waited)
    for one in seen:
        s.observe(step.id, "before", one)
    for trouble in found:
        if trouble.weight in ("waits", "warns"):
            s.note(trouble.text, step.id, "warning")
    stops = [one.text for one in found if one.weight == "stops"]
    if stops:
        raise RunEnds("failed", f"the change cannot be made here: {'; '.join(stops)}")
    asks = [one.text for one in found if one.weight == "asks"]
    if asks:
        title = "The database does not look ready for the change; go on?"
        await ask_person(
            s, step, title, "; ".join(asks), "the run goes on all the same", "what a change needs is asked"
        )


def _change(facts: Facts, files: Sequence[RevisionFact]) -> Change:
    if facts.impact is None:
        return Change((), Impact())
    marks = {file.sha256 for file in files}
    statements = tuple(one for trace in facts.impact.traces if trace.sha256 in marks for one in trace.statements)
    return Change(statements, impact_of(facts.impact, files))


def _look(s: Session, change: Change) -> tuple[Evidence, ...]:
    import psycopg

    try:
        with s.runtime.connect() as connection:
            return look(connection, change.tables, APPLICATION)
    except (psycopg.Error, Unreachable) as error:
        return (unseen(KIND, "database", "psql", " ".join(str(error).split())),)


async def _wait_quiet(
    s: Session, step: Step, change: Change, waited: Sequence[Trouble]
) -> tuple[tuple[Evidence, ...], tuple[Trouble, ...]]:
    """Looks again until nobody is in the way any more; RunEnds after ``quiet_window`` seconds."""
    window = s.config.protection.quiet_window
    s.note(f"waiting up to {window:g} s until the tables are free: {'; '.join(one.text for one in waited)}", step.id)
    until = time.monotonic() + window
    while True:
        seen = await s.look(partial(_look, s, change))
        found = troubles(seen, change)
        left = [one.text for one in found if one.weight == "waits"]
        if not left:
            return seen, found
        s.check_stop()
        if time.monotonic() >= until:
            raise RunEnds(
                "failed",
                f"the tables did not become free within {window:g} s (protection: quiet_window): {'; '.join(left)}. "
                "Nothing was changed",
            )
        await asyncio.sleep(POLL_SECONDS)
