"""The order of the whole log: stretches of lines that follow one another in one source."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Stretch:
    """Lines [start, end) of the log are the lines of ``source`` from ``first`` on."""

    start: int
    end: int
    source: int
    first: int
    wall: float
    tag: int


class Spans:
    """In arrays: a stretch costs 36 bytes, and a busy run has some ten of them a second."""

    def __init__(self) -> None:
        self.count = 0
        self._start = array("Q")
        self._source = array("L")
        self._first = array("Q")
        self._wall = array("d")
        self._tag = array("L")

    def add(self, source: int, first: int, count: int, wall: float, tag: int) -> None:
        """``count`` new lines at the end; they join the last stretch when nothing but the number differs."""
        joins = (
            len(self._start) > 0
            and self._source[-1] == source
            and self._tag[-1] == tag
            and int(self._wall[-1]) == int(wall)
            and self._first[-1] + self.count - self._start[-1] == first
        )
        if not joins:
            self._start.append(self.count)
            self._source.append(source)
            self._first.append(first)
            self._wall.append(wall)
            self._tag.append(tag)
        self.count += count

    def at(self, line: int) -> Stretch:
        """The stretch that holds a line of the log."""
        return self._stretch(bisect_right(self._start, line) - 1)

    def _stretch(self, number: int) -> Stretch:
        end = self._start[number + 1] if number + 1 < len(self._start) else self.count
        return Stretch(
            self._start[number], end, self._source[number], self._first[number], self._wall[number], self._tag[number]
        )

    def onward(self, line: int) -> Iterator[Stretch]:
        """The stretches from the one that holds ``line`` to the last."""
        number = max(bisect_right(self._start, line) - 1, 0)
        while number < len(self._start):
            yield self._stretch(number)
            number += 1

    def backward(self, line: int) -> Iterator[Stretch]:
        """The stretches from the one that holds ``line`` to the first."""
        for number in range(bisect_right(self._start, line) - 1, -1, -1):
            yield self._stretch(number)
