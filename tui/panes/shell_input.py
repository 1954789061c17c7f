"""The line that is typed behind `!`."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input

LONGEST = 10_000


class ShellInput(Input):
    """An input whose keys are those of a shell; it decides nothing itself."""

    HELP = (
        "A shell line of your own, run in the folder that is shown; its output goes to the log. cd moves that folder."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "run", id="shell.run", tooltip="Run the line in the folder that is shown"),
        Binding("tab", "complete", "complete", id="shell.complete", tooltip="Complete the name of a file"),
        Binding("up", "walk(-1)", "older", id="shell.older", tooltip="The line that was run before"),
        Binding("down", "walk(1)", "newer", id="shell.newer", tooltip="The line that was run after it"),
        Binding("escape", "leave", "leave", id="shell.leave", tooltip="Back to where you were"),
        Binding("backspace", "delete_left", show=False, id="shell.back", tooltip="Delete; leaves on the empty line"),
    ]

    class CompletionAsked(Message):
        """Tab."""

    class WalkAsked(Message):
        """Up (-1) or down (1)."""

        def __init__(self, by: int) -> None:
            super().__init__()
            self.by = by

    class LeaveAsked(Message):
        """Escape, or Backspace on the empty line."""

    def __init__(self) -> None:
        super().__init__(compact=True, select_on_focus=False, max_length=LONGEST)
        self.border_title = "Shell line"  # no border here; the list of keys goes by it

    def validate_value(self, value: str) -> str:
        """What is pasted may hold anything; only what can be seen is kept."""
        if value.isprintable():
            return value
        return "".join(char if char.isprintable() else " " if char.isspace() else "" for char in value)

    def action_complete(self) -> None:
        self.post_message(self.CompletionAsked())

    def action_walk(self, by: int) -> None:
        self.post_message(self.WalkAsked(by))

    def action_leave(self) -> None:
        self.post_message(self.LeaveAsked())

    def action_delete_left(self) -> None:
        if self.value:
            super().action_delete_left()
        else:
            self.post_message(self.LeaveAsked())
