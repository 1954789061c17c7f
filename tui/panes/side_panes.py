"""The panes beside the plan, in one place: log, checklist, shell line and report."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from textual.dom import DOMNode

from safemig.journal.events import Event, Tick, Untick
from safemig.journal.messages import Message
from safemig.journal.state import RunState
from safemig.planning.facts import Facts
from safemig.planning.plan import Plan
from tui.log.pane import LogPane
from tui.panes import ticking
from tui.panes.checklist import ChecklistPane, TickAsked
from tui.panes.item_states import proved
from tui.panes.shell_line import CommandLine, ShellAsked
from tui.screens.report import ReportScreen

PROVING = ("evidence", "step.finished", "run.finished", "facts", "plan.revised", "tick", "untick")


@dataclass
class Panes:
    """The widgets and what goes down to them."""

    root: Path
    log: LogPane
    checklist: ChecklistPane
    command_line: CommandLine

    def take(self, event: Event, folder: Path) -> None:
        """An event of the run that lies in ``folder``."""
        if event.kind in ("run.started", "run.resumed"):
            self.log.open_run(folder)
        self.log.take(event)
        if isinstance(event.body, Tick | Untick):
            self.checklist.look_again(event.body.sha256)

    def complain(self, words: str) -> None:
        """What an engine said on its stderr before it ended."""
        self.log.store.note(words, "safemig", "", "error")

    def show_spec(self, facts: Facts) -> None:
        """The checklist of this run."""
        if facts.spec is not None:
            self.checklist.show(facts.spec.path, facts.spec.phase)

    def prove(self, summary: RunState, facts: Facts | None, plan: Plan | None) -> None:
        """Which items of the checklist the run has proved by now, and by what."""
        if self.checklist.view is not None:
            found = proved(summary, facts, plan, self.checklist.view.document, self.root)
            self.checklist.prove(found.lines, found.reasons)


def make_panes(root: Path, folder: str = ".") -> Panes:
    """Fresh panes for a run of the project at ``root``; the shell line begins in ``folder``."""
    return Panes(
        root,
        LogPane(id="log"),
        ChecklistPane(root, id="checklist"),
        CommandLine(root, folder=folder, id="command-line"),
    )


def tick_messages(asked: TickAsked) -> tuple[Message, ...]:
    """What to tell a running engine about a tick."""
    return ticking.messages(asked)


def tick_file(root: Path, asked: TickAsked) -> str:
    """The tick straight into the file, when no engine runs; "" or why it could not be done."""
    return ticking.write(root, asked)


def shell_message(asked: ShellAsked) -> Message:
    """The person's own shell line for the engine."""
    return Message("shell", line_text=asked.line, cwd=asked.cwd)


def report_screen(summary: RunState, folder: Path) -> ReportScreen:
    """The report of the run that lies in ``folder``."""
    return ReportScreen(summary, folder)


def classes() -> list[tuple[str, type[DOMNode]]]:
    """The panes that have keys, by their name for a person."""
    from tui.panes.shell_input import ShellInput

    return [("Log", LogPane), ("Checklist", ChecklistPane), ("Shell line", ShellInput), ("Report", ReportScreen)]
