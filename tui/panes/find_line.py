"""Finding words in the plan or the checklist: the cursor goes to the match, and the line counts them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Static

Find = Callable[[str, int], tuple[int, int]]  # words, and how many matches further -> which of how many


class FindLine(Horizontal):
    """Hidden until it is opened for a pane. Enter goes to the next match, Esc back to the pane."""

    DEFAULT_CSS = """
    FindLine { height: 1; display: none; background: $panel; }
    FindLine.-open { display: block; }
    FindLine Static { width: auto; padding: 0 1; text-style: bold; }
    FindLine Input { width: 1fr; background: $panel; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "back", id="find.leave", tooltip="Back to the pane, where the match is"),
        Binding("down", "go(1)", "next", id="find.next", tooltip="Next match; so does Enter"),
        Binding("up", "go(-1)", "before", id="find.previous", tooltip="Match before"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._find: Find | None = None
        self._pane: Widget | None = None

    def compose(self) -> ComposeResult:
        yield Static()
        yield Input(compact=True, select_on_focus=False)

    def open(self, pane: Widget, find: Find) -> None:
        """Asks for the words to be found in that pane."""
        self._pane, self._find = pane, find
        self.add_class("-open")
        self.query_one(Input).value = ""
        self.query_one(Static).update("find:")
        self.screen.set_focus(self.query_one(Input))  # at once: what is typed on is part of the words

    def action_go(self, by: int) -> None:
        words = self.query_one(Input).value
        if self._find is not None and words.strip():
            place, count = self._find(words, by)
            self.query_one(Static).update(Content(f"match {place} of {count}:" if count else "no match:"))

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.action_go(0)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_go(1)

    def action_leave(self) -> None:
        self.remove_class("-open")
        if self._pane is not None:
            self.screen.set_focus(self._pane)


def matches(texts: Sequence[str], words: str) -> list[int]:
    """The places of the texts that have all the words, whatever their case. Pure."""
    wanted = words.casefold().split()
    return [place for place, text in enumerate(texts) if wanted and all(word in text.casefold() for word in wanted)]


def match_from(places: Sequence[int], at: int, by: int) -> int:
    """Which of ``places`` (an index into it) comes ``by`` matches after ``at``; 0: the first from there on. It begins
    anew at the other end. Pure."""
    if by < 0:
        earlier = [index for index, place in enumerate(places) if place < at]
        return earlier[-1] if earlier else len(places) - 1
    later = [index for index, place in enumerate(places) if place > at or (place == at and by == 0)]
    return later[0] if later else 0
