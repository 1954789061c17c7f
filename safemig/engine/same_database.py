"""Proves, before anything changes, that the migrate command and the service use the database that is looked at."""

from __future__ import annotations

import asyncio
import os
import secrets
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType

import msgspec

from checks.database.use import Identity, identity
from checks.evidence import Evidence, Json, now
from safemig.engine import observation
from safemig.engine.approval import ask_person
from safemig.engine.command import cause, output_of, run_anew, tail
from safemig.engine.ownership import claims_now
from safemig.engine.service_database import service_use
from safemig.engine.session import RunEnds, Session
from safemig.engine.session_watch import (
    Sightings,
    Watched,
    current_statement,
    printed_database,
    watch_command,
)
from safemig.execution.command import LOOK
from safemig.planning.applying import migrates_by_command, places
from safemig.planning.collect.current_command import further_upgrades
from safemig.planning.database_use import (
    CommandSeen,
    DatabaseUse,
    judge_command,
    with_further,
)
from safemig.planning.plan import Step
from safemig.project.database_names import NamedDatabase, agreed, named_databases, named_for_start, origin_of
from safemig.project.database_url import DatabaseRef, is_here
from safemig.runtimes.database_owner import ServerPlace

KIND = "database"
MOMENT = "start"
TRIES = 3
NAME = "PGAPPNAME"  # libpq calls its sessions so; in containers the `docker` of safemig's commands hands it on
PRODUCTION = "prod"


@dataclass(frozen=True)
class Ours:
    """The database that safemig looks at."""

    identity: Identity
    place: ServerPlace
    words: str
    origin: str
    addresses: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """Its name on its server."""
        return self.identity.name


async def check_database(s: Session, step: Step) -> None:
    """Refuses a command or a service that uses another database; asks about what is not proved, and about a database
    that is elsewhere, in every mode."""
    ours = await s.look(lambda: _ours(s))
    _refuse_another_name(s, ours)
    service = await _seen(s, step, ours, service_words(s), _service)
    command = await _seen(s, step, ours, command_words(s), partial(_command, service=service))
    uses = (command, service)
    different = [use for use in uses if use.proof == "different"]
    if different:
        raise RunEnds("refused", _different(s, ours, different))
    await _confirm(s, step, ours, [use for use in uses if use.proof == "unknown"])


def _refuse_another_name(s: Session, ours: Ours) -> None:
    confirm = s.config.database.confirm
    if confirm and confirm != ours.name:
        raise RunEnds(
            "refused", f"safemig.yaml names the database {confirm} (database: confirm), but this is {ours.words}"
        )


async def check_first_use(s: Session, step: Step) -> None:
    """Before a start that applies revisions by itself: no session of it can be seen yet. What names its database must
    name the one that is looked at, or the service that still runs must use it; else that is asked in every mode."""
    import psycopg

    from safemig.runtimes.base import Unreachable

    try:
        ours = await s.look(lambda: _ours(s))
    except (Unreachable, psycopg.Error):
        ours = _expected(s)
    _refuse_another_name(s, ours)
    use = _by_names(s)
    if use.proof == "unknown" and ours.identity.oid and s.facts.running:
        running = await _service(s, step, ours, service_words(s))
        if running.proof == "different":
            raise RunEnds("refused", _different(s, ours, [running]))
        use = running if running.proof == "same" else use
    await _confirm(s, step, ours, [use] if use.proof == "unknown" else [])


def _by_names(s: Session) -> DatabaseUse:
    named, ours = named_for_start(s.project, os.environ), s.project.database
    if named and agreed(named, ours):
        return DatabaseUse(service_words(s), "none", ours.name if ours else "", "what names a database names this one")
    others = dict.fromkeys(f"{each.ref.name} ({each.where})" for each in named if not _is_ours(each, ours))
    why = f"it may use {', '.join(others)}" if others else "nothing here says which database it uses"
    return DatabaseUse(service_words(s), "unknown", "", f"{why}; it applies revisions as soon as it is started")


