"""The new revision by the project's own env.py on a throwaway server, before any database that matters is changed.

It runs only after a proof: a random mark in the throwaway's version table must come back from the project's own
`alembic current`, which must have had no session on the server of the real database. An address that nothing here
changes (a fixed URL in alembic.ini) would else send up, down and up to that."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Mapping
from dataclasses import replace
from string import ascii_lowercase
from typing import TYPE_CHECKING

from checks.revisions.current import revisions_at
from safemig.base.files import head
from safemig.engine import observation
from safemig.engine.command import cause, output_of, run_anew, tail
from safemig.engine.same_database import look_by_command
from safemig.engine.session import RunEnds, Session
from safemig.planning.plan import Step
from safemig.project.database_variables import Server, pointing_at
from safemig.project.env_files import read_env_file

if TYPE_CHECKING:
    import psycopg

    from safemig.project.alembic_config import AlembicTree

_TRIES = 3


async def rehearse(s: Session, step: Step) -> None:
    """Ends the run where the revision fails there; where it cannot be run so, that is said and the run goes on."""
    import psycopg

    from safemig.runtimes.base import Unreachable
    from safemig.sandbox.restore import ScratchFails

    migration = s.facts.migration
    assert migration is not None
    current = revisions_at(await observation.revision_now(s))
    if current is None or set(current) != set(migration.down):
        at = ", ".join(current or ()) or "no revision that is known"
        s.note(f"{step.title}: not run, for the database is at {at}", step.id, "warning")
        return
    try:
        dump = await s.look(s.runtime.dump_schema)
        with contextlib.ExitStack() as stack:
            conninfo = await s.look(lambda: stack.enter_context(s.runtime.command_scratch()))
            server = await s.look(lambda: _prepared(s, dump, conninfo))
            await _run(s, step, server, current, migration.revision)
    except (Unreachable, ScratchFails, psycopg.Error, OSError) as error:
        why = s.clean(" ".join(str(error).split()))
        s.note(f"{step.title}: not run, for the throwaway server could not be prepared: {why}", step.id, "warning")


async def _run(s: Session, step: Step, server: Server, current: tuple[str, ...], revision: str) -> None:
    tree = observation.tree_of(s)
    variables = await s.look(lambda: _variables(s, tree, server))
    if why := await _unproved(s, step, server, variables):
        s.note(
            f"{step.title}: not run, for it is not proved that it would reach that server alone: {why}",
            step.id,
            "warning",
        )
        return
    await s.look(lambda: _stamp(server, tree, current))
    ended = await run_anew(s, step, variables)
    if ended.how == "stopped":
        raise RunEnds("interrupted", f"{step.title}: stopped by the person")
    if ended.how != "exit" or ended.status != 0:
        why = cause(s.clean(tail(output_of(s, step))))
        raise RunEnds("failed", f"{step.title}: it fails there, so it would fail on the database: {why}")
    reached = await s.look(lambda: _versions(server, tree))
    if reached != {revision}:
        at = ", ".join(sorted(reached)) or "no revision"
        raise RunEnds(
            "failed", f"{step.title}: the commands returned 0, but that server is at {at}: nothing was committed"
        )
    s.note(f"{revision} went up, down and up by {tree.script_location.name}/env.py on a throwaway server", step.id)


async def _unproved(s: Session, step: Step, server: Server, variables: Mapping[str, str]) -> str:
    """Why it is not proved that the project's command reaches that server and no other; "" where it is."""
    look = s.facts.commands["current"]
    tree, mark = observation.tree_of(s), _mark()
    await s.look(lambda: _stamp(server, tree, (mark,)))
    looking = replace(step, action=replace(step.action, line=look.line, effect=look.effect, touches=look.touches))
    why = ""
    for _ in range(_TRIES):
        seen = await look_by_command(s, looking, variables)
        if seen.waited or seen.marked:
            return "`alembic current` has a session on the server of the real database (its address is fixed somewhere)"
        if f"'{mark}'" not in s.clean(tail(output_of(s, looking))):
            return f"`{s.clean(look.line)}` does not find the mark that is there"
        if not seen.fresh:
            return ""
        why = f"others came to the real database meanwhile ({', '.join(seen.fresh)})"
    return why


