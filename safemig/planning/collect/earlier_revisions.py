"""Which revisions have made already what a phase asks of tables that are there."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from checks.revisions.graph import Graph, pending
from checks.schema.snapshot import TableHeld
from safemig.base.files import text as text_of
from safemig.migrations import from_python
from safemig.migrations.change import Wanted
from safemig.migrations.fragments import Piece
from safemig.migrations.reconcile.statements import parts
from safemig.plan_document.document import Block
from safemig.planning.collect.existing_tables import in_revisions, in_words, present, without_done
from safemig.planning.collect.outdated_phases import NotLooked
from safemig.planning.facts import Facts

if TYPE_CHECKING:
    from safemig.project.alembic_config import AlembicTree
    from safemig.runtimes.base import Runtime


def makers(facts: Facts, runtime: Runtime, tree: AlembicTree, graph: Graph, found: Wanted) -> tuple[str, ...]:
    """The revisions that have made all that is asked for; none where a part of it is still to be made, where no
    revision speaks of it, or where no schema shows what it does. Raises NotLooked where PostgreSQL gives no answer."""
    if found.tables or found.problems or graph.problems or not found.upgrade.strip():
        return ()
    candidates = _speaking_of(graph, found)
    if not candidates:
        return ()
    left = without_done(graph, found)
    unseen = [one for one in parts(left) if one.unseen()]
    if unseen and (len(unseen) < len(parts(left)) or not _all_written(graph, left)):
        return ()
    names = () if unseen else _there(facts, runtime, tree, graph, left)
    return () if names is None else _last_of(candidates, names, _words(found))


def _there(facts: Facts, runtime: Runtime, tree: AlembicTree, graph: Graph, found: Wanted) -> tuple[str, ...] | None:
    import psycopg

    from safemig.postgres.server import PostgresError
    from safemig.runtimes.base import Unreachable
    from safemig.sandbox.database import on_scratch
    from safemig.sandbox.desired import SpecFails
    from safemig.sandbox.drift import NotEvaluated
    from safemig.sandbox.restore import ScratchFails
    from safemig.sandbox.worker import already_made

    try:
        dump, steps = present(facts, runtime, tree, graph)
        return on_scratch(runtime, partial(already_made, dump, found, pending=steps), lambda _said: None)
    except SpecFails:
        return None  # a pending revision fails: whoever applies it is told why
    except (NotEvaluated, ScratchFails, Unreachable, PostgresError, TableHeld, psycopg.Error, OSError) as error:
        raise NotLooked(str(error).splitlines()[0]) from error


def _all_written(graph: Graph, found: Wanted) -> bool:
    written = in_revisions(graph)
    return all(in_words(one.text, found.kind) & written for one in parts(found))


def _words(found: Wanted) -> frozenset[str]:
    """The words of what is asked for but those of its tables' names, lower case."""
    tables = {word for table in found.touched for word in re.findall(r"\w+", table.lower())}
    return frozenset(re.findall(r"\w+", found.upgrade.lower())) - tables


@dataclass(frozen=True)
class _Speaking:
    """A revision that says something of the tables: the names of its objects, and every word of its upgrade."""

    revision: str
    names: frozenset[str]
    words: frozenset[str]


def _speaking_of(graph: Graph, found: Wanted) -> list[_Speaking]:
    """The revisions that do more to its tables than to make them, or name what it is about, as they are run."""
    keys = {key for one in parts(found) for key in one.what.keys}
    # Most revisions have none of these names in their text: they are not parsed.
    own = {re.split(r"[ .]", name)[-1].strip('"').lower() for name in (*keys, *found.touched)}
    result = []
    for name in pending(graph, ()):
        pieces = _upgrade(Path(graph.revisions[name].file), own)
        if any(piece.keys & keys or _changes(piece, found.touched) for piece in pieces):
            names = (re.split(r"[ .]", key)[-1].lower() for piece in pieces for key in piece.keys)
            words = (word for piece in pieces for word in re.findall(r"\w+", piece.code.lower()))
            result.append(_Speaking(name, frozenset(names), frozenset(words)))
    return result


def _upgrade(file: Path, names: Collection[str]) -> list[Piece]:
    try:
        text = text_of(file)
        if not any(name in text.lower() for name in names):
            return []
        return [piece for piece in from_python.pieces(Block("python", text, 1)) if piece.side == "up"]
    except (OSError, SyntaxError, UnicodeDecodeError):
        return []


def _changes(piece: Piece, tables: Collection[str]) -> bool:
    made = {f"table {table}" for table in piece.created}
    return bool(piece.tables & set(tables)) and bool(piece.keys - made)


def _last_of(candidates: Sequence[_Speaking], names: Sequence[str], words: frozenset[str]) -> tuple[str, ...]:
    """For each of the names the last revision that makes or changes it, else the last that says it; without names the
    last of those that say most of what is asked for."""
    found: set[str] = set()
    for name in map(str.lower, names):
        own = [one.revision for one in candidates if name in one.names]
        found |= set((own or [one.revision for one in candidates if name in one.words])[-1:])
    if not found:
        most = max(len(words & one.words) for one in candidates)
        found = {[one.revision for one in candidates if len(words & one.words) == most][-1]}
    return tuple(one.revision for one in candidates if one.revision in found)
