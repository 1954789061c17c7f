"""The files that a migration comes to: the revisions with their SQL, and what runs with them; read, never run."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from checks.revisions.graph import Graph
from checks.revisions.reader import LARGEST
from safemig.base.action import Action, FileDigest
from safemig.base.file_edit import unified
from safemig.base.files import HUGE, content
from safemig.base.files import text as text_of
from safemig.base.redaction import redact
from safemig.migrations.fragments import parse
from safemig.migrations.hazards import risks_of
from safemig.planning.facts import Facts, Finding, MigrationFact, RevisionFact, RiskFact, ScriptFact
from safemig.planning.heads import shares_migration

if TYPE_CHECKING:
    from safemig.project.alembic_config import AlembicTree
    from safemig.project.layout import Project

# Code, and the data that revisions are known to read; the rest of such a folder (README, script.py.mako) runs nowhere.
SUFFIXES = (".py", ".sql", ".json", ".csv", ".yaml", ".yml", ".toml", ".ini", ".txt")
_OTHERS = ("__pycache__", "node_modules", "site-packages")
_LONGEST = 200_000  # bytes of a file whose text is kept to show what is new in it


@dataclass(frozen=True)
class Reading:
    """What the files hold: the revisions to be applied, what runs with them, and what of them may lose data."""

    files: tuple[RevisionFact, ...] = ()
    scripts: tuple[ScriptFact, ...] = ()
    risks: tuple[RiskFact, ...] = ()


def with_contents(facts: Facts, project: Project, tree: AlembicTree, graph: Graph) -> Facts:
    """The facts with the files of the pending revisions (of all, where it is not known which are) and of those that are
    to be written."""
    written = {fact.revision: fact for fact in (facts.merge, facts.migration) if fact}
    names = (*(facts.pending if facts.pending is not None else tuple(graph.revisions)), *written)
    known = facts.pending is not None
    # What is not known to be pending is judged once the look before the change has told; earlier only what a build, a
    # start or a test may apply before that look.
    early = bool(facts.applies) or facts.start_unread or shares_migration(facts)
    judged = names if known or early else tuple(written)
    reading = read(project, tree, graph, tuple(dict.fromkeys(names)), written, sql=known, judged=frozenset(judged))
    return replace(facts, files=reading.files, scripts=reading.scripts, risks=reading.risks)


def read(
    project: Project,
    tree: AlembicTree,
    graph: Graph,
    names: Sequence[str],
    written: Mapping[str, MigrationFact] | None = None,
    *,
    sql: bool = True,
    judged: Collection[str] | None = None,
) -> Reading:
    """Those revisions, and what runs with them: what their code imports is read before any of it is redacted. The
    risks are those of ``judged``, by default of all of them."""
    reading = _unredacted(project.root, graph, names, written or {}, sql=sql, judged=judged)
    scripts = _scripts(project, tree, graph, [fact.text for fact in reading.files])
    return replace(reading, files=tuple(map(_redacted, reading.files)), scripts=scripts)


def read_revisions(
    root: Path, graph: Graph, names: Sequence[str], written: Mapping[str, MigrationFact], *, sql: bool = True
) -> Reading:
    """The files of those revisions, of ``written`` as planned; without ``sql`` that is told of these alone."""
    reading = _unredacted(root, graph, names, written, sql=sql)
    return replace(reading, files=tuple(map(_redacted, reading.files)))


def _unredacted(
    root: Path,
    graph: Graph,
    names: Sequence[str],
    written: Mapping[str, MigrationFact],
    *,
    sql: bool,
    judged: Collection[str] | None = None,
) -> Reading:
    files = [fact for name in names if (fact := _file(root, graph, name, written.get(name))) is not None]
    told = {fact.revision: fact for fact in _told([fact for fact in files if sql or fact.revision in written])}
    own = [fact for fact in files if judged is None or fact.revision in judged]
    return Reading(tuple(told.get(fact.revision, fact) for fact in files), (), tuple(_risks(own)))


def _redacted(fact: RevisionFact) -> RevisionFact:
    """The text is there to be shown: what has a meaning was read from it by now."""
    return replace(fact, text=redact(fact.text), sql=None if fact.sql is None else redact(fact.sql))


def _file(root: Path, graph: Graph, name: str, written: MigrationFact | None) -> RevisionFact | None:
    if written:
        return of_text(name, written.path, written.text.encode())
    if name not in graph.revisions:
        return None
    path = shown(root, Path(graph.revisions[name].file))
    try:
        return of_text(name, path, content(root / path))
    except OSError as error:
        return RevisionFact(name, path, "", unread=f"{path} could not be read: {error.strerror}")


def edited(facts: Facts, action: Action) -> Reading:
    """The revision that the person's own wording of an edit makes; nothing for other files."""
    for fact in (facts.merge, facts.migration):
        if fact and action.kind == "edit" and action.path == fact.path:
            files = tuple(_told([of_text(fact.revision, fact.path, action.text.encode())]))
            return Reading((_redacted(files[0]),), (), tuple(_risks(files)))
    return Reading()


