"""Before the change: the baseline and the schema that is wanted. After it: the comparison in PostgreSQL's words."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from checks.evidence import Evidence, Json, now
from checks.revisions.current import revisions_at
from checks.schema.difference import Difference, compare
from checks.schema.snapshot import Snapshot
from safemig.engine import observation
from safemig.engine.approval import ask_person
from safemig.engine.drift import carried, check_made, look_drift, plain, words
from safemig.engine.impact import look_impact
from safemig.engine.pending_revisions import check_spec, desired_of, kept_schema, spec_differences, waiting
from safemig.engine.red_baseline import ask_red
from safemig.engine.session import RunEnds, Session
from safemig.engine.ticking import BASE, look_items
from safemig.engine.unchanged import leave_out, left_unseen
from safemig.migrations import privileges
from safemig.migrations.change import Wanted
from safemig.planning.collect.observe import wanted_of
from safemig.planning.drift import STAMP, WRITE
from safemig.planning.heads import found_there, merges_only
from safemig.planning.pending import generated
from safemig.planning.plan import Step
from safemig.sandbox.drift import Drift
from safemig.signals.comparison import container_problems, endpoint_problem

if TYPE_CHECKING:
    from safemig.sandbox.database import Scratch
    from safemig.sandbox.desired import Desired

BEFORE, WANTED = "schema-before.json", "schema-wanted.json"


async def baseline(s: Session, step: Step) -> str | None:
    """Container, endpoints, the newest test run and the schema, as they are just before the change."""
    await observation.serving(s, s.config.timeout("healthy"))
    services = await observation.look_services(s, step.id, "before")
    endpoints = await observation.look_main(s, step.id, "before")
    tests = s.past.last("tests", "first", "before")
    if tests:
        s.observe(step.id, "before", tests)
    await observation.look_database(s, step.id, "before")
    await look_items(s, step)
    asked = wanted_of(s.project, s.facts) if s.facts.spec and s.facts.spec.asks_schema else None
    drift = await look_drift(s, step, await s.look(lambda: _planned(s)), asked)
    if any(one.name == STAMP and one.step == step.id for one in s.findings):
        return "the stamp comes first, and then the baseline once more"
    problems = [*container_problems(services)] if services.seen else [services.reason]
    problems += [problem for answer in endpoints if (problem := endpoint_problem(answer))]
    if problems:
        await _ask_unhealthy(s, step, problems)
    await ask_red(s, step)
    await look_impact(s, step)
    if pending := waiting(s):
        await _desire_revisions(s, step, pending, "pending")
        if s.facts.migration:
            await check_spec(s, pending, _evaluated(s, step))
    elif s.facts.migration or s.facts.used:
        await desire_schema(s, step, drift)
    elif merges_only(s.facts):
        await desire_union(s, step)
    elif asked is not None and not s.facts.missing:
        await prove_there(s, step, asked, drift)
    return None


async def _ask_unhealthy(s: Session, step: Step, problems: list[str]) -> None:
    text = "; ".join(problems)
    if pending := waiting(s):
        text += f"; {', '.join(pending)} is pending, and the code may already expect what it makes of the database"
    if s.past.mode == "auto":
        raise RunEnds("failed", f"the service is unhealthy before the change, and auto mode does not go on: {text}")
    title = "The service is unhealthy before the change; go on?"
    await ask_person(s, step, title, text, "the run goes on, on an unhealthy service", "an unhealthy service asks")


async def desire_schema(s: Session, step: Step, drift: Drift) -> None:
    """The spec's operations on a throwaway server, on top of the present schema: what the schema must become."""
    from safemig.sandbox.database import on_scratch
    from safemig.sandbox.desired import RevisionFails, SpecFails
    from safemig.sandbox.restore import ScratchFails
    from safemig.sandbox.worker import desire, desire_applied

    if s.known(step.id, "before", "desired") or found_there(s.findings):
        return
    began = now()
    wanted = wanted_of(s.project, s.facts)
    if wanted is None:
        raise RunEnds("stale", "the spec no longer describes the schema that was planned")
    present = await observation.snapshot_now(s)
    dump = await s.look(s.runtime.dump_schema)
    said: list[str] = []
    try:
        revision = _evaluated(s, step)
        first = _written_first(s)
        if s.facts.used or s.facts.adopted:  # it is there by now
            made = partial(desire_applied, dump, wanted, revision=revision if s.facts.adopted else None)
        else:
            made = partial(desire, dump, wanted, revision=revision, pending=first)
        desired = await s.look(lambda: on_scratch(s.runtime, made, said.append))
    except RevisionFails as error:
        raise RunEnds("failed", f"the migration cannot go up, down and up again: {s.clean(str(error))}") from None
    except SpecFails as error:
        left = await s.look(lambda: left_unseen(wanted, observation.graph_of(s)))
        if not (s.facts.used or left) and await _there_already(
            s, wanted, partial(desire_applied, dump, wanted), present
        ):
            await _nothing_left(s, step, wanted, drift)
            return
        raise RunEnds("failed", f"PostgreSQL refuses what the spec asks for: {s.clean(str(error))}") from None
    except ScratchFails as error:
        raise RunEnds("failed", f"the throwaway database could not be prepared: {s.clean(str(error))}") from None
    finally:
        for text in said:
            s.note(text, step.id, "warning")
    if not compare(desired.wanted, desired.base) and not await s.look(
        lambda: left_unseen(wanted, observation.graph_of(s))
    ):
        await _nothing_left(s, step, wanted, drift)
        return
    copied = s.facts.used or s.facts.adopted or first
    _keep(s, step, desired, desired.base if copied else present, began)


