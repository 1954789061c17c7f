"""Searching gigabytes of output in pieces, so that the screen answers in between."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from tui.log.source import Source
from tui.log.spans import Spans, Stretch
from tui.log.text import finder, shown

Matches = Iterator[int | None]
PIECE = 128 << 10  # bytes searched at once: one to two milliseconds
_BREATH = 100  # lines judged one by one between two breaths

_CONTROLS = bytes(one for one in (*range(32), 127) if one != 10)
_STYLE = re.compile(rb"\x1b\[[0-?]*[ -/]*[@-~]")
_OTHER = re.compile(rb"\x1b(?!\[)")


def hunt(
    spans: Spans,
    sources: Sequence[Source],
    pattern: str,
    start: int,
    direction: int,
    accepts: Callable[[Stretch], bool] | None,
) -> Matches:
    """Line numbers whose drawn text holds ``pattern``, from ``start`` on (included); None after each piece."""
    if not pattern:
        return
    wanted = finder(pattern)
    back = direction < 0
    for place in spans.backward(start) if back else spans.onward(start):
        if accepts is not None and not accepts(place):
            continue
        shift = place.first - place.start
        low = place.first if back else max(place.start, start) + shift
        high = (min(place.end, start + 1) if back else place.end) + shift
        source = sources[place.source]
        for first, stop, raw in source.blocks(low, high, PIECE, back=back):
            yield None
            for found in _in_block(source, first, stop, raw, pattern, wanted, back):
                yield None if found is None else found - shift


def _in_block(
    source: Source, first: int, stop: int, raw: bytes, pattern: str, wanted: re.Pattern[str], back: bool
) -> Matches:
    candidates: Sequence[int] | None = _candidates(raw, pattern, wanted) if stop - first > 1 else None
    if candidates is not None and not candidates:
        return
    lines = raw.split(b"\n")
    inside = range(stop - first) if candidates is None else candidates
    for count, number in enumerate(reversed(inside) if back else inside, 1):
        if count % _BREATH == 0:
            yield None
        text = shown(lines[number]) if stop - first > 1 else source.text(first)
        if wanted.search(text):
            yield first + number


def _candidates(raw: bytes, pattern: str, wanted: re.Pattern[str]) -> list[int] | None:
    """The lines of a block that may hold the pattern, or None when only drawing each of them can tell.

    Never too few: what is not drawn is taken out first. A tab is drawn as blanks, and other sequences than CSI, and
    characters that are not printable, are rare enough to be drawn one line after the other.
    """
    if _OTHER.search(raw) or (" " in pattern and b"\t" in raw):
        return None
    text = (_STYLE.sub(b"", raw) if b"\x1b" in raw else raw).translate(None, _CONTROLS).decode("utf-8", "replace")
    ignoring = bool(wanted.flags & re.IGNORECASE)
    if not text.isascii():
        if not text.replace("\n", "").isprintable():
            return None
        return _lines(text, (match.start() for match in wanted.finditer(text)))
    return _lines(text, _places(text.lower() if ignoring else text, pattern))


def _places(text: str, pattern: str) -> Iterator[int]:
    at = text.find(pattern)
    while at >= 0:
        yield at
        at = text.find(pattern, at + 1)


def _lines(text: str, places: Iterator[int]) -> list[int]:
    found: list[int] = []
    number, upto = 0, 0
    for place in places:
        number += text.count("\n", upto, place)
        upto = place
        if not found or found[-1] != number:
            found.append(number)
    return found
