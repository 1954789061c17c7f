"""The small screens over everything: leave or stay, stop a change or not, and the keys of the pane at hand."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import ModalScreen, Screen
from textual.widgets import Static

from tui.palette import own_keys
from tui.screens.step import TextScreen
from tui.words import clean


class ChoiceScreen(ModalScreen[bool]):
    """Asks one thing, over everything; Enter answers nothing."""

    DEFAULT_CSS = """
    ChoiceScreen { align: center middle; }
    ChoiceScreen > Static { width: auto; max-width: 90%; height: auto; padding: 1 2; }
    ChoiceScreen > Static { border: round $warning; background: $surface; }
    """

    def __init__(self, text: str, choices: str) -> None:
        super().__init__()
        self._text, self._choices = text, choices

    def compose(self) -> ComposeResult:
        yield Static(Content.assemble((self._text, ""), "\n\n", (self._choices, "bold")))

    def action_choose(self, chosen: bool) -> None:
        self.dismiss(chosen)


class LeaveScreen(ChoiceScreen):
    """Whether to leave."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y,q", "choose(True)", "leave", id="leave.yes", tooltip="Leave the screen"),
        Binding("n,escape", "choose(False)", "stay", id="leave.no", tooltip="Stay here"),
    ]

    def __init__(self, text: str) -> None:
        super().__init__(text, "y leave    n stay")


class StopScreen(ChoiceScreen):
    """Whether a change of the database is to be stopped midway."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "choose(True)", "stop", id="stop.yes", tooltip="Stop the change (so does Ctrl+C once more)"),
        Binding("n,escape", "choose(False)", "go on", id="stop.no", tooltip="Let the change go on"),
    ]

    def __init__(self, title: str) -> None:
        text = (
            f"Stop “{clean(title)}”? The database is being changed. What has not been committed is taken back; "
            "what runs outside of a transaction stays half done."
        )
        super().__init__(text, "Ctrl+C or y stops it    n lets it go on")


def keys_of(screen: Screen[object]) -> TextScreen:
    """A screen with every key that does something at this moment, those of the focused pane first."""
    focused = screen.focused
    lines: list[Content] = []
    named = getattr(focused, "HELP", None) or getattr(screen, "HELP", None)
    if named:
        lines += [Content(str(named)), Content("")]
    groups: dict[object, list[tuple[str, str]]] = {}
    for key, active in own_keys(screen):
        binding = active.binding
        shown = screen.app.get_key_display(
            binding.with_key(key, binding.key_display if "," not in binding.key else None)
        )
        groups.setdefault(active.node, []).append((shown, binding.tooltip or binding.description))
    groups.setdefault(screen.app, []).append(("^p", "The palette: all that can be done here, by name"))
    for node, keys in sorted(groups.items(), key=lambda group: (group[0] is screen.app, group[0] is screen)):
        lines.append(Content.styled(_name(node, screen), "bold"))
        told: dict[str, list[str]] = {}
        for shown, text in keys:
            told.setdefault(text, []).append(shown)
        lines += [Content.assemble((f"  {' '.join(shown):<22} ", "$text-accent"), text) for text, shown in told.items()]
        lines.append(Content(""))
    return TextScreen("Keys", Content("\n").join(lines))


def _name(node: object, screen: Screen[object]) -> str:
    if node is screen:
        return "This screen"
    if node is screen.app:
        return "Everywhere"
    return str(getattr(node, "border_title", None) or type(node).__name__)
