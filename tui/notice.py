"""What the app has to say in passing, and what a step waits for, in lines of their own: a toast would lie over the log
or the verdict."""

from __future__ import annotations

from textual.content import Content
from textual.timer import Timer
from textual.widgets import Static

from safemig.journal.events import Progress
from safemig.reports.terminal import time_words
from tui.words import clean, since

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


class WaitLine(Static):
    """What the step at work waits for, with the seconds that pass; no room is taken while it waits for nothing."""

    DEFAULT_CSS = """
    WaitLine { display: none; width: 100%; height: auto; max-height: 2; padding: 0 1; color: $text-warning; }
    """

    def __init__(self) -> None:
        super().__init__(markup=False)
        self._progress, self._told = Progress(), ""

    def on_mount(self) -> None:
        self.set_interval(1.0, self._draw)

    def show(self, progress: Progress, told: str) -> None:
        """``told`` is the moment of the event, from which on its seconds count."""
        self._progress, self._told = progress, told
        self.display = bool(progress.text)
        self._draw()

    def _draw(self) -> None:
        if self.display:
            passed = min(since(self._told), self._progress.left)
            words = time_words(self._progress.waited + passed, self._progress.left - passed)
            self.update(Content(f"⧗{words} {clean(self._progress.text)}"))
