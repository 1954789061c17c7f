"""The checklist as lines of text: what stands where, for the pane to draw. Pure; every text is harmless here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from rich.cells import cell_len
from textual.content import Content

from safemig.plan_document.document import Phase
from tui.panes.checklist_view import Row, View
from tui.panes.item_states import DISPROVED, PROPOSED
from tui.words import clean

INDENT = 6  # cursor, sign of a proof, box of three and a blank
_BAR = 10
_BAR_FROM = 50  # cells of width from which a bar is drawn beside the count


@dataclass(frozen=True)
class Line:
    """A line of the pane; ``style`` names a component class of it, ``row`` is the index of its item (-1: none)."""

    text: str
    style: str = "item"
    row: int = -1
    box: bool = False


def lay_out(view: View, width: int) -> tuple[Line, ...]:
    """All lines for a pane of that width in cells."""
    return tuple(_lines(view, max(width, INDENT + 4)))


def _lines(view: View, width: int) -> Iterator[Line]:
    number = 0
    for place, phase in enumerate(view.document.phases):
        if place:
            yield Line("")
        yield Line(_heading(phase, phase.key == view.at_hand, width), "phase")
        if not phase.items:
            yield Line("  no items", "evidence")
        for item in phase.items:
            yield from _item(view, Row(phase.key, item), number, width)
            number += 1


def _heading(phase: Phase, at_hand: bool, width: int) -> str:
    done, count = sum(item.checked for item in phase.items), len(phase.items)
    progress = f" {done} of {count}" if count else ""
    if count and width >= _BAR_FROM:
        full = done * _BAR // count
        progress += f" {'█' * full}{'░' * (_BAR - full)}"
    number = "" if phase.number is None else f"{phase.number}. "
    ours = " · this run" if at_hand else ""
    room = max(width - cell_len(progress) - cell_len(ours), 1)
    name = Content(f"{number}{clean(phase.title, 300)}").truncate(room, ellipsis=True).plain + ours
    return name + " " * (width - cell_len(name) - cell_len(progress)) + progress


def _item(view: View, row: Row, number: int, width: int) -> Iterator[Line]:
    at, marked, item = number == view.cursor, number in view.marked, row.item
    sign = "›" if at else "▌" if marked else " "
    proof = _sign(view, row)
    style = "cursor" if at else "marked" if marked else "ticked" if item.checked else "item"
    box = f"[{clean(item.mark) or ' '}]"
    first, *rest = _wrapped(clean(item.text) or "(no text)", width - INDENT)
    yield Line(f"{sign}{proof}{box} {first}", style, number, box=True)
    for more in rest:
        yield Line(f"{'▌' if marked and not at else '':<{INDENT}}{more}", style, number)
    if at or (view.all_evidence and row.name in view.reasons):
        for more in _wrapped(evidence_words(view, row), width - INDENT):
            yield Line(f"{'':<{INDENT}}{more}", "evidence", number)


def _sign(view: View, row: Row) -> str:
    """ "+": proved, and T ticks it; "?": proposed, and P ticks it; "✓": ticked, and proved by this run; "!": ticked and
    not true. A tick without a sign is somebody's word alone."""
    if view.is_proposed(row):
        return "?"
    if row.item.open:
        return "+" if row.name in view.proved and row.phase == view.at_hand else " "
    if row.item.checked and row.name in view.proved:
        return "✓"
    return "!" if view.reasons.get(row.name, "").startswith(DISPROVED) else " "


def evidence_words(view: View, row: Row) -> str:
    """What supports the item in this run, or why nothing does."""
    reason, item = clean(view.reasons.get(row.name, "")), row.item
    if not (item.open or item.checked):
        return f"marked “{clean(item.mark)}”: neither open nor ticked"
    if row.name in view.proved:
        return f"{'proved, not yet ticked' if item.open else 'evidence'}: {reason}"
    if reason.startswith(DISPROVED):
        return reason
    if reason.startswith(PROPOSED):
        return reason if item.open else f"evidence: {reason.removeprefix(PROPOSED)}"
    if row.phase != view.at_hand:
        return "not of this run's phase"
    if item.checked:
        return "ticked, and not proved by this run" + (f": {reason}" if reason else "")
    return f"not proved: {reason}" if reason else "nothing of this run speaks of it yet"


@lru_cache(maxsize=20_000)
def _wrapped(text: str, width: int) -> tuple[str, ...]:
    """Lines of at most ``width`` cells. Cached, because every move of the cursor lays out all items again."""
    return tuple(line.plain.rstrip() for line in Content(text).wrap(max(width, 1))) or ("",)