def of_text(revision: str, path: str, raw: bytes) -> RevisionFact:
    """One file as it is; a file that is no UTF-8 has no text."""
    sha256 = hashlib.sha256(raw).hexdigest()
    try:
        return RevisionFact(revision, path, sha256, raw.decode())
    except UnicodeDecodeError as error:
        return RevisionFact(revision, path, sha256, unread=f"{path} is not in UTF-8 (byte {error.start})")


def _risks(files: Sequence[RevisionFact]) -> Iterator[RiskFact]:
    """Why those files are destructive or to be asked about; their SQL is parsed in one child process."""
    for fact, found in zip(files, risks_of([fact.text for fact in files]), strict=True):
        if fact.unread and not fact.text:
            yield RiskFact(fact.revision, f"{fact.path} could not be read, so what it does is not known")
            continue
        for risk in found:
            yield RiskFact(fact.revision, f"{fact.path}:{risk.line} {risk.what}", risk.final, risk.loses)


def _told(files: Sequence[RevisionFact]) -> Iterator[RevisionFact]:
    """The files with their SQL, or with why it cannot be told; one process of its own evaluates them all."""
    from safemig.sandbox.drift import NotEvaluated, upgrade_in
    from safemig.sandbox.restore import ScratchFails
    from safemig.sandbox.worker import rendered

    steps = []
    for fact in files:
        if fact.unread:
            continue
        try:
            step = upgrade_in(fact.text, fact.path)
        except NotEvaluated as error:
            yield replace(fact, unread=str(error))
            continue
        if step is None:
            yield replace(fact, sql="")
        else:
            steps.append((fact, step))
    if not steps:
        return
    try:
        told = rendered([step for _, step in steps])
    except (ScratchFails, OSError) as error:  # on a full disk there is no temporary file for its words
        yield from (replace(fact, unread=f"{fact.path}: {error}") for fact, _ in steps)
        return
    for (fact, _), one in zip(steps, told, strict=True):
        yield replace(fact, sql=one.sql, unread=redact(one.unread))


def _scripts(project: Project, tree: AlembicTree, graph: Graph, texts: Collection[str]) -> tuple[ScriptFact, ...]:
    """env.py and every other file of code or data beside the revisions, and the project's modules that they import."""
    revisions = {Path(revision.file).resolve() for revision in graph.revisions.values()}
    beside = {
        path for folder in dict.fromkeys((tree.script_location, *tree.versions)) for path in _below(folder, project)
    }
    beside = {path for path in beside if path.resolve() not in revisions}
    sources = [*texts, *(_text(path) for path in beside if path.suffix == ".py")]
    homes = (project.folder, project.root, tree.script_location.parent, tree.script_location, *tree.versions)
    names = frozenset().union(*map(_imported, dict.fromkeys(sources)))
    imported = {path for path in _modules(names, homes) if path.resolve() not in revisions}
    found = {shown(project.root, path): path for path in sorted(beside | imported)}
    return tuple(fact for name, path in found.items() if (fact := _script(name, path)) is not None)


def _script(name: str, path: Path) -> ScriptFact | None:
    try:
        raw = content(path, HUGE)
    except OSError:
        return None
    text = redact(raw.decode(errors="replace")) if len(raw) <= _LONGEST else ""
    return ScriptFact(name, hashlib.sha256(raw).hexdigest(), text)


def _below(folder: Path, project: Project) -> Iterator[Path]:
    """The files of that folder and below it; not below the project's own folder, where everything is."""
    if not folder.is_dir():
        return
    whole = folder.resolve() not in (project.root.resolve(), project.folder.resolve())
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.name in _OTHERS:
            continue
        if path.is_dir() and whole and not (path / "pyvenv.cfg").exists():
            yield from _below(path, project)
        elif path.is_file() and path.suffix in SUFFIXES and (whole or path.name == "env.py"):
            yield path


def _imported(text: str) -> frozenset[str]:
    """The modules, and the names in them, that the code imports, also within its functions."""
    tree = parse(text) if "import" in text else None
    names: set[str] = set()
    waiting: list[ast.AST] = [tree] if tree else []
    while waiting:  # statements alone: no expression holds an import, and most of a tree are expressions
        node = waiting.pop()
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names if node.module)}
        for field in ("body", "orelse", "finalbody", "handlers", "cases"):
            inner = getattr(node, field, ())
            waiting += inner if isinstance(inner, list) else ()
    return frozenset(names - {""})


