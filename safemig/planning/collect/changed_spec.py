"""A spec that changed while the run was on, read again: whether the phase asks for the same, and what is new in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from safemig.base.action import digest_of
from safemig.base.file_edit import unified
from safemig.base.files import text as text_of
from safemig.planning.facts import Finding, SpecFact

if TYPE_CHECKING:
    from pathlib import Path

    from safemig.migrations.change import Wanted
    from safemig.plan_document.document import Document, Phase

NAME = "spec"
_LONGEST = 200_000  # letters that are kept to show what is new


def asks_of(document: Document, phase: Phase, found: Wanted | None) -> str:
    """The digest of all that the phase asks for but its items: its blocks, those outside of every phase, and the change
    that was read from them."""
    blocks = [block.text for block in (*phase.blocks, *document.general)]
    return digest_of([phase.title, blocks, [found.upgrade, found.downgrade, found.tables] if found else []])


def kept_text(path: Path) -> str:
    """The text of the file, to show what is new in it once it changes; "" for one that nobody reads as a whole."""
    text = text_of(path, "replace")
    return text if len(text) <= _LONGEST else ""


def reread(
    root: Path, spec: SpecFact, found: tuple[Document, Phase, Wanted | None] | None, clean: Callable[[str], str]
) -> Finding | None:
    """The finding that makes the plan's next revision; None where the phase is gone, or asks for something else than
    what the run has done."""
    if found is None:
        return None
    document, phase, change = found
    if not spec.asks or asks_of(document, phase, change) != spec.asks or document.beside != spec.beside:
        return None
    text = clean(kept_text(root / spec.path))
    items = tuple(clean(item.text) for item in phase.items if not item.checked)
    fresh = replace(spec, sha256=document.sha256, items=items, text=text)
    cause = f"{spec.path} changed after the plan was made ({document.sha256[:8]})"
    new = unified(spec.path, spec.text, text) if spec.text and text else "how it was is not known any more\n"
    return Finding(NAME, cause, step="tick", spec=fresh, new=new)
