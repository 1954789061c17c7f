"""Revisions that others wrote, as the change: what they make of the schema, found before they are applied."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from checks.schema.difference import Difference, compare
from safemig.base.files import text as text_of
from safemig.engine import observation
from safemig.engine.session import RunEnds, Session
from safemig.migrations.foreign_drops import foreign_drops
from safemig.planning.collect import revision_contents
from safemig.planning.facts import Finding, RiskFact
from safemig.planning.pending import ACCEPTED, GENERATED, UNCOMPARED, changing
from safemig.planning.plan import Step

if TYPE_CHECKING:
    from checks.revisions.graph import Graph
    from checks.schema.snapshot import Snapshot
    from safemig.migrations.change import Wanted
    from safemig.sandbox.desired import Desired

KEPT, KEPT_DUMP = "schema-before-generated.json", "schema-before-generated.sql"
_THERE = "already exists"  # PostgreSQL's words: what is there is looked at once the pending revisions are applied


def waiting(s: Session) -> tuple[str, ...]:
    """The pending revisions that are the change of this run, or the first part of it."""
    if not any(step.id == "pending" and step.phase == "change" for step in s.plan.steps):
        return ()
    return changing(s.facts, s.findings, s.facts.pending)


async def keep_schema(s: Session, step: Step) -> None:
    """Keeps the schema before a command that writes a revision which is applied as soon as it is written: what that
    makes of it can be told only once the file is there, and then the schema before is gone."""
    if s.past.of(step.id).commands:
        return
    observation.save_snapshot(s, KEPT, await observation.snapshot_now(s))
    s.journal.save(KEPT_DUMP, (await s.look(s.runtime.dump_schema)).encode("utf-8", "surrogateescape"))


def kept_schema(s: Session) -> tuple[Snapshot, str] | None:
    """The schema that was kept, with its dump; None where nothing was applied before it could be looked at."""
    path = s.journal.folder / KEPT_DUMP
    if not path.exists():
        return None
    return observation.load_snapshot(s, KEPT), path.read_bytes().decode("utf-8", "surrogateescape")


async def union_of(s: Session, step: Step, names: Sequence[str], dump: str = "") -> Desired:
    """What those revisions make of the schema in ``dump``, of the present one without it, on a throwaway server. Raises
    NotEvaluated, SpecFails and ScratchFails where that cannot be told."""
    from safemig.sandbox.database import on_scratch
    from safemig.sandbox.worker import union

    dump = dump or await s.look(s.runtime.dump_schema)
    made = partial(union, dump, await upgrades_of(s, names))
    return await s.look(lambda: on_scratch(s.runtime, made, lambda text: s.note(text, step.id, "warning")))


async def upgrades_of(s: Session, names: Sequence[str]) -> list[Wanted]:
    """The upgrades of those revisions as operations; raises NotEvaluated for one that is anything else."""
    from safemig.sandbox.drift import upgrade_in, with_rows

    graph = await s.look(lambda: observation.graph_of(s))
    paths = {
        revision_contents.shown(s.root, Path(graph.revisions[name].file)): Path(graph.revisions[name].file)
        for name in names
    }
    texts = {shown: await s.look(partial(text_of, path)) for shown, path in paths.items()}
    steps = with_rows([upgrade_in(text, shown) for shown, text in texts.items()], list(texts.values()))
    return [step for step in steps if step is not None]


async def desired_of(s: Session, step: Step, names: Sequence[str], applied_by: str, dump: str = "") -> Desired | None:
    """The schema that those revisions make; None where nothing tells it beforehand: then a person is asked in every
    mode before ``applied_by`` runs, unless safemig.yaml says otherwise."""
    from safemig.sandbox.desired import SpecFails
    from safemig.sandbox.drift import NotEvaluated
    from safemig.sandbox.restore import ScratchFails

    try:
        return await union_of(s, step, names, dump)
    except (NotEvaluated, SpecFails, ScratchFails, UnicodeDecodeError, OSError) as error:
        what = f"what {', '.join(names)} makes of the schema cannot be told beforehand: {s.clean(str(error))}"
    if s.config.migration.uncompared == "accept":
        s.note(f"{what}; it is applied all the same (migration: uncompared: accept)", step.id, "warning")
        s.find(Finding(ACCEPTED, what, step=applied_by))
    else:
        way = "say yes to apply it uncompared, or set `migration: {uncompared: accept}` in safemig.yaml"
        s.find(Finding(UNCOMPARED, f"{what}; {way}", step=applied_by))
    return None


async def check_spec(s: Session, names: Sequence[str], revision: Wanted | None) -> None:
    """Whether the ``revision`` that the plan writes can be made on top of those: before any of them is applied.

    Raises RunEnds where it cannot. What cannot be told yet is looked at again once they are applied.
    """
    from safemig.planning.collect.observe import wanted_of
    from safemig.sandbox.database import on_scratch
    from safemig.sandbox.desired import RevisionFails, SpecFails
    from safemig.sandbox.drift import NotEvaluated
    from safemig.sandbox.restore import ScratchFails
    from safemig.sandbox.worker import desire

    wanted = wanted_of(s.project, s.facts)
    if wanted is None:
        raise RunEnds("stale", "the spec no longer describes the schema that was planned")
    dump = await s.look(s.runtime.dump_schema)
    try:
        steps = await upgrades_of(s, names)
        made = partial(desire, dump, wanted, revision=revision, pending=steps)
        await s.look(lambda: on_scratch(s.runtime, made, lambda _: None))
    except RevisionFails as error:
        raise RunEnds("failed", f"the migration cannot go up, down and up again: {s.clean(str(error))}") from None
    except SpecFails as error:
        if _THERE not in error.message:
            reason = f"PostgreSQL refuses what the spec asks for after {', '.join(names)}: {s.clean(str(error))}"
            raise RunEnds("failed", reason) from None
    except (NotEvaluated, ScratchFails, UnicodeDecodeError, OSError):
        return


async def spec_differences(s: Session, step: Step, found: Snapshot) -> tuple[Difference, ...]:
    """What the spec asks for and the pending revisions, which were said to make it, have not made."""
    from safemig.planning.collect.observe import wanted_of
    from safemig.sandbox.database import on_scratch
    from safemig.sandbox.desired import SpecFails
    from safemig.sandbox.restore import ScratchFails
    from safemig.sandbox.worker import desire_applied

    wanted = wanted_of(s.project, s.facts)
    if wanted is None:
        raise RunEnds("stale", "the spec no longer describes the schema that was planned")
    dump = await s.look(s.runtime.dump_schema)
    made = partial(desire_applied, dump, wanted)
    try:
        desired = await s.look(lambda: on_scratch(s.runtime, made, lambda text: s.note(text, step.id, "warning")))
    except (SpecFails, ScratchFails) as error:
        reason = f"whether the pending revisions made what the spec asks for cannot be told: {s.clean(str(error))}"
        raise RunEnds("failed", reason) from None
    return compare(desired.wanted, found, open_names=desired.open_names)


async def read_generated(s: Session, step: Step) -> str:
    """What the project's own command wrote: its operations, SQL and risk become the plan's next revision.

    Raises RunEnds where it wrote nothing, or a revision that does nothing: that is no change that could be proved.
    """
    from checks.revisions.graph import UnknownRevision, pending

    graph = await s.look(lambda: observation.graph_of(s))
    try:
        names = pending(graph, s.facts.heads)
    except UnknownRevision as error:
        raise RunEnds("stale", f"{step.title}: {error}; it was a head of the code before") from None
    line = step.action.line
    if not names:
        where = ", ".join(observation.relative(s, folder) for folder in observation.tree_of(s).versions)
        raise RunEnds(
            "failed",
            f"`{line}` returned 0 and wrote no revision into {where}: the models ask for no change of this database, "
            "or the file was written elsewhere (in a container whose source is built in); nothing is applied",
        )
    reading = await s.look(lambda: revision_contents.read(s.project, observation.tree_of(s), graph, names))
    paths = ", ".join(fact.path for fact in reading.files)
    if all(fact.sql == "" and not fact.unread for fact in reading.files):
        raise RunEnds(
            "failed",
            f"`{line}` wrote {paths}, and its upgrade does nothing: the models ask for no change of this database; "
            "nothing is applied. Delete the file, or write into it what is missing and run again",
        )
    foreign = await s.look(lambda: _foreign(graph, names, reading))
    risks = (*reading.risks, *foreign)
    s.find(
        Finding(
            GENERATED, f"`{line}` wrote {paths}", files=reading.files, scripts=reading.scripts, risks=risks,
            foreign=foreign, revisions=names,
        )
    )  # fmt: skip
    for one in foreign:
        s.note(one.text, step.id, "warning")
    return f"wrote {paths}"


def _foreign(graph: Graph, names: Sequence[str], reading: revision_contents.Reading) -> tuple[RiskFact, ...]:
    """What the new revisions drop that no revision before them made."""
    others = [
        text_of(Path(revision.file), "replace") for name, revision in graph.revisions.items() if name not in names
    ]
    # The facts hold the texts redacted, which may be no code any more.
    texts = {fact.revision: text_of(Path(graph.revisions[fact.revision].file), "replace") for fact in reading.files}
    way = "keep autogenerate from it with include_object or include_name in env.py, or answer for it"
    return tuple(
        RiskFact(fact.revision, f"{fact.path}:{one.line} {one.what}; {way}")
        for fact in reading.files
        for one in foreign_drops(texts[fact.revision], others)
    )
