"""Planning's look at project and world: everything the planner may use, as facts. Changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from checks.evidence import Evidence, unseen
from checks.revisions.current import revisions_at
from checks.revisions.graph import Graph, UnknownRevision, pending, read_graph
from checks.revisions.style import Pattern
from safemig.base import file_edit
from safemig.migrations.change import Wanted
from safemig.migrations.fixed_names import Fixed, fixed_names, message_of
from safemig.plan_document.document import Document, Phase
from safemig.plan_document.migrating import asks_migration
from safemig.planning.applying import upgrades
from safemig.planning.collect.called_files import called_by, with_calls
from safemig.planning.collect.changed_spec import asks_of, kept_text
from safemig.planning.collect.commands import commands_of, from_target
from safemig.planning.collect.existing_tables import with_stated
from safemig.planning.collect.gaps import (
    ChoiceNeeded,
    NoSuchName,
    missing,
    notes,
    refuse_ties,
    stops,
    unread_labels,
    unread_table,
    untested,
)
from safemig.planning.collect.item_commands import with_named
from safemig.planning.collect.migration import pattern_of, pending_makers, with_head_files, with_merge, with_migration
from safemig.planning.collect.models import code_left_out, with_models
from safemig.planning.collect.partitioned import partitioned
from safemig.planning.collect.phase_choice import Chooser
from safemig.planning.collect.revision_contents import with_contents
from safemig.planning.facts import Facts, SpecFact
from safemig.planning.startup.reading import as_started, read_startup
from safemig.planning.startup.seen import seen_before
from safemig.project.constants import of_revisions
from safemig.remedies import test_target
from safemig.requirements.row_sql import undone
from safemig.requirements.selection import Choice, Nothing, by_name
from safemig.requirements.sources import wanted
from safemig.requirements.spec_documents import Specs, read_named, read_specs

if TYPE_CHECKING:
    from safemig.planning.request import Request
    from safemig.project.alembic_config import AlembicTree
    from safemig.project.config import Config
    from safemig.project.layout import Project
    from safemig.runtimes.base import Runtime


async def observe(project: Project, config: Config, runtime: Runtime, request: Request) -> Facts:
    """The facts for the plan. Raises ChoiceNeeded when a person must choose, never because the world is down."""
    tree = project.tree
    graph, (world, used, left) = await asyncio.gather(
        asyncio.to_thread(_graph, project, tree), asyncio.to_thread(_world, runtime, tree)
    )
    unnamed = unread_table(tree) if tree else ""
    if unnamed and world.seen and not world.data.get("table_exists"):
        world = unseen("revision", world.subject, world.repeat, unnamed)
    specs = await asyncio.to_thread(_specs, project, request.spec)
    documents = specs.documents
    facts = _of_project(project, config, runtime, request, graph, world)
    facts = _with_startup(replace(_with_revision(facts, graph, world), in_use=used), project)
    facts = replace(facts, problems=(*facts.problems, *left))
    chooser = Chooser(facts, project, runtime, documents, graph)
    chosen = await asyncio.to_thread(chooser.choose, request)
    facts = replace(facts, problems=(*facts.problems, *filter(None, (specs.unread,)), *chooser.notes))
    facts = _with_test_target(facts, project)
    if tree and isinstance(chosen, Choice):
        facts = _with_spec(facts, project, config, runtime, tree, graph, chosen, chooser)
        facts = with_named(facts, project, chosen.phase)
    elif isinstance(chosen, Nothing):
        facts = replace(facts, unchosen=(chosen.reason, *chosen.near))
    if not request.message:
        facts = replace(facts, left_open=tuple(_left_open(documents, chosen, config.ticks.words)))
    facts = _with_revision_files(facts, project, tree, graph) if tree else facts
    phases = [(chosen.document, chosen.phase)] if isinstance(chosen, Choice) else _phases(documents, request)
    facts = replace(facts, undone=tuple(text for document, phase in phases for text in undone(document, phase)))
    told = (*unread_labels(graph, project.root), *([unnamed] if unnamed not in ("", world.reason) else []))
    stopping = (*stops(graph, project.root, merged=facts.merge is not None), *_elsewhere(runtime))
    stopping = (*stopping, unnamed) if unnamed and unnamed == world.reason else stopping
    return replace(
        facts,
        missing=(*missing(project, _played(facts)), *stopping, *facts.missing),
        stops=(*stopping, *facts.stops),
        problems=(*notes(project), *untested(project, facts.commands), *told, *facts.problems),
    )


def _of_project(
    project: Project, config: Config, runtime: Runtime, request: Request, graph: Graph, world: Evidence
) -> Facts:
    """What the project says of itself, whatever is asked for."""
    return Facts(
        target=_target(project, config),
        runtime=runtime.name,
        folder=_relative(project, project.folder),
        service=project.service,
        database=_database(project),
        commands=commands_of(project, config, request.message),
        heads=graph.heads,
        revisions=len(graph.revisions),
        start_database=runtime.database_line(),
        database_calls=called_by(project, "", runtime.database_line()),
        running=_running(runtime),
        bridge=_bridge(project, config),
        unread=() if world.seen else (world.reason,),
        message=request.message,
    )


def _with_revision_files(facts: Facts, project: Project, tree: AlembicTree, graph: Graph) -> Facts:
    """The facts with a merge where several heads are left, and with what the files of revisions hold."""
    if not graph.problems and not (facts.merge or facts.stops) and (facts.spec is None or not facts.missing):
        facts = with_merge(facts, project, tree, graph, pattern_of(tree, graph))
    return with_contents(with_head_files(facts, project, tree, graph), project, tree, graph)


def _graph(project: Project, tree: AlembicTree | None) -> Graph:
    cache = project.root / ".safemig" / "cache" / "revisions"
    return read_graph(
        tree.versions if tree else (),
        recursive=bool(tree and tree.recursive),
        cache=cache if cache.parent.parent.is_dir() else None,
        known=of_revisions(project.root),
    )


def _world(runtime: Runtime, tree: AlembicTree | None) -> tuple[Evidence, bool, tuple[str, ...]]:
    """The database's revision, whether it has tables beside Alembic's, and what failed changes have left in it."""
    import psycopg

    from checks.database.debris import read_debris
    from checks.database.in_use import in_use
    from checks.revisions.current import read_current
    from safemig.runtimes.base import Unreachable

    try:
        with runtime.connect() as connection:
            table = tree.version_table if tree else "alembic_version"
            schema = tree.version_table_schema if tree else None
            revision = read_current(connection, table=table, schema=schema)
            left = tuple(one.words for one in read_debris(connection))
            return revision, in_use(connection, table=table, schema=schema), left
    except (psycopg.Error, Unreachable) as error:
        return unseen("revision", "database", "alembic current", str(error).splitlines()[0]), False, ()


def _specs(project: Project, name: str) -> Specs:
    """The project's specs, with those that only a person's ``name`` leads to. Raises NoSuchName where none does."""
    specs = read_specs(project)
    meant = by_name(specs.documents, name) if name else None
    if not isinstance(meant, Nothing):
        return specs
    named = read_named(project, name)
    if not named:
        raise NoSuchName(meant.reason, meant.near, "name one with --spec NAME")
    known = {document.path for document in specs.documents}
    return replace(specs, documents=(*specs.documents, *(one for one in named if one.path not in known)))


def _left_open(documents: Sequence[Document], chosen: Choice | Nothing, own: Sequence[str]) -> Iterator[str]:
    """The open items that ask for a migration, of other phases than the chosen one that ask for no schema, with their
    places."""
    mine = (chosen.document.path, chosen.phase.key) if isinstance(chosen, Choice) else None
    for document in documents:
        others = [other for other in documents if other.path != document.path]
        for phase in document.phases:
            asking = [item for item in phase.items if item.open and asks_migration([item.text], own)]
            if asking and (document.path, phase.key) != mine and wanted(document, phase, others) is None:
                yield from (f"{document.path}:{item.line}: {item.text}" for item in asking)


def _phases(documents: Sequence[Document], request: Request) -> list[tuple[Document, Phase]]:
    """All phases, where none was chosen; none where the person asked for something else."""
    return [] if request.message else [(document, phase) for document in documents for phase in document.phases]


def _target(project: Project, config: Config) -> str:
    return f"{config.environment}:{_relative(project, project.folder)}"


def _relative(project: Project, path: object) -> str:
    return Path(str(path)).relative_to(project.root).as_posix()


def _database(project: Project) -> str:
    ref = project.database
    if ref is None:
        return "unknown"
    return f"{ref.name} on {ref.host or 'localhost'}" + (f":{ref.port}" if ref.port else "")


def _elsewhere(runtime: Runtime) -> tuple[str, ...]:
    from safemig.runtimes.base import Unreachable

    try:
        return tuple(filter(None, (runtime.elsewhere(),)))
    except Unreachable:  # looked at again before each command
        return ()


def _running(runtime: Runtime) -> tuple[str, ...]:
    return tuple(f"{name}: {state}" for name, state in sorted(runtime.describe().items()))


def _bridge(project: Project, config: Config) -> bool:
    from safemig.shell.compose_v1 import needs_bridge

    makefile = project.makefile
    recipes = [line for target in makefile.targets for line in target.recipe] if makefile else []
    return needs_bridge([*recipes, *config.commands.values()], variables=makefile.variables if makefile else {})


def _with_revision(facts: Facts, graph: Graph, world: Evidence) -> Facts:
    current = revisions_at(world)
    if current is None:
        return facts
    try:
        return replace(facts, current=current, pending=pending(graph, current))
    except UnknownRevision as error:
        return replace(facts, current=current, problems=(*facts.problems, f"the database is ahead: {error}"))


def _played(facts: Facts) -> set[str]:
    """The roles that something plays: a start that applies revisions plays that of migrating, too."""
    return {*facts.commands, *(["migrate"] if upgrades(facts) else [])}


def _with_startup(facts: Facts, project: Project) -> Facts:
    """The facts with the places at which the project applies revisions by itself."""
    startup, server = read_startup(project, facts.commands), project.database_service
    problems = (*facts.problems, *startup.notes)
    return replace(
        facts,
        applies=(*startup.places, *seen_before(project.root / ".safemig")),
        start_unread=startup.unread,
        database_alone=as_started(project, facts.commands, "up", "-d", server) if server else "",
        database_stop=as_started(project, facts.commands, "stop", server) if server else "",
        service_stop=as_started(project, facts.commands, "stop"),
        problems=problems,
    )


def _with_test_target(facts: Facts, project: Project) -> Facts:
    if "test" in facts.commands or project.makefile is None:
        return facts
    tests = _tests_folder(project)
    try:
        proposed = test_target.test_target(
            project.makefile, service=project.service, runtime=facts.runtime, tests=tests
        )
    except test_target.NoExample as error:
        return replace(facts, missing=(*facts.missing, f"no make target runs the tests: {error}"))
    from safemig.shell.makefile import parse

    action = file_edit.propose(_relative(project, project.makefile.path), project.makefile.text, proposed)
    fresh = parse(proposed, project.makefile.path, project.makefile.root)
    command = with_calls(replace(project, makefile=fresh), from_target(fresh, "test"))
    return replace(facts, test_target=action, test_command=command)


def _tests_folder(project: Project) -> str:
    for name in ("tests", "test"):
        if (project.folder / name).is_dir():
            return name
    return ""


def _with_spec(
    facts: Facts,
    project: Project,
    config: Config,
    runtime: Runtime,
    tree: AlembicTree,
    graph: Graph,
    chosen: Choice,
    chooser: Chooser,
) -> Facts:
    document, phase = chosen.document, chosen.phase
    found = wanted(document, phase, [other for other in chooser.documents if other.path != document.path])
    spec = _spec(project.root, chosen, found)
    facts = replace(facts, spec=spec)
    if found is None:
        known = frozenset(table for revision in graph.revisions.values() for table in revision.creates)
        return with_models(facts, project, runtime, document, phase, known)
    facts = replace(facts, problems=(*facts.problems, *code_left_out(project, document, phase)))
    if found.problems:
        return replace(facts, missing=(*facts.missing, *found.problems))
    pattern = pattern_of(tree, graph)
    facts = replace(facts, pattern=_pattern_words(pattern))
    if graph.problems:
        return facts
    used = pending_makers(graph, facts.pending or (), found.tables)
    made = chooser.makers(document, phase)
    used = used or tuple(name for name in made if name in (facts.pending or ()))
    if used:
        return with_merge(replace(facts, used=used), project, tree, graph, pattern)
    if made:
        said = f"{spec.origin} asks for what revision {' and '.join(made)} has made: no change of the schema is needed"
        return with_merge(replace(facts, problems=(*facts.problems, said)), project, tree, graph, pattern)
    facts, written = with_stated(facts, runtime, tree, graph, found)
    if written is None:
        return with_merge(facts, project, tree, graph, pattern)
    facts = with_merge(facts, project, tree, graph, pattern)
    if len(facts.heads) > 1:
        return facts
    if facts.merge:  # it has taken the next number
        pattern = replace(pattern, next_counter=pattern.next_counter + 1)
    fixed = _fixed_names(chosen, pattern, graph, facts.heads)
    message = message_of(phase, written, fixed.message)
    divided = partitioned(written, runtime, graph) if config.migration.gentle else frozenset()
    return with_migration(facts, project, config, tree, message, written, pattern, fixed, divided)


def _spec(root: Path, chosen: Choice, found: Wanted | None) -> SpecFact:
    document, phase = chosen.document, chosen.phase
    return SpecFact(
        document.path,
        document.sha256,
        phase.key,
        phase.title or document.title,
        tuple(item.text for item in phase.items if not item.checked),
        f"{found.origin[0]}:{found.origin[1]}" if found else "",
        found.differences if found else (),
        found is not None,
        chosen.why,
        beside=document.beside,
        text=kept_text(root / document.path),
        asks=asks_of(document, phase, found),
    )


def _fixed_names(chosen: Choice, pattern: Pattern, graph: Graph, heads: tuple[str, ...]) -> Fixed:
    return fixed_names(
        chosen.phase,
        chosen.document.path,
        template=pattern.file_template,
        taken=graph.revisions,
        files=[Path(revision.file).name for revision in graph.revisions.values()],
        down=heads,
    )


def _pattern_words(pattern: Pattern) -> str:
    return f"files {pattern.file_template}, ids {pattern.id_style}"


def wanted_of(project: Project, facts: Facts) -> Wanted | None:
    """What the chosen phase of the chosen spec asks for, read again from the file."""
    found = read_phase(project, facts)
    return found[2] if found else None


def read_phase(project: Project, facts: Facts) -> tuple[Document, Phase, Wanted | None] | None:
    """The chosen phase of the chosen spec as the files are now, and what it asks for; None where it is gone."""
    if facts.spec is None:
        return None
    documents = _specs(project, facts.spec.path).documents
    for document in documents:
        for phase in document.phases:
            if document.path == facts.spec.path and phase.key == facts.spec.phase:
                others = [other for other in documents if other.path != document.path]
                return document, phase, wanted(document, phase, others)
    return None


__all__ = ["ChoiceNeeded", "observe", "refuse_ties", "wanted_of"]
