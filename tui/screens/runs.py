"""All runs of the project, the newest first: what each came to, and what can be done with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.geometry import Region
from textual.screen import Screen
from textual.widgets import Input, Static

from checks.evidence import Json
from safemig.base.counting import counted
from safemig.base.moments import minute
from safemig.journal.events import GOOD
from tui.key_bar import KeyBar
from tui.notice import NoticeLine
from tui.panes.header import spread
from tui.words import clean

Run = Mapping[str, Json]


class RunsScreen(Screen[tuple[str, str] | None]):
    """Ends with what is wanted of which run: inspect, resume or abandon; None for nothing."""

    DEFAULT_CSS = """
    RunsScreen #runs-title { background: $panel; padding: 0 1; height: 1; }
    RunsScreen #runs { padding: 0 1; }
    RunsScreen #runs > Static { width: 100%; height: auto; }
    RunsScreen Input { display: none; background: $panel; }
    RunsScreen.-filtering Input { display: block; }
    """
    HELP = "All runs of this project, the newest first. Enter shows one as its journal tells it."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,v", "choose('inspect')", "show", id="runs.show", tooltip="Show the run as its journal tells it"),
        Binding("r", "choose('resume')", "resume", id="runs.resume", tooltip="Take up the run, if it is unfinished"),
        Binding("R", "report", "report", id="runs.report", tooltip="The report of the run"),
        Binding("x", "choose('abandon')", "abandon", id="runs.abandon", tooltip="Give the unfinished run up for good"),
        Binding("slash", "filter", "filter", id="runs.filter", tooltip="Show only the runs with these words"),
        Binding("escape,q", "leave", "back", id="runs.leave", tooltip="Drop the filter; then back to the start"),
        Binding("j,down", "move(1)", show=False, id="runs.down", tooltip="Next run"),
        Binding("k,up", "move(-1)", show=False, id="runs.up", tooltip="Run before"),
        Binding("ctrl+d,pagedown", "move(10)", show=False, id="runs.page_down", tooltip="Ten runs down"),
        Binding("ctrl+u,pageup", "move(-10)", show=False, id="runs.page_up", tooltip="Ten runs up"),
        Binding("g,home", "move(-100000)", show=False, id="runs.first", tooltip="The newest run"),
        Binding("G,end", "move(100000)", show=False, id="runs.last", tooltip="The oldest run"),
    ]

    def __init__(self, root: Path, runs: Sequence[Run], mode: str) -> None:
        """``mode`` is the one in which a run would be resumed."""
        super().__init__()
        self._root, self._runs, self._mode = root, tuple(reversed(runs)), mode
        self._words, self._cursor, self._sure = "", 0, ""

    def compose(self) -> ComposeResult:
        yield Static(id="runs-title")
        with VerticalScroll(id="runs"):
            yield Static(id="runs-rows")
        yield Input(placeholder="words of the run, its verdict, mode or plan", compact=True, select_on_focus=False)
        yield NoticeLine()
        yield KeyBar()

    def on_mount(self) -> None:
        self.query_one("#runs").focus()
        self._draw()

    def on_resize(self) -> None:
        self._draw()

    @property
    def shown(self) -> tuple[Run, ...]:
        """The runs that the filter leaves."""
        return matching(self._runs, self._words)

    @property
    def selected(self) -> Run | None:
        """The run under the cursor."""
        return self.shown[self._cursor] if self.shown else None

    def show_mode(self, mode: str) -> None:
        """Says in which mode a run would be resumed from now on."""
        self._mode = mode
        self._draw()

    def _draw(self) -> None:
        shown, width = self.shown, max(10, self.size.width - 2)
        self._cursor = max(0, min(self._cursor, len(shown) - 1))
        count = f"{len(shown)} of {counted(len(self._runs), 'run')}" if self._words else counted(len(self._runs), "run")
        words = f"  with “{clean(self._words)}”" if self._words else ""
        title = spread(Content.assemble((count, "bold"), words), Content(f"mode  {self._mode}"), width)
        self.query_one("#runs-title", Static).update(title)
        lines = [_line(run, width, at == self._cursor) for at, run in enumerate(shown)]
        self.query_one("#runs-rows", Static).update(Content("\n").join(lines) if lines else Content("no run fits"))
        region = Region(0, self._cursor, 1, 1)
        self.query_one("#runs").scroll_to_region(region, animate=False, force=True, immediate=True)
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if isinstance(self.focused, Input):
            return action == "leave"
        run = self.selected
        if action == "choose" and parameters != ("inspect",):
            return bool(run and run.get("resumable"))
        return bool(run) if action in ("choose", "report") else True

    def action_move(self, by: int) -> None:
        self._cursor, self._sure = self._cursor + by, ""
        self._draw()

    def action_choose(self, what: str) -> None:
        run = self.selected
        if run is None:
            return
        name = str(run.get("run"))
        if what == "abandon" and self._sure != name:
            self._sure = name
            line = self.query_one(NoticeLine)
            line.say(f"press x again to abandon run {name}; what it has changed stays", "warning", 15.0)
            return
        self.dismiss((what, name))

    def action_report(self) -> None:
        from safemig.cli.opening import past_of
        from tui.screens.report import ReportScreen

        if (run := self.selected) is not None:
            state = self._root / ".safemig"
            folder = state / "runs" / str(run.get("run"))
            past, unsealed = past_of(state, folder)
            self.app.push_screen(ReportScreen(past, folder, unsealed))

    def action_filter(self) -> None:
        self.add_class("-filtering")
        self.set_focus(self.query_one(Input))

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._words = event.value
        self._draw()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.query_one("#runs").focus()

    def action_leave(self) -> None:
        if self.has_class("-filtering"):
            self.query_one(Input).value = ""
            self.remove_class("-filtering")
            self.query_one("#runs").focus()
        else:
            self.dismiss(None)


def matching(runs: Sequence[Run], words: str) -> tuple[Run, ...]:
    """The runs of which what is shown has all the words. Pure."""
    wanted = words.casefold().split()
    return tuple(run for run in runs if all(word in _text(run).casefold() for word in wanted))


def _text(run: Run) -> str:
    """One line about a run. Pure."""
    verdict, spec, phase = str(run.get("verdict")), str(run.get("spec") or ""), str(run.get("phase") or "")
    about = f"{spec} phase {phase}" if phase else spec
    in_flight = f"in flight: {run.get('in_flight')}" if run.get("resumable") and run.get("in_flight") else ""
    reason = f"left out: {run.get('unsealed')}" if run.get("unsealed") else str(run.get("reason") or "")
    began = minute(str(run.get("began") or ""))
    parts = (f"{began:<16}", f"{verdict:<12}", f"{run.get('mode')!s:<8}", about, in_flight, reason)
    return clean("  ".join(part for part in parts if part))


def _line(run: Run, width: int, selected: bool) -> Content:
    verdict = str(run.get("verdict"))
    shade = "$text-success" if verdict in GOOD else "$text-warning" if run.get("resumable") else "$text-error"
    text = Content(_text(run)).truncate(width, ellipsis=True)
    if selected:
        return Content(text.plain.ljust(width)).stylize("reverse")
    return text.stylize(shade, 18, 18 + len(verdict))
