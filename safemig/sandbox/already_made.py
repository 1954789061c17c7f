"""Whether a schema has already what a change of tables that are there would make of it; PostgreSQL says so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace

from checks.schema.difference import compare
from checks.schema.snapshot import Snapshot, last_name
from safemig.migrations import evaluator, privileges
from safemig.migrations.change import Wanted
from safemig.sandbox.desired import SpecFails, apply_side, desired_of, engine, take, way_back
from safemig.sandbox.restore import load


def already_made(
    dump: str,
    wanted: Wanted,
    scratch: Callable[[], AbstractContextManager[str]],
    *,
    pending: Sequence[Wanted] = (),
) -> tuple[str, ...] | None:
    """The names of what ``wanted`` makes, where the schema in ``dump`` has all of it after the upgrades of ``pending``;
    None where it has not. Of what only changes a table there are no names.

    It has it where the change, made once more, makes nothing that was not there (a constraint may have another name),
    or where all that it is about is the same once that was taken back and made again. Raises as
    ``safemig.sandbox.desired.desire``.
    """
    with scratch() as conninfo:
        own = load(dump, conninfo, privileges.roles(wanted))
        with engine(own) as target, target.connect() as connection:
            for step in pending:
                apply_side(step, connection)
        there = take(own)
        if _made(own, wanted):
            after = take(own)
            return () if after == there else _names(there, there, after, wanted)
        back = way_back(wanted)
        if back is None:
            return None
        with engine(own) as target, target.connect() as connection:
            evaluator.apply(back, connection, side="down", lenient=True)
        left = take(own)
        return _names(there, left, take(own), wanted) if _made(own, wanted) else None


def _made(conninfo: str, wanted: Wanted) -> bool:
    try:
        with engine(conninfo) as target, target.connect() as connection:
            apply_side(wanted, connection)
    except SpecFails:
        return False
    return True


def _names(there: Snapshot, before: Snapshot, after: Snapshot, wanted: Wanted) -> tuple[str, ...] | None:
    """The names of what leads from ``before`` to ``after``, where ``there`` has it all."""
    made = {key: one for key, one in after.objects.items() if before.objects.get(key) != one}
    gone = before.objects.keys() - after.objects.keys()
    if not (made or gone) or gone & there.objects.keys():
        return None
    differences = compare(
        replace(after, objects=made),
        there,
        open_names=desired_of(before, after, wanted).open_names,
        ignore=frozenset(),
    )
    # What "there" has beside it was made by others.
    if any(one.aspect not in ("column order", "unexpected") for one in differences):
        return None
    return tuple(sorted({last_name(key) for key in (*made, *gone)}))