async def _nothing_left(s: Session, step: Step, wanted: Wanted, drift: Drift) -> None:
    """All of it is there, as was just compared: the rest of the run proves the service, without a change."""
    await _require_granted(s, step, wanted, (), now())
    await leave_out(s, step, wanted, drift)


async def prove_there(s: Session, step: Step, wanted: Wanted, drift: Drift) -> None:
    """Planning has found all of it there: looked at once more, as it is just now."""
    from safemig.sandbox.database import on_scratch
    from safemig.sandbox.desired import SpecFails
    from safemig.sandbox.restore import ScratchFails
    from safemig.sandbox.worker import desire_applied

    if s.known(step.id, "before", "comparison"):
        return
    began = now()
    present = await observation.snapshot_now(s)
    dump = await s.look(s.runtime.dump_schema)
    made = partial(desire_applied, dump, wanted, stated=True)
    try:
        desired = await s.look(lambda: on_scratch(s.runtime, made, lambda text: s.note(text, step.id, "warning")))
    except (SpecFails, ScratchFails) as error:
        raise RunEnds("failed", f"whether all of it is there cannot be told: {s.clean(str(error))}") from None
    differences = mismatches(desired.base, desired.base, desired.wanted, present, desired.open_names)
    differences = carried(differences, wanted, present)
    await _require_granted(s, step, wanted, differences, began)
    await leave_out(s, step, wanted, drift)


async def _require_granted(
    s: Session, step: Step, wanted: Wanted, differences: Sequence[Difference], began: str
) -> None:
    """Ends the run where something of the phase is not there, a privilege that it grants among that."""
    lacking = await s.look(lambda: _lacking(s, wanted))
    _compared(s, step, "before", differences, wanted, began, lacking)
    named = [words(differences)] if differences else [lacking[0].words] if lacking else []
    if named:
        raise RunEnds("failed", f"the schema is not what the spec asks for, and no change of it is planned: {named[0]}")


async def _there_already(s: Session, wanted: Wanted, made: Callable[[Scratch], Desired], present: Snapshot) -> bool:
    """Whether what PostgreSQL refuses to make is there, as ``safemig verify`` would find."""
    from safemig.sandbox.database import on_scratch
    from safemig.sandbox.desired import SpecFails
    from safemig.sandbox.restore import ScratchFails

    try:
        desired = await s.look(lambda: on_scratch(s.runtime, made, lambda _: None))
    except (SpecFails, ScratchFails):
        return False
    differences = compare(desired.wanted, present, open_names=desired.open_names)
    return not carried(differences, wanted, present)


