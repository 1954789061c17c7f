"""A phase about models: the edits that it asks for and the command that checks them, as facts."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from checks.source import symbols
from safemig.base import file_edit
from safemig.base.files import text as text_of
from safemig.orm import check, generate
from safemig.orm.edits import CannotEdit
from safemig.orm.imports import Import
from safemig.orm.propose import Proposal, propose_or_leave
from safemig.orm.reader import Models, read_models
from safemig.orm.requested import Asked, Definition, with_parts
from safemig.orm.style import Style, style_of, unlike
from safemig.plan_document.document import Document, Phase
from safemig.planning.collect.commands import recipe_lines
from safemig.planning.facts import CommandFact, Facts
from safemig.requirements.models import asked
from safemig.requirements.rating import plain
from safemig.shell import rewrite

if TYPE_CHECKING:
    from safemig.project.layout import Project
    from safemig.runtimes.base import Runtime


def with_models(
    facts: Facts, project: Project, runtime: Runtime, document: Document, phase: Phase, known: frozenset[str]
) -> Facts:
    """The facts with the edits that a phase about models asks for, or with the reason why they cannot be written.

    ``known`` are the tables that the revisions make. A phase that asks for no models leaves the facts as they are.
    """
    wanted = asked(phase, document.path)
    if not (wanted.anything or wanted.parts):
        return facts
    texts = python_files(project)
    models = read_models(texts)
    alone, wanted = wanted, with_parts(wanted, models)
    if not wanted.anything:
        return facts
    wanted, said, lost = _completed(wanted, models, runtime, texts, _width(project, models))
    try:
        made = propose_or_leave(wanted, alone, models, texts, folder=facts.folder, width=_width(project, models))
    except CannotEdit as error:
        why = f"the models cannot be written: {error}"
        return replace(facts, missing=(*facts.missing, why), stops=(*facts.stops, why))
    actions = tuple(file_edit.propose(path, texts.get(path), text) for path, text in made.texts.items())
    early = tuple(
        f"no revision makes the table {one.table} of the model {one.name}: do the phase that makes it first"
        for one in made.classes
        if one.table and plain(one.table) not in map(plain, known)
    )
    return replace(
        facts,
        models=actions,
        models_check=_check(facts, project, made, models),
        models_tables=tuple(made.tables.values()),
        reachable_source=all(_mounted(project, action.path) for action in actions),
        missing=(*facts.missing, *lost),
        problems=(*facts.problems, *made.problems, *said, *early),
    )


def code_left_out(project: Project, document: Document, phase: Phase) -> tuple[str, ...]:
    """The properties and methods that a phase about the schema gives for models that are there: nobody writes them."""
    wanted = asked(phase, document.path)
    models = read_models(python_files(project)) if wanted.parts else Models((), "")
    left: list[str] = []
    for part in wanted.parts:
        known = with_parts(replace(wanted, parts=(part,)), models).definitions
        if len(known) > len(wanted.definitions):
            left.append(
                f"{document.path}:{part.line}: the code for {known[-1].name} is left out in a phase about the schema; "
                "write it by hand, or give it a phase of its own"
            )
    return tuple(left)


def models_of(project: Project, documents: Sequence[Document]) -> Models:
    """The project's models, where a phase asks for any; else none, as nobody looks at them."""
    if not any((it := asked(phase, one.path)).anything or it.parts for one in documents for phase in one.phases):
        return Models((), "")
    return read_models(python_files(project))


def _completed(
    wanted: Asked, models: Models, runtime: Runtime, texts: Mapping[str, str], width: int
) -> tuple[Asked, tuple[str, ...], tuple[str, ...]]:
    """``wanted`` with proposals from the database for named classes that nobody gives code for; notes; open points."""
    given = {one.name for one in wanted.definitions}
    said: list[str] = []
    lost: list[str] = []
    fresh: list[Definition] = []
    imports: list[Import] = []
    for name, path in wanted.named:
        if name in given or models.find(name):
            continue
        where = next((file.path for file in models.files if f"/{file.path}".endswith(f"/{path}")), path)
        table, made, why = _from_database(name, runtime, style_of(models, where, texts.values(), width))
        why = unlike(models) or why
        if made.code and not why:
            fresh.append(Definition(name, made.code, ast.parse(made.code).body[0], 0, path))
            imports += made.imports
            said.append(f"the phase gives no code for {name}: it is proposed from the table {table} of the database")
        else:
            lost.append(f"`{name}` in {path}: the phase gives no code for it, and {why}; add the model to the spec")
    completed = replace(
        wanted, definitions=(*wanted.definitions, *fresh), imports=(*wanted.imports, *dict.fromkeys(imports))
    )
    return completed, tuple(said), tuple(lost)


def _from_database(name: str, runtime: Runtime, style: Style) -> tuple[str, generate.Trimmed, str]:
    """The table that the class stands for, the class, and why there is none."""
    import psycopg
    from sqlalchemy.exc import SQLAlchemyError

    from safemig.runtimes.base import Unreachable

    nothing = generate.Trimmed()
    try:
        with runtime.connect() as connection:
            rows = connection.execute(
                "SELECT tablename FROM pg_tables WHERE schemaname = ANY (current_schemas(false))"
            ).fetchall()
            table = generate.table_for(name, [str(row[0]) for row in rows])
            if not table:
                return "", nothing, "the database has no table of that name"
            made = generate.trimmed(generate.generate(connection, table), table, name, style)
    except (psycopg.Error, Unreachable, SQLAlchemyError) as error:
        return "", nothing, f"the database could not be read ({str(error).splitlines()[0]})"
    return table, made, "" if made.code else f"the table {table} has no primary key"


def python_files(project: Project) -> dict[str, str]:
    """The Python files of the service's folder, with their line ends."""
    found: dict[str, str] = {}
    for path in symbols.walk(project.root).files:
        if path.endswith(".py") and (project.root / path).is_relative_to(project.folder):
            try:
                found[path] = file_edit.read(project.root, path) or ""
            except file_edit.EditError:
                continue
    return found


def _width(project: Project, models: Models) -> int:
    """The line length that the project is formatted to, else that of its longest line of a model."""
    try:
        read = tomllib.loads(text_of(project.folder / "pyproject.toml"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        read = {}
    tools = read.get("tool")
    for name in ("ruff", "black"):
        settings = tools.get(name) if isinstance(tools, dict) else None
        length = settings.get("line-length") if isinstance(settings, dict) else None
        if isinstance(length, int):
            return length
    return min(120, max([88, *(len(line) for file in models.files for line in file.text.splitlines())]))


def _mounted(project: Project, path: str) -> bool:
    from safemig.project.compose import mounted

    if project.runtime != "docker" or project.compose is None:
        return True
    return mounted(project.compose, project.service, project.root / path)


def _check(facts: Facts, project: Project, made: Proposal, models: Models) -> CommandFact | None:
    """The line that imports the models where the tests run, else where the migrations do."""
    classes = dict(made.files)
    for owner, _ in made.attributes:
        known = models.find(owner)
        if known:
            classes.setdefault(owner, known[0].path)
    code = check.import_code(classes, made.attributes, facts.folder, list(made.tables)) if classes else ""
    lines = (rewrite.python_line(line, {}, code) for line in recipe_lines(facts, project.makefile)) if code else ()
    found = next((line for line in lines if line), "")
    # What it runs is ours: an import and a print. It asks for no more than the tests that have run before it.
    return CommandFact(found, effect="read", touches=(), why="it imports the models and prints") if found else None
