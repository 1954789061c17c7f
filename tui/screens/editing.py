"""Editing a proposed file: in the person's own editor, or in a field here when none is set."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar

from textual.app import App, ComposeResult, SuspendNotSupported
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen
from textual.widgets import Static, TextArea

from tui.words import clean


def editor(environment: Mapping[str, str] = os.environ) -> list[str]:
    """The person's editor as an argv; empty when none is set or it is not there."""
    for name in ("VISUAL", "EDITOR"):
        try:
            words = shlex.split(environment.get(name, ""))
        except ValueError:
            continue
        if words and shutil.which(words[0]):
            return words
    return []


def edit_outside(app: App[int], argv: list[str], name: str, text: str) -> str | None:
    """The text after the person's editor; None when it failed, or when the terminal cannot be given away."""
    with tempfile.TemporaryDirectory(prefix="safemig-edit-") as folder:
        path = Path(folder) / (Path(name).name or "proposal")
        path.write_text(text, encoding="utf-8")
        try:
            with app.suspend():
                ended = subprocess.run([*argv, str(path)], check=False)
        except (SuspendNotSupported, OSError):
            return None
        return path.read_text(encoding="utf-8", errors="replace") if ended.returncode == 0 else None


def edit_text(app: App[int], path: str, text: str, take: Callable[[str | None], None]) -> None:
    """Lets the person edit it, in the own editor where one is set; ``take`` gets what came of it, None for nothing."""
    argv = editor()
    if argv:
        edited = edit_outside(app, argv, path, text)
        if edited is None:
            name = Path(argv[0]).name
            app.notify(f"{name} failed, or the terminal cannot be given to it; nothing was changed", severity="warning")
        take(edited)
    elif all(char.isprintable() or char in "\n\t" for char in text):
        app.push_screen(EditScreen(path, text), take)
    else:
        app.notify("the file holds control characters; set $EDITOR to edit it", severity="warning")


class EditScreen(ModalScreen[str | None]):
    """The proposed text in a field of our own; Ctrl+S asks anew about it."""

    DEFAULT_CSS = """
    EditScreen { align: center middle; }
    EditScreen > Static { background: $panel; padding: 0 1; width: 95%; height: 1; text-wrap: nowrap; }
    EditScreen > TextArea { width: 95%; height: 85%; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "ctrl+s",
            "propose",
            "ask again",
            id="edit.propose",
            priority=True,
            tooltip="Ask again about the text as it stands now",
        ),
        Binding(
            "escape",
            "leave",
            "back",
            id="edit.leave",
            priority=True,
            tooltip="Back to the question; nothing is changed",
        ),
    ]

    def __init__(self, name: str, text: str) -> None:
        super().__init__()
        self._name_shown, self._text = name, text

    def compose(self) -> ComposeResult:
        yield Static(f"{clean(self._name_shown)}   Ctrl+S asks again about this text, Esc goes back", markup=False)
        yield TextArea(self._text, show_line_numbers=True)

    def action_propose(self) -> None:
        # Through the field's own queue: keys pressed right before this one are still on their way to it.
        self.query_one(TextArea).call_later(self._propose)

    def _propose(self) -> None:
        self.dismiss(self.query_one(TextArea).text)

    def action_leave(self) -> None:
        self.dismiss(None)
