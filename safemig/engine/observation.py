"""The looks of a run: the checks, given their way to the target, and their evidence journalled."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from checks.evidence import Evidence, now, unseen
from checks.revisions.current import revisions_at
from checks.revisions.graph import Graph, read_graph
from checks.schema.snapshot import Snapshot, TableHeld, evidence, take
from checks.service.container import SentRequest
from checks.service.endpoints import Discovered, Probe, discover
from checks.service.endpoints import look as look_endpoint
from safemig.engine.exited import service_gone, service_says
from safemig.engine.session import RunEnds, Session
from safemig.engine.waits import waiting
from safemig.planning.drift import WRITE, written_first
from safemig.project.constants import of_revisions

if TYPE_CHECKING:
    import psycopg

from safemig.project.alembic_config import AlembicTree

SETTLE_SECONDS = 20.0
POLL_SECONDS = 0.3
REFERENCES = ("env:", "file:", "compose:")


def tree_of(s: Session) -> AlembicTree:
    """The migration tree that the run works on."""
    if s.project.tree is None:
        raise RunEnds("failed", "no Alembic configuration was found; nothing can be migrated")
    return s.project.tree


def graph_of(s: Session) -> Graph:
    """The revision graph as the files are now."""
    tree = tree_of(s)
    cache, known = s.root / ".safemig" / "cache" / "revisions", of_revisions(s.root)
    return read_graph(tree.versions, recursive=tree.recursive, cache=cache, known=known)


def expected_heads(s: Session) -> tuple[str, ...] | None:
    """The heads that the code should have by now; None when the project's own command chose the revision."""
    if s.past.finished("generate"):
        return None
    if s.facts.migration and s.past.of("create").status == "done":
        return (s.facts.migration.revision,)
    if (first := written_first(s.findings)) and s.past.of(WRITE).status == "done":
        return first.revisions
    if s.facts.merge and s.past.of("merge").status != "done":
        return s.facts.merge.down
    return s.facts.heads


def _connection(s: Session) -> AbstractContextManager[psycopg.Connection]:
    return s.runtime.connect()


async def snapshot_now(s: Session) -> Snapshot:
    """The schema as it is; raises what the runtime or PostgreSQL raises."""

    def look() -> Snapshot:
        with _connection(s) as connection:
            return take(connection)

    return await s.look(look)


async def schema_now(s: Session) -> Evidence:
    """Evidence of the schema as it is (unseen when the database cannot be read)."""
    import psycopg

    from safemig.runtimes.base import Unreachable

    began = now()
    try:
        fresh = await snapshot_now(s)
    except (psycopg.Error, Unreachable, TableHeld) as error:
        return unseen("schema", s.facts.database, "pg_dump --schema-only", s.clean(str(error)), began)
    return evidence(fresh, began, now(), "pg_dump --schema-only")


async def revision_now(s: Session) -> Evidence:
    """Evidence of the revision that the database is at."""
    import psycopg

    from checks.revisions.current import read_current
    from safemig.runtimes.base import Unreachable

    tree = tree_of(s)

    def look() -> Evidence:
        with _connection(s) as connection:
            return read_current(connection, table=tree.version_table, schema=tree.version_table_schema)

    began = now()
    try:
        return await s.look(look)
    except (psycopg.Error, Unreachable) as error:
        return unseen("revision", s.facts.database, "alembic current", s.clean(str(error)), began)


async def in_use_now(s: Session) -> bool:
    """Whether the database has tables beside Alembic's; True where that cannot be read: then nothing is taken for
    empty."""
    import psycopg

    from checks.database.in_use import in_use
    from safemig.runtimes.base import Unreachable

    tree = tree_of(s)

    def look() -> bool:
        with _connection(s) as connection:
            return in_use(connection, table=tree.version_table, schema=tree.version_table_schema)

    try:
        return await s.look(look)
    except (psycopg.Error, Unreachable):
        return True


async def at_heads(s: Session) -> bool:
    """Whether the database is where the code's heads are."""
    revision = await revision_now(s)
    graph = await s.look(lambda: graph_of(s))
    current = revisions_at(revision)
    return current is not None and set(graph.heads) == set(current)


async def look_database(s: Session, step: str, moment: str) -> tuple[Evidence, Evidence]:
    """Revision and schema, journalled. The two are what later steps take for granted."""
    revision = s.observe(step, moment, await revision_now(s))
    schema = s.observe(step, moment, await schema_now(s))
    return revision, schema


def counts_changed(known: Evidence, fresh: Evidence) -> str:
    """What is visibly different between two schema observations, in a few words."""
    before, after = known.data.get("tables"), fresh.data.get("tables")
    if isinstance(before, list) and isinstance(after, list):
        gone = [str(name) for name in before if name not in after]
        more = [str(name) for name in after if name not in before]
        words = [f"tables gone: {', '.join(gone)}"] if gone else []
        words += [f"tables new: {', '.join(more)}"] if more else []
        if words:
            return "; ".join(words)
    return "columns, constraints or indexes differ"


async def look_services(s: Session, step: str, moment: str) -> Evidence:
    """The containers (or processes) of the project, journalled."""
    requests = requests_of(s)
    services = s.observe(step, moment, await s.look(lambda: s.runtime.look_services(requests)))
    for text in by_time_words(services):
        s.note(text, step, "warning")
    return services


def requests_of(s: Session) -> tuple[SentRequest, ...]:
    """What this run has asked the service so far, with the time of each question and answer."""
    journalled = [one.evidence for one in s.past.evidence if one.evidence.kind == "endpoint"]
    return (*s.requests, *(request for evidence in journalled if (request := _request(evidence)) is not None))


