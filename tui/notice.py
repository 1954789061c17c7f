"""What the app has to say in passing, in a line of its own: a toast would lie over the log or the verdict."""

from __future__ import annotations

from textual.content import Content
from textual.timer import Timer
from textual.widgets import Static

from tui.words import clean

SIGNS = {"information": "", "warning": "! ", "error": "✗ "}
SECONDS = 6.0


class NoticeLine(Static):
    """No room is taken while there is nothing to say; the newest word takes the place of the one before."""

    DEFAULT_CSS = """
    NoticeLine { display: none; width: 100%; height: auto; max-height: 5; padding: 0 1; background: $panel; }
    NoticeLine.-warning { color: $text-warning; }
    NoticeLine.-error { color: $text-error; }
    """

    def __init__(self) -> None:
        super().__init__(markup=False)
        self._timer: Timer | None = None

    def say(self, words: str, severity: str = "information", seconds: float | None = None) -> None:
        """Shows the words for that long."""
        for name in SIGNS:
            self.set_class(name == severity, f"-{name}")
        self.update(Content(SIGNS.get(severity, "") + clean(words)))
        self.display = True
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(SECONDS if seconds is None else seconds, self.close)

    def close(self) -> None:
        """Gives the room back."""
        self.display = False
