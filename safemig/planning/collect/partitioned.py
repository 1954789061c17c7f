"""Which tables and indexes are partitioned: PostgreSQL takes neither CONCURRENTLY nor NOT VALID for all of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from checks.revisions.graph import Graph
from safemig.base.files import text as text_of
from safemig.migrations.changes import changes
from safemig.migrations.sql_operations import table_of

if TYPE_CHECKING:
    from safemig.migrations.change import Change, Wanted
    from safemig.runtimes.base import Runtime

# As revisions name them: without "public", and without a schema where the search_path leads to it.
_QUERY = """
SELECT n.nspname, c.relname, c.relkind IN ('p', 'I'), pg_table_is_visible(c.oid)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'f', 'm', 'i', 'I') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
"""


def partitioned(wanted: Wanted, runtime: Runtime, graph: Graph) -> frozenset[str]:
    """The names of partitioned tables and indexes that the change is about, as it names them: as the database has
    them, else as the revisions make them."""
    there = _in_database(runtime)
    names = {*wanted.touched, *_indexes(wanted)}
    made = _in_revisions(graph) if names - there.keys() else frozenset()
    return frozenset(name for name in names if there.get(name, name in made))


def _indexes(wanted: Wanted) -> Iterator[str]:
    """The indexes that the change drops."""
    if "index" not in wanted.upgrade.lower():
        return
    for one in changes(wanted):
        if type(one.operation).__name__ == "DropIndexOp":
            yield getattr(one.operation, "index_name", "")


def _in_database(runtime: Runtime) -> Mapping[str, bool]:
    import psycopg

    from safemig.runtimes.base import Unreachable

    try:
        with runtime.connect() as connection:
            rows = connection.execute(_QUERY).fetchall()
    except (psycopg.Error, Unreachable):
        return {}
    found: dict[str, bool] = {}
    for schema, name, is_partitioned, visible in rows:
        found[name if schema == "public" else f"{schema}.{name}"] = is_partitioned
        if visible:
            found[name] = is_partitioned
    return found


def _in_revisions(graph: Graph) -> frozenset[str]:
    """The partitioned tables that revisions make, and the indexes of these. Of a revision that does more than what can
    be read, every table that it makes counts."""
    texts = {revision: _text(revision.file) for revision in graph.revisions.values()}
    tables: set[str] = set()
    for revision, text in texts.items():
        if "partition" in text.lower():
            read = _changes(text, revision.file)
            tables |= set(revision.creates) if read is None else set(_tables(read))
    indexes = {
        str(getattr(one.operation, "index_name", ""))
        for revision, text in texts.items()
        if tables and "index" in text.lower() and any(table.rpartition(".")[2] in text for table in tables)
        for one in _changes(text, revision.file) or ()
        if type(one.operation).__name__ == "CreateIndexOp" and table_of(one.operation) in tables
    }
    return frozenset(tables | indexes)


def _changes(text: str, file: str) -> tuple[Change, ...] | None:
    from safemig.sandbox.drift import NotEvaluated, upgrade_in

    try:
        step = upgrade_in(text, Path(file).name)
    except NotEvaluated:
        return None
    read = changes(step) if step else ()
    return None if any(one.problem for one in read) else read


def _tables(read: Iterable[Change]) -> Iterator[str]:
    for one in read:
        operation: Any = one.operation
        made = type(operation).__name__ == "CreateTableOp"
        statement = one.statement.node if one.statement else {}
        if made and ("partspec" in statement or operation.kw.get("postgresql_partition_by")):
            yield table_of(operation)


def _text(file: str) -> str:
    try:
        return text_of(Path(file))
    except (OSError, UnicodeDecodeError):
        return ""
