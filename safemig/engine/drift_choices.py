"""What a person may choose where the phase stands on drift: offered only where it was tried on a throwaway server."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from checks.evidence import Json
from checks.revisions.graph import Graph, pending
from checks.schema.difference import Difference, short, table_of
from checks.schema.snapshot import Snapshot, last_name
from safemig.base.action import Action
from safemig.base.file_edit import unified
from safemig.base.files import text as text_of
from safemig.engine import observation
from safemig.engine.pending_revisions import waiting
from safemig.engine.session import Session
from safemig.migrations.change import Wanted
from safemig.migrations.fragments import parse
from safemig.migrations.python_events import Acts, RunsSql
from safemig.migrations.row_statements import statement_events
from safemig.migrations.writer import CannotAuthor
from safemig.planning.collect import revision_contents
from safemig.planning.collect.migration import beside
from safemig.planning.drift import STAMP, WRITE, stamp_line
from safemig.planning.facts import Finding, MigrationFact
from safemig.planning.plan import Step
from safemig.sandbox.adopt_drift import adopting
from safemig.sandbox.adopt_table import CannotAdopt
from safemig.sandbox.drift import Drift, differing, drift

_TRIED = 6  # revisions from where the database is that a stamp is tried with
_ALONGSIDE = ("extension", "enum", "domain", "table")  # what a new revision may lean on beside the phase's own tables


@dataclass(frozen=True)
class Choices:
    """``write`` and ``down`` are the text of the revision and of the phase's own one on top of it, as ``path`` and
    ``revision``; ``stamp`` the revision that the database has already. Where one is "", the other word says why."""

    path: str = ""
    revision: str = ""
    write: str = ""
    create: str = ""
    no_write: str = ""
    stamp: str = ""
    no_stamp: str = ""

    def plain(self) -> dict[str, Json]:
        """As the journal keeps it."""
        return dict(vars(self))


class _Not(Exception):
    """The choice cannot be carried out; says why."""


@dataclass(frozen=True)
class Ground:
    """What is known where the question comes up: the drift of ``found``, what of it is ``asked`` about, and the phase's
    own change, as spec and as revision."""

    result: Drift
    found: Snapshot
    current: tuple[str, ...]
    asked: tuple[Difference, ...]
    phase: Wanted
    written: Wanted | None


async def choices(s: Session, ground: Ground) -> Choices:
    """Both choices, tried on a throwaway server."""
    graph = await s.look(lambda: observation.graph_of(s))
    found = Choices()
    try:
        found = await _write(s, graph, ground)
    except (_Not, CannotAdopt, CannotAuthor) as error:
        found = Choices(no_write=s.clean(str(error)))
    try:
        return Choices(**{**vars(found), "stamp": await _stamp(s, graph, ground)})
    except _Not as error:
        return Choices(**{**vars(found), "no_stamp": s.clean(str(error))})


async def _write(s: Session, graph: Graph, ground: Ground) -> Choices:
    fact = s.facts.migration
    if fact is None or s.facts.adopted or ground.written is None or ground.result.made is None:
        raise _Not("this run writes no revision that it could come before")
    if waiting(s):
        raise _Not("revisions are pending, and come first")
    if len(fact.down) != 1:
        raise _Not("the code has not one head that it could stand on")
    differences = [*ground.asked, *_leaned_on(ground)]
    wanted = adopting(differences, ground.found, ground.result.made)
    tables = dict.fromkeys(last_name(short(one.key).partition(" ")[2].split(".")[0]) for one in differences)
    made = await s.look(partial(beside, s.project, fact, graph, wanted, f"adopt {' '.join(list(tables)[:3])}"))
    create = _on_top_of(fact, made.revision)
    await _tried(s, graph, ground, made, create, differences)
    return Choices(made.path, made.revision, made.text, create)


def _leaned_on(ground: Ground) -> list[Difference]:
    """What no revision makes beside the phase's tables, and the phase names."""
    named = set(re.findall(r"\w+", ground.phase.upgrade))
    known = {one.key for one in ground.asked}
    listed = [one for one in ground.result.differences or () if one.aspect == "unexpected" and one.key not in known]
    first = [one for one in listed if one.key.partition(" ")[0] in _ALONGSIDE and last_name(one.key) in named]
    tables = {one.key.partition(" ")[2] for one in first if one.key.startswith("table ")}
    inside = [one for one in listed if one not in first and table_of(one.key, ground.found.objects[one.key]) in tables]
    return [*first, *inside] if ground.result.leans else []


def _on_top_of(fact: MigrationFact, revision: str) -> str:
    """The text of the phase's revision on top of that one; _Not where its header does not say it in the usual way."""
    (down,) = fact.down
    at = fact.text.index("def upgrade")
    head = re.sub(rf"(?<![\w.-]){re.escape(down)}(?![\w-])", revision, fact.text[:at])
    text = head + fact.text[at:]
    if revision == fact.revision or _header(text) != (fact.revision, revision):
        raise _Not("the ids of the revisions here leave no room for one before the phase's own")
    return text


def _header(text: str) -> tuple[object, object]:
    tree, values = parse(text), dict[str, object]()
    for node in tree.body if tree else ():
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        value = getattr(node, "value", None)
        if isinstance(targets[0], ast.Name) and isinstance(value, ast.Constant):
            values[targets[0].id] = value.value
    return values.get("revision"), values.get("down_revision")


