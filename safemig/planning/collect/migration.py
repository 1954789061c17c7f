"""The revision files that a plan writes: the merge of several heads, and the migration the spec asks for."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from checks.revisions.graph import Graph, is_one_history
from checks.revisions.style import Pattern, read_pattern
from safemig.base import file_edit
from safemig.base.files import text as text_of
from safemig.migrations.change import Wanted
from safemig.migrations.fixed_names import LONGEST_ID, NOTHING, Fixed
from safemig.migrations.from_sql import in_operations
from safemig.migrations.online.autocommit import uses_blocks, written
from safemig.migrations.online.choices import Choice
from safemig.migrations.online.forms import gentle
from safemig.migrations.online.order import apart_first
from safemig.migrations.script_template import ScriptTemplate, databases_in
from safemig.migrations.writer import CannotAuthor, MigrationFile, author, author_merge, with_downgrade
from safemig.planning.collect.called_files import with_calls
from safemig.planning.collect.commands import derived_command
from safemig.planning.collect.environment_script import env_notes, env_script, rehearsal_of, way_of
from safemig.planning.facts import Facts, HookFact, MigrationFact
from safemig.project.alembic_config import option, read_ini
from safemig.project.database_url import parse_url
from safemig.project.write_hooks import write_hooks

_TEMPLATE = 65_536  # bytes of a script.py.mako

if TYPE_CHECKING:
    from safemig.project.alembic_config import AlembicTree
    from safemig.project.config import Config
    from safemig.project.layout import Project


def with_migration(
    facts: Facts,
    project: Project,
    config: Config,
    tree: AlembicTree,
    message: str,
    found: Wanted,
    pattern: Pattern,
    fixed: Fixed = NOTHING,
    partitioned: Collection[str] = (),
) -> Facts:
    """The facts with the file that makes ``found``, or with the reason why it cannot be written."""
    choices: tuple[str, ...] = ()
    try:
        full = in_operations(with_downgrade(found), pattern.quote)
        full, choices, said = _formed(full, found, config, project, tree, pattern, partitioned)
        facts = replace(facts, problems=(*facts.problems, *said))
        made = author(
            pattern, versions=tree.versions[0], down=facts.heads, wanted=full, message=message, moment=_now(),
            fixed=fixed, template=template_of(project, tree),
        )  # fmt: skip
    except CannotAuthor as error:
        why = f"the migration cannot be written: {error}"
        return replace(facts, missing=(*facts.missing, why), stops=(*facts.stops, why))
    fact = replace(_fact(project, made), tables=found.tables, choices=choices)
    facts = replace(facts, problems=(*facts.problems, *fixed.notes, *made.notes))
    facts, fact = _hooked(facts, fact, project, tree)
    rehearsal, said = rehearsal_of(
        env_script(project, tree), facts, fact, wanted=config.migration.rehearse, several=bool(_databases(tree))
    )
    facts = replace(facts, rehearsal=rehearsal, problems=(*facts.problems, *said))
    return replace(facts, migration=fact, reachable_source=_mounted(project, tree))


def _formed(
    plain: Wanted,
    found: Wanted,
    config: Config,
    project: Project,
    tree: AlembicTree,
    pattern: Pattern,
    partitioned: Collection[str],
) -> tuple[Wanted, tuple[str, ...], tuple[str, ...]]:
    """The change in the form that holds locks least, as far as env.py carries it; the forms chosen, and what else the
    plan says of them and of env.py."""
    env = env_script(project, tree)
    full, chosen = plain, tuple[Choice, ...]()
    if config.migration.gentle:
        full, chosen = gentle(plain, set(found.touched) - set(found.tables), partitioned)
    said = list(env_notes(env))
    full, held = apart_first(full)
    chosen = tuple(one for one in chosen if not any(one.what.startswith(f"index {name} ") for name in held))
    said += [
        f"index {name} is made within the transaction, for it stands on what the same revision makes: outside of it a "
        "failure would leave that half done; a phase of its own has it made CONCURRENTLY"
        for name in held
    ]
    if uses_blocks(full):
        way, notes = way_of(env, project, pattern, config.migration.autocommit)
        full = written(plain if way.kind == "plain" else full, way)
        chosen = tuple(one for one in chosen if one.kept or way.kind != "plain")
        said += notes
    said += [f"holds locks: {one.what}: {one.why}" for one in chosen if one.kept]
    return full, tuple(f"{one.what}: {one.why}" for one in chosen if not one.kept), tuple(said)


def beside(project: Project, fact: MigrationFact, graph: Graph, wanted: Wanted, message: str) -> MigrationFact:
    """One more file that makes ``wanted``, on what ``fact`` stands on; CannotAuthor where there is none."""
    tree = project.tree
    assert tree is not None
    made = author(
        pattern_of(tree, graph),
        versions=tree.versions[0],
        down=fact.down,
        wanted=wanted,
        message=message,
        moment=_now(-60),
    )
    return _fact(project, made)


def pattern_of(tree: AlembicTree, graph: Graph) -> Pattern:
    """How the project's revision files are named and laid out."""
    return read_pattern(
        graph,
        tree.versions[0],
        file_template=tree.file_template,
        timezone=tree.timezone,
        truncate=tree.truncate_slug_length,
    )


