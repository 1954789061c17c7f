"""What a chain of upgrades makes of an empty database: the revisions of a project, and one still to be written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

from checks.schema.snapshot import Snapshot
from safemig.migrations import evaluator, privileges
from safemig.migrations.change import Wanted
from safemig.sandbox import desired, replay
from safemig.sandbox.restore import load


@dataclass(frozen=True)
class Chained:
    """The schema ``earlier``, after some of the upgrades, and ``made``, after all.

    Where step ``failed`` (from 0) cannot be made, ``line`` of it and ``message`` say why; ``refused``: it is not
    evaluated, else PostgreSQL refuses it. ``leans`` says why the upgrades that are still to be run cannot be made on
    top of them, "" where it can; ``after`` is the schema with it, ``waited`` that with the existing ones among them.
    """

    earlier: Snapshot | None = None
    made: Snapshot | None = None
    failed: int = -1
    refused: bool = False
    line: int = 0
    message: str = ""
    leans: str = ""
    after: Snapshot | None = None
    waited: Snapshot | None = None


def chain(
    steps: Sequence[Wanted | None],
    mark: int,
    scratch: Callable[[], AbstractContextManager[str]],
    written: Sequence[Wanted | None] = (),
) -> Chained:
    """Those upgrades (None: an empty one) run in order on an empty scratch database, ``earlier`` taken after ``mark``
    of them. psycopg.Error and ScratchFails are the caller's."""
    made = _chained(steps, mark, scratch, written)
    if made.made is not None or made.refused or not any(step and step.rows for step in steps):
        return made
    # Rows that were left out may be missing to others: without any, nothing of the schema can depend on them.
    return _chained([step and replace(step, rows_left=True) for step in steps], mark, scratch, written)


def _chained(
    steps: Sequence[Wanted | None],
    mark: int,
    scratch: Callable[[], AbstractContextManager[str]],
    written: Sequence[Wanted | None],
) -> Chained:
    with scratch() as conninfo:
        own = load("", conninfo, privileges.roles_of([one for one in (*steps, *written) if one is not None]))
        earlier = None
        with desired.engine(own) as target, target.connect() as connection:
            for number, step in enumerate(steps):
                if number == mark:
                    earlier = desired.take(own)
                try:
                    if step is not None:
                        replay.apply(step, connection)
                except evaluator.Refused as error:
                    return Chained(earlier, None, number, True, error.line, f"{error.text!r} is not evaluated")
                except evaluator.Failed as error:
                    return Chained(earlier, None, number, False, error.line, error.message)
            made = desired.take(own)
            leans, after, waited, one = "", None, None, None
            try:
                for one in filter(None, written):
                    (replay if one.existing else evaluator).apply(one, connection)
                    after = desired.take(own)
                    waited = after if one.existing else waited
            except (evaluator.Refused, evaluator.Failed) as error:
                file, line = one.place(error.line) if one else ("", 0)
                leans = f"{file}:{line}: {error.message if isinstance(error, evaluator.Failed) else error}"
        return Chained(made if earlier is None else earlier, made, leans=leans, after=after, waited=waited)
