"""Why a phase asks for nothing that safemig can do, where its items may want a schema all the same."""

from __future__ import annotations

import re
from collections.abc import Iterator

from safemig.plan_document import labels
from safemig.plan_document.document import Block, Document, Item, Phase
from safemig.plan_document.migrating import names_migration
from safemig.plan_document.vocabulary import vocabulary
from safemig.requirements import sql_blocks
from safemig.requirements.sources import denial, pieces_of, read_block

_TABLE = re.compile(r"(?:public\.)?([a-z_][a-z0-9_]*)")
_FORMS = "no SQL, `op` code, model, or table or list of columns of the phase says what it makes"


def without_source(document: Document, phase: Phase, known: frozenset[str]) -> tuple[str, str]:
    """The place of an open item that asks for a schema ("" for none), and why the phase asks for none that could be
    made. ``known`` are the plain names of the tables that are there."""
    item = next((item for item in phase.items if item.open and _asks(item, document, known)), None)
    place = f"{document.path}:{item.line}" if item else ""
    because = next(_passed_over(document, phase), "")
    if item:
        what = "a migration" if names_migration(item.text) else "a table"
        missing = because or f"the DDL is missing: {_FORMS}"
        return place, f"{place} asks for {what}, and {missing}"
    return "", because or "it asks for no schema and for no model"


def _asks(item: Item, document: Document, known: frozenset[str]) -> bool:
    """Whether it has the word for a migration, or for a table beside the name of one that is not there."""
    if names_migration(item.text):
        return True
    names = {match[1] for code in item.codes if (match := _TABLE.fullmatch(code.strip()))}
    made = {table.rpartition(".")[2] for block in _blocks(document) for one in pieces_of(block, document.path)
            for table in one.created}  # fmt: skip
    return bool(names - known - made) and bool(vocabulary().pattern("table.table").search(item.text))


def _blocks(document: Document) -> Iterator[Block]:
    yield from (block for phase in document.phases for block in phase.blocks)
    yield from document.general


def _passed_over(document: Document, phase: Phase) -> Iterator[str]:
    """Why blocks of the phase that hold a schema are not used."""
    for block in phase.blocks:
        file = block.file or document.path
        place = f"{file}:{block.line}"
        words = labels.aside(block)
        if words and read_block(block, file):
            yield f"the words above {place} ({words}) set it aside"
        elif pieces_of(block, document.path):
            said = denial(document, phase)
            yield f"{said} says that no change is needed" if said else f"other code has what {place} describes"
        elif sql_blocks.concerns(block):
            yield f"the SQL at {place} has gaps or changes no schema"
