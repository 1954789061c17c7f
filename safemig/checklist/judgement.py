"""What an item comes to: proved, proposed, disproved, or not provable by a machine; pure, from before and after.

Proved is only what is said in plain words; what has evidence, but says more than was proved, is proposed to a person.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from safemig.checklist.contradictions import beyond, contradicted, denied, other_kind, removed
from safemig.checklist.definitions import normal
from safemig.checklist.lookup import as_target, find
from safemig.checklist.lookup_result import Found, one_of
from safemig.checklist.plain_words import PlainWords, Said, plain_words, said
from safemig.checklist.proofs import NOTHING, Proofs, Worlds
from safemig.checklist.references import named
from safemig.plan_document.document import Item

State = Literal["proved", "proposed", "disproved", "not provable"]
STATES: tuple[State, ...] = ("proved", "proposed", "disproved", "not provable")


@dataclass(frozen=True)
class Judged:
    """An item, whether it is proved, and by what or why not. ``checkable`` says that it names what can be looked up,
    so that it may become proved."""

    item: Item
    proved: bool
    reason: str
    state: State = "not provable"
    checkable: bool = False


def judge_item(item: Item, proofs: Proofs, worlds: Worlds = NOTHING, words: PlainWords | None = None) -> Judged:
    """The item against what the run made and ran, and what the world was before and is after."""
    read = named(item)
    known = words or plain_words()
    text = said(read, known, _made(proofs))
    found = find(read, proofs, worlds)
    if text.asks_for("making") and not text.asks_for("running"):
        found = tuple(as_target(one) for one in found)
    if item.checked and (wrong := contradicted(text, found)):
        return Judged(item, False, wrong, "disproved", checkable=True)
    checkable = [one for one in found if one.state != "neutral"]
    if not checkable:
        return Judged(item, False, "it names nothing that can be looked up")
    came = [item for item in checkable if _came_about(item, found)]
    otherwise = other_kind(text, found, known.also_work) if text.plain else ""
    if against := _against(text, checkable, came) or denied(item, found) or otherwise:
        return Judged(item, False, against, checkable=_hopeful(item, checkable))
    proof = "; ".join(dict.fromkeys(_evidence(one) for one in came))
    more = _more_than_shown(text, found, came, proofs)
    if not more:
        return Judged(item, True, proof, "proved", checkable=True)
    # A person has decided about what is ticked already: there is nothing to propose.
    return Judged(item, False, f"{proof}; but {more}", "not provable" if item.checked else "proposed", not item.checked)


def _made(proofs: Proofs) -> frozenset[str]:
    """The names of what the run made in the database, those of columns also without their table's."""
    return proofs.tables_made | proofs.names_made | {name.rpartition(".")[2] for name in proofs.names_made}


def _more_than_shown(text: Said, found: Sequence[Found], came: Sequence[Found], proofs: Proofs) -> str:
    """What the item says beyond its evidence, so that a person decides; "" for nothing."""
    if any(one.went for one in came):
        return removed(text, found, came)
    return beyond(text, found, came, revised=bool(proofs.revisions))


def _against(text: Said, checkable: Sequence[Found], came: Sequence[Found]) -> str:
    """Why nothing speaks for the item, or something against it; "" when there is evidence for it and none against."""
    for state in ("missing", "absent"):
        lacking = [item for item in checkable if _state(item) == state and not item.went]
        if lacking:
            return "; ".join(dict.fromkeys(one.text for one in lacking))
    if not came:
        first = next((item for item in checkable if item.state in ("unseen", "unknown")), checkable[0])
        return first.text if first.state in ("unseen", "unknown") else f"{first.text}; it proves nothing"
    made = [one for one in came if one.state == "made"]
    if text.asks_for("removing") and made and not any(one.went for one in came):
        return f"{made[0].text}, and it asks that something goes"
    return ""


def _state(one: Found) -> str:
    """A clause that was looked for and is not there is missing; of a ticked item that disproves nothing."""
    return "missing" if one.state == "unknown" and one.span.kind == "clause" else one.state


def _came_about(one: Found, found: Sequence[Found]) -> bool:
    """Whether it is new, has gone, or has changed; of a file that changed nothing is known but that."""
    changed = one.state == "changed" and one.span.kind != "file" and (one.span.thing is not None)
    return one.state == "made" or one.went or (changed and _not_against(one, found))


def _not_against(one: Found, found: Sequence[Found]) -> bool:
    """Whether the item gives no type or clause, or gives one that the definition has come to."""
    given = [normal(other.span.text) for other in found if other.span.kind == "neutral" and other.span.text]
    after = [normal(shown) for shown in one.places.values()]
    before = [normal(shown) for place, shown in one.was.items() if place in one.places]
    there = all(any(words in shown for shown in after) for words in given)
    return not given or (there and any(all(words not in shown for shown in before) for words in given))


def _evidence(one: Found) -> str:
    return f"{one_of(one.was)} was there before and is not any more" if one.went else one.text


def _hopeful(item: Item, checkable: Sequence[Found]) -> bool:
    """Whether an open item may still come true."""
    known = {"made", "there", "holds", "absent", "missing"}
    waits = any(item.state in {"absent", "missing"} for item in checkable)
    return waits and not item.checked and {item.state for item in checkable} <= known
