"""The plan as a tree: before, change, after; each step with state, progress, duration and risk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.geometry import Region
from textual.message import Message
from textual.widgets import Static

from safemig.journal.state import RunState, StepState
from safemig.planning.plan import Plan
from tui.panes.find_line import match_from, matches
from tui.words import PHASES, RISKS, SHADES, SIGNS, WORDS, clean, duration, since

SHORT = {"write": "w", "DESTRUCTIVE": "!!"}  # in a narrow pane


@dataclass(frozen=True)
class Row:
    """A line of the pane: a group (``step`` is "") or a step."""

    group: str
    step: str = ""
    title: str = ""
    status: str = ""
    risk: str = ""
    note: str = ""


NOTE_WIDTH = 5  # cells: "waits", "1.4 s", "12:30"


class PlanPane(VerticalScroll, can_focus=True):
    """The steps; posts StepOpened on Enter."""

    DEFAULT_CSS = """
    PlanPane { border: round $foreground 40%; background: $surface; scrollbar-size-vertical: 1; }
    PlanPane:focus { border: heavy $primary; }
    PlanPane > Static { width: 100%; height: auto; }
    """
    HELP = "The plan: what this run does, in order. Enter opens a step. w: it writes; !!: it may destroy."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "enter",
            "open",
            "open step",
            id="plan.open",
            tooltip="What the step does, its command, diff, undo and evidence",
        ),
        Binding("down,j", "move(1)", "down", id="plan.down", show=False, tooltip="Next step"),
        Binding("up,k", "move(-1)", "up", id="plan.up", show=False, tooltip="Step before"),
        Binding("g,home", "move(-100000)", "first", id="plan.first", show=False, tooltip="First step"),
        Binding("G,end", "move(100000)", "last", id="plan.last", show=False, tooltip="Last step"),
        Binding("ctrl+d,pagedown", "move(10)", "ten down", id="plan.page_down", show=False, tooltip="Ten steps down"),
        Binding("ctrl+u,pageup", "move(-10)", "ten up", id="plan.page_up", show=False, tooltip="Ten steps up"),
        Binding("space,left,right,h,l", "fold", "fold", id="plan.fold", show=False, tooltip="Fold or unfold the group"),
        Binding("f", "follow", "follow", id="plan.follow", show=False, tooltip="Keep the running step in view"),
    ]

    class StepOpened(Message):
        """The person wants to read this step."""

        def __init__(self, step: str) -> None:
            super().__init__()
            self.step = step

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._plan: Plan | None = None
        self._summary = RunState()
        self._progress = ""
        self._live = True
        self._folded: set[str] = set()
        self._cursor = 0
        self._drawn_width = 0
        self._following = True
        self.rows: tuple[Row, ...] = ()

    def compose(self) -> ComposeResult:
        yield Static(id="plan-rows")

    def on_mount(self) -> None:
        self.border_title = "1 Plan"
        self.set_interval(1.0, self._tick)

    def show(self, plan: Plan | None, summary: RunState, progress: str = "", *, live: bool = True) -> None:
        """``progress`` belongs to the step that runs; not ``live``: no engine works on it at the moment."""
        self._plan, self._summary, self._progress, self._live = plan, summary, progress, live
        self._draw()

    @property
    def selected(self) -> str:
        """The id of the step under the cursor; "" on a group."""
        return self.rows[self._cursor].step if self._cursor < len(self.rows) else ""

    def _tick(self) -> None:
        if self._summary.running and self._live:
            self._draw()

    def _draw(self) -> None:
        self.rows = rows_of(self._plan, self._summary, self._progress, self._folded, live=self._live)
        if self._following:
            self._cursor = _current(self.rows, self._cursor)
        self._cursor = max(0, min(self._cursor, len(self.rows) - 1))
        steps = [row for row in self.rows if row.step]
        done = sum(step.status == "done" for step in self._summary.steps)
        total = len(self._plan.steps) if self._plan else len(steps)
        self.border_subtitle = f"{done} of {total} done" if total else ""
        width = self._drawn_width = max(10, self.scrollable_content_region.width)
        lines = [_line(row, width, index == self._cursor) for index, row in enumerate(self.rows)]
        empty = Content.styled("The plan is being made …", "$text-muted")
        self.query_one("#plan-rows", Static).update(Content("\n").join(lines) if lines else empty)
        self.call_after_refresh(self._reveal)

    def _reveal(self) -> None:
        if max(10, self.scrollable_content_region.width) != self._drawn_width:  # the scroll bar has come, or gone
            self._draw()
            return
        region = Region(0, max(0, self._cursor - 1), 1, 3)
        self.scroll_to_region(region, animate=False, force=True, immediate=True)

    def on_resize(self) -> None:
        self._draw()

    def on_click(self, event: events.Click) -> None:
        row = int(event.screen_y - self.content_region.y + self.scroll_y)
        if 0 <= row < len(self.rows):
            again = row == self._cursor
            self._following, self._cursor = False, row
            self._draw()
            if again or event.chain > 1:
                self.action_open()

    def find(self, words: str, by: int) -> tuple[int, int]:
        """The cursor on the step that is ``by`` matches further: which match that is, and of how many."""
        self._folded.clear()
        self._draw()
        known = {step.id: step.action for step in self._plan.steps} if self._plan else {}
        said = {name: f"{action.line} {action.path}" for name, action in known.items()}
        places = matches([f"{row.title} {said.get(row.step, '')}" if row.step else "" for row in self.rows], words)
        if not places:
            return 0, 0
        index = match_from(places, self._cursor, by)
        self._following, self._cursor = False, places[index]
        self._draw()
        return index + 1, len(places)

    def action_move(self, by: int) -> None:
        self._following = False
        self._cursor = max(0, min(self._cursor + by, len(self.rows) - 1))
        self._draw()

    def action_follow(self) -> None:
        self._following = True
        self._draw()

    def action_open(self) -> None:
        if self.selected:
            self.post_message(self.StepOpened(self.selected))
        else:
            self.action_fold()

    def action_fold(self) -> None:
        if not self.rows:
            return
        group = self.rows[self._cursor].group
        self._folded ^= {group}
        self._following = False
        self._cursor = next(i for i, row in enumerate(self.rows) if row.group == group)
        self._draw()


def rows_of(
    plan: Plan | None, summary: RunState, progress: str, folded: set[str], *, live: bool = True
) -> tuple[Row, ...]:
    """The lines of the pane. Pure."""
    if plan is None:
        return tuple(
            _row(step.id, step.title or step.id, step.effect, step, summary, progress, "", live)
            for step in summary.steps
        )
    rows: list[Row] = []
    for phase, title in PHASES.items():
        steps = [step for step in plan.steps if step.phase == phase]
        if not steps:
            continue
        done = sum(summary.of(step.id).status == "done" for step in steps)
        closed = phase in folded
        rows.append(Row(phase, title=f"{'▸' if closed else '▾'} {title}", note=f"{done}/{len(steps)}"))
        if not closed:
            for step in steps:
                known = summary.of(step.id)
                rows.append(_row(step.id, step.title, step.action.effect, known, summary, progress, phase, live))
    return tuple(rows)


def _row(
    step: str, title: str, effect: str, known: StepState, summary: RunState, progress: str, phase: str, live: bool
) -> Row:
    status = known.status
    if status == "planned" and any(question.step == step for question in summary.waiting):
        status = "waiting"
    elif known.not_good:
        status = "not good"
    note = ""
    if status == "running":
        note = f"{progress} " if progress and summary.running == step else ""
        until = "" if live and not summary.verdict else summary.ended
        note += duration(known.seconds + since(known.began, until))
    elif status == "waiting":
        note = "waits"
    elif status != "planned":
        note = duration(known.seconds)
    return Row(phase, step, clean(title), status, RISKS.get(effect, effect), note)


def _current(rows: tuple[Row, ...], fallback: int) -> int:
    """The row that a person wants to see: what runs or waits, else what came last."""
    for index, row in enumerate(rows):
        if row.status in ("running", "waiting"):
            return index
    begun = [index for index, row in enumerate(rows) if row.step and row.status != "planned"]
    return begun[-1] if begun else fallback


def _line(row: Row, width: int, selected: bool) -> Content:
    if row.step:
        sign = SIGNS.get(row.status, "•")
        shade = SHADES.get(row.status, "")
        word = WORDS.get(row.status, "")
        left = Content.assemble(
            "  ", (f"{sign} ", shade), (word, shade), (row.title, "" if row.status != "planned" else "$text-muted")
        )
        word = row.risk if width >= 48 else SHORT.get(row.risk, row.risk)
        risk = Content.styled(word, "$text-error bold" if row.risk == "DESTRUCTIVE" else "$text-warning")
    else:
        left, risk = Content.styled(row.title, "bold"), Content("")
    # The risks of steps that have begun stand below each other; those to come leave the room to their titles.
    note = Content(row.note.rjust(NOTE_WIDTH) if row.note and row.step else row.note)
    right = Content("  ").join(part for part in (risk, note) if part)
    left = left.truncate(max(1, width - right.cell_length - (1 if right else 0)), ellipsis=True)
    gap = " " * max(0, width - left.cell_length - right.cell_length)
    line = Content.assemble(left, gap, right)
    return Content(line.plain).stylize("reverse") if selected else line