def _mark() -> str:
    """Of letters alone: with digits among them it would be taken for a secret, and hidden. 18 letters are 84 bits."""
    return "safemig_" + "".join(secrets.choice(ascii_lowercase) for _ in range(18))


def _prepared(s: Session, dump: str, conninfo: str) -> Server:
    """A database with the present schema, of the name and for the role that the real one has."""
    import psycopg
    from psycopg import sql
    from psycopg.conninfo import conninfo_to_dict, make_conninfo

    from safemig.postgres.session_settings import give
    from safemig.sandbox.restore import load

    with s.runtime.connect() as real:
        user, name = real.info.user, real.info.dbname
        listed = real.execute("SELECT rolname, rolsuper FROM pg_roles WHERE rolname !~ '^pg_'").fetchall()
    roles = {str(role): bool(is_super) for role, is_super in listed}
    password = secrets.token_urlsafe(18)
    with psycopg.connect(conninfo, autocommit=True) as connection:
        word = "SUPERUSER" if roles.get(user) else "NOSUPERUSER"
        make = "ALTER" if user == connection.info.user else "CREATE"
        statement = f"{make} ROLE {{}} LOGIN {word} PASSWORD {{}}"
        connection.execute(sql.SQL(statement).format(sql.Identifier(user), sql.Literal(password)))
        if name != "postgres":
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    again = {"password": password} if make == "ALTER" else {}
    target = make_conninfo(conninfo, dbname=name, **again)
    give(s.runtime.session_settings(), target)
    owner = str(conninfo_to_dict(load(dump, target, set(roles)))["user"])
    with psycopg.connect(target, autocommit=True) as connection:
        handed = sql.SQL("REASSIGN OWNED BY {} TO {}").format(sql.Identifier(owner), sql.Identifier(user))
        if owner != connection.info.user:
            connection.execute(handed)
        return Server("127.0.0.1", connection.info.port, user, password, name)


def _variables(s: Session, tree: AlembicTree, server: Server) -> dict[str, str]:
    """What the command is given; the files beside it are read for the names that they use."""
    given = dict(s.runtime.environment())
    for folder in dict.fromkeys((s.project.root, s.project.folder, tree.ini.parent)):
        with contextlib.suppress(OSError):
            given = {**read_env_file(folder / ".env", given), **given}
    driver = s.project.database.driver if s.project.database else ""
    return pointing_at(server, given, head(tree.script_location / "env.py"), driver)


def _connect(server: Server) -> psycopg.Connection:
    import psycopg

    return psycopg.connect(
        host=server.host, port=server.port, user=server.user, password=server.password, dbname=server.name,
        autocommit=True,
    )  # fmt: skip


def _stamp(server: Server, tree: AlembicTree, revisions: tuple[str, ...]) -> None:
    from psycopg import sql

    table = sql.Identifier(*filter(None, (tree.version_table_schema, tree.version_table)))
    with _connect(server) as connection:
        form = "CREATE TABLE IF NOT EXISTS {} (version_num varchar(32) PRIMARY KEY)"
        connection.execute(sql.SQL(form).format(table))
        connection.execute(sql.SQL("DELETE FROM {}").format(table))
        for revision in revisions:
            connection.execute(sql.SQL("INSERT INTO {} VALUES (%s)").format(table), (revision,))


def _versions(server: Server, tree: AlembicTree) -> set[str]:
    from psycopg import sql

    table = sql.Identifier(*filter(None, (tree.version_table_schema, tree.version_table)))
    with _connect(server) as connection:
        return {str(row[0]) for row in connection.execute(sql.SQL("SELECT version_num FROM {}").format(table))}
