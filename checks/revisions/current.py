"""Which revision a database is at, read from Alembic's own table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checks.evidence import Evidence, Json, now, unseen

if TYPE_CHECKING:
    import psycopg

# A migration that is running holds this table; a look must not queue behind it for long.
LOCK_TIMEOUT = "2s"


def read_current(
    connection: psycopg.Connection, *, table: str = "alembic_version", schema: str | None = None
) -> Evidence:
    """Evidence of kind "revision": ``current`` (sorted ids, empty when none) and ``table_exists``.

    ``connection`` is idle; without ``schema`` the connection's search path decides, as it does for Alembic. An error of
    the database makes the evidence unseen.
    """
    import psycopg
    from psycopg import sql
    from psycopg.rows import tuple_row

    began = now()
    subject = f"{schema}.{table}" if schema else table
    name = sql.Identifier(schema, table) if schema else sql.Identifier(table)
    query = sql.SQL("SELECT version_num FROM {} ORDER BY version_num").format(name)
    repeat = query.as_string(None)
    try:
        with connection.transaction(), connection.cursor(row_factory=tuple_row) as cursor:
            cursor.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(LOCK_TIMEOUT))
            row = cursor.execute("SELECT to_regclass(%s) IS NOT NULL", (name.as_string(None),)).fetchone()
            exists = bool(row and row[0])
            current: list[Json] = [row[0] for row in cursor.execute(query)] if exists else []
    except psycopg.Error as error:
        return unseen("revision", subject, repeat, str(error).strip(), began)
    return Evidence("revision", subject, True, began, now(), repeat, {"current": current, "table_exists": exists})


def revisions_at(evidence: Evidence | None) -> tuple[str, ...] | None:
    """The revisions that the database was seen to be at; None where it was not seen."""
    listed = evidence.data.get("current") if evidence and evidence.seen else None
    return tuple(map(str, listed)) if isinstance(listed, list) else None
