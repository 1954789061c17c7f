"""The panes beside the plan, in one place: log, checklist and shell line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Static

from safemig.events import Event
from safemig.summary_model import Summary


@dataclass
class Panes:
    """The widgets and what goes down to them."""

    log: Widget
    checklist: Widget
    command_line: Widget

    def take(self, event: Event, folder: Path) -> None:
        """An event of the run that lies in ``folder``."""

    def show_spec(self, spec: str, phase: str) -> None:
        """The checklist of this run."""

    def open_shell(self) -> None:
        """Opens the shell line."""


def make_panes(root: Path) -> Panes:
    """Fresh panes for a run of the project at ``root``."""
    return Panes(_Pane(id="log"), _Pane(id="checklist"), Static(id="command-line"))


class _Pane(Static, can_focus=True):
    pass


def report_screen(summary: Summary) -> Screen[None]:
    """The report of a run."""
    from textual.content import Content

    from safemig.report import render
    from tui.step_screen import TextScreen
    from tui.words import clean_lines

    return TextScreen("Report", Content("\n".join(clean_lines(render(summary, "md")))))


def classes() -> list[tuple[str, type[Widget]]]:
    """The panes that have keys, by their name for a person."""
    return []
