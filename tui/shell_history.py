"""The lines that were typed before."""

from __future__ import annotations

from collections.abc import Iterable

MOST = 1_000


class History:
    """Walked with up and down; the line that was being typed comes back at the end."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._at = 0
        self._draft = ""

    def load(self, lines: Iterable[str]) -> None:
        """Lines of an earlier session, oldest first, before those of this one."""
        mine, self._lines = self._lines, []
        for line in (*lines, *mine):
            self.add(line)

    def add(self, line: str) -> None:
        """The line was run; the same line twice in a row is kept once."""
        if line and self._lines[-1:] != [line]:
            self._lines = [*self._lines, line][-MOST:]
        self._at, self._draft = len(self._lines), ""

    def walk(self, by: int, typed: str) -> str:
        """The line that many further (-1: older); ``typed`` is what stands there now."""
        if self._at == len(self._lines):
            self._draft = typed
        self._at = max(0, min(self._at + by, len(self._lines)))
        return self._lines[self._at] if self._at < len(self._lines) else self._draft
