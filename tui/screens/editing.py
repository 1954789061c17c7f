"""Editing a proposed file: in the person's own editor, or in a field here when none is set."""

from __future__ import annotations

import os
import re
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

from tui.screens.dialogs import ChoiceScreen
from tui.words import clean

_HUNK = re.compile(r"^@@ -\d+(?:,\d+)? \+(\d+)")
LINE_FIRST = frozenset({"vi", "vim", "nvim", "nano", "emacs", "emacsclient", "micro", "kak"})  # take +LINE before FILE


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


def first_change(diff: str) -> int:
    """The first line, from 1, of the new text that a unified diff adds or takes away; 1 where it shows none. Pure."""
    number = 0
    for line in diff.splitlines():
        if hunk := _HUNK.match(line):
            number = int(hunk[1])
        elif number and line.startswith(("+", "-")):
            return number
        elif number:
            number += 1
    return 1


def edit_outside(app: App[int], argv: list[str], name: str, text: str, line: int = 1) -> str | None:
    """The text after the person's editor; None when it failed, or when the terminal cannot be given away."""
    with tempfile.TemporaryDirectory(prefix="safemig-edit-") as folder:
        path = Path(folder) / (Path(name).name or "proposal")
        path.write_text(text, encoding="utf-8")
        try:
            with app.suspend():
                place = [f"+{line}"] if line > 1 and Path(argv[0]).name in LINE_FIRST else []
                ended = subprocess.run([*argv, *place, str(path)], check=False)
        except (SuspendNotSupported, OSError):
            return None
        return path.read_text(encoding="utf-8", errors="replace") if ended.returncode == 0 else None


def edit_text(app: App[int], path: str, text: str, line: int, take: Callable[[str | None], None]) -> None:
    """Lets the person edit it from that line on, in the own editor where one is set; ``take`` gets what came of it,
    None for nothing."""
    argv = editor()
    if argv:
        edited = edit_outside(app, argv, path, text, line)
        if edited is None:
            name = Path(argv[0]).name
            app.notify(f"{name} failed, or the terminal cannot be given to it; nothing was changed", severity="warning")
        take(edited)
    elif all(char.isprintable() or char in "\n\t" for char in text):
        app.push_screen(EditScreen(path, text, line), take)
    else:
        app.notify("the file holds control characters; set $EDITOR to edit it", severity="warning")


class DiscardScreen(ChoiceScreen):
    """Whether an edited text is thrown away."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "choose(True)", "discard", id="discard.yes", tooltip="Discard what you have changed"),
        Binding("n,escape", "choose(False)", "keep editing", id="discard.no", tooltip="Go on editing"),
    ]

    def __init__(self) -> None:
        super().__init__("Discard what you have changed here?", "y discards it    n goes on editing")


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
            tooltip="Back to the question; asks before it discards what you have changed",
        ),
    ]

    def __init__(self, name: str, text: str, line: int = 1) -> None:
        """The cursor stands on ``line``, from 1."""
        super().__init__()
        self._name_shown, self._text, self._line = name, text, line

    def compose(self) -> ComposeResult:
        yield Static(f"{clean(self._name_shown)}   Ctrl+S asks again about this text, Esc goes back", markup=False)
        field = TextArea(self._text, show_line_numbers=True, tab_behavior="indent")
        field.indent_type = "tabs" if "\n\t" in self._text else "spaces"  # a recipe of make begins with a tab
        yield field

    def on_mount(self) -> None:
        field = self.query_one(TextArea)
        field.focus()
        field.move_cursor((self._line - 1, 0), center=True)

    def action_propose(self) -> None:
        # Through the field's own queue: keys pressed right before this one are still on their way to it.
        self.query_one(TextArea).call_later(self._propose)

    def _propose(self) -> None:
        self.dismiss(self.query_one(TextArea).text)

    def action_leave(self) -> None:
        self.query_one(TextArea).call_later(self._leave)

    def _leave(self) -> None:
        if self.query_one(TextArea).text == self._text:
            self.dismiss(None)
        else:
            self.app.push_screen(DiscardScreen(), self._take_discard)

    def _take_discard(self, discard: bool | None) -> None:
        if discard:
            self.dismiss(
                None
            )  # not returned: what a callback returns is awaited, and this screen would wait for itself
