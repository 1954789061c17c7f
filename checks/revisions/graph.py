"""The revision graph of an Alembic tree, read without importing a single revision file."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from checks.files import content
from checks.revisions import cache as caching
from checks.revisions import order
from checks.revisions.reader import Facts, Known, read_source, settled
from checks.revisions.revision import Revision

__all__ = ["Graph", "Problem", "Revision", "UnknownRevision", "pending", "read_graph"]

# Alembic's own rule which files of a versions folder are revisions.
_REVISION_FILE = re.compile(r"(?!\.\#|__init__).*\.py$")


@dataclass(frozen=True)
class Problem:
    """Why Alembic could not work with these files, and where."""

    file: str
    line: int
    text: str


@dataclass(frozen=True)
class Graph:
    """All revisions by id, in the order of the files. ``heads`` nothing follows, ``bases`` follow nothing.

    A database may be up to date without standing at every head (Alembic drops the row of a revision that a later one
    depends on): up to date is what ``pending`` returns nothing for.

    With any of ``problems`` Alembic itself refuses the tree or does something else than it seems; ``notes`` are what
    could not be read but changes no order (a branch label that is no literal).
    """

    revisions: Mapping[str, Revision]
    heads: tuple[str, ...]
    bases: tuple[str, ...]
    problems: tuple[Problem, ...] = ()
    notes: tuple[Problem, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)


class UnknownRevision(LookupError):
    """The database is at a revision that the files do not have."""

    def __init__(self, revision: str) -> None:
        super().__init__(f"no revision file has the id {revision!r}")
        self.revision = revision


def read_graph(
    folders: Sequence[Path], *, recursive: bool = False, cache: Path | None = None, known: Known | None = None
) -> Graph:
    """The graph of the revision files in ``folders`` (and below them when ``recursive``).

    ``known`` gives the strings of an identifier that its file alone does not tell (a constant of another module).
    ``cache`` is a file that remembers what was read, by path, size and times. Never raises for what is in the files: a
    folder that cannot be listed and a file that cannot be read are problems.
    """
    problems: list[Problem] = []
    notes: list[Problem] = []
    read: list[tuple[str, Facts]] = []
    for path, alone in _facts(folders, recursive, cache, problems):
        facts = settled(alone, path, known) if known and (alone.problems or alone.notes) else alone
        problems += [Problem(path, line, text) for line, text in facts.problems]
        notes += [Problem(path, line, text) for line, text in facts.notes]
        if facts.id:
            read.append((path, facts))
    return _build(read, problems, notes)


def pending(graph: Graph, current: Collection[str]) -> tuple[str, ...]:
    """The revisions that ``upgrade heads`` would run on a database at ``current``, in the order in which it runs them.

    Raises UnknownRevision when one of ``current`` is not in the graph. Revisions in a cycle, and those whose parents
    are missing, cannot be run and are left out: ``graph.problems`` names them.
    """
    for revision in current:
        if revision not in graph.revisions:
            raise UnknownRevision(revision)
    return order.upgrades(_parents(graph.revisions, graph.labels), current)


def is_one_history(graph: Graph) -> bool:
    """Whether all revisions hang together by what they follow; a history of its own begins at another base."""
    return order.hangs_together(_parents(graph.revisions, graph.labels))


def _facts(
    folders: Sequence[Path], recursive: bool, cache: Path | None, problems: list[Problem]
) -> Iterator[tuple[str, Facts]]:
    store = caching.load(cache) if cache else caching.Store()
    known = store.files
    fresh: dict[str, tuple[caching.Stamp, Facts]] = {}
    parsed = False
    scanned = {str(folder) for folder in folders}
    for path, status in _files(folders, recursive, problems, scanned):
        stamp = caching.stamp(status)
        held = known.get(path)
        if held is not None and held[0] == stamp:
            fresh[path] = held
            yield path, held[1]
            continue
        try:
            # The path stays text: making a Path for each of 500 files costs 5 % of parsing them.
            facts = read_source(content(path), path.rpartition(os.sep)[2])
        except OSError as error:
            problems.append(Problem(path, 0, f"cannot be read: {error.strerror}"))
            continue
        if caching.lasting(stamp):
            parsed = True
            fresh[path] = (stamp, facts)
        yield path, facts
    if cache and (parsed or any(path not in fresh and _parent(path) in scanned for path in known)):
        others = {path: held for path, held in known.items() if _parent(path) not in scanned}
        caching.save(cache, caching.Store(files={**others, **fresh}))


def _parent(path: str) -> str:
    return path.rpartition(os.sep)[0]


def _files(
    folders: Sequence[Path], recursive: bool, problems: list[Problem], scanned: set[str]
) -> Iterator[tuple[str, os.stat_result]]:
    """Revision files with their status, in Alembic's order: by name, the files of a folder before its sub-folders."""
    todo = [str(folder) for folder in reversed(folders)]
    while todo:
        folder = todo.pop()
        scanned.add(folder)
        try:
            with os.scandir(folder) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as error:
            problems.append(Problem(folder, 0, f"cannot be listed: {error.strerror}"))
            continue
        for entry in entries:
            if _REVISION_FILE.match(entry.name):
                try:
                    yield entry.path, entry.stat()
                except OSError as error:
                    problems.append(Problem(entry.path, 0, f"cannot be read: {error.strerror}"))
        if recursive:
            # Links to folders are not followed, as in Alembic (os.walk): they may lead in a circle.
            todo += [
                entry.path
                for entry in reversed(entries)
                if entry.is_dir(follow_symlinks=False) and not entry.name.endswith("__pycache__")
            ]


