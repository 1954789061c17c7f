"""The looks behind the checklist: where what its items name is found, before the phase's work and after it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import msgspec

from checks.evidence import Evidence, Json, now
from checks.revisions.current import read_current, revisions_at
from checks.revisions.graph import Graph, pending, read_graph
from checks.schema.snapshot import Snapshot, TableHeld, take
from checks.service.endpoints import operations
from checks.source.symbols import walk
from safemig.checklist.judgement import Judged
from safemig.checklist.locations import Places, Sources, World, look
from safemig.checklist.references import Thing, things_of
from safemig.plan_document.document import Item
from safemig.project.constants import of_revisions

if TYPE_CHECKING:
    from safemig.project.layout import Project
    from safemig.runtimes.base import Runtime

KIND = "items"
_IN_DATABASE = frozenset({"name", "object", "clause"})


def look_around(project: Project, runtime: Runtime, items: Iterable[Item]) -> World:
    """The places of everything that the items name, as the world is now. Changes nothing; blocks; never raises for a
    service or database that is down: what could not be looked at is None."""
    things = things_of(items)
    return look(things, _sources(project, runtime, things)) if things else {}


def _sources(project: Project, runtime: Runtime, things: Iterable[Thing]) -> Sources:
    kinds = {thing.kind for thing in things}
    graph = _graph(project) if "revision" in kinds else None
    return Sources(
        walk(project.root),
        _schema(runtime) if kinds & _IN_DATABASE else None,
        _operations(runtime) if "endpoint" in kinds else None,
        _heads(project, runtime, graph) if graph else None,
        {revision.id: revision.file for revision in graph.revisions.values()} if graph else {},
    )


def _schema(runtime: Runtime) -> Snapshot | None:
    import psycopg

    from safemig.runtimes.base import Unreachable

    try:
        with runtime.connect() as connection:
            return take(connection)
    except (psycopg.Error, Unreachable, TableHeld):
        return None


def _operations(runtime: Runtime) -> tuple[str, ...] | None:
    from safemig.runtimes.base import Unreachable

    try:
        base = runtime.base_url()
    except Unreachable:
        return None
    return operations(base) if base else None


def _graph(project: Project) -> Graph | None:
    tree = project.tree
    known = of_revisions(project.root)
    return read_graph(tree.versions, recursive=tree.recursive, known=known) if tree else None


def _heads(project: Project, runtime: Runtime, graph: Graph) -> tuple[str, ...] | None:
    """The revisions that the database is at, when nothing of the code is pending there; () when something is."""
    import psycopg

    from checks.revisions.graph import UnknownRevision
    from safemig.runtimes.base import Unreachable

    tree = project.tree
    if tree is None or graph.problems:
        return None
    try:
        with runtime.connect() as connection:
            seen = read_current(connection, table=tree.version_table, schema=tree.version_table_schema)
        current = revisions_at(seen)
        return () if current is None or pending(graph, current) else current
    except (psycopg.Error, Unreachable, UnknownRevision):
        return None


def evidence(subject: str, began: str, world: Mapping[str, Places | None], **more: Json) -> Evidence:
    """What was found, as evidence of kind "items" about the phase ``subject``."""
    data: dict[str, Json] = {"places": msgspec.to_builtins(world), **more}
    return Evidence(KIND, subject, True, began, now(), "safemig checklist", data)


def world_of(known: Evidence | None) -> World:
    """The places that this evidence holds; none when there is no evidence."""
    return msgspec.convert(known.data["places"], World) if known and known.seen else {}


def strings(known: Evidence | None, name: str) -> tuple[str, ...]:
    """A list of strings in the evidence."""
    listed = known.data.get(name) if known and known.seen else None
    return tuple(str(one) for one in listed) if isinstance(listed, list) else ()


def subject_of(spec: str, phase: str) -> str:
    """What the evidence about one phase's items is called."""
    return f"{spec}, phase {phase}"


def shown(judged: Iterable[Judged]) -> list[Json]:
    """The judgements as plain data: line, text, checked, state, reason, checkable."""
    return [
        {
            "line": one.item.line,
            "text": one.item.text,
            "checked": one.item.checked,
            "state": one.state,
            "reason": one.reason,
            "checkable": one.checkable,
        }
        for one in judged
    ]
