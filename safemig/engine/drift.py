"""The drift at the baseline: what the database has that no revision makes, and what revisions make that it has not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from checks.evidence import Evidence, Json, now
from checks.revisions.current import revisions_at
from checks.schema.difference import Difference, short, table_of
from checks.schema.snapshot import Snapshot, TableHeld, last_name
from safemig.engine import observation
from safemig.engine.approval import ask_person
from safemig.engine.drift_choices import Choices, Ground, choices, finding_to_stamp, finding_to_write
from safemig.engine.session import RunEnds, Session
from safemig.migrations.change import Wanted
from safemig.migrations.reconcile.statements import parts
from safemig.planning.drift import STAMP, WRITE, stamp_line
from safemig.planning.plan import Step
from safemig.sandbox.drift import Drift, drift, table_key

KIND = "drift"
_UNMADE, _STILL = "is made by no revision", "is still there"
_LISTED = 5  # differences that one sentence names
_WRITTEN = "yes writes the revision that makes it where it is missing and leaves it here; no stops"
# What a statement makes beside tables, as its key begins.
_KINDS = ("index", "view", "type", "sequence", "function", "trigger", "extension", "schema", "domain", "policy")


async def look_drift(s: Session, step: Step, written: Wanted | None, asked: Wanted | None) -> Drift:
    """Takes the drift and judges it: what a revision of this run has not made ends the run, drift in the tables of the
    phase is asked about, other drift is a warning. Journalled once; what cannot be told is said with its reason."""
    known = s.known(step.id, "before", KIND)
    if not known:
        began = now()
        result, found = await _take(s, written)
        moved = _current(s) != _earlier(s)
        repeat = "the upgrades of all revisions on an empty throwaway database, compared with pg_dump --schema-only"
        data = {**_data(s, result, found, asked), "moved": moved}
        data["choices"] = await _offered(s, data, result, found, asked, written)
        known = (s.observe(step.id, "before", Evidence(KIND, s.facts.database, True, began, now(), repeat, data)),)
        _warn(s, step, known[0])
    await _judge(s, step, known[0])
    return _read_of(known[0].data)


async def check_made(s: Session, step: Step) -> None:
    """After revisions of which nothing told beforehand what they make: what they make of an empty database has to be
    there, where that can be told. Ends the run where it is not."""
    if _current(s) == _earlier(s):
        return
    result, found = await _take(s, None)
    if result.differences is None:
        s.note(f"what was applied is compared with nothing: {s.clean(result.reason)}", step.id, "warning")
        return
    not_made = [one for one in result.differences if _applied(one, result, found)]
    if not_made:
        raise RunEnds("failed", _not_made(not_made))


async def _offered(
    s: Session,
    data: Mapping[str, Json],
    result: Drift,
    found: Snapshot | None,
    asked: Wanted | None,
    written: Wanted | None,
) -> dict[str, Json]:
    """What can be chosen where the phase stands on drift, tried; {} where nothing is asked."""
    differences, leans = _asked_of(data), _leans(data)
    if found is None or asked is None or not (differences or leans):
        return {}
    ground = Ground(result, found, _current(s) or (), tuple(differences), asked, written)
    return (await choices(s, ground)).plain()


def _data(s: Session, result: Drift, found: Snapshot | None, asked: Wanted | None) -> dict[str, Json]:
    """What the journal keeps of it: ``phase`` are the differences in what the phase makes or changes, ``covered`` those
    of them that the new revision makes where they are missing, ``not_made`` what a revision of this run has not made.
    """
    listed = result.differences or ()
    own, named = tables_of(asked), _named(asked)
    inside = [one for one in listed if _table(one, found, result.made) in own or last_name(one.key) in named]
    not_made = [one for one in listed if _applied(one, result, found)]
    return {
        "known": result.differences is not None,
        "reason": s.clean(result.reason),
        "unbuildable": s.clean(result.unbuildable),
        "leans": s.clean(result.leans),
        "differences": [plain(one) for one in listed],
        "phase": [one.key for one in inside],
        "covered": [one.key for one in inside if one.key in result.covered],
        "not_made": [one.key for one in not_made],
    }


async def _take(s: Session, written: Wanted | None) -> tuple[Drift, Snapshot | None]:
    """The drift, and the schema that it was taken of."""
    import psycopg

    from safemig.runtimes.base import Unreachable
    from safemig.sandbox.database import on_scratch
    from safemig.sandbox.restore import ScratchFails
    from safemig.sandbox.worker import chain

    current, earlier = _current(s), _earlier(s)
    if s.project.tree is None or current is None:
        return Drift(None, "the database's revision is not known"), None
    folder = s.project.tree.versions[0]
    try:
        graph = await s.look(lambda: observation.graph_of(s))
        found = await observation.snapshot_now(s)
        result = await s.look(
            lambda: on_scratch(
                s.runtime,
                lambda scratch: drift(
                    graph,
                    current,
                    folder,
                    found,
                    scratch,
                    since=earlier,
                    written=(written,) if written else (),
                    run=chain,
                ),
                lambda _: None,
            )
        )
    except (ScratchFails, Unreachable, TableHeld, psycopg.Error, OSError) as error:
        return Drift(None, " ".join(str(error).split())), None
    return result, found


def _current(s: Session) -> tuple[str, ...] | None:
    return revisions_at(s.past.last("revision"))


def _earlier(s: Session) -> tuple[str, ...] | None:
    """Where the database was before this run."""
    if s.facts.current is not None:
        return s.facts.current
    return revisions_at(next((one.evidence for one in s.past.evidence if one.evidence.kind == "revision"), None))


def tables_of(wanted: Wanted | None) -> frozenset[str]:
    """The tables that a phase makes or changes, as they stand in a snapshot's keys."""
    return _keyed({*wanted.tables, *wanted.touched}) if wanted else frozenset()


