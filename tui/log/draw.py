"""One line of the log as segments of a row."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from rich.cells import cell_len, chop_cells, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from tui.log.store import LogLine
from tui.log.text import clock

SIGNS = {"error": "✗", "warning": "!", "info": "│"}
CLOCK = 9  # columns of the time of day
_LABEL = 14
_LABEL_NARROW = 7
_MARKED = 200  # matches drawn in one line


@dataclass(frozen=True)
class Look:
    """How rows are drawn: ``label`` columns for the source, ``room`` for the text."""

    label: int
    room: int
    wrap: bool
    times: bool
    pattern: re.Pattern[str] | None

    @classmethod
    def of(cls, width: int, labels: list[str], *, wrap: bool, times: bool, pattern: re.Pattern[str] | None) -> Look:
        """For rows of ``width`` columns."""
        widest = max(map(cell_len, labels), default=0)
        label = min(widest, _LABEL if width >= 60 else _LABEL_NARROW)
        return cls(label, max(1, width - label - 3 - (CLOCK if times else 0)), wrap, times, pattern)

    def pieces(self, text: str) -> list[str]:
        """The rows that a text takes."""
        if not self.wrap or len(text) * 2 <= self.room or cell_len(text) <= self.room:
            return [text]
        if text.isascii():
            return [text[at : at + self.room] for at in range(0, len(text), self.room)]
        return chop_cells(text, self.room) or [text]

    def head(self, line: LogLine, row: int, base: Style, styled: Callable[[str], Style]) -> Iterator[Segment]:
        """Time, source and sign; on the further rows of a line only their room."""
        if self.times:
            yield Segment(f"{clock(line.wall) if row == 0 else '':<{CLOCK}}", base + styled("log--time"))
        label = line.source
        if cell_len(label) > self.label:
            label = set_cell_size(label, max(0, self.label - 1)) + "…"
        yield Segment(set_cell_size(label if row == 0 else "", self.label) + " ", base + styled("log--label"))
        colour = base if line.level == "info" else base + styled(f"log--{line.level}")
        yield Segment((SIGNS[line.level] if row == 0 else SIGNS["info"]) + " ", colour)

    def body(self, text: str, row: int, colour: Style, match: Style, left: int) -> Iterable[Segment]:
        """One row of the text without its first ``left`` columns, with what was searched for standing out."""
        pieces = self.pieces(text)
        row = min(row, len(pieces) - 1)
        at = sum(map(len, pieces[:row]))
        end = at + len(pieces[row])
        if text.isascii() and not self.wrap:  # a column is a character: what is beside the screen is not looked at
            at, end = min(left, end), min(left + self.room, end)
            return self._marked(text, at, end, colour, match)
        segments = self._marked(text, at, end, colour, match)
        if not left:
            return segments
        strip = Strip(segments)
        return strip.crop(left, max(left, strip.cell_length))

    def _marked(self, text: str, at: int, end: int, colour: Style, match: Style) -> list[Segment]:
        segments: list[Segment] = []
        for count, found in enumerate(self.pattern.finditer(text) if self.pattern else ()):
            low, high = max(found.start(), at), min(found.end(), end)
            if found.start() >= end or count >= _MARKED:
                break
            if high > low:
                segments += [Segment(text[at:low], colour), Segment(text[low:high], match)]
                at = high
        return [*segments, Segment(text[at:end], colour)]
