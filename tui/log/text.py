"""The bytes of one line of output as text that can be drawn: harmless, bounded, without secrets."""

from __future__ import annotations

import re
import time

from checks.text import plain
from safemig.base.counting import counted
from safemig.base.redaction import redact

HEAD = 16384  # bytes of a line that are read and drawn; a line of megabytes is cut there
TAIL = 4096  # bytes read from the end of such a line, where a progress bar has its last state
GONE = "(no longer in the file)"
_SEGMENTS = 8


def shown(raw: bytes, tail: bytes = b"", more: int = 0) -> str:
    """One line without its line end as it is drawn.

    What a carriage return has overwritten is left out, as a terminal does. ``tail`` is the end of a line that is too
    long, ``more`` the bytes of it that are not in ``raw``.
    """
    if b"\r" in tail.rstrip(b"\r"):
        return _last_segment(tail)
    if more:
        return f"{_clean(raw)} … {counted(more, 'byte')} more"
    return _last_segment(raw) if b"\r" in raw else _clean(raw)


def _last_segment(raw: bytes) -> str:
    """What stands on the line in the end; an erased line shows what was there before, so that nothing vanishes."""
    for segment in reversed(raw.rsplit(b"\r", _SEGMENTS)):
        text = _clean(segment)
        if text:
            return text
    return ""


def _clean(raw: bytes) -> str:
    text = raw.decode("utf-8", "replace")
    if not (text.isascii() and text.isprintable()):
        text = plain(text.expandtabs(8), HEAD * 2)
    return redact(text.rstrip())


def clock(wall: float) -> str:
    """A moment as the time of day here, "14:03:09"."""
    return time.strftime("%H:%M:%S", time.localtime(wall))


def finder(pattern: str) -> re.Pattern[str]:
    """``pattern`` literally; without regard to case unless it has a capital letter."""
    return re.compile(re.escape(pattern), re.IGNORECASE if pattern == pattern.lower() else 0)