async def desire_union(s: Session, step: Step) -> None:
    """A merge of heads changes nothing by itself: the schema must become what the pending revisions of all of them
    make of the present one."""
    from checks.revisions.graph import pending
    from safemig.sandbox.database import on_scratch
    from safemig.sandbox.desired import SpecFails
    from safemig.sandbox.drift import NotEvaluated, upgrade_of
    from safemig.sandbox.restore import ScratchFails
    from safemig.sandbox.worker import union

    if s.known(step.id, "before", "desired"):
        return
    began = now()
    present = await observation.snapshot_now(s)
    revision = await observation.revision_now(s)
    current = revisions_at(revision) or ()
    graph = await s.look(lambda: observation.graph_of(s))
    files = [Path(graph.revisions[name].file) for name in pending(graph, current)]
    dump = await s.look(s.runtime.dump_schema)
    try:
        made = partial(union, dump, [one for file in files if (one := upgrade_of(file)) is not None])
        desired = await s.look(lambda: on_scratch(s.runtime, made, lambda text: s.note(text, step.id, "warning")))
    except (NotEvaluated, SpecFails, ScratchFails) as error:
        reason = f"what the merged revisions make of the schema cannot be told beforehand: {s.clean(str(error))}"
        raise RunEnds("failed", f"{reason}; apply them by hand, `alembic upgrade heads`, and merge then") from None
    _keep(s, step, desired, present, began)


async def desire(s: Session, step: Step) -> None:
    """The wanted schema of what follows: the generated revision's, or the spec's on top of the pending ones."""
    written = generated(s.findings)
    await look_impact(s, step)
    if written is not None:
        await _desire_revisions(s, step, written.revisions, _applied_by(s, written.revisions))
    elif s.facts.migration:
        drift = await look_drift(s, step, await s.look(lambda: _planned(s)), None)
        await desire_schema(s, step, drift)


def _applied_by(s: Session, names: Sequence[str]) -> str:
    """The step that applies what was generated: the upgrade, else the service's start."""
    later = (one.id for one in s.plan.steps if one.id == "migrate" or set(names) & set(one.applies))
    return next((step for step in later if not s.past.finished(step)), "migrate")


async def _desire_revisions(s: Session, step: Step, names: Sequence[str], applied_by: str) -> None:
    """The schema that revisions which others wrote must make of the present one."""
    if s.known(step.id, "before", "desired"):
        return
    began = now()
    kept = kept_schema(s) if generated(s.findings) else None
    present, dump = kept or (await observation.snapshot_now(s), "")
    desired = await desired_of(s, step, names, applied_by, dump)
    if desired is not None:
        _keep(s, step, desired, present, began)


def _keep(s: Session, step: Step, desired: Desired, before: Snapshot, began: str) -> None:
    asked = {difference.key for difference in compare(desired.wanted, desired.base)}
    asked |= set(desired.wanted.objects) - set(desired.base.objects)
    observation.save_snapshot(s, BEFORE, before)
    observation.save_snapshot(s, BASE, desired.base)
    observation.save_snapshot(s, WANTED, desired.wanted)
    data: dict[str, Json] = {
        "asked": [*sorted(asked)],
        "open_names": [*sorted(desired.open_names)],
        "files": [BEFORE, BASE, WANTED],
    }
    repeat = "the spec's operations on a copy of the schema"
    s.observe(step.id, "before", Evidence("desired", s.facts.database, True, began, now(), repeat, data))


def _revision(s: Session) -> Wanted | None:
    """Both sides of the file that the plan writes, as the person may have edited it."""
    from safemig.sandbox.desired import of_revision

    planned = next((step.action for step in s.plan.steps if step.id == "create"), None)
    return of_revision(planned.text, planned.path) if planned else None


def _evaluated(s: Session, step: Step) -> Wanted | None:
    """As ``_revision``; None, and said, where what surrounds the statements (the project's template) is evaluated by
    nothing but running it."""
    migration = s.facts.migration
    planned = next((one for one in s.facts.files if migration and one.revision == migration.revision), None)
    if planned is None or not re.match(rf"{re.escape(planned.path)}:\d", planned.unread):
        return _revision(s)
    s.note(f"the migration was not run up, down and up again by itself: {planned.unread}", step.id, "warning")
    return None


