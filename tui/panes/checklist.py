"""The checklist pane: the implementation plan as it stands in its Markdown file.

It never writes. What is to be ticked goes upward as TickAsked with the sha256 of what the person saw; the file is
looked at twice a second, so that a change made elsewhere appears by itself.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from safemig.plan_document.document import Item, read
from safemig.plan_document.vocabulary import Vocabulary, vocabulary
from tui.panes import checklist_view
from tui.panes.checklist_lines import Line, lay_out
from tui.panes.checklist_view import View
from tui.panes.find_line import match_from, matches
from tui.words import clean

LOOK_EVERY = 0.5
LARGEST = 4 << 20  # bytes: more takes seconds to parse, and nobody reads a plan of that size
CHANGED = "the file was changed elsewhere"
BOX = range(2, 5)  # the cells of a line in which a click meets the box


@dataclass
class TickAsked(Message):
    """These lines (1-based) of the file are to be ticked or unticked, if it still has that sha256."""

    file: str
    lines: tuple[int, ...]
    ticked: bool
    sha256: str
    texts: tuple[str, ...] = ()


@dataclass
class ChecklistRead(Message):
    """The file was read anew: what the run proves of it has to be told again, for lines may have moved."""

    file: str
    sha256: str


class ChecklistPane(ScrollView, can_focus=True):
    """Phases and items with their boxes; ``show`` says which file, ``prove`` which items the run has proved."""

    DEFAULT_CSS = """
    ChecklistPane {
        border: round $foreground 40%;
        background: $surface;
        overflow-x: hidden;
        scrollbar-size-vertical: 1;
        scrollbar-gutter: stable;
        &:focus { border: round $primary; }
        & > .checklist--phase { text-style: bold; color: $text-accent; }
        & > .checklist--ticked { color: $text-muted; }
        & > .checklist--evidence { color: $text-muted; text-style: italic; }
        & > .checklist--marked { background: $accent 30%; }
        & > .checklist--cursor { text-style: bold; background: $accent 20%; }
        &:ansi { background: ansi_default; border: round ansi_bright_black; }
        &:ansi:focus { border: round ansi_blue; }
        &:ansi > .checklist--phase { color: ansi_blue; }
        &:ansi > .checklist--ticked { color: ansi_default; text-style: dim; }
        &:ansi > .checklist--evidence { color: ansi_default; text-style: dim; }
        &:ansi > .checklist--marked { background: ansi_default; text-style: underline; }
        &:ansi > .checklist--cursor { background: ansi_default; text-style: bold reverse; }
    }
    """
    HELP = (
        "The plan's checklist. Space ticks the item or the marked range, T what the run has proved in its phase. "
        "+ stands before what is proved and not yet ticked, ? before what is proposed: it has evidence, but says more, "
        "and P ticks it; ✓ before a tick that this run has proved, nothing before one that is somebody's word alone; "
        "! before what is ticked and not true."
    )
    STYLES = ("item", "ticked", "marked", "cursor", "phase", "evidence")
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"checklist--{name}" for name in STYLES}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "tick", "tick", id="checklist.tick", tooltip="Tick or untick the item, or the marked range"),
        Binding("T", "tick_proved", "proved", id="checklist.proved", tooltip="Tick what is proved in the run's phase"),
        Binding("P", "tick_proposed", "proposed", id="checklist.proposed",
                tooltip="Tick what is proposed in the run's phase"),
        Binding("v", "mark", "range", id="checklist.mark", tooltip="Begin a range of items, or drop it"),
        Binding("enter", "evidence", "evidence", id="checklist.evidence", tooltip="Evidence of every item, or of one"),
        Binding("escape", "unmark", show=False, id="checklist.unmark", tooltip="Drop the marked range"),
        Binding("up,k", "move(-1)", show=False, id="checklist.up", tooltip="One item up"),
        Binding("down,j", "move(1)", show=False, id="checklist.down", tooltip="One item down"),
        Binding("shift+up,K", "extend(-1)", show=False, id="checklist.mark_up", tooltip="Mark the item above too"),
        Binding("shift+down,J", "extend(1)", show=False, id="checklist.mark_down", tooltip="Mark the item below too"),
        Binding("pageup,ctrl+u", "page(-1)", show=False, id="checklist.page_up", tooltip="A page up"),
        Binding("pagedown,ctrl+d", "page(1)", show=False, id="checklist.page_down", tooltip="A page down"),
        Binding("home,g", "move(-1000000)", show=False, id="checklist.first", tooltip="The first item"),
        Binding("end,G", "move(1000000)", show=False, id="checklist.last", tooltip="The last item"),
        Binding("[", "phase(-1)", show=False, id="checklist.phase_before", tooltip="The phase before"),
        Binding("]", "phase(1)", show=False, id="checklist.phase_next", tooltip="The next phase"),
    ]  # fmt: skip

    def __init__(self, root: Path, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._root = root
        self._path: Path | None = None
        self._stamp: tuple[int, ...] = ()
        self._at_hand = ""
        self._view: View | None = None
        self._lines: tuple[Line, ...] = ()
        self._failure = "no implementation plan is chosen yet"
        self._word = ""
        self._asked = ""  # the sha256 of the file before a tick that was asked for, or after the run's: no news then

    def on_mount(self) -> None:
        self.set_interval(LOOK_EVERY, self.look_again)
        self._draw()

    # What the app tells.

    def show(self, spec: str | Path, phase: str) -> None:
        """The file (relative to the project's root) and the key of the phase that the run is about."""
        self._path, self._at_hand, self._view, self._word = self._root / spec, phase, None, ""
        self._read()

    def prove(self, lines: Collection[int], reasons: Mapping[int, str]) -> None:
        """What the run has shown of the file as it is drawn: the lines it proves; by line, by what or why not."""
        if self._view is not None:
            self._change(checklist_view.proved(self._view, lines, reasons), follow=False)

    def look_again(self, expected: str = "") -> None:
        """Reads the file if it is no longer the one that is drawn; ``expected``: what a tick of the run made of it."""
        self._asked = expected or self._asked
        if self._path is not None and _stamp(self._path) != self._stamp:
            self._read()
        elif self._view is not None and expected == self._view.document.sha256 and self._word == CHANGED:
            self._word = ""  # the pane's own look was quicker than the run's word of its tick
            self._draw()

    @property
    def view(self) -> View | None:
        """What is drawn; None while the file cannot be read."""
        return None if self._failure else self._view

    def _read(self) -> None:
        assert self._path is not None
        self._stamp = _stamp(self._path)
        try:
            if self._stamp and self._stamp[1] > LARGEST:
                raise OSError(0, f"it is larger than {LARGEST >> 20} MiB")
            document = read(self._path, self._root, _words(self._root))
        except OSError as error:
            # The view is kept: an editor that replaces a file takes it away for a moment.
            self._failure = f"{self._path.name} cannot be read: {error.strerror}"
            self._draw()
            return
        known, self._failure = self._view, ""
        if known is None:
            self._change(checklist_view.opened(document, self._at_hand))
        else:
            if document.sha256 != known.document.sha256 and self._asked not in (document.sha256, known.document.sha256):
                self._word = CHANGED
            self._change(checklist_view.reread(known, document))
        self.post_message(ChecklistRead(document.path, document.sha256))

    # Drawing.

    def _change(self, view: View, *, follow: bool = True) -> None:
        self._view = view
        self._draw(follow=follow)

    def _draw(self, *, follow: bool = False) -> None:
        view, width = self.view, self.scrollable_content_region.width
        if view is None:
            self._lines = (Line(clean(self._failure), "evidence"),)
        elif not view.rows:
            self._lines = (*lay_out(view, width), Line("this file has no checklist items", "evidence"))
        else:
            self._lines = lay_out(view, width)
        self.virtual_size = Size(width, len(self._lines))
        # As Content, for a str would be read as markup.
        self.border_title, self.border_subtitle = map(Content, self._titles(view))
        if follow:
            self._scroll_to_cursor()
        self.refresh()

    def _titles(self, view: View | None) -> tuple[str, str]:
        name = view.document.path if view else self._path.name if self._path else ""
        title = f"3 Checklist {clean(name)}".strip()
        if view is None:
            return title, ""
        done = sum(row.item.checked for row in view.rows)
        waiting = len(checklist_view.to_tick_proved(view))
        proposed = len(checklist_view.to_tick_proposed(view))
        words = [self._word, f"{len(view.marked)} marked" if view.marked else ""]
        words += [f"? {proposed} proposed: P" if proposed else ""]
        words += [
            f"+ {waiting} proved, not yet ticked: T" if waiting else "",
            f"{done} of {len(view.rows)} ticked{_of_them(view)}",
        ]
        return title, " · ".join(filter(None, words))

    def _scroll_to_cursor(self) -> None:
        assert self._view is not None
        mine = [at for at, line in enumerate(self._lines) if line.row == self._view.cursor]
        if mine:
            top = 0 if self._view.cursor == 0 else mine[0]  # the heading above the first item is worth a line
            self.scroll_to_region(Region(0, top, 1, mine[-1] + 1 - top), animate=False)

    def render_line(self, y: int) -> Strip:
        """One line of the pane."""
        at, width = self.scroll_offset.y + y, self.scrollable_content_region.width
        if at >= len(self._lines):
            return Strip.blank(width, self.rich_style)
        line = self._lines[at]
        style = self.rich_style + self.get_component_rich_style(f"checklist--{line.style}")
        return Strip([Segment(line.text, style)]).adjust_cell_length(width, style)

    def on_resize(self) -> None:
        self._draw(follow=self._view is not None)

    # Keys.

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Escape is ours only while there is a range; nothing is while there is no item."""
        if action == "unmark":
            return self.view is not None and self.view.anchor is not None
        mine = {"tick", "tick_proved", "tick_proposed", "mark", "evidence", "move", "extend", "page", "phase"}
        return action not in mine or bool(self.view and self.view.rows)

    def _told(self) -> View:
        assert self._view is not None  # check_action has seen to it
        self._word = ""
        return self._view

    def find(self, words: str, by: int) -> tuple[int, int]:
        """The cursor on the item that is ``by`` matches further: which match that is, and of how many."""
        view = self.view
        places = matches([row.item.text for row in view.rows], words) if view else []
        if view is None or not places:
            return 0, 0
        index = match_from(places, view.cursor, by)
        self.action_move(places[index] - view.cursor)
        return index + 1, len(places)

    def action_move(self, by: int) -> None:
        self._change(checklist_view.moved(self._told(), by))

    def action_extend(self, by: int) -> None:
        self._change(checklist_view.moved(self._told(), by, extend=True))

    def action_page(self, by: int) -> None:
        self.action_move(by * max(self.scrollable_content_region.height // 2, 1))

    def action_phase(self, by: int) -> None:
        self._change(checklist_view.to_phase(self._told(), by))

    def action_mark(self) -> None:
        self._change(checklist_view.marking(self._told()))

    def action_unmark(self) -> None:
        self.action_mark()

    def action_evidence(self) -> None:
        view = self._told()
        self._change(replace(view, all_evidence=not view.all_evidence))

    def action_tick(self) -> None:
        items, ticked = checklist_view.to_tick(self._told())
        self._ask(items, ticked, "this item can be neither ticked nor unticked")

    def action_tick_proved(self) -> None:
        items = checklist_view.to_tick_proved(self._told())
        self._ask(items, True, "nothing that is proved is still open in this run's phase")

    def action_tick_proposed(self) -> None:
        items = checklist_view.to_tick_proposed(self._told())
        self._ask(items, True, "nothing that is proposed is still open in this run's phase")

    def _ask(self, items: Sequence[Item], ticked: bool, otherwise: str) -> None:
        """Posts what is to be ticked, unless what the person saw is no longer what the file says."""
        view = self._told()
        self.look_again()
        if self._view is not view:
            self._word = "the file has changed just now; look, and press again"
            self._draw()
        elif not items:
            self._word = otherwise
            self._draw()
        else:
            lines, texts = tuple(item.line for item in items), tuple(item.text for item in items)
            self._asked = view.document.sha256
            self.post_message(TickAsked(view.document.path, lines, ticked, view.document.sha256, texts))
            self._change(replace(view, anchor=None))

    def on_click(self, event: events.Click) -> None:
        """A click goes to the item; on its box it also ticks or unticks it."""
        at = event.get_content_offset(self)
        number = at.y + self.scroll_offset.y if at else -1
        if self.view is None or at is None or not 0 <= number < len(self._lines):
            return
        line = self._lines[number]
        if line.row >= 0:
            self._change(replace(self._told(), cursor=line.row, anchor=None))
            if line.box and at.x in BOX:
                self.action_tick()


def _of_them(view: View) -> str:
    """How many of the ticks this run has proved, where it has proved any."""
    proved = sum(row.item.checked and row.name in view.proved for row in view.rows)
    return f" (✓ {proved} proved)" if proved else ""


def _stamp(path: Path) -> tuple[int, ...]:
    """What changes when a file does; empty when there is none."""
    try:
        stat = path.stat()
    except OSError:
        return ()
    return stat.st_mtime_ns, stat.st_size, stat.st_ino


def _words(root: Path) -> Vocabulary:
    """The words by which the project's specs are read. A broken safemig.yaml is told by everything else."""
    from safemig.project.config import ConfigError, load

    try:
        return load(root).words
    except ConfigError:
        return vocabulary()