def _build(read: Sequence[tuple[str, Facts]], problems: list[Problem], notes: list[Problem]) -> Graph:
    revisions: dict[str, Revision] = {}
    lines: dict[str, int] = {}
    for path, facts in read:
        twin = revisions.get(facts.id)
        if twin is not None:
            problems.append(Problem(path, facts.lines[0], f"revision {facts.id!r} is also in {twin.file}"))
        lines[facts.id] = facts.lines[1]
        revisions[facts.id] = Revision(
            facts.id,
            facts.down,
            facts.depends_on,
            facts.labels,
            path,
            facts.message,
            facts.creates,
            facts.lines[0],
        )
    labels = _labels(revisions, problems)
    followed = {parent for revision in revisions.values() for parent in revision.down}
    for revision in revisions.values():
        for name in (*revision.down, *revision.depends_on):
            if name not in revisions and not (name in labels and name in revision.depends_on):
                kind = "down_revision" if name in revision.down else "depends_on"
                problems.append(
                    Problem(revision.file, lines[revision.id], f"{kind} {name!r} is the id of no revision file")
                )
    for circle in order.circles(_parents(revisions, labels)):
        first = revisions[circle[0]]
        problems.append(
            Problem(first.file, first.line, f"the revisions {', '.join(circle)} follow each other in a circle")
        )
    return Graph(
        revisions,
        tuple(id for id in revisions if id not in followed),
        tuple(id for id, revision in revisions.items() if not revision.down),
        tuple(problems),
        tuple(notes),
        labels,
    )


def _labels(revisions: Mapping[str, Revision], problems: list[Problem]) -> dict[str, str]:
    labels: dict[str, str] = {}
    for revision in revisions.values():
        for label in revision.labels:
            holder = labels.get(label, label if label in revisions else "")
            if holder:
                problems.append(
                    Problem(revision.file, revision.line, f"branch label {label!r} is already used by {holder!r}")
                )
            else:
                labels[label] = revision.id
    return labels


def _parents(revisions: Mapping[str, Revision], labels: Mapping[str, str]) -> dict[str, order.Parents]:
    """Per revision the ids it follows and the ids it depends on, labels resolved; what is missing stays as it is."""
    return {
        id: order.Parents(
            revision.down,
            tuple(labels.get(name, name) for name in revision.depends_on) if revision.depends_on else (),
        )
        for id, revision in revisions.items()
    }
