"""The log's line of state, in words."""

from __future__ import annotations

from checks.text import plain
from safemig.base.counting import counted
from tui.log.rows import LogRows


def state(rows: LogRows, busy: str, pattern: str) -> str:
    """Following or paused first, for a narrow pane cuts the end; then how much there is, what is left out."""
    view, store = rows.view, rows.view.store
    only = view.only.words()
    looking = " so far" if store.judged < len(store) else ""
    parts = [
        "following" if rows.following else f"PAUSED +{rows.news:,} new (f)",
        busy,
        f"{len(view):,} of {counted(len(store), 'line')}" if only else counted(len(view), "line"),
        f"only {only}" if only else "",
        f"{counted(store.errors, 'error')}{looking}" if store.errors or looking else "",
        f"/{pattern}" if pattern else "",
    ]
    return plain(" · ".join(filter(None, parts)))
