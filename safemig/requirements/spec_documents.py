"""The specs of a project: of the files that may be one, those in which their reader finds something to be done."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from safemig.base.files import head
from safemig.plan_document.document import Document, read
from safemig.project import spec_files
from safemig.requirements.change_folders import BELOW, is_checklist, joined
from safemig.requirements.models import asked
from safemig.requirements.sources import pieces_of, wanted

if TYPE_CHECKING:
    from safemig.project.layout import Project

_FILES = 2_000  # Markdown files that are looked at
_PARSED = 4_000_000  # bytes of them that are read as Markdown: about 3.5 s
_LARGEST = 1_000_000  # bytes of one file
# What each form must have: a box, the second row of a table, an entry that begins with code, or a word of SQL, of
# Alembic or of SQLAlchemy. Only what has none of them is passed over without its reader.
_MAY_HOLD = re.compile(
    r"\[[^\n]\]\*?(?:\s|$)|^[ \t>]*\|?[ \t]*:?-+:?[ \t]*\||^[ \t>]*(?:[-*+]|\d+[.)])[ \t]+\*{0,2}`|"
    r"(?:^|[;/])[ \t>]*(?:create|alter|drop|comment|grant|revoke)\b|\bop\s*\.|\b__tablename__\b|"
    r"\b(?:mapped_)?column\s*\(|\brelationship\s*\(|\btable\s*=\s*true\b",
    re.I | re.M,
)
_FORMS = "a checklist, a table or list of columns, SQL, `op` code or a model"


class SpecMissing(Exception):
    """A spec that was named is not there, or holds nothing that safemig reads; says which and what it lacks."""


@dataclass(frozen=True)
class Specs:
    """The specs, and what was left unread because there is too much ("" for nothing)."""

    documents: tuple[Document, ...]
    unread: str = ""


def read_specs(project: Project) -> Specs:
    """The specs of the project. Raises SpecMissing for an entry of ``specs:`` that leads to nothing, OSError for a file
    of them that cannot be read."""
    if project.named_specs:
        found = [_of_name(entry, project, "specs: in safemig.yaml names") for entry in project.named_specs]
        return Specs(tuple({document.path: document for documents in found for document in documents}.values()))
    paths, unread = _within_limits(project)
    documents = joined([read(path, project.root, project.words) for path in paths])
    return Specs(tuple(document for document in documents if holds(document)), unread)


def read_named(project: Project, name: str) -> tuple[Document, ...]:
    """The documents that a person's ``name`` (a path, or the name of a file or folder) leads to, none where nothing is
    called so. Raises SpecMissing where what is called so holds nothing."""
    entry = spec_files.named(project.root, name)
    return _of_name(entry, project, "--spec names") if entry.files else ()


def _of_name(entry: spec_files.NamedSpec, project: Project, who: str) -> tuple[Document, ...]:
    """The entry's documents, each with the files that are one change with it."""
    if not entry.files:
        told = "no file, and no folder with Markdown, is called so below the project; correct it"
        raise SpecMissing(f"{who} {entry.name!r}: {told}")
    paths = dict.fromkeys((*entry.files, *(other for path in entry.files for other in _around(path))))
    names = {read(path, project.root, project.words).path for path in entry.files}
    found = joined([read(path, project.root, project.words) for path in paths])
    found = tuple(one for one in found if names & {one.path, *(source.path for source in one.beside)})
    if not any(map(holds, found)):
        shown = "it holds" if len(entry.files) == 1 else f"its {len(entry.files)} files hold"
        raise SpecMissing(f"{who} {entry.name!r}: {shown} nothing that safemig reads; write {_FORMS} into it")
    return found


def _around(path: Path) -> Iterator[Path]:
    """The Markdown files that may be one change with that one."""
    folder = path.parent.parent if path.parent.name == BELOW else path.parent
    for place in (folder, folder / BELOW):
        yield from sorted(place.glob("*.md"))


def holds(document: Document) -> bool:
    """Whether the document has a checklist, or anything that asks for a schema or for models."""
    return any(
        phase.items or asked(phase, document.path).anything or wanted(document, phase, ()) for phase in document.phases
    ) or any(pieces_of(block, document.path) for block in document.general)


def _within_limits(project: Project) -> tuple[list[Path], str]:
    """The files that may hold something, as far as the limits go, and what is beyond them."""
    paths: list[Path] = []
    left = _PARSED
    changes = {path.parent for path in project.specs if is_checklist(path.name)}
    for number, path in enumerate(project.specs):
        if number >= _FILES or left < 0:
            return paths, _beyond(project.root, project.specs[number:])
        text = head(path, _LARGEST)
        if path.parent in changes or _MAY_HOLD.search(text):
            paths.append(path)
            left -= len(text)
    return paths, ""


def _beyond(root: Path, paths: Sequence[Path]) -> str:
    first = paths[0].relative_to(root).as_posix()
    return (
        f"{len(paths)} Markdown files, from {first} on, were not looked at for specs: there are too many; name the "
        "folders of the plans under specs in safemig.yaml"
    )


def with_specs(project: Project) -> Project:
    """The project with the files of its specs, and no others, as ``specs``."""
    found = read_specs(project).documents
    paths = (path for document in found for path in (document.path, *(one.path for one in document.beside)))
    return replace(project, specs=tuple(project.root / path for path in paths))
