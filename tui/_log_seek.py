"""From one line to the next that matches or is an error, onward from the other end when there is none."""

from __future__ import annotations

from tui._log_turns import in_turns
from tui._log_view import LogView


def _ends(view: LogView, start: int, direction: int) -> tuple[int, int]:
    return start, 0 if direction > 0 else len(view.store) - 1


async def next_match(view: LogView, pattern: str, start: int, direction: int) -> int | None:
    """The next shown line with ``pattern``, in turns with the keys."""
    for begin in _ends(view, start, direction):
        async for found in in_turns(view.store.matches(pattern, begin, direction, view.accepts)):
            if found is not None and view.store.level(found) >= view.only.level:
                return found
    return None


def next_error(view: LogView, start: int, direction: int) -> int | None:
    """The next error among the shown sources and steps; at once, for levels are in memory."""
    for begin in _ends(view, start, direction):
        found = view.store.next_error(begin, direction, view.accepts)
        if found is not None:
            return found
    return None
