"""What the checklist pane shows, as data: the document, the cursor, the marked range, what is proved. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from safemig.plan_document.document import Document, Item
from tui.panes.item_states import PROPOSED

Name = tuple[str, str]


@dataclass(frozen=True)
class Row:
    """An item with the key of its phase, as the cursor visits them."""

    phase: str
    item: Item

    @property
    def name(self) -> Name:
        """What a proof belongs to: the same words in the same phase, wherever an editor moves them."""
        return self.phase, self.item.text


@dataclass(frozen=True)
class View:
    """``at_hand`` is the key of the run's phase, ``anchor`` where a marked range began, ``proved`` what has proof."""

    document: Document
    rows: tuple[Row, ...]
    at_hand: str = ""
    cursor: int = 0
    anchor: int | None = None
    proved: frozenset[Name] = frozenset()
    reasons: Mapping[Name, str] = field(default_factory=dict)
    all_evidence: bool = False

    @property
    def marked(self) -> range:
        """The rows of the marked range, the cursor's included; empty when there is none."""
        if self.anchor is None:
            return range(0)
        return range(min(self.anchor, self.cursor), max(self.anchor, self.cursor) + 1)

    def is_proposed(self, row: Row) -> bool:
        """Whether the item is open and has evidence in this run's phase, but says more than was proved."""
        told = self.reasons.get(row.name, "").startswith(PROPOSED)
        return told and row.item.open and row.phase == self.at_hand

    @property
    def selected(self) -> Row | None:
        """The row under the cursor."""
        return self.rows[self.cursor] if self.rows else None


def opened(document: Document, at_hand: str) -> View:
    """A fresh view, its cursor on the first open item of the phase at hand."""
    rows = _rows(document)
    places = [number for number, row in enumerate(rows) if row.phase == at_hand]
    still_open = [number for number in places if rows[number].item.open]
    return View(document, rows, at_hand, (still_open or places or [0])[0])


def reread(view: View, document: Document) -> View:
    """The view on the file as it is now. The cursor stays on its item; a range is dropped, for it may hold others."""
    rows = _rows(document)
    return replace(view, document=document, rows=rows, anchor=None, cursor=_same_place(view, rows))


def _rows(document: Document) -> tuple[Row, ...]:
    return tuple(Row(phase.key, item) for phase in document.phases for item in phase.items)


def _same_place(view: View, rows: tuple[Row, ...]) -> int:
    """Where the item under the cursor is now: the nearest one with its words, else the nearest place."""
    old = view.selected
    alike = [number for number, row in enumerate(rows) if old and row.name == old.name]
    if alike:
        return min(alike, key=lambda number: abs(number - view.cursor))
    return max(0, min(view.cursor, len(rows) - 1))


def proved(view: View, lines: Collection[int], reasons: Mapping[int, str]) -> View:
    """The view with what the run has shown, by the lines of the document that is shown."""
    known = frozenset(row.name for row in view.rows if row.item.line in lines)
    told = {row.name: reasons[row.item.line] for row in view.rows if row.item.line in reasons}
    return replace(view, proved=known, reasons=told)


def moved(view: View, by: int, *, extend: bool = False) -> View:
    """The cursor that many items further; with ``extend`` a range grows from where it stood."""
    anchor = view.cursor if extend and view.anchor is None else view.anchor
    return replace(view, cursor=max(0, min(view.cursor + by, len(view.rows) - 1)), anchor=anchor)


def to_phase(view: View, by: int) -> View:
    """The cursor on the first item of the phase before or after; at the ends it stays."""
    firsts = [at for at, row in enumerate(view.rows) if not at or view.rows[at - 1].phase != row.phase]
    beyond = [at for at in firsts if at > view.cursor] if by > 0 else [at for at in firsts if at < view.cursor][::-1]
    return replace(view, cursor=beyond[0]) if beyond else view


def marking(view: View) -> View:
    """A range begins here, or the one there is ends."""
    return replace(view, anchor=view.cursor if view.anchor is None else None)


def to_tick(view: View) -> tuple[tuple[Item, ...], bool]:
    """What Space changes, and whether to ticked: of a range its open items, or all of it when none is open."""
    chosen = [view.rows[at].item for at in view.marked] or ([view.selected.item] if view.selected else [])
    still_open = tuple(item for item in chosen if item.open)
    return (still_open, True) if still_open else (tuple(item for item in chosen if item.checked), False)


def to_tick_proved(view: View) -> tuple[Item, ...]:
    """What T ticks: the open items of the phase at hand that are proved, never one of another phase."""
    return tuple(
        row.item for row in view.rows if row.phase == view.at_hand and row.item.open and row.name in view.proved
    )


def to_tick_proposed(view: View) -> tuple[Item, ...]:
    """What P ticks: the open items of the phase at hand that are proposed."""
    return tuple(row.item for row in view.rows if view.is_proposed(row))