def _written_first(s: Session) -> tuple[Wanted, ...]:
    """The revision that a person chose to have written before the phase's own."""
    from safemig.sandbox.desired import of_revision

    steps = (one.action for one in s.plan.steps if one.id == WRITE)
    return tuple(of_revision(action.text, action.path) for action in steps)


def _planned(s: Session) -> Wanted | None:
    """The revision that is to be written, where it is made of operations; what it lacks else is said further below."""
    from safemig.sandbox.desired import RevisionFails

    try:
        return _revision(s)
    except RevisionFails:
        return None


async def verify(s: Session, step: Step) -> None:
    """The schema as it is now against the one that was asked for. A command that returned 0 proves nothing."""
    revision, schema = await observation.look_database(s, step.id, "after")
    if not revision.seen or not schema.seen:
        raise RunEnds("failed", f"the schema could not be read after the change: {revision.reason or schema.reason}")
    began = now()
    desired = _wanted(s, step)
    alone = bool(s.facts.spec and s.facts.spec.asks_schema) and not s.facts.migration and bool(waiting(s))
    if desired is None:
        await check_made(s, step)
        if not alone:
            return
    found = await observation.snapshot_now(s)
    differences = _differences(s, desired, found) if desired else ()
    if alone:
        differences = (*differences, *await spec_differences(s, step, found))
    wanted = wanted_of(s.project, s.facts)
    lacking = await s.look(lambda: _lacking(s, wanted)) if wanted else ()
    _compared(s, step, "after", differences, wanted, began, lacking)
    if lacking and not differences:
        raise RunEnds("failed", f"the migration ran, but this is not there: {lacking[0].words}")
    if differences:
        first = differences[0]
        raise RunEnds(
            "failed",
            f"the migration ran, but the schema is not what the spec asked for: {first.key}: {first.aspect}"
            + (f" (and {len(differences) - 1} more)" if len(differences) > 1 else ""),
        )


def _lacking(s: Session, wanted: Wanted) -> tuple[privileges.Lacking, ...]:
    with s.runtime.connect() as connection:
        return (
            *privileges.lacking(connection, privileges.granted(wanted)),
            *privileges.absent(connection, wanted),
        )


def _compared(
    s: Session,
    step: Step,
    moment: str,
    differences: Sequence[Difference],
    wanted: Wanted | None,
    began: str,
    lacking: Sequence[privileges.Lacking] = (),
) -> None:
    """Journals what the comparison found, with the statements that it could not look at."""
    unread = privileges.unread(wanted) if wanted else ()
    shown = (*map(plain, differences), *map(privileges.shown, lacking))
    data: dict[str, Json] = {
        "matches_spec": not shown,
        "differences": [*shown],
        "not_checked": [f"{file}:{line}: {text}" for text, (file, line) in unread],
    }
    repeat = "pg_dump --schema-only, compared with the spec on a throwaway server"
    s.observe(step.id, moment, Evidence("comparison", s.facts.database, True, began, now(), repeat, data))


def _differences(s: Session, desired: Evidence, found: Snapshot) -> tuple[Difference, ...]:
    base, before, wanted = (observation.load_snapshot(s, name) for name in (BASE, BEFORE, WANTED))
    return mismatches(base, before, wanted, found, _names(desired))


def _wanted(s: Session, step: Step) -> Evidence | None:
    """The wanted schema that this comparison is about; None where nothing told it beforehand."""
    later = any(other.id == "desire" for other in s.plan.steps) and step.id == "verify"
    last = next(other.id for other in reversed(s.plan.steps) if other.intent == "baseline")
    known = s.known("desire" if later else last, "before", "desired")
    return known[-1] if known else None


def mismatches(
    base: Snapshot, before: Snapshot, wanted: Snapshot, found: Snapshot, open_names: frozenset[str]
) -> tuple[Difference, ...]:
    """Differences of ``found`` from ``wanted``; what only the copy made different (base, before) is none."""
    return compare(wanted, found, open_names=open_names, untouched=(base, before))


def _names(desired: Evidence) -> frozenset[str]:
    names = desired.data["open_names"]
    return frozenset(str(name) for name in names) if isinstance(names, list) else frozenset()
