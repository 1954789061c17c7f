"""Asks where the report goes: Enter takes the path that is shown, Esc drops it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static

from safemig.reports.formats import Format
from tui.words import clean


@dataclass
class SaveAsked(Message):
    """The report is to be written there; ``sure`` when the person has said so of a file that exists."""

    form: Format
    path: Path
    sure: bool


@dataclass
class SaveDropped(Message):
    """The person has thought better of it."""


class SaveLine(Horizontal):
    """Hidden until it asks. The same path entered a second time says that the file there may be replaced."""

    DEFAULT_CSS = """
    SaveLine { height: 1; display: none; background: $panel; }
    SaveLine.-asking { display: block; }
    SaveLine Static { width: auto; max-width: 60%; padding: 0 1; text-style: bold; }
    SaveLine Input { width: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "drop", "do not save", id="save.drop", tooltip="Save nothing and go back to the report"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._form: Format = "md"
        self._warned: Path | None = None

    def compose(self) -> ComposeResult:
        yield Static()
        yield Input(compact=True, select_on_focus=False)

    def ask(self, form: Format, path: Path) -> None:
        """Shows the path for the report in that form, ready to be changed."""
        self._form, self._warned = form, None
        self.add_class("-asking")
        field = self.query_one(Input)
        field.value = clean(str(path))
        field.cursor_position = len(field.value)
        self.say(f"save {form} as")
        field.focus()

    def warn(self, path: Path, words: str) -> None:
        """The path cannot be taken just like that; a second Enter on it is an answer."""
        self._warned = path
        self.say(words)

    def say(self, words: str) -> None:
        """What stands before the path."""
        self.query_one(Static).update(Content(clean(words)))

    def close(self) -> None:
        """Hides the line."""
        self.remove_class("-asking")

    def on_input_submitted(self, message: Input.Submitted) -> None:
        message.stop()
        name = message.value.strip()
        if not name:
            self.say("name a file")
            return
        path = Path(name).expanduser().absolute()
        self.post_message(SaveAsked(self._form, path, path == self._warned))

    def on_input_changed(self, message: Input.Changed) -> None:
        message.stop()

    def action_drop(self) -> None:
        self.post_message(SaveDropped())
