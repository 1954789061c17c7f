"""SQL of a phase that only changes rows: it may be an example as well as a wish, so none of it is written unasked."""

from __future__ import annotations

from collections.abc import Iterator

from safemig.plan_document import labels
from safemig.plan_document.document import Document, Phase
from safemig.requirements import sql_blocks
from safemig.sql.text import statements

_ROWS = ("UPDATE", "INSERT", "DELETE", "MERGE", "TRUNCATE", "DO", "CALL", "COPY", "REFRESH")
_LONGEST = 80  # letters of a statement that are shown


def undone(document: Document, phase: Phase) -> tuple[str, ...]:
    """The statements on rows in SQL blocks that hold nothing else and are no source of the schema, with file and line;
    none of a phase without open items."""
    if not any(item.open for item in phase.items):
        return ()
    return tuple(_listed(document, phase))


def _listed(document: Document, phase: Phase) -> Iterator[str]:
    for block in phase.blocks:
        if not block.language or block.language not in sql_blocks.LANGUAGES:
            continue
        if labels.aside(block) or sql_blocks.concerns(block):
            continue
        if len(block.text) > sql_blocks.LARGEST:
            yield f"{document.path}:{block.line}: a block of {len(block.text):,} characters, too large to be read"
            continue
        own = statements(block.text)
        if own and all(one.head in _ROWS for one in own):
            for one in own:
                text = " ".join(one.text.split())
                short = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
                yield f"{document.path}:{block.line + one.line - 1}: {short}"
