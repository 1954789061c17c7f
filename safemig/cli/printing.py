"""The one place where the command line writes: no control character of a file, a container or a server gets out, and
no secret that is known by its value."""

from __future__ import annotations

import json
import os
import re
import sys
import unicodedata
from collections.abc import Callable, Collection
from typing import Any, TextIO

from checks.text import harmless
from safemig.base.redaction import hide

COLOURS = {"good": "32", "bad": "31", "warn": "33", "dim": "2", "bold": "1"}
_COLOURS = re.compile(f"\x1b\\[(?:0|{'|'.join(COLOURS.values())})m")  # those of safemig's own lines

_known: list[Callable[[], Collection[str]]] = []


def hide_values(secrets: Callable[[], Collection[str]]) -> None:
    """From here on what ``secrets`` answers, anew at each writing, stands in nothing that is written."""
    _known[:] = [secrets]


def hidden(text: str) -> str:
    """``text`` without the values that are known to be secret."""
    return hide(text, [value for secrets in _known for value in secrets()])


def coloured() -> bool:
    """Whether lines for a person may have colours: on a terminal, where NO_COLOR is not set."""
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ


def painted(shade: str, text: str) -> str:
    """``text`` in the colour of that name (see COLOURS), where lines may have colours."""
    return f"\x1b[{COLOURS[shade]}m{text}\x1b[0m" if coloured() else text


def out(text: str, *, coloured: bool = False) -> None:
    """Text for a person, on standard output."""
    _write(sys.stdout, text, coloured=coloured)


def err(text: str, *, coloured: bool = False) -> None:
    """Text for a person, on standard error."""
    _write(sys.stderr, text, coloured=coloured)


def json_out(document: Any, *, indented: bool = False, hides: bool = True) -> None:
    """A JSON document on standard output, on one line or indented; in UTF-8 whatever the locale is."""
    import msgspec

    raw = msgspec.json.encode(_hidden(msgspec.to_builtins(document)) if hides and _known else document)
    text = escaped((msgspec.json.format(raw) if indented else raw).decode())
    sys.stdout.buffer.write(text.encode() + b"\n")
    sys.stdout.buffer.flush()


def _hidden(value: Any) -> Any:
    """The same document with each of its texts hidden in itself: in the encoded one a value could meet an escape."""
    if isinstance(value, str):
        return hidden(value)
    if isinstance(value, dict):
        return {name: _hidden(item) for name, item in value.items()}
    return [_hidden(item) for item in value] if isinstance(value, list | tuple) else value


def escaped(text: str) -> str:
    r"""JSON of the same value in which no character controls a terminal: those beyond ASCII are written as \uXXXX."""
    if text.isascii() and "\x7f" not in text:
        return text
    return "".join(json.dumps(char)[1:-1] if _controls(char) else char for char in text)


def _controls(char: str) -> bool:
    return char not in "\n\r\t" and (char == "\x7f" or unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"})


def _write(stream: TextIO, text: str, *, coloured: bool) -> None:
    text = hidden(text)
    if coloured:
        pieces = _COLOURS.split(text)
        signs = [*_COLOURS.findall(text), ""]
        text = "".join(harmless(piece) + sign for piece, sign in zip(pieces, signs, strict=True))
    else:
        text = harmless(text)
    stream.write(text)
    stream.flush()
