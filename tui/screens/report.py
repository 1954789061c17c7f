"""The report of a run, finished or not: the three signals large, then schema, approvals and timeline."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from rich.console import Group
from rich.table import Table as RichTable
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from safemig.journal.state import RunState
from safemig.reports.formats import Format
from safemig.reports.json_document import SIGNALS
from tui.key_bar import KeyBar
from tui.notice import NoticeLine
from tui.panes.item_states import before_words, signals_of
from tui.panes.signal_block import SignalBlock
from tui.screens import report_file
from tui.screens.report_tables import Table, tables
from tui.screens.save_line import SaveAsked, SaveLine
from tui.words import clean, duration, since


class ReportScreen(Screen[None]):
    """Shows one RunState; ``show`` gives it a newer one."""

    CSS = """
    ReportScreen #verdict { height: auto; padding: 0 1; }
    ReportScreen #signals { height: auto; }
    ReportScreen.-narrow #signals { layout: vertical; }
    ReportScreen.-narrow SignalBlock { width: 100%; min-height: 6; }
    ReportScreen #report { height: 1fr; scrollbar-gutter: stable; }
    ReportScreen #parts { height: auto; padding: 0 1; }
    """
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (72, "-wide")]  # noqa: RUF012  as Textual declares it
    HELP = "The report of this run. m, j and u save it as Markdown, JSON or JUnit; Esc goes back."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("m", "save('md')", "save Markdown", id="report.markdown", tooltip="Save the report as Markdown"),
        Binding("j", "save('json')", "JSON", id="report.json", tooltip="Save the report as JSON"),
        Binding("u", "save('junit')", "JUnit", id="report.junit", tooltip="Save the report as JUnit XML"),
        Binding("escape,q", "leave", "back", id="report.leave", tooltip="Back to the run"),
        Binding("down", "scroll(1)", show=False, id="report.down", tooltip="A line down"),
        Binding("up", "scroll(-1)", show=False, id="report.up", tooltip="A line up"),
        Binding("ctrl+d,pagedown,space", "scroll(12)", show=False, id="report.page_down", tooltip="Half a page down"),
        Binding("ctrl+u,pageup", "scroll(-12)", show=False, id="report.page_up", tooltip="Half a page up"),
        Binding("g,home", "scroll(-1000000)", show=False, id="report.top", tooltip="To the top"),
        Binding("G,end", "scroll(1000000)", show=False, id="report.bottom", tooltip="To the bottom"),
    ]

    def __init__(self, summary: RunState, folder: Path | None = None, unsealed: str = "") -> None:
        """``folder`` is the run's; without it, where the journal says that the project was. ``unsealed`` says why the
        rest of the journal is left out."""
        super().__init__()
        self._summary, self._unsealed = summary, unsealed
        self._folder = folder or Path(summary.started.project) / ".safemig" / "runs" / summary.run
        self._drawn: tuple[Table, ...] | None = None
        self._saved = ""

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="report"):
            yield Static(id="verdict")
            with Horizontal(id="signals"):
                yield from (SignalBlock(name) for name in SIGNALS)
            yield Static(id="parts")
        yield SaveLine()
        yield NoticeLine()
        yield KeyBar()

    def on_mount(self) -> None:
        self.show(self._summary)
        self.query_one("#report").focus()

    def show(self, summary: RunState) -> None:
        """Draws a newer summary of the same run; what one has scrolled to stays."""
        self._summary = summary
        self.query_one("#verdict", Static).update(_head(summary, self._saved, self._unsealed))
        signals, before = signals_of(summary), before_words(summary)
        for name in SIGNALS:
            self.query_one(f"#signal-{name}", SignalBlock).show(signals.get(name), before[name])
        made = tables(summary)
        if made != self._drawn:
            self._drawn = made
            parts = [part for table in made for part in _renderables(table)]
            self.query_one("#parts", Static).update(Group(*parts))

    # Keys.

    def action_scroll(self, by: int) -> None:
        self.query_one("#report", VerticalScroll).scroll_relative(y=by, animate=False)

    def action_leave(self) -> None:
        self.dismiss(None)

    def action_save(self, form: Format) -> None:
        self.query_one(SaveLine).ask(form, self._folder / report_file.NAMES[form])

    def on_save_asked(self, message: SaveAsked) -> None:
        """A file of somebody else is replaced only when the person says so twice; a report of this run is ours."""
        line, path = self.query_one(SaveLine), message.path
        ours = path == (self._folder / report_file.NAMES[message.form]).absolute()
        if path.exists() and not (ours or message.sure):
            line.warn(path, "it exists; Enter again replaces it")
            return
        try:
            report_file.save(self._summary, self._folder, message.form, path, self._unsealed)
        except OSError as error:
            line.say(f"not saved: {error.strerror}")
            return
        self._close(line)
        self._saved = str(path)
        self.show(self._summary)

    def on_save_dropped(self) -> None:
        self._close(self.query_one(SaveLine))

    def _close(self, line: SaveLine) -> None:
        line.close()
        self.query_one("#report").focus()


def _head(summary: RunState, saved: str, unsealed: str) -> Content:
    """The verdict in words, what run it is of, the state things are in, and where the report was saved."""
    verdict = clean(summary.verdict) or ("waiting for an answer" if summary.waiting else "not finished")
    took = duration(since(summary.began, summary.ended)) if summary.began else ""
    facts = [summary.run, summary.target, f"mode {summary.mode}" if summary.mode else "", summary.started.runtime, took]
    lines = [Content.assemble((verdict.upper(), "bold"), "  ", " · ".join(clean(fact) for fact in facts if fact))]
    lines += (
        [Content.styled(f"only a part of the journal is shown: {clean(unsealed)}", "$text-error")] if unsealed else []
    )
    lines += [Content(f"reason: {clean(summary.reason)}")] if summary.reason else []
    lines += [Content(f"state: {clean(summary.state)}")] if summary.state else []
    lines += [Content(f"saved: {clean(saved)}")] if saved else []
    return Content("\n").join(lines)


def _renderables(table: Table) -> Iterator[Text | RichTable]:
    """Cells are Text, so that nothing of them is read as markup."""
    yield Text(f"\n{table.title}", style="bold underline")
    if table.said:
        yield Text("\n".join(table.said))
    if not table.rows:
        return
    grid = RichTable(box=None, padding=(0, 1, 0, 0), pad_edge=False, show_header=bool(table.columns), expand=False)
    for at in range(max(len(row) for row in table.rows)):
        head = table.columns[at] if at < len(table.columns) else ""
        grid.add_column(Text(head, style="bold"), overflow="fold", no_wrap=head in ("AT", "TOOK"))
    for row in table.rows:
        grid.add_row(*(Text(cell) for cell in row))
    yield grid