def carried(differences: Sequence[Difference], wanted: Wanted | None, found: Snapshot) -> tuple[Difference, ...]:
    """The differences without those of other tables in what no dump carries, so that no copy has it either: foreign
    keys that are not enforced, and indexes that are not valid. They are drift, and none of what the phase asks for."""
    own = tables_of(wanted)

    def elsewhere(one: Difference) -> bool:
        there = found.objects.get(one.key, {})
        return ("enforcement" in there or there.get("valid") is False) and table_of(one.key, there) not in own

    return tuple(one for one in differences if not elsewhere(one))


def _keyed(tables: Iterable[str]) -> frozenset[str]:
    return frozenset(table_key(table).removeprefix("table ") for table in tables)


def _named(wanted: Wanted | None) -> frozenset[str]:
    """The own names of what a phase makes beside tables: views, types, functions, extensions and the like."""
    keys = [key for one in parts(wanted) for key in one.what.keys] if wanted else []
    made = (key.partition(" ") for key in keys)
    return frozenset(last_name(name) for kind, _, name in made if kind in _KINDS)


def _table(one: Difference, found: Snapshot | None, made: Snapshot | None) -> str:
    kind, _, name = one.key.partition(" ")
    if kind == "table":
        return name
    attributes = next((side.objects[one.key] for side in (found, made) if side and one.key in side.objects), {})
    return table_of(one.key, attributes)


def _applied(one: Difference, result: Drift, found: Snapshot | None) -> bool:
    """Whether a revision that this run has applied makes what is missing or otherwise, or drops what is there. What is
    there beside it in a table that such a revision has made was to be dropped too: nobody else knows that table yet."""
    table = _table(one, found, result.made)
    if one.aspect == "unexpected":
        return one.key in result.applied | result.fresh or (bool(table) and f"table {table}" in result.fresh)
    return one.key in result.applied or (bool(table) and f"table {table}" in result.applied)


def _not_made(differences: Sequence[Difference]) -> str:
    return (
        "the revisions that this run applied are recorded as applied, but the schema is not what they make: "
        f"{words(differences).replace(_UNMADE, _STILL)}; a stamp records a revision without running it"
    )


def words(differences: Sequence[Difference]) -> str:
    """The first of the differences in one line, those that are missing first."""
    ranked = sorted(differences, key=lambda one: (one.aspect != "missing", not one.key.startswith("table "), one.key))
    shown = [f"{short(one.key)} {_aspect(one)}" for one in ranked[:_LISTED]]
    more = [f"{len(ranked) - _LISTED} more"] if len(ranked) > _LISTED else []
    return ", ".join((*shown, *more))


def _aspect(one: Difference) -> str:
    if one.aspect == "missing":
        return "is missing"
    return _UNMADE if one.aspect == "unexpected" else f"differs in its {one.aspect}"


def _warn(s: Session, step: Step, known: Evidence) -> None:
    drifted, asked = _read_of(known.data), _asked_of(known.data)
    if drifted.unbuildable:
        s.note(f"the revisions cannot build an empty database: {drifted.unbuildable}", step.id, "warning")
    if drifted.differences is None:
        s.note(f"drift not known: {drifted.reason}", step.id, "warning")
    elif outside := [one for one in drifted.differences if one not in asked]:
        s.note(f"drift: the database is not what its revisions make: {words(outside)}", step.id, "warning")


