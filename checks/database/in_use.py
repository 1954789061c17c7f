"""Whether a database holds anything beside Alembic's own table."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psycopg

_QUERY = """
SELECT EXISTS (
    SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'f') AND c.relpersistence <> 't'
    AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
    AND NOT (c.relname = %s AND coalesce(n.nspname = %s, true))
    AND NOT EXISTS (
        SELECT FROM pg_depend d
        WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
    )
)
"""


def in_use(connection: psycopg.Connection, *, table: str = "alembic_version", schema: str | None = None) -> bool:
    """Whether the database has a table other than that one and those that belong to extensions."""
    from psycopg.rows import tuple_row

    with connection.transaction(), connection.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute(_QUERY, (table, schema)).fetchone()
    return bool(row and row[0])
