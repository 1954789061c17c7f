"""The part of the log that is on the screen: reads the lines that are seen, and no others."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar

from rich.cells import cell_len
from rich.style import Style
from textual import events
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from tui.log.draw import Look
from tui.log.store import LogLine, LogStore
from tui.log.text import finder
from tui.log.turns import Turns
from tui.log.view import LogView


class LogRows(Widget):
    """Follows the end, or stands at row ``sub`` of the shown line ``top``."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "log--label",
        "log--time",
        "log--error",
        "log--warning",
        "log--match",
        "log--here",
    }
    DEFAULT_CSS = """
    LogRows {
        width: 1fr;
        height: 1fr;
        & .log--label { color: $text-muted; }
        & .log--time { color: $text-muted; }
        & .log--error { color: $text-error; text-style: bold; }
        & .log--warning { color: $text-warning; }
        & .log--match { text-style: reverse; }
        & .log--here { text-style: underline; }
    }
    """

    class Moved(Message):
        """Another part of the log is shown."""

    def __init__(self, store: LogStore, turns: Turns) -> None:
        super().__init__()
        self._turns = turns
        self._drawn = (-1, -1)
        self.view = LogView(store)
        self.top = 0
        self.sub = 0
        self.left = 0
        self.following = True
        self.wrap = False
        self.times = False
        self.pattern: re.Pattern[str] | None = None
        self.here = -1  # the line of the log that a search or an error led to
        self._paused_at = 0
        self._wish = -1
        self._rows: list[tuple[int, int]] = []
        self._look = self.look
        self._base: Style | None = None

    # -- where we are

    @property
    def news(self) -> int:
        """Lines that came since following was paused."""
        return 0 if self.following else len(self.view) - self.view.place(self._paused_at)

    @property
    def rows(self) -> list[tuple[int, int]]:
        """(shown line, row within it) for each row of the screen that holds text."""
        return self._rows

    @property
    def seen(self) -> tuple[int, int] | None:
        """The first and the last line of the log that are on the screen."""
        places = [place for place, _ in self._rows if place < len(self.view)]
        return (self.view.line(places[0]), self.view.line(places[-1])) if places else None

    def beside(self, direction: int) -> int:
        """Where to look onward: next to the marked line if it is in sight, else from the edge of the screen."""
        first, last = self.seen or (0, 0)
        if first <= self.here <= last:
            return self.here + direction
        return first if direction > 0 else last

    def pause(self) -> None:
        """Stops following; what comes now is counted as new."""
        if self.following:
            self.following = False
            self._paused_at = len(self.view.store)

    def follow(self) -> None:
        """To the end, and on with it."""
        self.following, self._wish = True, -1
        self.redraw()

    def toggle_following(self) -> None:
        """Pauses where we are, or goes to the end and on with it."""
        if self.following:
            self.pause()
            self.redraw()
        else:
            self.follow()

    def toggle_wrap(self) -> None:
        """Long lines over several rows, or cut at the edge."""
        self.wrap, self.left, self.sub = not self.wrap, 0, 0
        self.redraw()

    def toggle_times(self) -> None:
        """The time of day before each line."""
        self.times = not self.times
        self.redraw()

    def show(self, view: LogView) -> None:
        """Another choice of lines; the line at the top stays in sight when the new choice holds it."""
        if len(self.view) and not self.following:
            self._wish = self.view.line(min(self.top, len(self.view) - 1))
        self.view = view
        self.top = self.sub = 0

    def go(self, line: int) -> None:
        """Shows this line of the log a third from the top and marks it."""
        self.pause()
        self.here = line
        self.top, self.sub = self.view.place(line), 0
        self._move_up(self.size.height // 3)
        self.redraw()

    def steps(self) -> Iterator[None]:
        """Takes in what waits, piece by piece."""
        while self.view.store.advance() or self.view.advance():
            yield

    def keep_up(self) -> None:
        """Draws anew when the log has grown and its time has come."""
        if self._drawn != (self.view.store.version, self.view.upto) and self._turns.due():
            self.redraw()

    def redraw(self) -> None:
        """Draws anew after the log has grown or anything else has changed."""
        if self._wish >= 0 and self.view.upto > self._wish:
            self.top, self.sub, self._wish = min(self.view.place(self._wish), max(0, len(self.view) - 1)), 0, -1
        self._turns.asked()
        self._drawn = (self.view.store.version, self.view.upto)
        self._look = self.look
        bottom = self._bottom()
        if self.following or (self.top, self.sub) > bottom:
            self.top, self.sub = bottom
        self._rows = list(self._layout())
        self.refresh()
        self.post_message(self.Moved())

    # -- moving

    def move(self, rows: int) -> None:
        """Down for a positive number; reaching the end follows again."""
        if rows < 0:
            self.pause()
            self._move_up(-rows)
        else:
            self._move_down(rows)
            bottom = self._bottom()
            if (self.top, self.sub) >= bottom:
                self.top, self.sub = bottom
                self.following = True
        self.redraw()

    def move_to(self, place: int) -> None:
        """The shown line ``place`` to the top."""
        self.pause()
        self.top, self.sub = max(0, min(place, len(self.view) - 1)), 0
        self.move(0)

    def sideways(self, columns: int) -> None:
        """Sideways, where lines are not wrapped."""
        longest = max((cell_len(self._line(place).text) for place, _ in self._rows), default=0)
        room = max(0, longest - self._look.room + 1)
        self.left = 0 if self.wrap else max(0, min(self.left + columns, max(room, self.left)))
        self.redraw()

    def _move_up(self, rows: int) -> None:
        while rows > 0 and (self.top or self.sub):
            if self.sub >= rows:
                self.sub, rows = self.sub - rows, 0
            else:
                rows -= self.sub + 1
                if not self.top:
                    self.sub = 0
                    return
                self.top -= 1
                self.sub = self._height(self.top) - 1

    def _move_down(self, rows: int) -> None:
        last = len(self.view) - 1
        while rows > 0 and self.top <= last:
            left = self._height(self.top) - 1 - self.sub
            if left >= rows:
                self.sub, rows = self.sub + rows, 0
            elif self.top == last:
                self.sub += left
                return
            else:
                rows -= left + 1
                self.top, self.sub = self.top + 1, 0

    def _bottom(self) -> tuple[int, int]:
        """Where the last line stands on the last row."""
        room, place = max(1, self.size.height), len(self.view)
        while room > 0 and place > 0:
            place -= 1
            room -= self._height(place)
        return (place, -room) if room < 0 else (place, 0)

    # -- drawing

    def _line(self, place: int) -> LogLine:
        return self.view.store.line(self.view.line(place))

    @property
    def look(self) -> Look:
        """How the rows are drawn at the moment."""
        labels = [label for label, _ in self.view.store.tags]
        return Look.of(self.size.width, labels, wrap=self.wrap, times=self.times, pattern=self.pattern)

    def _height(self, place: int) -> int:
        return len(self._look.pieces(self._line(place).text)) if self.wrap else 1

    def _layout(self) -> Iterator[tuple[int, int]]:
        place, sub, room = self.top, self.sub, self.size.height
        while room > 0 and place < len(self.view):
            height = self._height(place)
            for row in range(sub, min(height, sub + room)):
                yield place, row
            room -= max(0, height - sub)
            place, sub = place + 1, 0

    def render_lines(self, crop: Region) -> list[Strip]:
        """All rows with one look at the style: it takes longer to find than a row to draw."""
        self._base = self.rich_style
        try:
            return super().render_lines(crop)
        finally:
            self._base = None
            self._turns.drawn()

    def render_line(self, y: int) -> Strip:
        """One row of the screen."""
        base = self._base or self.rich_style
        if y >= len(self._rows) or self._rows[y][0] >= len(self.view):
            return Strip.blank(self.size.width, base)
        place, row = self._rows[y]
        number = self.view.line(place)
        line = self.view.store.line(number)
        colour = base if line.level == "info" else base + self._styled(f"log--{line.level}")
        colour += self._styled("log--here") if number == self.here else Style.null()
        head = self._look.head(line, row, base, self._styled)
        body = self._look.body(line.text, row, colour, colour + self._styled("log--match"), self.left)
        return Strip([*head, *body]).adjust_cell_length(self.size.width, base)

    def _styled(self, name: str) -> Style:
        return self.get_component_rich_style(name, partial=True)

    def search_for(self, pattern: str) -> None:
        """What stands out from now on; "" for nothing."""
        self.pattern = finder(pattern) if pattern else None
        self.redraw()

    def on_resize(self) -> None:
        """The same place in another size."""
        self.redraw()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Three rows, as elsewhere."""
        event.stop()
        self.move(3)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Three rows, as elsewhere."""
        event.stop()
        self.move(-3)
