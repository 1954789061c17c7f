"""Loads a dump of a schema into a scratch database, and gives all of it to a role without rights."""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection, Sequence
from typing import Any

# pg_dump writes commands to psql among the SQL: \restrict and \unrestrict since its fixes of August 2025.
_META = re.compile(r"^\\(?:restrict|unrestrict|connect|encoding)\b[^\n]*$", re.M)
# Tables have no rows here: a statement that takes longer waits for something, or never ends.
STATEMENT_SECONDS = 60


class ScratchFails(Exception):
    """The present schema could not be built again in the scratch database."""


def load(dump: str, conninfo: str, roles: Collection[str] = ()) -> str:
    """Loads the dump and gives the conninfo of an ordinary role that owns all of it, and whose statements may take
    STATEMENT_SECONDS.

    ``roles`` are made (without login) where they are not there, so that a GRANT to them can be run. Where the role of
    ``conninfo`` is no superuser, the dump is loaded by it, and it stays the owner. Raises ScratchFails with what
    PostgreSQL says.
    """
    import psycopg
    from psycopg.conninfo import conninfo_to_dict, make_conninfo

    limit = str(conninfo_to_dict(conninfo).get("options") or "")
    if "statement_timeout" not in limit:
        limit = f"{limit} -c statement_timeout={STATEMENT_SECONDS}s".strip()
    with psycopg.connect(conninfo, autocommit=True) as connection:
        is_super = connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()
        if not (is_super and is_super[0]):
            _restore(dump, conninfo)
            return make_conninfo(conninfo, options=limit)
        mark, password = secrets.token_hex(6), secrets.token_urlsafe(18)
        loader, owner = f"safemig_loader_{mark}", f"safemig_spec_{mark}"
        _run(connection, "CREATE ROLE {} LOGIN SUPERUSER PASSWORD {}", loader, password=password)
        # A superuser until all is handed over: PostgreSQL gives foreign-data wrappers and event triggers to no other.
        _run(connection, "CREATE ROLE {} LOGIN SUPERUSER PASSWORD {}", owner, password=password)
        _run(connection, "ALTER DATABASE {} OWNER TO {}", connection.info.dbname, owner)
        made = list[str]()
        for role in sorted(roles):
            if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone() is None:
                _run(connection, "CREATE ROLE {} NOLOGIN", role)
                made.append(role)
        try:
            _restore(dump, make_conninfo(conninfo, user=loader, password=password))
            _let_own(connection, owner, made)
            _hand_over(connection, loader, owner)
        except psycopg.Error as error:
            raise ScratchFails(f"the scratch database cannot be handed to an ordinary role: {error}") from error
        finally:
            _run(connection, "ALTER ROLE {} NOLOGIN NOSUPERUSER", loader)
            _run(connection, "ALTER ROLE {} NOSUPERUSER", owner)
        return make_conninfo(conninfo, user=owner, password=password, options=limit)


def _let_own(connection: Any, owner: str, roles: Sequence[str]) -> None:
    """What the owner has may be given to the roles (OWNER TO): it is one of them, and they may make what it may."""
    query = "SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'"
    schemas = connection.execute(query).fetchall() if roles else []
    for role in roles:
        _run(connection, "GRANT {} TO {}", role, owner)
        for (schema,) in schemas:
            _run(connection, "GRANT USAGE, CREATE ON SCHEMA {} TO {}", schema, role)


def _hand_over(connection: Any, loader: str, owner: str) -> None:
    """All that the loader made becomes the owner's; no event trigger of the project runs meanwhile: it would with a
    superuser's rights."""
    listed = connection.execute("SELECT evtname, evtenabled::text FROM pg_event_trigger").fetchall()
    words = {"O": "ENABLE", "R": "ENABLE REPLICA", "A": "ENABLE ALWAYS"}
    active = [(name, words[state]) for name, state in listed if state in words]
    for name, _ in active:
        _run(connection, "ALTER EVENT TRIGGER {} DISABLE", name)
    _run(connection, "REASSIGN OWNED BY {} TO {}", loader, owner)
    for name, word in active:
        _run(connection, f"ALTER EVENT TRIGGER {{}} {word}", name)


def _run(connection: Any, statement: str, *names: str, password: str = "") -> None:
    from psycopg import sql

    parts: list[sql.Composable] = [sql.Identifier(name) for name in names]
    parts += [sql.Literal(password)] if password else []
    connection.execute(sql.SQL(statement).format(*parts))


def _restore(dump: str, conninfo: str) -> None:
    import psycopg

    text = _META.sub("", dump)
    try:
        with psycopg.connect(conninfo, autocommit=True) as connection:
            if connection.info.server_version < 170_000:  # a newer pg_dump sets it; psql would go on
                text = text.replace("\nSET transaction_timeout = 0;\n", "\n", 1)
            connection.execute(text.encode())
    except psycopg.Error as error:
        said = error.diag.message_primary or str(error)
        raise ScratchFails(f"the present schema cannot be loaded into the scratch database: {said}") from error
