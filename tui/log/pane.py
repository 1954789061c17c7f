"""The log pane: live output of commands and containers, each line with its source."""

from __future__ import annotations

import time
from pathlib import Path

from textual import work
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from checks.text import plain
from safemig.base.counting import counted
from safemig.journal.events import Event
from tui.log import save
from tui.log.bar import LogBar
from tui.log.intake import Intake
from tui.log.keys import KEYS
from tui.log.rows import LogRows
from tui.log.search_line import SearchLine
from tui.log.seek import next_error, next_match, settled, settled_error
from tui.log.state import state
from tui.log.store import LogStore
from tui.log.turns import FRAME, TURN, Turns
from tui.log.view import Filter, LogView

_NO_ERROR = "No line is an error."


class LogPane(Widget, can_focus=True):
    """``take`` brings a run's events, ``open_run`` says where its files lie; the rest are keys."""

    BINDINGS = KEYS
    HELP = "The log: every line with its source, ✗ errors and ! warnings. It follows the end until you scroll up."
    DEFAULT_CSS = """
    LogPane {
        layout: vertical;
        border: round $foreground 40%;
        background: $surface;
        &:focus, &:focus-within { border: round $primary; }
        & > Horizontal { height: 1fr; }
        & LogBar { width: 1; height: 1fr; }
        & > Static { height: 1; color: $text-muted; text-wrap: nowrap; text-overflow: ellipsis; }
        &:ansi { background: ansi_default; border: round ansi_bright_black; }
        &:ansi:focus, &:ansi:focus-within { border: round ansi_blue; }
        &:ansi > Static { color: ansi_default; text-style: dim; }
    }
    """

    def __init__(self, run_folder: Path | None = None, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.border_title = "2 Log"
        self.store = LogStore(run_folder)
        self._turns = Turns()
        self.rows = LogRows(self.store, self._turns)
        self.pattern = ""
        self._intake = Intake(self.store)
        self._bar = LogBar(vertical=True)
        self._state = Static("", markup=False)
        self._line = SearchLine()
        self._busy = ""
        self._draining = False

    def compose(self) -> ComposeResult:
        """Rows with their scroll bar, one line of state, the search line when it is open."""
        yield Horizontal(self.rows, self._bar)
        yield self._state
        yield self._line

    def on_mount(self) -> None:
        """Looks at growing files from now on."""
        self.set_interval(FRAME, self._tick)

    def on_unmount(self) -> None:
        """Deletes the file of our own lines."""
        self.store.close()

    def open_run(self, folder: Path) -> None:
        """The folder of the run whose events follow; what is shown already stays."""
        self.store.run_folder = folder

    def take(self, event: Event) -> None:
        """One event of the run. Cheap: the files are read at the next tick, in turns with the keys."""
        self._intake.take(event)

    def flush(self) -> None:
        """Takes in at once all that waits, however long that takes."""
        for _ in self.rows.steps():
            pass
        self.rows.redraw()

    def _tick(self) -> None:
        if self._draining:
            return
        self._intake.poll()
        until = time.monotonic() + TURN
        for _ in self.rows.steps():
            if time.monotonic() > until:
                self._draining = True
                self._drain()
                break
        self.rows.keep_up()

    @work(group="drain")
    async def _drain(self) -> None:
        """A long backlog, in turns with everything else."""
        polled = time.monotonic()
        try:
            async for _ in self._turns.take(self.rows.steps()):
                if time.monotonic() - polled > FRAME:
                    self._intake.poll()
                    self.rows.keep_up()
                    polled = time.monotonic()
        finally:
            self._draining = False

    def on_log_rows_moved(self, event: LogRows.Moved) -> None:
        """The scroll bar and the line of state follow the rows."""
        event.stop()
        self._tell()

    def _tell(self) -> None:
        self._bar.window_virtual_size = max(1, len(self.rows.view))
        self._bar.window_size = self.rows.size.height
        self._bar.position = self.rows.top
        self._state.update(Content(state(self.rows, self._busy, self.pattern)), layout=False)

    def _show_busy(self, words: str) -> None:
        self._busy = words
        self._tell()

    def on_key(self) -> None:
        """Its frame goes before a long backlog, search or filter."""
        self._turns.hold()

    # Keys that move

    def action_move(self, rows: int) -> None:
        """By rows."""
        self.rows.move(rows)

    def action_page(self, halves: int) -> None:
        """By half pages."""
        self.rows.move(halves * max(1, self.rows.size.height // 2))

    def action_edge(self, bottom: bool) -> None:
        """To the first line, or to the last and on with it."""
        self.rows.follow() if bottom else self.rows.move_to(0)

    def action_follow(self) -> None:
        """To the end and on with it; pauses when it follows already."""
        self.rows.toggle_following()

    def action_shift(self, columns: int) -> None:
        """Sideways."""
        self.rows.sideways(columns)

    def action_wrap(self) -> None:
        """Long lines over several rows, or cut at the edge."""
        self.rows.toggle_wrap()

    def action_times(self) -> None:
        """The time of day before each line."""
        self.rows.toggle_times()

    def on_log_bar_dragged(self, event: LogBar.Dragged) -> None:
        """The scroll bar was dragged."""
        event.stop()
        self.rows.move_to(event.place)

    def on_log_bar_paged(self, event: LogBar.Paged) -> None:
        """The scroll bar was clicked beside its handle."""
        event.stop()
        self.action_page(2 * event.pages)

    # Keys that choose

    def choose(self, only: Filter) -> None:
        """Shows only these lines."""
        self.rows.show(LogView(self.store, only))
        self._tick()
        self.rows.redraw()

    def action_source(self) -> None:
        """Only the next source; after the last one all."""
        self.choose(self.rows.view.only.next_source(self.store.tags))

    def action_step(self) -> None:
        """Only the next step; after the last one all."""
        self.choose(self.rows.view.only.next_step(self.store.tags))

    def action_level(self) -> None:
        """All lines, warnings and errors, errors only."""
        self.choose(self.rows.view.only.next_level())

    # Keys that find

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Esc is ours only while there is something to leave, / only while no pattern is typed."""
        if action == "leave":
            shown = self.rows.view.only != Filter()
            return self._line.open or bool(self.pattern) or self.rows.here >= 0 or shown
        return action != "search" or not self._line.has_focus

    def action_search(self) -> None:
        """Opens the search line."""
        self._line.show()

    def on_search_line_asked(self, event: SearchLine.Asked) -> None:
        """Enter in the search line."""
        event.stop()
        self.pattern = event.pattern
        self.rows.search_for(self.pattern)
        self._close_line()
        if self.pattern and self.rows.seen:
            self._find(self.pattern, self.rows.seen[0], 1)

    def action_leave(self) -> None:
        """Closes the search line; then forgets the search; then the filter."""
        if self._line.open:
            self._close_line()
        elif self.pattern or self.rows.here >= 0:
            self.pattern, self.rows.here = "", -1
            self.rows.search_for("")
        else:
            self.choose(Filter())

    def _close_line(self) -> None:
        had_focus = self._line.has_focus
        self._line.remove_class("open")
        if had_focus:
            self.focus()

    def action_again(self, direction: int) -> None:
        """The next match, or the one before."""
        if self.pattern:
            self._find(self.pattern, self.rows.beside(direction), direction)
        else:
            self.action_search()

    def action_error(self, direction: int) -> None:
        """The next error, or the one before; at once when lines that wait to be judged cannot change it."""
        start = self.rows.beside(direction)
        if settled(self.rows.view, start, direction):
            self._go(next_error(self.rows.view, start, direction), start, direction, _NO_ERROR)
        else:
            self._find("", start, direction)

    @work(group="find", exclusive=True)
    async def _find(self, pattern: str, start: int, direction: int) -> None:
        view, nothing = self.rows.view, f"No line has “{plain(pattern, 60)}”." if pattern else _NO_ERROR
        self._show_busy("searching")
        try:
            found = await (
                next_match(self._turns, view, pattern, start, direction)
                if pattern
                else settled_error(self._turns, view, start, direction)
            )
        finally:
            self._show_busy("")
        self._go(found, start, direction, nothing)

    def _go(self, found: int | None, start: int, direction: int, nothing: str) -> None:
        if found is None:
            self.notify(nothing, markup=False)
            return
        self.rows.go(found)
        if (found - start) * direction < 0:
            self.notify("from the top again" if direction > 0 else "from the end again", timeout=2)

    def action_copy(self) -> None:
        """The lines on the screen, each whole."""
        places = dict.fromkeys(place for place, _ in self.rows.rows)
        lines = [save.row(self.rows.view, place, times=self.rows.times) for place in places]
        self.app.copy_to_clipboard("\n".join(lines))
        self.notify(f"{counted(len(lines), 'line')} copied")

    @work(group="save", exclusive=True)
    async def action_save(self) -> None:
        """What is shown as a text file in the run's folder."""
        folder = self.store.run_folder
        if folder is None:
            self.notify("There is no run yet whose folder could take the log.", severity="warning")
            return
        try:
            path = await save.save(
                self._turns,
                self.rows.view,
                folder,
                times=self.rows.times,
                told=lambda done: self._show_busy(f"saving, {done:,} written"),
            )
        except OSError as error:
            self.notify(f"The log could not be saved: {error}", severity="error", markup=False)
        else:
            self.notify(f"Saved as {path}", markup=False)
        finally:
            self._show_busy("")
