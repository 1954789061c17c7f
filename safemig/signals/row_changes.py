"""What a test run did to the rows of the application's database, in words, and whether that is a loss."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from checks.evidence import Evidence, Json
from safemig.base.counting import counted

LOSSES = frozenset({"dropped", "made anew", "emptied", "fewer", "replaced"})
SHOWN = 10  # tables that are named one by one
ADVICE = "give the tests a database of their own"
_VERBS = {
    "dropped": "dropped",
    "made anew": "dropped and made anew",
    "emptied": "emptied",
    "fewer": "deleted rows of",
    "replaced": "deleted rows of, and put others into,",
    "truncated": "truncated the empty table",
    "more": "left rows behind in",
    "new": "left behind the table",
}


def losses(looked: Iterable[Evidence]) -> tuple[str, ...]:
    """What test runs took from the database, table by table with figures, for each look in which nobody else wrote."""
    return tuple(dict.fromkeys(text for one in looked if one.seen and not _others(one) for text in _lost(one)))


def doubts(looked: Iterable[Evidence]) -> tuple[str, ...]:
    """What could not be seen, and losses that may be of other sessions: not told apart."""
    found: list[str] = []
    for one in looked:
        if not one.seen:
            found.append(f"the rows could not be compared around `{one.repeat}`: {one.reason}")
        elif others := _others(one):
            found += [f"{text}; not told apart from what others wrote meanwhile: {others[0]}" for text in _lost(one)]
    return tuple(found)


def remarks(evidence: Evidence) -> tuple[str, ...]:
    """What is worth saying and no loss: rows and tables that were left behind, and tables that were not counted."""
    if not evidence.seen:
        return ()
    others = _others(evidence)
    apart = f"; not told apart from what others wrote meanwhile: {others[0]}" if others else ""
    words = [_words(evidence, change) for change in _changes(evidence) if change.get("change") not in LOSSES]
    unread = evidence.data.get("not_counted")
    if isinstance(unread, list) and unread:
        names = ", ".join(str(name) for name in unread[:SHOWN])
        words.append(f"the rows of {names} may not be read and were not compared around `{evidence.repeat}`")
    return tuple(f"{text}{apart}" for text in _few(words))


def _lost(evidence: Evidence) -> list[str]:
    return _few([_words(evidence, change) for change in _changes(evidence) if change.get("change") in LOSSES])


def _few(words: list[str]) -> list[str]:
    more = len(words) - SHOWN
    return [*words[:SHOWN], f"and {counted(more, 'more table')}"] if more > 0 else words


def _words(evidence: Evidence, change: Mapping[str, Json]) -> str:
    before, after, kind = change.get("before"), change.get("after"), str(change.get("change"))
    table = f"`{evidence.repeat}` {_VERBS.get(kind, kind)} {change.get('table')}"
    if kind == "dropped":
        figures = _rows(before)
    elif kind == "new":
        figures = _rows(after)
    else:
        figures = f"{before if isinstance(before, int) else 'uncounted'} → {_rows(after)}"
    lost = change.get("lost")
    least = kind == "replaced" or (kind == "fewer" and not (isinstance(before, int) and isinstance(after, int)))
    return f"{table} ({figures}{f', at least {lost} gone' if least else ''})"


def _rows(value: Json) -> str:
    return counted(value, "row") if isinstance(value, int) else "uncounted rows"


def _changes(evidence: Evidence) -> list[Mapping[str, Json]]:
    found = evidence.data.get("changes")
    return [change for change in found if isinstance(change, dict)] if isinstance(found, list) else []


def _others(evidence: Evidence) -> list[str]:
    found = evidence.data.get("others")
    return [str(other) for other in found] if isinstance(found, list) else []
