"""What the tick step would tick: asked with each item's evidence and the diff, and ticked only if it still stands.

What is proved is ticked on a yes; what is only proposed needs an answer of its own, or ``ticks: proposed``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from checks.evidence import Json
from safemig.base import files
from safemig.base.file_edit import unified
from safemig.base.redaction import may_come_from
from safemig.checklist import ticks
from safemig.engine.item_context import KIND
from safemig.engine.session import RunEnds, Session
from safemig.engine.verdict import judged
from safemig.plan_document.document import Item, read


@dataclass(frozen=True)
class Offer:
    """What would be ticked: the open items that are proved as they stand in the file, each with its evidence, and the
    file's diff; ``proposed`` are those with evidence that say more, with it and with what they say."""

    items: tuple[Item, ...] = ()
    reasons: tuple[str, ...] = ()
    diff: str = ""
    proposed: tuple[Item, ...] = ()
    because: tuple[str, ...] = ()


@dataclass(frozen=True)
class OfferWords:
    """The question's own line, its details, and what the answer for the proposed items grants ("" without any)."""

    what: str
    detail: str
    proposed: str


async def offer(s: Session) -> Offer:
    """What the tick step comes to now; nothing when a signal is not good, or nothing has evidence."""
    spec, known = s.facts.spec, s.past.last(KIND, "after")
    if spec is None or known is None or judged(s).reasons():
        return Offer()
    rows = known.data.get("judged")
    listed = [row for row in (rows if isinstance(rows, list) else []) if isinstance(row, dict)]
    try:
        return await s.look(lambda: _offer(s.root, spec.path, listed))
    except OSError as error:
        raise RunEnds("failed", f"the checklist {spec.path} cannot be read: {error.strerror}") from None


def _offer(root: Path, path: str, rows: Iterable[dict[str, Json]]) -> Offer:
    content = files.content(root / path)
    states = {row["line"]: (str(row["text"]), row["state"], str(row["reason"])) for row in rows}
    known = [
        (item, *states[item.line][1:])
        for phase in read(root / path, root).phases
        for item in phase.items
        # The journal has the words without secrets; that the file is the same its digest says when it is written.
        if item.open and item.line in states and may_come_from(states[item.line][0], item.text)
    ]
    proved = [(item, reason) for item, state, reason in known if state == "proved"]
    proposed = [(item, reason) for item, state, reason in known if state == "proposed"]
    items = tuple(item for item, _ in proved)
    before, after = (raw.decode(errors="replace") for raw in (content, ticks.tick(content, items)))
    return Offer(
        items,
        tuple(reason for _, reason in proved),
        unified(path, before, after),
        tuple(item for item, _ in proposed),
        tuple(reason for _, reason in proposed),
    )


def chosen(s: Session, found: Offer, digest: str) -> tuple[Item, ...]:
    """The items to tick once the tick step has its permission: all that is proved, and of the proposed ones those of
    the person's answer, or all with ``ticks: proposed`` where nobody was asked."""
    answer, lines = s.past.answers.get(digest, ("", ()))
    proved = found.items if digest in s.past.approved else ()
    if answer == "proposed":
        return (*proved, *(item for item in found.proposed if not lines or item.line in lines))
    return (*proved, *(found.proposed if not answer and s.config.ticks.proposed else ()))


def lines_of(text: str) -> tuple[int, ...]:
    """The lines of a message about a checklist, as its face has read them: "12,14" -> 12, 14."""
    return tuple(int(word) for part in text.split(",") if (word := part.strip()).isdecimal())


async def offer_words(s: Session) -> OfferWords:
    """The question's words: each proved item with its evidence, the diff, then each proposed one."""
    path = s.facts.spec.path if s.facts.spec else ""
    found = await offer(s)
    what = f"write {path}: one byte each in {_items(len(found.items))}"
    proved = [
        f"{path}:{item.line} {item.text}\n    proved: {reason}"
        for item, reason in zip(found.items, found.reasons, strict=True)
    ]
    proposed = [
        f"{path}:{item.line} {item.text}\n    proposed: {reason}"
        for item, reason in zip(found.proposed, found.because, strict=True)
    ]
    if proposed:
        what += f"; {_items(len(proposed))} proposed beside"
        proposed = ["", "Proposed, and not ticked by a plain yes:", *proposed]
    detail = "\n".join([*proved, found.diff, *proposed])
    grants = f"these and the {_items(len(found.proposed))} proposed, which say more than was proved"
    return OfferWords(s.clean(what), s.clean(detail), grants if proposed else "")


def _items(count: int) -> str:
    return f"{count} {'item' if count == 1 else 'items'}"
