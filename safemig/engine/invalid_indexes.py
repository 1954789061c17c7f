"""Indexes that a failed CREATE INDEX CONCURRENTLY has left behind: written to with every row, read by nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checks.schema.difference import table_of
from checks.schema.snapshot import Snapshot
from safemig.engine import observation
from safemig.postgres.ddl.names import dotted

if TYPE_CHECKING:
    from safemig.engine.session import Session

_APPLYING = frozenset({"migrate", "pending"})


def unfinished(snapshot: Snapshot) -> tuple[str, ...]:
    """The names of the indexes that are not valid, ready for SQL; one on a partitioned table only waits for parts."""
    return tuple(
        dotted(key.partition(" ")[2])
        for key, attributes in snapshot.objects.items()
        if key.startswith("index ") and attributes.get("valid") is False and not _partitioned(key, snapshot)
    )


def _partitioned(key: str, snapshot: Snapshot) -> bool:
    table = snapshot.objects.get(f"table {table_of(key, snapshot.objects[key])}", {})
    return table.get("form") == "partitioned"


async def name_unfinished(s: Session) -> None:
    """Says after a failure which they are and the way out: the next try would find their names taken."""
    import psycopg

    from checks.schema.snapshot import TableHeld
    from safemig.runtimes.base import Unreachable

    if not any(s.past.of(step).started for step in _APPLYING):
        return
    try:
        snapshot = await observation.snapshot_now(s)
    except (psycopg.Error, Unreachable, TableHeld):
        return  # that the database does not answer is said by the look at its revision
    for name in unfinished(snapshot):
        s.note(
            f"index {name} is INVALID: its build did not end well. Mend what the error says, then "
            f"`DROP INDEX CONCURRENTLY {name};` and apply the revision again",
            level="warning",
        )
