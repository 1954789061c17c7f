"""A scroll bar that tells its pane what was asked of it; Textual's own keeps that to itself."""

from __future__ import annotations

from dataclasses import dataclass

from textual.message import Message
from textual.scrollbar import ScrollBar, ScrollDown, ScrollTo, ScrollUp


class LogBar(ScrollBar):
    """At the right of the rows."""

    @dataclass
    class Dragged(Message):
        """The handle was drawn to this line."""

        place: int

    @dataclass
    class Paged(Message):
        """Clicked above (-1) or below (1) the handle."""

        pages: int

    def on_scroll_to(self, event: ScrollTo) -> None:
        """The handle was drawn."""
        event.prevent_default().stop()
        if event.y is not None:
            self.post_message(self.Dragged(max(0, round(event.y))))

    def on_scroll_up(self, event: ScrollUp) -> None:
        """Clicked above the handle."""
        event.prevent_default().stop()
        self.post_message(self.Paged(-1))

    def on_scroll_down(self, event: ScrollDown) -> None:
        """Clicked below the handle."""
        event.prevent_default().stop()
        self.post_message(self.Paged(1))
