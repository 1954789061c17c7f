"""Text that others wrote: made harmless and bounded before it enters evidence."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from checks.evidence import Json

# Sequences of ECMA-48: control strings (OSC, DCS, APC, PM, SOS) up to their terminator, CSI, then the short ones.
_ESCAPE = re.compile(
    "(?:\x1b[\\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c\r\n]{0,4096}(?:\x07|\x1b\\\\|\x9c|$)"
    "|(?:\x1b\\[|\x9b)[0-?]*[ -/]*[@-~]"
    "|\x1b[ -/]*[0-~]"
)
_KEPT_FORMAT = "\u200c\u200d"  # joiners that scripts and emoji need; every other format character can mislead
_CUT = "…"


def plain(text: str, limit: int = 2000) -> str:
    """``text`` as one harmless line of at most ``limit`` characters.

    Escape sequences, control and bidirectional format characters are gone, every kind of white space is a blank and
    lone surrogates are U+FFFD, so that the result can be printed and encoded anywhere.
    """
    text = text[: 4 * limit + 4096]
    if not (text.isascii() and text.isprintable()):
        text = "".join(map(_harmless, _ESCAPE.sub("", text)))
    text = text.rstrip()
    return text if len(text) <= limit else text[: limit - 1] + _CUT


def harmless(text: str) -> str:
    """``text`` of any length with its line ends and tabs, without everything else that controls a terminal."""
    return "\n".join(line if line.isascii() and line.isprintable() else _line(line) for line in text.split("\n"))


def _line(line: str) -> str:
    return "".join(char if char == "\t" else _harmless(char) for char in _ESCAPE.sub("", line))


def _harmless(char: str) -> str:
    if char in "\t\n\r\v\f\x85\u2028\u2029":
        return " "
    category = unicodedata.category(char)
    if category == "Cs":
        return "\ufffd"
    if category == "Cc" or (category == "Cf" and char not in _KEPT_FORMAT):
        return ""
    return char


def encodable(value: Json) -> Json:
    """The same JSON with lone surrogates as U+FFFD: nothing else is altered, and any encoder takes it."""
    if isinstance(value, str):
        return _whole(value)
    if isinstance(value, list):
        return [encodable(item) for item in value]
    if isinstance(value, dict):
        return {_whole(key): encodable(item) for key, item in value.items()}
    return value


def _whole(text: str) -> str:
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def lines(path: Path, start: int = 0, end: int | None = None, longest: int = 65536) -> Iterator[bytes]:
    """The lines of the bytes [start, end) of a file, each without its line end and cut to ``longest`` bytes.

    Holds one line at a time, so that an output of gigabytes costs no memory. Raises OSError.
    """
    with path.open("rb") as file:
        file.seek(start)
        left = None if end is None else max(0, end - start)
        fresh = True  # False: this piece goes on with a line that was too long
        while left is None or left > 0:
            piece = file.readline(longest if left is None else min(longest, left))
            if not piece:
                return
            left = None if left is None else left - len(piece)
            if fresh:
                yield piece.rstrip(b"\r\n")
            fresh = piece.endswith(b"\n")
