"""The question whether a folder is trusted: what would be run in it, read to its end before it is answered."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.words import clean

SETTLE = 0.4  # seconds: keys typed before the question could be read do not answer it


class TrustScreen(ModalScreen[bool]):
    """Enter answers nothing; without an answer nothing of the folder is run."""

    DEFAULT_CSS = """
    TrustScreen { align: center middle; }
    TrustScreen > VerticalScroll { width: 90%; height: auto; max-height: 80%; padding: 0 2; background: $surface; }
    TrustScreen > VerticalScroll { border: round $warning; border-title-style: bold; }
    TrustScreen Static { width: 100%; height: auto; }
    TrustScreen > #trust-keys { width: 90%; padding: 0 2; background: $panel; }
    """
    HELP = "What would be run in this folder. Nothing of it is run before you say so."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "trust", "trust it", id="trust.yes", tooltip="Trust this folder as it stands"),
        Binding("n,escape", "refuse", "only look", id="trust.no", tooltip="Run nothing of it; looks stay possible"),
        Binding("q", "app.quit", "quit", id="trust.leave", tooltip="Leave; the folder stays as it is"),
        Binding("j,down", "scroll(1)", show=False, id="trust.down", tooltip="A line down"),
        Binding("k,up", "scroll(-1)", show=False, id="trust.up", tooltip="A line up"),
        Binding("space,pagedown,ctrl+d", "scroll(10)", show=False, id="trust.page_down", tooltip="Half a page down"),
        Binding("pageup,ctrl+u", "scroll(-10)", show=False, id="trust.page_up", tooltip="Half a page up"),
    ]

    def __init__(self, question: Sequence[str]) -> None:
        super().__init__()
        self._question = question
        self._since = time.monotonic()

    def compose(self) -> ComposeResult:
        text = Content("\n").join(Content(clean(line, 4000)) for line in self._question)
        with VerticalScroll() as pane:
            pane.border_title = "Trust this folder?"
            yield Static(text)
        yield Static(
            Content("y trusts it as it stands    n, Esc runs nothing of it: only looks    q leaves"), id="trust-keys"
        )

    def on_mount(self) -> None:
        self._since = time.monotonic()

    def action_trust(self) -> None:
        pane = self.query_one(VerticalScroll)
        if time.monotonic() - self._since < SETTLE:
            return
        if pane.scroll_offset.y < pane.max_scroll_y:
            self._say("Space shows the rest; y answers once it has been read")
            return
        self.dismiss(True)

    def action_refuse(self) -> None:
        self.dismiss(False)

    def action_scroll(self, by: int) -> None:
        self.query_one(VerticalScroll).scroll_relative(y=by, animate=False)

    def _say(self, text: str) -> None:
        self.query_one("#trust-keys", Static).update(Content(text))
