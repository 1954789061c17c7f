"""What a database and its role give every session, for a throwaway database that is to be like it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

# What decides where a statement lands and what it makes there. Others (libraries, limits, logging) may not even be
# possible on another server.
_DECIDING = (
    "search_path", "default_table_access_method", "default_toast_compression", "default_text_search_config",
    "datestyle", "intervalstyle", "timezone", "lc_monetary", "check_function_bodies",
)  # fmt: skip
# Of pg_db_role_setting, also settings of the project's own (app.tenant), which pg_settings does not list.
_SETTINGS = """
SELECT name, current_setting(name, true) FROM (
  SELECT lower(name) AS name FROM pg_settings
  WHERE source NOT IN ('default', 'override', 'client', 'session', 'environment variable')
  UNION SELECT lower(split_part(entry, '=', 1)) FROM pg_db_role_setting s, unnest(s.setconfig) entry
  WHERE s.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
    AND s.setrole IN (0, (SELECT oid FROM pg_roles WHERE rolname = session_user))
  UNION SELECT 'search_path') every
WHERE name = ANY (%s) OR name LIKE '%%.%%' ORDER BY name
"""
_TABLESPACES = "SELECT spcname FROM pg_tablespace WHERE spcname !~ '^pg_' ORDER BY 1"


@dataclass(frozen=True)
class SessionSettings:
    """``values`` are what a new session begins with; ``tablespaces`` are those in which it may place its tables."""

    values: tuple[tuple[str, str], ...] = ()
    tablespaces: tuple[str, ...] = ()


def read(connection: Any) -> SessionSettings:
    """What a new session of this connection's role begins with in its database, as far as it decides what SQL makes.

    In ``search_path``, "$user" is the role itself: elsewhere it would be another one.
    """
    (role,) = connection.execute("SELECT quote_ident(current_user)").fetchone()
    rows = connection.execute(_SETTINGS, (list(_DECIDING),)).fetchall()
    values = tuple(
        (name, value.replace('"$user"', role) if name == "search_path" else value)
        for name, value in rows
        if value is not None
    )
    return SessionSettings(values, tuple(name for (name,) in connection.execute(_TABLESPACES).fetchall()))


def give(settings: SessionSettings, conninfo: str) -> None:
    """Begins every later session in that database with these settings, but those that its server does not have (a
    locale, an access method), and makes empty tablespaces of these names."""
    import psycopg
    from psycopg import sql

    if settings == SessionSettings():
        return
    with psycopg.connect(conninfo, autocommit=True) as connection:
        database = sql.Identifier(connection.info.dbname)
        for name, value in settings.values:
            # A list of names as it stands; as one literal it would be one name.
            given = sql.SQL("''" if value in ("", '""') else value) if name == "search_path" else sql.Literal(value)
            order = sql.SQL("ALTER DATABASE {} SET {} TO {}").format(database, sql.Identifier(*name.split(".")), given)
            try:
                connection.execute(order)
            except psycopg.Error:
                if name == "search_path":
                    raise
        for name in settings.tablespaces:
            _make_tablespace(connection, sql.Identifier(name))


def _make_tablespace(connection: Any, name: Any) -> None:
    """In place: in the server's own folder, since the releases of August 2022. An older server goes without."""
    import psycopg
    from psycopg import sql

    try:
        connection.execute("SET allow_in_place_tablespaces = on")
        connection.execute(sql.SQL("CREATE TABLESPACE {} LOCATION ''").format(name))
        connection.execute(sql.SQL("GRANT CREATE ON TABLESPACE {} TO PUBLIC").format(name))
    except psycopg.Error:
        return
