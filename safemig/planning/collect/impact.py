"""What revisions do to the tables in use: traced on a throwaway server, multiplied by the live sizes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from checks.database.statement_trace import RevisionTrace
from checks.database.table_size import TableSize, read_sizes
from safemig.planning.collect.observe import observe
from safemig.planning.facts import Facts, ImpactFact, RemarkFact, RevisionFact
from safemig.protection.impact import Limits
from safemig.runtimes.base import APPLICATION

if TYPE_CHECKING:
    from safemig.migrations.change import Wanted
    from safemig.planning.request import Request
    from safemig.project.config import Config
    from safemig.project.layout import Project
    from safemig.runtimes.base import Runtime


async def observe_change(project: Project, config: Config, runtime: Runtime, request: Request) -> Facts:
    """The facts for a plan, with what the change will do to the tables in use. Raises as ``observe``."""
    facts = await observe(project, config, runtime, request)
    return await asyncio.to_thread(with_impact, facts, runtime, config)


def with_impact(facts: Facts, runtime: Runtime, config: Config) -> Facts:
    """The facts with what the revisions do that are to be applied, where the database answers and is in use."""
    if facts.pending is None or not facts.in_use or not facts.files:
        return facts
    return replace(facts, impact=read_impact(runtime, config, facts.files))


def read_impact(runtime: Runtime, config: Config, files: Sequence[RevisionFact]) -> ImpactFact:
    """What those revisions do, in that order. Why it cannot be told is part of the answer."""
    import psycopg

    from checks.schema.snapshot import TableHeld
    from safemig.runtimes.base import Unreachable
    from safemig.sandbox.database import on_scratch
    from safemig.sandbox.restore import ScratchFails
    from safemig.sandbox.worker import trace

    limits = Limits(config.protection.large_bytes, config.protection.large_rows)
    steps, unread = _steps(files)
    if not steps:
        return ImpactFact((), (), limits, unread)
    try:
        dump = runtime.dump_schema()
        run = partial(trace, dump, steps)
        traced = on_scratch(runtime, run, lambda _: None)
        traces = tuple(
            replace(one, revision=file.revision, path=file.path, sha256=file.sha256)
            for one, file in zip(traced, files, strict=False)
        )
        return ImpactFact(traces, _sizes(runtime, traces), limits, unread, tuple(_remarks(traces)))
    except (ScratchFails, Unreachable, TableHeld, psycopg.Error, OSError) as error:
        return ImpactFact((), (), limits, " ".join(str(error).split()))


def _remarks(traces: Sequence[RevisionTrace]) -> Iterator[RemarkFact]:
    """What squawk says of each revision by itself: a whole chain would make every table look new."""
    from safemig.sql.squawk import NoSquawk, remarks

    for trace in traces:
        try:
            found = remarks([one.sql for one in trace.statements])
        except NoSquawk as error:
            yield RemarkFact(trace.revision, trace.path, 1, "", str(error), "", ())
            return
        for one in found:
            statement = trace.statements[one.statement]
            if statement.tables:
                yield RemarkFact(
                    trace.revision, trace.path, statement.line, one.rule, one.text, one.help,
                    tuple(sorted(statement.tables)),
                )  # fmt: skip


def _steps(files: Sequence[RevisionFact]) -> tuple[list[Wanted | None], str]:
    """The upgrades up to the first that only running it would tell, and why that is so."""
    from safemig.sandbox.drift import NotEvaluated, upgrade_in

    steps: list[Wanted | None] = []
    for file in files:
        try:
            if not file.text:
                return steps, file.unread or f"{file.path} could not be read"
            steps.append(upgrade_in(file.text, file.path))
        except NotEvaluated as error:
            return steps, str(error)
    return steps, ""


def _sizes(runtime: Runtime, traces: Sequence[RevisionTrace]) -> tuple[TableSize, ...]:
    names = {name for trace in traces for one in trace.statements for name in one.tables}
    with runtime.connect() as connection:
        return read_sizes(connection, names, APPLICATION)
