"""From one line to the next that matches or is an error, onward from the other end when there is none."""

from __future__ import annotations

from collections.abc import Iterator

from tui.log.store import LogStore
from tui.log.turns import Turns
from tui.log.view import LogView


def _ends(view: LogView, start: int, direction: int) -> tuple[int, int]:
    return start, 0 if direction > 0 else len(view.store) - 1


async def next_match(turns: Turns, view: LogView, pattern: str, start: int, direction: int) -> int | None:
    """The next shown line with ``pattern``, in turns with the keys."""
    for begin in _ends(view, start, direction):
        async for found in turns.take(view.store.matches(pattern, begin, direction, view.accepts)):
            if found is not None and view.store.level(found) >= view.only.level:
                return found
    return None


def next_error(view: LogView, start: int, direction: int) -> int | None:
    """The next error among the shown sources and steps, as far as lines were judged."""
    for begin in _ends(view, start, direction):
        found = view.store.next_error(begin, direction, view.accepts)
        if found is not None:
            return found
    return None


def settled(view: LogView, start: int, direction: int) -> bool:
    """Whether lines that wait to be judged cannot change what ``next_error`` says."""
    store = view.store
    if store.judged >= len(store):
        return True
    between = direction > 0 or store.judged > start
    return between and store.next_error(start, direction, view.accepts) is not None


async def settled_error(turns: Turns, view: LogView, start: int, direction: int) -> int | None:
    """``next_error``, once enough of the lines that are in the log now were judged, in turns with the keys."""
    upto = len(view.store)
    async for _ in turns.take(_steps(view.store)):
        if view.store.judged >= upto or settled(view, start, direction):
            break
    return next_error(view, start, direction)


def _steps(store: LogStore) -> Iterator[None]:
    while store.advance():
        yield
