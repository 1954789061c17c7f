"""Tables that the spec makes although they are there: planning asks PostgreSQL what of them would change."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from checks.revisions.graph import Graph, pending
from checks.schema.snapshot import TableHeld
from safemig.base.files import text as text_of
from safemig.migrations import from_python, previous_definitions
from safemig.migrations.change import Wanted
from safemig.migrations.fragments import parse
from safemig.migrations.online.choices import Text, number_at
from safemig.migrations.reconcile import enum_types
from safemig.migrations.reconcile.statements import parts
from safemig.plan_document.document import Block
from safemig.planning.facts import Facts
from safemig.postgres.ddl import names as words
from safemig.sandbox import adopt_table
from safemig.sql.identifiers import qualify
from safemig.sql.text import statements

if TYPE_CHECKING:
    from safemig.migrations.reconcile.tables import Restated
    from safemig.project.alembic_config import AlembicTree
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

    from safemig.postgres.server import PostgresError
    from safemig.runtimes.base import Unreachable
    from safemig.sandbox.desired import SpecFails
    from safemig.sandbox.drift import NotEvaluated
    from safemig.sandbox.restore import ScratchFails

    if not _there(facts, runtime, graph, found):
        return facts, found
    place = f"{found.origin[0]}:{found.origin[1]}"
    try:
        result, said = look(facts, runtime, tree, graph, without_done(graph, found))
    except SpecFails as error:
        return _stopped(facts, f"what the spec asks for cannot be made: {error}"), None
    except (NotEvaluated, ScratchFails, Unreachable, PostgresError, TableHeld, psycopg.Error, OSError) as error:
        why = str(error).splitlines()[0]
        text = f"{place}: what a CREATE of what is there already would change could not be found: {why}"
        return _stopped(facts, f"{text}; start the database and plan again"), None
    left = (f"left as it is: {text}" for text in result.kept)
    facts = replace(facts, problems=(*facts.problems, *said, *left, *result.notes))
    if result.wanted.problems:
        return _stopped(facts, *result.wanted.problems), None
    written = in_revisions(graph) if result.unseen else set()
    undone = [(line, text) for line, text in result.unseen if not in_words(text, found.kind) & written]
    if undone:
        file = found.origin[0]
        return _stopped(facts, *(f"{file}:{line}: {_UNSEEN.format(_short(text))}" for line, text in undone)), None
    if not result.wanted.upgrade.strip() and (bare := adopt_table.unmade(graph, found.tables)):
        return _adopted(facts, found, bare)
    if not result.wanted.upgrade.strip():
        text = f"the schema is as {place} asks for already: no change of it is needed"
        return replace(facts, problems=(*facts.problems, text)), None
    if result.wanted.upgrade != found.upgrade:
        text = f"{place} makes a table that is there already: it is taken as the state after the change"
        facts = replace(facts, problems=(*facts.problems, text))
    return _with_types(facts, result.wanted, found, graph, runtime)


def _adopted(facts: Facts, found: Wanted, tables: Sequence[str]) -> tuple[Facts, Wanted | None]:
    """The revision for tables that are there as the spec has them although no revision makes them."""
    place, names = f"{found.origin[0]}:{found.origin[1]}", ", ".join(tables)
    said = f"{place}: {names} is there as asked for, although no revision makes it"
    try:
        written = adopt_table.adopted(found)
    except adopt_table.CannotAdopt as error:
        return _stopped(facts, f"{said}, and none can be written that leaves it: {error}; write one, or stamp it"), None
    text = f"{said}: the revision that is written makes it where it is missing, and leaves it here"
    return replace(facts, adopted=tuple(tables), problems=(*facts.problems, text)), written


def _with_types(
    facts: Facts, written: Wanted, found: Wanted, graph: Graph, runtime: Runtime
) -> tuple[Facts, Wanted | None]:
    """``written`` with the enum types that are there although no revision makes them: an empty database lacks them."""
    import psycopg

    from safemig.runtimes.base import Unreachable

    try:
        made, types = adopt_table.with_types(written, found, graph, runtime)
    except (psycopg.Error, Unreachable) as error:
        return _stopped(facts, f"the enum types could not be read: {str(error).splitlines()[0]}; plan again"), None
    said = (
        f"the type {name.removeprefix('public.')} is there although no revision makes it: the revision makes it where "
        "it is missing"
        for name in types
    )
    return replace(facts, problems=(*facts.problems, *said)), made


def without_done(graph: Graph, found: Wanted) -> Wanted:
    """``found`` without the statements on rows that a revision has: what it has, is done where it is applied.

    The spec's downgrade would take them back once more: it is left out with them.
    """
    own = parts(found)
    unseen = [one for one in own if one.unseen()]
    written = in_revisions(graph) if unseen else set()
    done = [one for one in unseen if in_words(one.text, found.kind) & written]
    if not done or len(done) == len(own):
        return found
    text = Text([], [])
    for one in own:
        if one not in done:
            text.add(one.lead + one.text + one.end, number_at(found.upgrade_lines, one.line - 1, found.origin[1]))
    upgrade, numbers = "\n".join(text.lines), tuple(text.numbers)
    return replace(found, upgrade=upgrade, upgrade_lines=numbers, downgrade="", downgrade_lines=())


def in_revisions(graph: Graph) -> set[str]:
    """The statements of all revisions, as ``in_words`` gives them."""
    written: set[str] = set()
    for revision in graph.revisions.values():
        with suppress(OSError, UnicodeDecodeError):
            written |= in_words(text_of(Path(revision.file)), "op")
    return written


def in_words(text: str, kind: Literal["op", "sql"]) -> set[str]:
    """The statements of SQL, or of Python with the SQL in its ``execute``, however they are laid out."""
    if kind == "sql":
        return {" ".join(token.text for token in one.tokens) for one in statements(text)}
    tree = parse(text)
    nodes = list(ast.walk(tree)) if tree else []
    found = {ast.unparse(node) for node in nodes if isinstance(node, ast.Expr)}
    for node in nodes:
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(".execute"):
            found |= in_words(from_python.sql_of(node).replace("\\:", ":"), "sql")
    return found


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"


def changed_since(graph: Graph, tables: Sequence[str]) -> bool:
    """Whether a revision changes one of the tables that it does not make itself: a CREATE of it is then a state."""
    for revision in graph.revisions.values():
        try:
            text = text_of(Path(revision.file))
            pieces = from_python.pieces(Block("python", text, 1))
        except (OSError, SyntaxError, UnicodeDecodeError):
            continue
        if any(set(tables) & (piece.tables - set(piece.created)) for piece in pieces if piece.side == "up"):
            return True
    return False


def look(facts: Facts, runtime: Runtime, tree: AlembicTree, graph: Graph, found: Wanted) -> tuple[Restated, list[str]]:
    """What is written for ``found`` on the schema after the pending revisions, and what to say of the scratch place."""
    from safemig.sandbox.database import on_scratch
    from safemig.sandbox.worker import restated

    said: list[str] = []
    dump, steps = present(facts, runtime, tree, graph)
    return on_scratch(runtime, partial(restated, dump, found, pending=steps), said.append), said


def present(facts: Facts, runtime: Runtime, tree: AlembicTree, graph: Graph) -> tuple[str, list[Wanted]]:
    """The schema that the database has and the upgrades that are pending there; where it gave no answer, no schema and
    the upgrades of all revisions."""
    from safemig.sandbox.drift import upgrade_of

    seen = facts.current is not None and facts.pending is not None
    names = facts.pending if facts.pending is not None and seen else pending(graph, ())
    files = [tree.versions[0] / graph.revisions[name].file for name in names if name in graph.revisions]
    steps = [step for file in files if (step := upgrade_of(file)) is not None]
    return runtime.dump_schema() if seen else "", steps


def _stopped(facts: Facts, *texts: str) -> Facts:
    return replace(facts, missing=(*facts.missing, *texts), stops=(*facts.stops, *texts))


def _there(facts: Facts, runtime: Runtime, graph: Graph, found: Wanted) -> bool:
    """Whether a revision or the database has one of the tables or enum types, or what a way back needs."""
    import psycopg

    from safemig.runtimes.base import Unreachable

    tables, types = found.tables, enum_types.made(parts(found))
    if previous_definitions.needed(found):
        return True  # its way back is in the schema before it
    if any(set(tables) & set(revision.creates) for revision in graph.revisions.values()):
        return True
    if types and graph.revisions and (facts.current is None or facts.pending):
        return True  # nothing tells which types the revisions make but to run them
    if facts.current is None or not (tables or types):
        return False
    names = ([_name(table) for table in tables], [words.dotted(name) for name in types])
    try:
        with runtime.connect() as connection:
            query = (
                "SELECT (SELECT bool_or(to_regclass(name) IS NOT NULL) FROM unnest(%s::text[]) name), "
                "(SELECT bool_or(to_regtype(name) IS NOT NULL) FROM unnest(%s::text[]) name)"
            )
            row = connection.execute(query, names).fetchone()
    except (psycopg.Error, Unreachable):
        return False
    return bool(row and any(row))


def _name(table: str) -> str:
    schema, _, name = table.rpartition(".")
    return qualify(schema or "public", name)
