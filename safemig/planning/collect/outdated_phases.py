"""Whether a phase that only shows tables that are there is still to be done: what of them would change."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from checks.revisions.graph import Graph, pending
from checks.schema.snapshot import TableHeld
from safemig.base.files import text as text_of
from safemig.migrations import from_python
from safemig.migrations.change import Wanted
from safemig.migrations.reconcile.statements import parts
from safemig.plan_document.document import Block
from safemig.planning.collect import existing_tables
from safemig.planning.facts import Facts

if TYPE_CHECKING:
    from safemig.project.alembic_config import AlembicTree
    from safemig.runtimes.base import Runtime

_EARLIER = 4  # states before the present one that are looked at; each takes a throwaway database


class NotLooked(Exception):
    """It could not be found out; says why."""


def differs(facts: Facts, runtime: Runtime, tree: AlembicTree, graph: Graph, found: Wanted) -> bool:
    """Whether something would be written for ``found``, and its state has not been reached and left again.

    A table that a later revision has changed is no longer what the CREATE of an earlier phase shows: that phase is
    done. Raises NotLooked where neither database nor revisions give an answer.
    """
    if found.problems or not found.upgrade.strip() or graph.problems or _in_a_revision(graph, found):
        return False
    if not _changes(facts, runtime, tree, graph, found):
        return False
    touching = [name for name in pending(graph, ()) if _touches(graph, name, found.tables)]
    # The last of them led to the present state, or is only pending: both have just been looked at.
    for last in touching[:-1][-_EARLIER:]:
        until = replace(facts, current=None, pending=None)
        try:
            if not _changes(until, runtime, tree, _upto(graph, last), found):
                return False
        except NotLooked:
            continue
    return True


def _changes(facts: Facts, runtime: Runtime, tree: AlembicTree, graph: Graph, found: Wanted) -> bool:
    import psycopg

    from safemig.postgres.server import PostgresError
    from safemig.runtimes.base import Unreachable
    from safemig.sandbox.desired import SpecFails
    from safemig.sandbox.drift import NotEvaluated
    from safemig.sandbox.restore import ScratchFails

    try:
        result, _ = existing_tables.look(facts, runtime, tree, graph, existing_tables.without_done(graph, found))
    except SpecFails:
        return False  # it cannot be made on what is there: whoever names the phase is told why
    except (NotEvaluated, ScratchFails, Unreachable, PostgresError, TableHeld, psycopg.Error, OSError) as error:
        raise NotLooked(str(error).splitlines()[0]) from error
    return bool(result.wanted.upgrade.strip() or result.wanted.problems)


def _in_a_revision(graph: Graph, found: Wanted) -> bool:
    """Whether each CREATE stands in a revision as the spec has it: no database is needed to know that it was made."""
    creates = [one for one in parts(found) if one.what.created]
    written = existing_tables.in_revisions(graph)
    return bool(creates) and all(existing_tables.in_words(one.text, found.kind) & written for one in creates)


def _touches(graph: Graph, name: str, tables: Sequence[str]) -> bool:
    revision = graph.revisions[name]
    if set(revision.creates) & set(tables):
        return True
    return any(set(tables) & piece_tables for piece_tables in _tables(Path(revision.file)))


def _tables(file: Path) -> Iterator[frozenset[str]]:
    try:
        pieces = from_python.pieces(Block("python", text_of(file), 1))
    except (OSError, SyntaxError, UnicodeDecodeError):
        return
    yield from (piece.tables for piece in pieces if piece.side == "up")


def _upto(graph: Graph, last: str) -> Graph:
    """The graph with that revision and those that are run before it."""
    names = pending(graph, ())
    kept = names[: names.index(last) + 1]
    return replace(graph, revisions={name: graph.revisions[name] for name in graph.revisions if name in kept})
