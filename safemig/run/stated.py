"""Tables that the spec makes although they are there: planning asks PostgreSQL what of them would change."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from checks.migration.graph import Graph, pending
from checks.schema.snapshot import TableHeld
from safemig.facts import Facts
from safemig.spec import python_source
from safemig.spec.document import Block
from safemig.spec.pieces import parse
from safemig.spec.sources import Wanted
from safemig.spec.sql import statements

if TYPE_CHECKING:
    from safemig.discovery.alembic import AlembicTree
    from safemig.restate import Restated
    from safemig.runtimes.base import Runtime

_LONGEST = 80  # letters of a statement that are shown
_UNSEEN = (
    "the tables are as the spec has them, and no schema shows whether {!r} has been run: write a revision with it, or "
    "take it out of this phase where it has been"
)


def with_stated(
    facts: Facts, runtime: Runtime, tree: AlembicTree, graph: Graph, found: Wanted
) -> tuple[Facts, Wanted | None]:
    """What is to be written for ``found``: changes in the place of each CREATE of a table that is there.

    None where nothing is to be written: the schema is so already, or what would change cannot be told (then the facts
    say why). Reads the present schema from the database, or from the revisions where that gives no answer.
    """
    import psycopg

    from safemig.desired import ScratchFails, SpecFails
    from safemig.drift import NotEvaluated
    from safemig.postgres import PostgresError
    from safemig.runtimes.base import Unreachable

    if not _there(facts, runtime, graph, found.tables):
        return facts, found
    place = f"{found.origin[0]}:{found.origin[1]}"
    try:
        result, said = _restated(facts, runtime, tree, graph, found)
    except SpecFails as error:
        return _stopped(facts, f"what the spec asks for cannot be made: {error}"), None
    except (NotEvaluated, ScratchFails, Unreachable, PostgresError, TableHeld, psycopg.Error, OSError) as error:
        why = str(error).splitlines()[0]
        text = f"{place}: what the CREATE of a table that is there already would change could not be found: {why}"
        return _stopped(facts, f"{text}; start the database and plan again"), None
    left = (f"left as it is: {text}" for text in result.kept)
    facts = replace(facts, problems=(*facts.problems, *said, *left, *result.notes))
    if result.wanted.problems:
        return _stopped(facts, *result.wanted.problems), None
    undone = _not_in(graph, result.unseen, found.kind)
    if undone:
        file = found.origin[0]
        return _stopped(facts, *(f"{file}:{line}: {_UNSEEN.format(_short(text))}" for line, text in undone)), None
    if not result.wanted.upgrade.strip():
        text = f"the schema is as {place} asks for already: no change of it is needed"
        return replace(facts, problems=(*facts.problems, text)), None
    if result.wanted is not found:
        text = f"{place} makes a table that is there already: it is taken as the state after the change"
        facts = replace(facts, problems=(*facts.problems, text))
    return facts, result.wanted


def _not_in(graph: Graph, unseen: Sequence[tuple[int, str]], kind: Literal["op", "sql"]) -> tuple[tuple[int, str], ...]:
    """Those of the statements that no revision has: what a revision has, is done where it is applied."""
    if not unseen:
        return ()
    written: set[str] = set()
    for revision in graph.revisions.values():
        with suppress(OSError, UnicodeDecodeError):
            written |= in_words(Path(revision.file).read_text(encoding="utf-8"), "op")
    return tuple((line, text) for line, text in unseen if not in_words(text, kind) & written)


def in_words(text: str, kind: Literal["op", "sql"]) -> set[str]:
    """The statements of SQL, or of Python with the SQL in its ``execute``, however they are laid out."""
    if kind == "sql":
        return {" ".join(token.text for token in one.tokens) for one in statements(text)}
    tree = parse(text)
    nodes = list(ast.walk(tree)) if tree else []
    found = {ast.unparse(node) for node in nodes if isinstance(node, ast.Expr)}
    for node in nodes:
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(".execute"):
            found |= in_words(python_source.sql_of(node).replace("\\:", ":"), "sql")
    return found


def _short(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= _LONGEST else words[: _LONGEST - 1] + "…"


def changed_since(graph: Graph, tables: Sequence[str]) -> bool:
    """Whether a revision changes one of the tables that it does not make itself: a CREATE of it is then a state."""
    for revision in graph.revisions.values():
        try:
            text = Path(revision.file).read_text(encoding="utf-8")
            pieces = python_source.pieces(Block("python", text, 1))
        except (OSError, SyntaxError, UnicodeDecodeError):
            continue
        if any(set(tables) & (piece.tables - set(piece.created)) for piece in pieces if piece.side == "up"):
            return True
    return False


def _restated(
    facts: Facts, runtime: Runtime, tree: AlembicTree, graph: Graph, found: Wanted
) -> tuple[Restated, list[str]]:
    """What is written for ``found`` on the schema after the pending revisions, and what to say of the scratch place."""
    from safemig.apart import restated
    from safemig.drift import upgrade_of
    from safemig.scratch import on_scratch

    seen = facts.current is not None and facts.pending is not None
    names = facts.pending if facts.pending is not None and seen else pending(graph, ())
    files = [tree.versions[0] / graph.revisions[name].file for name in names if name in graph.revisions]
    steps = [step for file in files if (step := upgrade_of(file)) is not None]
    said: list[str] = []
    dump = runtime.dump_schema() if seen else ""
    return on_scratch(runtime, partial(restated, dump, found, pending=steps), said.append), said


def _stopped(facts: Facts, *texts: str) -> Facts:
    return replace(facts, missing=(*facts.missing, *texts), stops=(*facts.stops, *texts))


def _there(facts: Facts, runtime: Runtime, graph: Graph, tables: Sequence[str]) -> bool:
    """Whether a revision or the database has one of the tables."""
    import psycopg

    from safemig.runtimes.base import Unreachable

    if any(set(tables) & set(revision.creates) for revision in graph.revisions.values()):
        return True
    if facts.current is None or not tables:
        return False
    names = [_name(table) for table in tables]
    try:
        with runtime.connect() as connection:
            query = "SELECT bool_or(to_regclass(name) IS NOT NULL) FROM unnest(%s::text[]) name"
            row = connection.execute(query, (names,)).fetchone()
    except (psycopg.Error, Unreachable):
        return False
    return bool(row and row[0])


def _name(table: str) -> str:
    schema, _, name = table.rpartition(".")
    return ".".join('"' + one.replace('"', '""') + '"' for one in (schema or "public", name))
