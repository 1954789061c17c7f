"""What the tick step would tick: asked with each item's evidence and the diff, and ticked only if it still stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from checks.evidence import Json
from safemig import checklist
from safemig.proposals.edit import unified
from safemig.run.items import KIND
from safemig.run.session import RunEnds, Session
from safemig.run.verdict import judged
from safemig.spec.document import Item, read


@dataclass(frozen=True)
class Offer:
    """What would be ticked: the open items that are proved as they stand in the file, each with its evidence, and the
    file's diff."""

    items: tuple[Item, ...] = ()
    reasons: tuple[str, ...] = ()
    diff: str = ""


async def offer(s: Session) -> Offer:
    """What the tick step comes to now; nothing when a signal is not good, or nothing is proved."""
    spec, known = s.facts.spec, s.past.last(KIND, "after")
    if spec is None or known is None or judged(s).reasons():
        return Offer()
    rows = known.data.get("judged")
    proved = {
        (row["line"], row["text"]): str(row["reason"])
        for row in (rows if isinstance(rows, list) else [])
        if isinstance(row, dict) and row["state"] == "proved"
    }
    try:
        return await s.look(lambda: _offer(s.root, spec.path, proved))
    except OSError as error:
        raise RunEnds("failed", f"the checklist {spec.path} cannot be read: {error.strerror}") from None


def _offer(root: Path, path: str, proved: Mapping[tuple[Json, Json], str]) -> Offer:
    content = (root / path).read_bytes()
    phases = read(root / path, root).phases
    items = tuple(i for phase in phases for i in phase.items if i.open and (i.line, i.text) in proved)
    before, after = (raw.decode(errors="replace") for raw in (content, checklist.tick(content, items)))
    return Offer(items, tuple(proved[i.line, i.text] for i in items), unified(path, before, after))


async def offer_words(s: Session) -> tuple[str, str]:
    """The question's own line and its details: each item with its evidence, then the diff."""
    path = s.facts.spec.path if s.facts.spec else ""
    found = await offer(s)
    count = len(found.items)
    what = f"write {path}: one byte each in {count} {'item' if count == 1 else 'items'}"
    rows = zip(found.items, found.reasons, strict=True)
    lines = [f"{path}:{item.line} {item.text}\n    proved: {reason}" for item, reason in rows]
    return s.clean(what), s.clean("\n".join([*lines, found.diff]))
