"""What an action does at worst, as data: the words that the tables of tools are written in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from safemig.base.action import Effect
from safemig.shell.quoting import HOLE

Words = tuple[str, ...]
RANK: dict[Effect, int] = {"read": 0, "write": 1, "destructive": 2}


@dataclass(frozen=True)
class Effects:
    """What an action does at worst, what it touches (words for people), and which part of it says so. ``unknown``: it
    counts as destructive only because it could not be told."""

    effect: Effect
    touches: tuple[str, ...] = ()
    why: str = ""
    unknown: bool = field(default=False, compare=False)


NOTHING = Effects("read")
ANYTHING = "anything"  # what is touched by that of which nobody knows what it does


def reads(why: str = "") -> Effects:
    return Effects("read", (), why)


def writes(touches: str, why: str) -> Effects:
    return Effects("write", (touches,), why)


def destroys(touches: str, why: str) -> Effects:
    return Effects("destructive", (touches,), why, unknown=touches == ANYTHING)


def unknown(words: Words) -> Effects:
    """The answer to everything that is not known."""
    shown = " ".join(words[:4]).replace(HOLE, "…")
    return destroys(ANYTHING, f"safemig does not know what `{shown}` does")


def worst(found: Sequence[Effects]) -> Effects:
    """The worst effect with its reason, and everything that is touched by any of them."""
    if not found:
        return NOTHING
    top = max(found, key=lambda each: RANK[each.effect])
    touched = sorted({word for each in found for word in each.touches})
    unclear = all(each.unknown for each in found if each.effect == top.effect)
    return Effects(top.effect, tuple(touched), top.why, unclear)