def _modules(names: Iterable[str], homes: Sequence[Path]) -> Iterator[Path]:
    """The project's files of these modules; a package of the environment is none of them."""
    for name in names:
        for home in dict.fromkeys(homes):
            place = home.joinpath(*name.split("."))
            yield from (path for path in (place.with_suffix(".py"), place / "__init__.py") if path.is_file())


def _text(path: Path) -> str:
    try:
        return text_of(path, "replace", LARGEST)
    except OSError:
        return ""


def shown(root: Path, path: Path) -> str:
    """``path`` from the project's root, or whole where it lies elsewhere."""
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()


def changed(root: Path, contents: Sequence[FileDigest]) -> tuple[str, ...]:
    """The files that are not, or no longer, as these digests have them."""
    return tuple(one.path for one in contents if _digest(root / one.path) != one.sha256)


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(content(path, HUGE)).hexdigest()
    except OSError:
        return ""


def read_again(project: Project, tree: AlembicTree, graph: Graph, facts: Facts, names: Sequence[str]) -> Reading:
    """Those revisions and what runs with them as they are now, each with what is new in it since it was read last."""
    reading = read(project, tree, graph, names)
    files = {fact.path: fact for fact in facts.files}
    scripts = {fact.path: fact for fact in facts.scripts}
    present = {fact.path for fact in reading.scripts}
    # What only a revision that is not read here imports is no part of this reading, and may be there all the same.
    rest = [(path, _script(path, project.root / path)) for path in scripts if path not in present]
    reading = replace(reading, scripts=(*reading.scripts, *(fact for _, fact in rest if fact is not None)))
    gone = [ScriptFact(path, "", diff=f"{path} is gone\n") for path, fact in rest if fact is None]
    beside = {edit.path: edit.text for fact in (facts.merge, facts.migration) if fact for edit in fact.beside}
    return replace(
        reading,
        files=tuple(
            replace(fact, diff=_new(fact, files[fact.path])) if fact.path in files else fact for fact in reading.files
        ),
        scripts=(
            *(
                fact
                if fact.text == beside.get(fact.path) or not scripts
                else replace(fact, diff=_new(fact, scripts.get(fact.path)))
                for fact in reading.scripts
            ),
            *gone,
        ),
    )


def _new(fact: RevisionFact | ScriptFact, before: RevisionFact | ScriptFact | None) -> str:
    if before is not None and before.sha256 == fact.sha256:
        return before.diff
    text = before.text if before else None
    return unified(fact.path, text, fact.text) or f"{fact.path} is another file\n"


def reread(project: Project, tree: AlembicTree, graph: Graph, facts: Facts, paths: Sequence[str]) -> Finding:
    """What has become of those files since they were read: the finding that makes the plan's next revision."""
    names = {shown(project.root, Path(one.file)): name for name, one in graph.revisions.items()}
    reading = read_again(project, tree, graph, facts, [names[path] for path in paths if path in names])
    known = {fact.path: fact for fact in facts.files}
    without = [path for path in paths if path in known and path not in names]
    others = tuple(_no_revision(project.root, known[path], graph) for path in without)
    files = (*reading.files, *others)
    risks = (*reading.risks, *(RiskFact(fact.revision, fact.unread) for fact in others if fact.unread))
    scripts = tuple(fact for fact in reading.scripts if fact.diff)
    marks = [one.sha256[:8] or "gone" for one in files] + [one.sha256[:8] or "gone" for one in scripts]
    cause = f"{', '.join(paths)} changed after the plan was made ({', '.join(marks)})"
    return Finding("contents", cause, files=files, scripts=scripts, risks=risks)


def _no_revision(root: Path, known: RevisionFact, graph: Graph) -> RevisionFact:
    """A revision's file that the graph has not any more: gone, or there and no revision that can be read."""
    path = root / known.path
    if not path.exists():
        return replace(known, sha256="", text="", sql=None, unread="", diff=f"{known.path} is gone\n")
    problems = (one for one in graph.problems if shown(root, Path(one.file)) == known.path)
    why = next((f"{known.path}:{one.line} {one.text}" for one in problems), f"{known.path} names no revision any more")
    try:
        fresh = of_text(known.revision, known.path, content(path))
    except OSError as error:
        fresh = RevisionFact(known.revision, known.path, "", unread=f"{known.path} could not be read: {error.strerror}")
    unread = fresh.unread or f"{why}, so what it does is not known"
    return _redacted(replace(fresh, unread=unread, diff=_new(fresh, known)))
