"""The log's line of state, in words."""

from __future__ import annotations

from checks.text import plain
from tui.log.rows import LogRows


def state(rows: LogRows, busy: str, pattern: str) -> str:
    """Following or paused first, for a narrow pane cuts the end; then how much there is, what is left out."""
    view, store = rows.view, rows.view.store
    only = view.only.words()
    looking = " so far" if store.judged < len(store) else ""
    parts = [
        "following" if rows.following else f"PAUSED +{rows.news:,} new (f)",
        busy,
        f"{len(view):,} of {len(store):,} lines" if only else f"{len(view):,} lines",
        f"only {only}" if only else "",
        f"{store.errors:,} error{'s' * (store.errors != 1)}{looking}" if store.errors or looking else "",
        f"/{pattern}" if pattern else "",
    ]
    return plain(" · ".join(filter(None, parts)))
