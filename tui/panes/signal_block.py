"""One of the three signals, large: what it was before the change beside what it is after."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Static

from safemig.journal.events import SignalState
from safemig.signals.words import signal_word
from tui.words import clean

TITLES = {"tests": "Tests", "container": "Container", "endpoints": "Endpoints"}
SIGNS = {"good": "✓", "not good": "✗", "not checked": "?", "not reached": "·", "not yet": "·"}
STATES = {True: "-good", False: "-bad", None: "-unseen"}
_REASONS = 10


class SignalBlock(Vertical):
    """Says its state in words first; colour only repeats it."""

    DEFAULT_CSS = """
    SignalBlock { width: 1fr; height: auto; min-height: 8; border: heavy $foreground 40%; padding: 0 1; }
    SignalBlock.-good { border: heavy $success; }
    SignalBlock.-bad { border: heavy $error; }
    SignalBlock.-unseen { border: heavy $warning; }
    SignalBlock Static { height: auto; width: 1fr; }
    SignalBlock .state { text-align: center; text-style: bold; padding: 1 0; }
    SignalBlock.-good .state { color: $text-success; }
    SignalBlock.-bad .state { color: $text-error; }
    SignalBlock.-unseen .state { color: $text-warning; }
    SignalBlock Horizontal { height: auto; }
    SignalBlock .after { padding: 0 0 0 1; }
    SignalBlock .reasons { color: $text-warning; }
    SignalBlock:ansi, SignalBlock:ansi .state, SignalBlock:ansi .reasons { color: ansi_default; }
    """

    def __init__(self, name: str) -> None:
        super().__init__(id=f"signal-{name}")
        self.border_title = TITLES.get(name, name)

    def compose(self) -> ComposeResult:
        yield Static(classes="state")
        with Horizontal():
            yield Static(classes="before")
            yield Static(classes="after")
        yield Static(classes="reasons")

    def show(self, state: SignalState | None, before: str = "") -> None:
        """The signal; None, and what it was before, while nothing was checked after the change."""
        word = signal_word(state.ok, state.after) if state else "not yet"
        for one, name in STATES.items():
            self.set_class(state is not None and state.ok is one, name)
        self._put("state", f"{SIGNS[word]} {word.upper()}")
        for moment, words in (("before", state.before if state else before), ("after", state.after if state else "")):
            self._put(moment, Content.assemble((moment.upper(), "bold"), "\n", clean(words) or "not reached"))
        reasons = [f"- {clean(reason)}" for reason in state.reasons] if state else []
        more = [f"- and {len(reasons) - _REASONS} more, in the report"] if len(reasons) > _REASONS else []
        self._put("reasons", "\n".join([*reasons[:_REASONS], *more]))

    def _put(self, name: str, words: str | Content) -> None:
        part = self.query_one(f".{name}", Static)
        part.update(words if isinstance(words, Content) else Content(words))
        part.display = bool(words)
