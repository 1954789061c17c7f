"""The line in which a search is typed."""

from __future__ import annotations

from dataclasses import dataclass

from textual.message import Message
from textual.widgets import Input


class SearchLine(Input):
    """Out of sight until it is opened; Enter posts what is looked for."""

    DEFAULT_CSS = """
    SearchLine { display: none; }
    SearchLine.open { display: block; }
    """

    @dataclass
    class Asked(Message):
        """Look for this; "" for nothing any more."""

        pattern: str

    def __init__(self) -> None:
        super().__init__(placeholder="search the log: Enter finds, Esc leaves", compact=True, select_on_focus=True)

    @property
    def open(self) -> bool:
        """Whether it is on the screen."""
        return self.has_class("open")

    def show(self) -> None:
        """Opens it for typing."""
        self.add_class("open")
        self.screen.set_focus(self)  # at once: what is typed on is part of the pattern

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter."""
        event.stop()
        self.post_message(self.Asked(event.value))