def _expected(s: Session) -> Ours:
    """The database that the project names, where it does not answer before the start: near where its name says so."""
    ref = s.project.database
    if ref is None:
        return Ours(Identity("", 0, ""), ServerPlace(False, "nothing names it"), "a database that is not known", "")
    near = bool(ref.service) or is_here(ref, "localhost")
    words = f"{ref.name} on {ref.host}:{ref.port}"
    place = ServerPlace(near, f"{words}, which does not answer")
    return Ours(Identity("", 0, ref.name), place, words, ref.reference.partition(":")[2] or ref.reference)


def _ours(s: Session) -> Ours:
    with s.runtime.connect() as connection:
        own = identity(connection)
    reached = s.runtime.database()
    host, port = str(reached["host"]), reached["port"]
    words = f"{own.name} on {host}:{port}"
    here = ("127.0.0.1", "::1") if host in ("127.0.0.1", "localhost", "::1", "") else (host,)
    addresses = frozenset(f"{each}:{port}" for each in here)
    reference = s.config.database.url or (s.project.database.reference if s.project.database else "")
    origin = reference.partition(":")[2].replace("#", ", ") or reference
    return Ours(own, s.runtime.database_place(), words, origin, addresses)


def service_words(s: Session) -> str:
    """What the service is called here."""
    return f"the service {s.facts.service}".strip()


def command_words(s: Session) -> str:
    """What the migrate command is called here."""
    migrate = s.facts.commands.get("migrate")
    return f"`{migrate.line}`" if migrate else "the migrate command"


async def _service(s: Session, _: Step, ours: Ours, subject: str) -> DatabaseUse:
    return await service_use(s, subject, ours.identity, ours.addresses)


Look = Callable[[Session, Step, Ours, str], Awaitable[DatabaseUse]]


async def _seen(s: Session, step: Step, ours: Ours, subject: str, look: Look) -> DatabaseUse:
    """What the journal holds of it already, else looked at and journalled."""
    known = next((each for each in s.known(step.id, MOMENT, KIND) if each.subject == subject), None)
    if known is not None:
        fields = {name: str(known.data.get(name, "")) for name in ("proof", "database", "how")}
        return msgspec.convert({"subject": subject, **fields}, DatabaseUse)
    began = now()
    use = await look(s, step, ours, subject)
    data: dict[str, Json] = {
        "proof": use.proof,
        "database": use.database,
        "how": use.how,
        "looked_at": ours.words,
        "system_identifier": ours.identity.system_identifier,
        "oid": ours.identity.oid,
        "place": ours.place.words,
    }
    line = step.action.line if subject == command_words(s) else ""
    repeat = line or "SELECT pid, datname, usename, client_addr, client_port FROM pg_stat_activity"
    s.observe(step.id, MOMENT, Evidence(KIND, subject, True, began, now(), s.clean(repeat), data))
    return use


async def _command(s: Session, step: Step, ours: Ours, subject: str, *, service: DatabaseUse) -> DatabaseUse:
    """The migrate command, by its own `alembic current`; where the start migrates, what holds for the service."""
    if step.action.kind != "command":
        if not migrates_by_command(s.facts) and places(s.facts, "start"):
            return replace(service, subject=subject, how=f"the service's start migrates: {service.how}")
        why = "no line of it is known to upgrade by Alembic; name the one that looks (commands: current: …)"
        return DatabaseUse(subject, "unknown", "", why)
    seen = CommandSeen()
    for _ in range(TRIES):
        seen = await look_by_command(s, step)
        use = judge_command(subject, ours.name, seen)
        told = bool(seen.marked) or seen.printed not in ("", ours.name)
        if use.proof == "same" or seen.status != 0 or (use.proof == "different" and told):
            break
    named = "current" in s.config.commands  # the person says which command looks
    migrate = None if named else s.facts.commands.get("migrate")
    further = further_upgrades(s.project.makefile, migrate, s.root, s.project.compose)
    return with_further(judge_command(subject, ours.name, seen), [s.clean(line) for line in further])