def with_merge(facts: Facts, project: Project, tree: AlembicTree, graph: Graph, pattern: Pattern) -> Facts:
    """The facts with a merge of the code's heads before everything else that is written.

    Heads that carry branch labels are kept apart on purpose: then the facts stay as they are. A label that cannot be
    read (a note of the graph) is one, too; and heads without a revision in common are histories of their own.
    """
    labelled = bool(graph.notes) or any(revision.labels for revision in graph.revisions.values())
    if len(graph.heads) < 2 or labelled or not is_one_history(graph):
        return facts
    try:
        made = author_merge(
            pattern, versions=tree.versions[0], down=tuple(sorted(graph.heads)), message="merge heads",
            moment=_now(-60), template=template_of(project, tree),
        )  # fmt: skip
    except CannotAuthor:
        return facts
    pending = None if facts.pending is None else (*facts.pending, made.revision)
    mounted = _mounted(project, tree)
    facts, merge = _hooked(facts, _fact(project, made), project, tree)
    facts = replace(facts, problems=(*facts.problems, *made.notes))
    return replace(facts, merge=merge, heads=(made.revision,), pending=pending, reachable_source=mounted)


def _hooked(facts: Facts, fact: MigrationFact, project: Project, tree: AlembicTree) -> tuple[Facts, MigrationFact]:
    """The file with the post-write hooks that are run on it, and the facts with those that are not."""
    hooks = write_hooks(project, tree, project.root / fact.path)
    run = tuple(
        HookFact(hook.name, with_calls(project, derived_command(hook.line), texts=False)) for hook in hooks if hook.line
    )
    problems = tuple(hook.why for hook in hooks if hook.why)
    return replace(facts, problems=(*facts.problems, *problems)), replace(fact, hooks=run)


def template_of(project: Project, tree: AlembicTree) -> ScriptTemplate | None:
    """The tree's script.py.mako; None where there is none that can be read."""
    path = tree.script_location / "script.py.mako"
    try:
        text = text_of(path, most=_TEMPLATE)
    except (OSError, UnicodeDecodeError):
        return None
    shown = path.relative_to(project.root).as_posix() if path.is_relative_to(project.root) else path.name
    databases = _databases(tree)
    meant = project.database.name if project.database else ""
    named = {name: parse_url(url, "") for name, url in databases.items()}
    fitting = [name for name, ref in named.items() if ref is not None and meant == ref.name]
    fitting = fitting if len(databases) > 1 else [*databases]
    return ScriptTemplate(shown, text, tuple(databases), fitting[0] if len(fitting) == 1 else "")


def _databases(tree: AlembicTree) -> dict[str, str]:
    """The databases of a configuration for several of them, each with its URL ("" where its section names none)."""
    parser = read_ini(tree.ini) if tree.ini.suffix == ".ini" else None
    if parser is None:
        return {}
    names = databases_in(option(parser, tree.section, "databases", tree.ini.parent) or "")
    return {name: option(parser, name, "sqlalchemy.url", tree.ini.parent) or "" for name in names}


def with_head_files(facts: Facts, project: Project, tree: AlembicTree, graph: Graph) -> Facts:
    """The facts with the edits of the files beside the revisions whose whole text is a head of the code: a check of
    some projects (for two branches that both add a revision) compares them with the newest one."""
    last = facts.migration or facts.merge
    if last is None:
        return facts
    folders = dict.fromkeys((tree.script_location, *tree.versions))
    paths = [path for folder in folders if folder.is_dir() for path in sorted(folder.iterdir())]
    beside = []
    for path in paths:
        name = path.relative_to(project.root).as_posix()
        text = _short_text(project.root, name) if path.is_file() else ""
        if text.strip() in graph.heads:
            beside.append(file_edit.propose(name, text, text.replace(text.strip(), last.revision)))
    last = replace(last, beside=tuple(beside))
    return replace(facts, migration=last) if facts.migration else replace(facts, merge=last)


def _short_text(root: Path, name: str) -> str:
    """The text of a file that may hold one id and no more, "" for any other."""
    try:
        return file_edit.read(root, name) or "" if (root / name).stat().st_size <= 2 * LONGEST_ID else ""
    except (file_edit.EditError, OSError):
        return ""


def pending_makers(graph: Graph, pending: Sequence[str], tables: Sequence[str]) -> tuple[str, ...]:
    """The pending revisions that make all of those tables between them; none when one table is left over."""
    left = set(tables)
    makers = []
    for name in pending:
        revision = graph.revisions.get(name)
        if revision and left & set(revision.creates):
            makers.append(name)
            left -= set(revision.creates)
    return tuple(makers) if tables and not left else ()


def _now(seconds: int = 0) -> str:
    """The moment, that many seconds later: ids made of dates must not be the same for two files."""
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat(timespec="seconds")


def _fact(project: Project, made: MigrationFile) -> MigrationFact:
    path = Path(made.path).relative_to(project.root).as_posix()
    return MigrationFact(path, made.text, made.revision, made.down, (), file_edit.unified(path, None, made.text))


def _mounted(project: Project, tree: AlembicTree) -> bool:
    from safemig.project.compose import mounted

    if project.runtime != "docker" or project.compose is None:
        return True
    return mounted(project.compose, project.service, tree.versions[0])
