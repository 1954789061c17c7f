"""Which lines of the log are shown, in which order: all of them, or those that a filter lets through."""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left, insort
from dataclasses import dataclass, replace

from tui.log.level import ERROR, PLAIN, WARNING
from tui.log.spans import Stretch
from tui.log.store import LogStore

SLICE = 20_000  # lines looked at before the screen gets its turn: some three milliseconds when all are shown
_BAD = {WARNING: re.compile(rb"[\x01\x02]"), ERROR: re.compile(rb"\x02")}


@dataclass(frozen=True)
class Filter:
    """What is shown; "" and PLAIN stand for everything."""

    source: str = ""
    step: str = ""
    level: int = PLAIN

    def lets(self, tag: tuple[str, str]) -> bool:
        """Whether lines of this source and step can be shown."""
        return self.source in ("", tag[0]) and self.step in ("", tag[1])

    def next_source(self, tags: list[tuple[str, str]]) -> Filter:
        """The same with the source that follows; after the last one none."""
        return replace(self, source=_after(self.source, [tag[0] for tag in tags if self.step in ("", tag[1])]))

    def next_step(self, tags: list[tuple[str, str]]) -> Filter:
        """The same with the step that follows; after the last one none."""
        return replace(self, step=_after(self.step, [tag[1] for tag in tags if self.source in ("", tag[0])]))

    def next_level(self) -> Filter:
        """All lines, warnings and errors, errors."""
        return replace(self, level=(self.level + 1) % 3)

    def words(self) -> str:
        """What is shown, for a person."""
        parts = [f"source {self.source}" if self.source else "", f"step {self.step}" if self.step else ""]
        parts.append(("", "warnings and errors", "errors")[self.level])
        return ", ".join(filter(None, parts))


def _after(name: str, names: list[str]) -> str:
    order = ["", *dict.fromkeys(filter(None, names))]
    return order[(order.index(name) + 1) % len(order)] if name in order else ""


class LogView:
    """The lines that ``only`` lets through; ``advance`` until it returns False after the log has grown.

    Where levels are chosen, only lines that were judged are looked at.
    """

    def __init__(self, store: LogStore, only: Filter | None = None) -> None:
        self.store = store
        self.only = only or Filter()
        self.upto = 0  # lines of the log that were looked at
        self._all = self.only == Filter()
        self._lines = array("L" if array("I").itemsize < 4 else "I")
        self._raised = len(store.raised)

    def __len__(self) -> int:
        return len(self.store) if self._all else len(self._lines)

    def line(self, place: int) -> int:
        """The number in the log of the line shown at ``place``."""
        return place if self._all else self._lines[place]

    def place(self, line: int) -> int:
        """Where ``line`` is shown, or the first shown line after it."""
        return min(line, len(self)) if self._all else bisect_left(self._lines, line)

    def holds(self, line: int) -> bool:
        """Whether ``line`` is shown."""
        at = self.place(line)
        return at < len(self) and self.line(at) == line

    def accepts(self, stretch: Stretch) -> bool:
        """Whether lines of this stretch can be shown."""
        return self.only.lets(self.store.tags[stretch.tag])

    def advance(self, most: int = SLICE) -> bool:
        """Looks at ``most`` further lines; whether more wait."""
        if self._all:
            self.upto = len(self.store)
            return False
        self._take_raised()
        known = self.store.judged if self.only.level != PLAIN else len(self.store)
        end = min(known, self.upto + most)
        if self.upto < end:
            for stretch in self.store.spans.onward(self.upto):
                if stretch.start >= end:
                    break
                if self.accepts(stretch):
                    self._take(stretch, max(stretch.start, self.upto), min(stretch.end, end))
            self.upto = end
        return self.upto < known

    def _take(self, stretch: Stretch, start: int, end: int) -> None:
        if self.only.level == PLAIN:
            self._lines.extend(range(start, end))
            return
        shift = stretch.first - stretch.start
        levels = self.store.sources[stretch.source].levels[start + shift : end + shift]
        self._lines.extend(match.start() + start for match in _BAD[self.only.level].finditer(levels))

    def _take_raised(self) -> None:
        """A line that turned bad when its end came, after it had been passed over."""
        for line in self.store.raised[self._raised :]:
            shown = self.only.lets(self.store.tags[self.store.spans.at(line).tag]) and self.only.level != PLAIN
            if shown and line < self.upto and self.store.level(line) >= self.only.level and not self.holds(line):
                insort(self._lines, line)
        self._raised = len(self.store.raised)