async def _tried(
    s: Session, graph: Graph, ground: Ground, made: MigrationFact, create: str, differences: Sequence[Difference]
) -> None:
    """On an empty database both revisions, here the first: what differed is alike then, and nothing else is moved."""
    from safemig.sandbox.database import on_scratch
    from safemig.sandbox.desired import RevisionFails, SpecFails, of_revision
    from safemig.sandbox.restore import ScratchFails
    from safemig.sandbox.worker import chain, union

    assert s.project.tree is not None
    folder, fact = s.project.tree.versions[0], s.facts.migration
    assert fact is not None
    dump = await s.look(s.runtime.dump_schema)
    try:
        first, second = of_revision(made.text, made.path), of_revision(create, fact.path)
        empty = await s.look(
            lambda: on_scratch(
                s.runtime,
                lambda scratch: drift(
                    graph, ground.current, folder, ground.found, scratch, written=(first, second), run=chain
                ),
                lambda _: None,
            )
        )
        here = await s.look(lambda: on_scratch(s.runtime, partial(union, dump, [first]), lambda _: None))
    except (RevisionFails, SpecFails, ScratchFails) as error:
        raise _Not(f"the revision for it cannot be made: {error}") from error
    keys = {one.key for one in differences}
    left = {one.key for one in differences if one.aspect == "unexpected"} - empty.covered
    if empty.leans or left:
        raise _Not(f"the revision for it does not do: {empty.leans or ', '.join(map(short, sorted(left)))}")
    assert ground.result.made is not None
    moved = [one for one in differing(here.base, here.wanted) if one.key not in keys]
    still = [
        one for one in differing(ground.result.made, here.wanted) if one.key in keys and one.aspect != "unexpected"
    ]
    if moved or still:
        raise _Not(f"the revision for it does not do here: {short((moved or still)[0].key)}")


async def _stamp(s: Session, graph: Graph, ground: Ground) -> str:
    """The nearest revision, up or down, that makes exactly what the database has of what is asked about."""
    if not ground.asked:
        raise _Not("no revision makes it")
    if any(len(one.down) > 1 for one in graph.revisions.values()) or len(graph.heads) != 1:
        raise _Not("the revisions are no single line, so no stamp is tried")
    if not stamp_line(s.facts, "x"):
        raise _Not("the command that reads the revision is not known, so none that stamps is")
    beyond = list(pending(graph, ground.current))
    line = [name for name in pending(graph, ()) if name not in beyond]
    nearest = [*beyond[:_TRIED], *reversed(line[:-1][-_TRIED:])]
    known = {(one.key, one.aspect) for one in ground.result.differences or ()}
    asked = {one.key for one in ground.asked}
    for name in nearest:
        listed = await _listed(s, graph, name, ground.found)
        if listed is None or any(one.key in asked or (one.key, one.aspect) not in known for one in listed):
            continue
        between = beyond[: beyond.index(name) + 1] if name in beyond else line[line.index(name) + 1 :]
        if other := await s.look(partial(_beside_schema, graph, between)):
            raise _Not(f"the schema is what {name} makes, but {other} changes rows, of which no schema tells anything")
        return name
    raise _Not("no revision makes exactly what the database has")


async def _listed(s: Session, graph: Graph, name: str, found: Snapshot) -> tuple[Difference, ...] | None:
    from safemig.sandbox.database import on_scratch
    from safemig.sandbox.restore import ScratchFails
    from safemig.sandbox.worker import chain

    assert s.project.tree is not None
    folder = s.project.tree.versions[0]
    made = partial(drift, graph, (name,), folder, found, run=chain)
    try:
        return (
            await s.look(lambda: on_scratch(s.runtime, lambda scratch: made(scratch=scratch), lambda _: None))
        ).differences
    except ScratchFails:
        return None


def _beside_schema(graph: Graph, names: Sequence[str]) -> str:
    """The first of those revisions that does what no comparison of schemas shows."""
    for name in names:
        for event in statement_events(text_of(Path(graph.revisions[name].file))):
            if isinstance(event, RunsSql) or (isinstance(event, Acts) and (event.rows or not event.known)):
                return name
    return ""


def finding_to_write(s: Session, step: Step, chosen: Choices, graph: Graph) -> Finding:
    """The choice to write the revision first, as the plan takes it."""
    fact = s.facts.migration
    assert fact is not None
    file = MigrationFact(chosen.path, chosen.write, chosen.revision, fact.down, ())
    reading = revision_contents.read_revisions(s.root, graph, (file.revision,), {file.revision: file})
    edits = (
        Action("edit", path=file.path, before=None, text=file.text, diff=unified(file.path, None, file.text),
               effect="write", touches=("files",)),
        Action("edit", path=fact.path, before=None, text=chosen.create, diff=unified(fact.path, None, chosen.create),
               effect="write", touches=("files",)),
    )  # fmt: skip
    cause = f"the person chose to write the revision {file.revision} for the drift first"
    return Finding(
        WRITE, cause, step=step.id, actions=edits, revisions=(file.revision,), files=reading.files, risks=reading.risks
    )


def finding_to_stamp(s: Session, step: Step, revision: str, current: tuple[str, ...]) -> Finding:
    """The choice to stamp first: the command, which is asked about in every mode."""
    asks = f"a stamp records {revision} without running anything; the schema was compared with what it makes"
    action = Action(
        "command",
        line=stamp_line(s.facts, revision),
        cwd=s.facts.folder,
        effect="write",
        touches=("database",),
        asks=asks,
    )
    cause = f"the person chose to stamp {revision}, which the database has already"
    return Finding(STAMP, cause, current, step=step.id, actions=(action,), revisions=(revision,))
