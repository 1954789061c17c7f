"""Drift: what a database has that no revision made, and what revisions made that is gone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from checks.migration.graph import Graph, UnknownRevision, pending
from checks.schema.difference import Difference, compare
from safemig import desired
from safemig.spec import operations, python_source
from safemig.spec.document import Block
from safemig.spec.sources import Wanted

if TYPE_CHECKING:
    from checks.schema.snapshot import Snapshot


@dataclass(frozen=True)
class Drift:
    """``differences`` of the database from what its revisions make; None, with the reason, when that is not known."""

    differences: tuple[Difference, ...] | None
    reason: str = ""
    made: Snapshot | None = None


class NotEvaluated(Exception):
    """A revision does more than operations with literals: only running it would tell what it makes."""


def drift(
    graph: Graph,
    current: Sequence[str],
    folder: Path,
    found: Snapshot,
    scratch: Callable[[], AbstractContextManager[str]],
) -> Drift:
    """The schema that the revisions up to ``current`` make, built on a scratch database, against ``found``.

    Nothing of the project is run: only listed operations with literals are evaluated. ``folder`` is where the graph's
    file names start from. psycopg.Error and OSError are the caller's.
    """
    try:
        # pending() sorts; what the code has beyond the current revisions is left out.
        beyond = set(pending(graph, current))
        names = [name for name in pending(graph, ()) if name not in beyond]
        steps = [(name, upgrade_of(folder / graph.revisions[name].file)) for name in names]
    except UnknownRevision as error:
        return Drift(None, str(error))
    except NotEvaluated as error:
        return Drift(None, str(error))
    with scratch() as conninfo:
        own = desired.load("", conninfo)
        with desired.engine(own) as target, target.connect() as connection:
            for name, step in steps:
                try:
                    if step is not None:
                        operations.apply(step, connection)
                except (operations.Refused, operations.Failed) as error:
                    file, line = step.place(error.line) if step else ("", 0)
                    why = error.message if isinstance(error, operations.Failed) else f"{error.text!r} is not evaluated"
                    return Drift(None, f"revision {name} ({file}:{line}): {why}")
        made = desired.take(own)
    return Drift(compare(made, found), "", made)


def upgrade_of(path: Path) -> Wanted | None:
    """A revision file's upgrade as operations; None when it does nothing, NotEvaluated when it is anything else."""
    text = path.read_text(encoding="utf-8")
    try:
        pieces = python_source.pieces(Block("python", text, 1))
    except SyntaxError as error:
        raise NotEvaluated(f"{path.name} is no Python that can be read: {error.msg}") from error
    piece = next((one for one in pieces if one.side == "up"), None)
    if piece is None:
        if python_source.is_empty_upgrade(text):
            return None
        raise NotEvaluated(f"{path.name} has no upgrade made of operations")
    return Wanted(
        "op", piece.code, "", piece.created, piece.names, (path.name, piece.lines[0]), imports=piece.imports,
        upgrade_lines=piece.lines,
    )  # fmt: skip
