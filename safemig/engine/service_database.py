"""Which database the running service uses: by its sessions while it is asked, by its variables, by what is opened for
its answers."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from checks.database.use import Identity, opened
from checks.service.endpoints import Probe
from safemig.engine import observation
from safemig.engine.session import Session
from safemig.engine.session_watch import ServiceSightings, watch_service
from safemig.planning.database_use import DatabaseUse, ServiceSeen, VariableSeen, judge_service
from safemig.project.database_names import agreed, named_databases
from safemig.project.database_url import assembled, from_environment

ASK_SECONDS = 5.0  # after that no further round of requests is begun
ASKED = 10  # times: a session of one request is there for some 10 ms, and is missed now and then
ROUNDS, CLEAN = 8, 3  # rounds of requests that are counted at most, and that must be clean one after the other
SETTLE = 0.15  # seconds until a session that an answer needed has gone, and was counted


async def service_use(
    s: Session, subject: str, database: Identity, addresses: frozenset[str] = frozenset()
) -> DatabaseUse:
    """The running service, watched while it is asked: the quiet ways first. ``addresses`` are those of the server."""
    ended = threading.Event()
    watching = asyncio.ensure_future(s.look(lambda: watch_service(s.runtime, database.name, ended)))
    answered: list[Probe] = []
    try:
        await _ask_service(s, watching, answered)
    finally:
        ended.set()
        sightings = await watching
    variables = () if database.name in sightings.sessions else await s.look(lambda: _variables(s, database))
    alike = agreed(named_databases(s.project, os.environ), s.project.database)
    elsewhere = sightings.elsewhere - addresses
    seen = ServiceSeen(
        sightings.sessions, sightings.fresh, sightings.whole, reached=elsewhere != sightings.elsewhere,
        variables=variables, elsewhere=tuple(sorted(elsewhere)), agreed=alike, answers=bool(answered),
    )  # fmt: skip
    use = judge_service(subject, database.name, seen)
    if use.proof != "unknown" or variables or not answered:
        return use
    return judge_service(subject, database.name, replace(seen, asked=await _counted(s, answered)))


async def _ask_service(s: Session, watching: asyncio.Future[ServiceSightings], answered: list[Probe]) -> None:
    """The health path, then what else is asked of it; ends as soon as a session of it was seen. ``answered`` takes
    what had an answer."""
    base = await s.look(s.runtime.base_url)
    if not base:
        return

    async def ask(probe: Probe) -> None:
        if not watching.done() and (await observation.ask(s, base, probe)).seen and probe not in answered:
            answered.append(probe)

    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(asyncio.shield(watching), 0.3)  # a pool keeps its sessions: no request is needed
    health = Probe(path=s.config.health or "/", seconds=3.0)
    for _ in range(ASKED):
        await ask(health)
    if watching.done() or not answered:
        return
    found = await observation.discovered(s, base)
    # A session that is opened for one request lives some 10 ms: on a busy machine it is missed now and then.
    until = time.monotonic() + ASK_SECONDS
    for turn in range(ASKED):
        if turn and time.monotonic() > until:
            break
        for probe in found.probes:
            await ask(probe)


async def _counted(s: Session, probes: Sequence[Probe]) -> tuple[str, ...]:
    """The databases with which each of several rounds of requests opened sessions, by the server's own count, while the
    pauses between opened none with any. A session that is too short to be seen is counted all the same; a stranger's
    does not keep to the turns."""
    base = await s.look(s.runtime.base_url)
    clean: list[set[str]] = []
    with contextlib.ExitStack() as held:
        connection = await s.look(lambda: held.enter_context(s.runtime.connect()))

        async def after(seconds: float) -> Mapping[str, int]:
            await asyncio.sleep(seconds)
            return await s.look(lambda: opened(connection))

        before = await after(SETTLE)
        for number in range(ROUNDS):
            began = time.monotonic()
            for probe in probes if base else ():
                await observation.ask(s, base, probe)
            asked = await after(SETTLE)
            paused = await after(time.monotonic() - began)
            grown, stray = _grown(before, asked), _grown(asked, paused)
            clean = [*clean, grown] if grown and not stray else []
            if len(clean) == CLEAN or (number and not grown):
                break
            before = paused
    return tuple(sorted(set().union(*clean))) if len(clean) == CLEAN else ()


def _grown(before: Mapping[str, int], after: Mapping[str, int]) -> set[str]:
    return {name for name, count in after.items() if count > before.get(name, 0)}


def _variables(s: Session, database: Identity) -> tuple[VariableSeen, ...]:
    """What the service's own variables name, and whether that is the database that is looked at."""
    values = s.runtime.service_variables()
    compose = s.project.compose if s.project.runtime != "process" else None
    found: list[VariableSeen] = []
    for ref in from_environment(values, "", compose):
        named = values.get(ref.reference, "")
        url = named if "://" in named else assembled(values)
        there = s.runtime.identify(url) if url else None
        same = there == database if there is not None else None
        found.append(VariableSeen(ref.reference, ref.name, same))
    return tuple(found)
