"""One change in several files of a folder, as spec tools write it: the checklist and what describes the schema, joined.

spec-kit (spec, plan, data-model, tasks), OpenSpec (proposal, design, tasks), Kiro (requirements, design, tasks), Agent
OS (spec, tasks and sub-specs) and plain folders have this in common: ``tasks.md`` beside files of known names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from safemig.plan_document.document import Block, Document, Phase, Source
from safemig.plan_document.migrating import asks_migration
from safemig.requirements.sources import pieces_of

_CHECKLIST = "tasks"
# What stands beside it; where several describe one table, the first of these counts.
_BESIDE = (
    "data-model", "database-schema", "schema", "database", "design", "plan", "spec", "proposal", "requirements",
)  # fmt: skip
BELOW = "sub-specs"  # a folder all of whose files belong to the change


def joined(documents: Sequence[Document]) -> tuple[Document, ...]:
    """The documents, those of one change as one: its path, phases and items are those of the checklist, and its phases
    have the blocks of the other files too."""
    result: list[Document] = []
    taken: set[str] = set()
    for document in documents:
        beside = _beside(document, documents) if is_checklist(document.path) and _items(document) else []
        if beside:
            result.append(_join(document, beside))
            taken |= {other.path for other in beside}
        else:
            result.append(document)
    return tuple(document for document in result if document.path not in taken)


def is_checklist(path: str) -> bool:
    """Whether a file of that name has the checklist of a change in several files."""
    return _name(path) == _CHECKLIST


def _beside(checklist: Document, documents: Sequence[Document]) -> list[Document]:
    """The other files of the change, those that count first before the others."""
    folder = PurePosixPath(checklist.path).parent
    found = [
        other for other in documents
        if (path := PurePosixPath(other.path)).parent == folder / BELOW
        or (path.parent == folder and _name(other.path) in _BESIDE and not _is_whole(other))
    ]  # fmt: skip
    return sorted(found, key=lambda other: (_rank(other), other.path))


def _name(path: str) -> str:
    return re.sub(r"[_\s]", "-", PurePosixPath(path).stem.casefold())


def _rank(document: Document) -> int:
    name = _name(document.path)
    return _BESIDE.index(name) if name in _BESIDE else len(_BESIDE)


def _items(document: Document) -> bool:
    return any(phase.items for phase in document.phases)


def _is_whole(document: Document) -> bool:
    """Whether it is a plan by itself: a numbered phase of it has both its items and what they make."""
    return any(
        phase.number is not None and phase.items and any(pieces_of(block, document.path) for block in phase.blocks)
        for phase in document.phases
    )


def _join(checklist: Document, beside: Sequence[Document]) -> Document:
    blocks: dict[str, list[Block]] = {}
    for other in beside:
        for block in _blocks(other):
            phase = _phase_of(checklist, other.path, block)
            blocks.setdefault(phase.key, []).append(replace(block, file=other.path))
    phases = tuple(replace(phase, blocks=(*phase.blocks, *blocks.get(phase.key, ()))) for phase in checklist.phases)
    denied = tuple(f"{other.path}:{line}" for other in beside for line in other.unchanged)
    read = tuple(Source(other.path, other.sha256) for other in beside)
    return replace(checklist, phases=phases, beside=read, denied=denied)


def _blocks(document: Document) -> Iterator[Block]:
    every = {block.line: block for block in document.general}
    every |= {block.line: block for phase in document.phases for block in phase.blocks}
    yield from (every[line] for line in sorted(every))


def _phase_of(checklist: Document, file: str, block: Block) -> Phase:
    """The phase that a block of another file belongs to: the first whose words name what it makes, one that asks for a
    migration of it before others; else the first that asks for a migration, else the first with items. What is ticked
    makes no difference: a tick moves nothing."""
    tables = {table.rpartition(".")[2].lower() for piece in pieces_of(block, file) for table in piece.tables}
    naming = [phase for phase in checklist.phases if tables & _words(phase.title, *_texts(phase))]
    both = [
        phase for phase in naming if any(tables & _words(text) and asks_migration([text]) for text in _texts(phase))
    ]
    migrating = [phase for phase in checklist.phases if asks_migration([phase.title, *_texts(phase)])]
    working = [phase for phase in checklist.phases if phase.items]
    return (*both, *naming, *migrating, *working)[0]


def _texts(phase: Phase) -> list[str]:
    return [item.text for item in phase.items]


def _words(*texts: str) -> set[str]:
    return set(re.findall(r"\w+", " ".join(texts).lower()))