async def look_by_command(s: Session, step: Step, variables: Mapping[str, str] = MappingProxyType({})) -> CommandSeen:
    """The command once, with those variables, while Alembic's table is held and the sessions of the server are
    watched."""
    tree = observation.tree_of(s)
    token = f"safemig-look-{secrets.token_hex(4)}"
    holds = not s.config.environment.lower().startswith(PRODUCTION)
    ready, ended = threading.Event(), threading.Event()
    reads = current_statement(tree.version_table, tree.version_table_schema)
    watched = Watched(token, lambda: claims_now(s, step, (reads,)))
    watching = asyncio.ensure_future(
        s.look(
            lambda: watch_command(
                s.runtime, (tree.version_table, tree.version_table_schema), watched, ready, ended, holds=holds
            )
        )
    )
    try:
        await s.look(lambda: ready.wait(10.0))
        done = await run_anew(s, step, {**variables, LOOK: token, NAME: token})
    finally:
        ended.set()
        sightings: Sightings = await watching
    if done.how == "stopped":
        raise RunEnds("interrupted", f"{step.title}: stopped by the person")
    output = s.clean(tail(output_of(s, step)))
    return CommandSeen(
        waited=sightings.waited,
        marked=sightings.marked,
        fresh=sightings.fresh,
        held=sightings.held,
        crowded=sightings.crowded,
        printed=printed_database(output),
        status=done.status if done.how == "exit" else None,
        said=cause(output) if done.status else "",
    )


def _different(s: Session, ours: Ours, uses: Sequence[DatabaseUse]) -> str:
    """Both names, where each comes from, and what to write where the other one is meant."""
    lines: list[str] = []
    advice = ""
    for use in uses:
        role = "start" if use.subject.startswith("the service") else "migrate"
        named = named_databases(s.project, os.environ, role)
        others = tuple(each for each in named if not _is_ours(each, s.project.database))
        origin = origin_of(others, use.database)
        lines.append(f"{use.subject} uses {_shown(use, origin)}, {use.how}")
        advice = advice or (origin.reference if origin else "")
    where = f" ({ours.origin})" if ours.origin else ""
    next_step = (
        f"set database.url: {advice} in safemig.yaml to look at that one, or" if advice else "make both the same:"
    )
    return (
        f"another database is used than the one that is looked at, {ours.words}{where}: {'; '.join(lines)}; "
        f"{next_step} give the command and the service the address that is looked at"
    )


def _is_ours(named: NamedDatabase, ours: DatabaseRef | None) -> bool:
    return ours is not None and (named.ref.name, named.ref.host, named.ref.port) == (ours.name, ours.host, ours.port)


def _shown(use: DatabaseUse, origin: NamedDatabase | None) -> str:
    if origin is None:
        return use.database
    host = origin.ref.host or "localhost"
    return f"{use.database} on {host}:{origin.ref.port} ({origin.where})"


async def _confirm(s: Session, step: Step, ours: Ours, unknown: Sequence[DatabaseUse]) -> None:
    key = f"database: {{confirm: {ours.name}}} in safemig.yaml"
    if not (unknown or not ours.place.ours):
        return
    what = [f"{use.subject}: {use.how}" for use in unknown]
    what += [] if ours.place.ours else [f"it is elsewhere: {ours.place.words}"]
    text = "\n".join([f"looked at is {ours.words} ({ours.origin})", *what])
    if s.config.database.confirm:
        for line in what:
            s.note(f"taken from safemig.yaml (database: confirm), not proved: {line}", step.id, "warning")
        return
    if ours.place.ours:
        title = f"It is not proved that everything uses {ours.words}; go on?"
        rule = f"a database that is not proved asks in every mode; {key} settles it"
        await ask_person(s, step, title, text, "the run goes on, and changes this database", rule)
        return
    if s.past.mode == "auto":
        raise RunEnds("waiting", f"auto mode migrates no database elsewhere without {key}: {ours.place.words}")
    title = f"{ours.words} is not of this machine or project: type its name to let this run change it"
    rule = f"a database elsewhere is changed only where its name was typed; {key} settles it"
    await ask_person(s, step, title, text, "the run goes on, and changes this database", rule, typed=ours.name)
