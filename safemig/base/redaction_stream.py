"""Stand-alone: redaction of output that arrives in pieces. Standard library only; the supervisor loads it by path.

Complete lines are redacted as they come. An unfinished line (a prompt, a progress bar) can be shown early: of it only
that goes out which stays the same however the line goes on, so a secret that is split over two reads is still caught.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

LONGEST_LINE = 1 << 16  # characters of one line that are kept; a longer one is redacted in pieces
KEPT = 1 << 12  # of those what stays as context for the next piece
PIECE = 1 << 12  # a block without a suspicious word is passed ten times faster, so blocks are small
LONGEST_KEY = 1 << 16  # characters of a private key; the largest in use have 12 000
_KEY_BEGINS = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----")
# What may follow an unfinished line and turn what is shown of it already into a secret: the rest of a URL, the end of
# a quoted value, the rest of a token.
_GOES_ON = ("@h", "x@h", '"', "'", '\\"', "A" * 40, "xxxxxxxxxx.eyJxxxxxxxxxx.xxxxxxxxxx", "xxxxxxxxxx.xxxxxxxxxx")


class Stream:
    """One output. ``feed`` what was read, ``show`` what may be seen of the unfinished line, ``close`` at the end; each
    returns what is to be written. At most 128 KiB of text are held, whatever arrives."""

    def __init__(self, redact: Callable[[str], str], mark: str, secrets: tuple[str, ...] = ()) -> None:
        """``redact`` knows the ``secrets`` already; ``mark`` is what it puts in a secret's place."""
        self.redact, self.mark = redact, mark
        self.values = {part for value in secrets for part in (value, _quoted(value)) if part}
        self.line = ""  # the unfinished line, as it came
        self.shown = ""  # what of it has gone out, redacted
        self.swallowing = False  # the line's secret goes on
        self.key = 0  # characters of a private key so far

    def feed(self, data: bytes) -> bytes:
        """Take some output; the complete lines of it, redacted."""
        return b"".join(_encoded(piece) for piece in self._feed(data.decode("utf-8", "surrogateescape")))

    def show(self) -> bytes:
        """What can be shown of the unfinished line."""
        if not self.line or self.key or self.swallowing:
            return b""
        base = self.line[: len(self.line) - self._begun()]
        stable = self.redact(base)
        for more in _GOES_ON:
            stable = _common(stable, self.redact(base + more))
        if len(stable) <= len(self.shown) or not stable.startswith(self.shown):
            return b""
        piece, self.shown = stable[len(self.shown) :], stable
        return _encoded(piece)

    def close(self) -> bytes:
        """The rest. More may come afterwards (from a child that stayed in the background): it is the same line."""
        if self.key:
            return b""
        full = self.redact(self.line)
        piece, self.shown = self._beyond(full), full
        return _encoded(piece)

    def _feed(self, text: str) -> Iterator[str]:
        if self.key:
            text = self._past_key(text)
        if self.swallowing:
            text = self._past_secret(text)
        end = max(text.rfind("\n"), text.rfind("\r")) + 1
        if end:
            yield from self._lines(self.line + text[:end])
            self.line, self.shown, text = "", "", text[end:]
            if self.key:
                text = self._past_key(text)
        self.line += text
        while len(self.line) > LONGEST_LINE:
            yield self._cut()

    def _lines(self, text: str) -> Iterator[str]:
        """Complete lines; the first of them may have been shown in part."""
        begins = None
        if "PRIVATE KEY-----" in text:
            begins = list(_KEY_BEGINS.finditer(text))[-1:] or None
        yield self._beyond("".join(map(self.redact, _pieces(text) if begins is None else (text,))))
        if begins and "-----" not in text[begins[0].end() :]:
            self.key = 1

    def _beyond(self, full: str) -> str:
        """``full`` without what has been shown of it."""
        if full.startswith(self.shown):
            return full[len(self.shown) :]
        return full[len(_common(full, self.shown)) :]

    def _cut(self) -> str:
        """The first part of a line that is too long."""
        at, full, clean = self._seam()
        piece = self._beyond(full)
        rest, self.line, self.shown = self.line[at:], "", ""
        if not clean and full.endswith(self.mark):
            rest = self._past_secret(rest)
        self.line = rest
        return piece

    def _seam(self) -> tuple[int, str, bool]:
        """Where the line can be cut, what comes before it, redacted, and whether no secret lies across the cut."""
        whole, last = self.redact(self.line), len(self.line) - KEPT
        places, blank = [], last
        for _ in range(3):
            blank = max(self.line.rfind(" ", KEPT, blank), self.line.rfind("\t", KEPT, blank))
            if blank < 0:
                break
            places.append(blank + 1)
        for at in (*places, last - KEPT, last - 2 * KEPT, last):
            full = self.redact(self.line[:at])
            if full + self.redact(self.line[at:]) == whole:
                return at, full, True
        return at, full, False

    def _past_secret(self, text: str) -> str:
        """``text`` from where a secret ends that has no end in sight: the next blank."""
        match = re.search(r"\s", text)
        self.swallowing = match is None
        return text[match.start() :] if match else ""

    def _past_key(self, text: str) -> str:
        """``text`` from the END line of a private key on, "" while it has not come."""
        text, self.line = self.line + text, ""
        at = text.find("-----")
        self.key += len(text)
        if at >= 0 or self.key > LONGEST_KEY:
            self.key = 0
            return text[max(at, 0) :]
        dashes = len(text) - len(text.rstrip("-"))
        self.line = text[len(text) - dashes :]
        self.key -= dashes
        return ""

    def _begun(self) -> int:
        """Characters at the line's end that a known secret may begin with."""
        for size in range(min(len(self.line), max(map(len, self.values), default=1) - 1), 0, -1):
            end = self.line[-size:]
            if any(len(value) > size and value.startswith(end) for value in self.values):
                return size
        return 0


def _pieces(text: str) -> Iterator[str]:
    """Whole lines, about 4 KiB at a time: no secret but a private key goes over a line's end."""
    start = 0
    while start < len(text):
        end = text.find("\n", start + PIECE) + 1 or len(text)
        yield text[start:end]
        start = end


def _common(one: str, other: str) -> str:
    """The longest common beginning."""
    if other.startswith(one):
        return one
    size = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    return one[:size]


def _quoted(value: str) -> str:
    """As it stands in a URL."""
    if value.isascii() and value.isalnum():
        return value
    from urllib.parse import quote  # 4 ms, in each command's supervisor

    return quote(value, safe="")


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