async def _judge(s: Session, step: Step, known: Evidence) -> None:
    """Ends the run for what was not made; asks where the phase stands on what no revision makes."""
    drifted = _read_of(known.data)
    if drifted.differences is None and known.data.get("moved") and step.intent == "baseline":
        await _ask_untold(s, step, drifted)
    covered, not_made = _keys_of(known.data, "covered"), _keys_of(known.data, "not_made")
    listed = drifted.differences or ()
    if not_made:
        raise RunEnds("failed", _not_made([one for one in listed if one.key in not_made]))
    fresh = {f"table {name}" for name in _keyed(s.facts.migration.tables)} if s.facts.migration else set()
    late = [one.key for one in listed if one.key in fresh - covered and one.aspect == "unexpected"]
    if late and not s.facts.adopted:
        reason = f"{short(late[0])} has come since the plan was made, and no revision makes it"
        raise RunEnds("stale", f"{reason}: start a new run, which offers the revision that makes it and leaves it here")
    asked, leans = _asked_of(known.data), _leans(known.data)
    reasons = [words(asked)] if asked else []
    if leans:
        reasons.append(f"the new revision cannot be made on an empty database: {leans}")
    if not reasons or any(one.name in (WRITE, STAMP) and one.step == step.id for one in s.findings):
        return
    covered_alone = bool(asked) and not leans and all(one.key in covered for one in asked)
    await _ask(s, step, reasons, msgspec.convert(known.data.get("choices") or {}, Choices), covered=covered_alone)


async def _ask(s: Session, step: Step, reasons: Sequence[str], offered: Choices, *, covered: bool) -> None:
    """Asks in every mode what to do about drift that the phase stands on, and takes the answer into the plan."""
    title = "The phase stands on a schema that no revision makes; go on?"
    once = "the run goes on and says so; on an empty database the revisions give another schema, or fail"
    told = (
        [_WRITTEN] if covered else [f"not offered, write a revision first: {offered.no_write}"] * bool(offered.no_write)
    )
    if covered:
        once = "the revision that makes it is written; it leaves what is there"
    told += [f"not offered, stamp: {offered.no_stamp}"] * bool(offered.no_stamp)
    others = {}
    if offered.write and not covered:
        others["write"] = (
            f"{offered.path} is written first: it makes this where it is missing, and leaves it where it is"
        )
    if offered.stamp:
        others["stamp"] = (
            f"`{stamp_line(s.facts, offered.stamp)}` comes first, which is asked about as the command that it is"
        )
    what = "; ".join((*reasons, *told))
    answer = await ask_person(s, step, title, what, once, "drift in the tables of the phase asks", others=others)
    if answer == "write":
        graph = await s.look(lambda: observation.graph_of(s))
        s.find(finding_to_write(s, step, offered, graph))
    elif answer == "stamp":
        s.find(finding_to_stamp(s, step, offered.stamp, _current(s) or ()))
    else:
        s.note(f"drift, gone on with: {'; '.join(reasons)}", step.id, "warning")


async def _ask_untold(s: Session, step: Step, drifted: Drift) -> None:
    """This run has applied revisions before the baseline, and nothing tells whether they made what they should: asked
    in every mode, as a change that cannot be compared is, unless safemig.yaml accepts it."""
    what = f"whether the applied revisions have made what they should cannot be told: {drifted.reason}"
    if s.config.migration.uncompared == "accept":
        s.note(f"{what}; gone on all the same (migration: uncompared: accept)", step.id, "warning")
        return
    title = "It cannot be told whether the applied revisions have made what they should; go on?"
    way = "say yes to go on uncompared, or set `migration: {uncompared: accept}` in safemig.yaml"
    once = "the run goes on, on a schema that was compared with nothing"
    await ask_person(s, step, title, f"{what}; {way}", once, "what cannot be compared asks in every mode")
    s.note(f"gone on uncompared: {what}", step.id, "warning")


def _asked_of(data: Mapping[str, Json]) -> list[Difference]:
    """The differences that a person is asked about: what else the new revision makes where it is missing is none."""
    inside, covered = _keys_of(data, "phase"), _keys_of(data, "covered")
    listed = _read_of(data).differences or ()
    return [one for one in listed if one.key in inside and (one.key not in covered or one.key.startswith("table "))]


def _leans(data: Mapping[str, Json]) -> str:
    """Why the new revision cannot be made on an empty database. What the revisions make already is made a second time
    by no revision: that is said where the spec is looked at."""
    drifted = _read_of(data)
    return drifted.leans if drifted.differences or "already exists" not in drifted.leans else ""


def _keys_of(data: Mapping[str, Json], name: str) -> frozenset[str]:
    return frozenset(msgspec.convert(data[name], list[str]))


def plain(one: Difference) -> dict[str, Json]:
    """A difference as the journal keeps it."""
    return {"object": one.key, "aspect": one.aspect, "wanted": one.wanted, "found": one.found}


def _read_of(data: Mapping[str, Json]) -> Drift:
    """The journalled drift, as far as what follows asks for it."""
    rows = msgspec.convert(data["differences"], list[dict[str, Json]])
    listed = tuple(Difference(str(row["object"]), str(row["aspect"]), row["wanted"], row["found"]) for row in rows)
    return Drift(
        listed if data["known"] else None, str(data["reason"]),
        unbuildable=str(data["unbuildable"]), leans=str(data["leans"]),
    )  # fmt: skip