def _request(evidence: Evidence) -> SentRequest | None:
    status = evidence.data.get("status")
    if not evidence.seen or not isinstance(status, int) or evidence.subject.startswith("script "):
        return None
    began, ended = (datetime.fromisoformat(text).timestamp() for text in (evidence.began, evidence.ended))
    return SentRequest(began, ended, status)


def by_time_words(services: Evidence) -> tuple[str, ...]:
    """What is said of the error lines that only their time makes those of our own requests, one text a service."""
    listed = services.data.get("services")
    texts: list[str] = []
    for name, service in sorted(listed.items()) if isinstance(listed, dict) else ():
        errors = service.get("startup_by_time") if isinstance(service, dict) else None
        if isinstance(errors, list) and errors and isinstance(errors[0], dict):
            texts.append(
                f"{name}: errors in the log ({len(errors)}) were written while requests of safemig went wrong, and "
                "nothing else says whose they are; they are judged at the endpoints, not as errors of the start: "
                f"{errors[0].get('text')}"
            )
    return tuple(texts)


async def ask(s: Session, base: str, probe: Probe) -> Evidence:
    """One request that is not journalled: the run remembers when it was sent and how it ended."""
    answer = await s.look(lambda: look_endpoint(base, probe))
    if (request := _request(answer)) is not None:
        s.requests.append(request)
    return answer


async def discovered(s: Session, base: str) -> Discovered:
    """Which endpoints there are; the requests that it took are remembered as one."""
    began = time.time()
    found = await s.look(lambda: discover(base))
    if found.failed:
        s.requests.append(SentRequest(began, time.time(), 500))
    return found


async def serving(s: Session, seconds: float | None = None, ended: Callable[[], Awaitable[bool]] | None = None) -> bool:
    """Waits until the service answers twice in a row with the same status (a --reload server settles), or until
    ``ended`` says that nothing will: without another one, that the service is plainly gone.

    Any HTTP answer counts as serving here; whether it is a good one is judged from the evidence.
    """
    base = await s.look(s.runtime.base_url)
    if not base:
        return False
    limit = min(SETTLE_SECONDS, s.config.timeout("healthy")) if seconds is None else seconds
    probe = Probe(path=s.config.health or "/", seconds=3.0)
    last: object = None
    async with waiting(s, f"the service to answer at {base}", limit, partial(service_says, s)) as wait:
        while wait.left:
            answer = await ask(s, base, probe)
            status = answer.data.get("status") if answer.seen else None
            if status is not None and status == last:
                return True
            if status is None and await (ended or partial(service_gone, s))():
                return False
            last = status
            await wait.pause(POLL_SECONDS)
    return False


def _configured(s: Session) -> tuple[Probe, ...]:
    return tuple(
        Probe(e.method, e.path, e.status, e.media, e.json, e.headers, e.seconds or s.config.timeout("endpoint"))
        for e in s.config.endpoints
    )


async def look_endpoints(s: Session, step: str, moment: str, paths: Sequence[str] = ()) -> tuple[Evidence, ...]:
    """The main endpoints side by side. ``paths``: exactly those of an earlier look (subjects such as "GET /x")."""
    base = await s.look(s.runtime.base_url)
    if not base:
        gone = unseen("endpoint", "GET /", "curl", "the service has no address that can be reached from here")
        return (s.observe(step, moment, gone),)
    configured = {f"{probe.method} {probe.path}": probe for probe in _configured(s)}
    if paths:
        probes = [configured.get(subject) or _again(subject) for subject in paths if subject.startswith("GET /")]
        probes += [probe for subject, probe in configured.items() if probe not in probes]
    else:
        found = await discovered(s, base)
        probes = list({f"{p.method} {p.path}": p for p in (*found.probes, *configured.values())}.values())
        for route, reason in found.left_out:
            s.note(f"endpoint {route} is not checked: {reason}", step)
    looked = await asyncio.gather(
        *(s.look(lambda probe=probe: _ask(s, base, probe)) for probe in probes)  # type: ignore[misc]
    )
    return tuple(s.observe(step, moment, answer) for answer in looked)


def _ask(s: Session, base: str, probe: Probe) -> Evidence:
    """One request; header values that are references get their values here, and only here."""
    from safemig.project.database_url import UnresolvedReference, resolve

    try:
        values = {
            name: resolve(text, s.root, os.environ, s.project.compose) if text.startswith(REFERENCES) else text
            for name, text in probe.headers.items()
        }
    except UnresolvedReference as error:
        return unseen("endpoint", f"{probe.method} {probe.path}", "safemig.yaml, endpoints", str(error))
    return look_endpoint(base, replace(probe, headers=values))


async def look_main(s: Session, step: str, moment: str, paths: Sequence[str] = ()) -> tuple[Evidence, ...]:
    """The main endpoints and the project's own check scripts."""
    from safemig.engine.project_scripts import look_scripts

    return (*await look_endpoints(s, step, moment, paths), *await look_scripts(s, step, moment))


def _again(subject: str) -> Probe:
    """A discovered endpoint once more. Only GET is ever sent for a path that comes from the journal."""
    return Probe(path=subject.partition(" ")[2])


def save_snapshot(s: Session, name: str, snapshot: Snapshot) -> str:
    """Keeps a snapshot beside the events."""
    return s.journal.save(name, msgspec.json.encode(snapshot))


def load_snapshot(s: Session, name: str) -> Snapshot:
    """A snapshot that this run has kept."""
    return msgspec.json.decode((s.journal.folder / name).read_bytes(), type=Snapshot)


def relative(s: Session, path: Path) -> str:
    """``path`` as seen from the project's root."""
    return path.relative_to(s.root).as_posix()
