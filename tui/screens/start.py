"""The start: what was found in this project, an unfinished run, the proposal of a safemig.yaml."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Input, Static

from checks.evidence import Json
from tui.key_bar import KeyBar
from tui.notice import NoticeLine
from tui.panes.header import spread
from tui.screens.start_text import (
    Look,
    completed,
    list_of,
    plan_hints,
    plan_names,
    start_lines,
    tables_of,
    text_of,
)
from tui.words import MODE_WORDS, clean


class StartScreen(Screen[None]):
    """Waits for nothing: it is painted first, and filled as the look comes in."""

    DEFAULT_CSS = """
    StartScreen #start { padding: 0 1; }
    StartScreen Static { width: 100%; height: auto; }
    StartScreen #start-title { background: $panel; padding: 0 1; height: 1; }
    StartScreen Input, StartScreen #start-hint { display: none; }
    StartScreen #start-hint { background: $panel; padding: 0 1; max-height: 8; }
    StartScreen.-choosing Input, StartScreen.-choosing #start-hint { display: block; }
    """
    HELP = "Before a run: what was found here, and what can be started."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "begin", "start a run", id="start.begin", tooltip="Start a run in the mode shown above"),
        Binding("r", "ask('resume')", "resume", id="start.resume", tooltip="Take up the unfinished run"),
        Binding(
            "v", "ask('inspect')", "inspect", id="start.inspect", tooltip="See the newest run as its journal tells it"
        ),
        Binding("x", "abandon", "abandon", id="start.abandon", tooltip="Give the unfinished run up for good"),
        Binding("l", "runs", "all runs", id="start.runs", tooltip="All runs: show, resume, report, abandon"),
        Binding(
            "p",
            "choose",
            "choose the plan",
            id="start.choose",
            priority=True,  # done before the next key is looked at: what is typed right behind it is part of the name
            tooltip="Name the implementation plan and its phase",
        ),
        Binding(
            "tab",
            "complete",
            "complete",
            id="start.complete",
            show=False,
            priority=True,
            tooltip="Complete the name of the plan that is typed",
        ),
        Binding("t", "trust", "trust this folder", id="start.trust", tooltip="What would be run here; y trusts it"),
        Binding("i", "init", "write safemig.yaml", id="start.init", tooltip="Write the proposal below"),
        Binding("j,down", "scroll(1)", "down", id="start.down", show=False, tooltip="A line down"),
        Binding("k,up", "scroll(-1)", "up", id="start.up", show=False, tooltip="A line up"),
        Binding(
            "ctrl+d,pagedown", "scroll(12)", "page down", id="start.page_down", show=False, tooltip="Half a page down"
        ),
        Binding("ctrl+u,pageup", "scroll(-12)", "page up", id="start.page_up", show=False, tooltip="Half a page up"),
    ]

    class Asked(Message):
        """begin, resume or inspect."""

        def __init__(self, what: str, run: str = "") -> None:
            super().__init__()
            self.what, self.run = what, run

    def __init__(self, folder: Path, mode: str, options: argparse.Namespace) -> None:
        super().__init__()
        self._folder, self._mode, self._options = folder, mode, options
        self.look: dict[str, Json] = {}
        self.notice = ""
        self.busy = True
        self._abandoning = ""  # the run of which the next x is sure
        self._asking = ""  # resume or inspect, asked for before the look has told of any run
        self._told = ""  # the digest that the person was asked about

    def compose(self) -> ComposeResult:
        yield Static(id="start-title")
        with VerticalScroll(id="start"):
            yield Static(id="start-text")
        yield Static(id="start-hint")
        yield Input(placeholder="plan and phase, for example: 01_ratings 1", compact=True, select_on_focus=False)
        yield NoticeLine()
        yield KeyBar()

    def on_mount(self) -> None:
        self._draw()
        self.query_one("#start").focus()

    def on_resize(self) -> None:
        self._draw()

    def show_mode(self, mode: str) -> None:
        """The mode in which a run would start."""
        self._mode = mode
        self._draw()

    def begin_look(self) -> None:
        """Looks at project and world anew, by a child."""
        self.busy, self.look, self._abandoning = True, {}, ""
        self._draw()
        self.run_worker(self._look(), group="look", exclusive=True)

    async def _look(self) -> None:
        from tui.screens.background_look import look

        complaint = await look(self._options, self.show_look)
        self.busy = False
        self.say(complaint or self.notice)
        self.refresh_bindings()

    def show_look(self, more: Look) -> None:
        """What was found, as it comes."""
        self.look |= dict(more)
        self._draw()
        self.refresh_bindings()
        if not self.trusted and self._told != text_of(self.look, "digest"):
            self.action_trust()
        if self._asking and "runs" in self.look:
            what, self._asking = self._asking, ""
            if self.check_action("ask", (what,)):
                self.action_ask(what)
            else:
                self.say("there is no unfinished run" if what == "resume" else "there is no run yet")

    def say(self, notice: str) -> None:
        """One line for the person."""
        self.notice = notice
        self._draw()

    async def _do(self, words: list[str], done: str) -> None:
        """One short command of safemig's own, then a fresh look."""
        from tui.screens.background_look import ask

        self.say(await ask(self._options, words) or done)
        self.begin_look()

    @property
    def unfinished(self) -> str:
        """The newest run, when it can be taken up; "" otherwise."""
        found = [run for run in tables_of(self.look.get("runs")) if run.get("resumable")]
        return str(found[-1].get("run")) if found else ""

    @property
    def trusted(self) -> bool:
        """Whether something of the folder may be run; until the look has told of it, the engine says so itself."""
        return self.look.get("trusted") is not False

    def _draw(self) -> None:
        if not self.is_attached or not self.children:
            return
        width = self.size.width - 2
        words = MODE_WORDS.get(self._mode, self._mode) if width >= 90 else self._mode
        mode = Content.assemble(" mode ", (f" {words} ", "reverse bold"))
        name = Content.assemble(
            ("safemig", "bold"), f"  {clean(self._folder.name)}  ", (clean(str(self._folder)), "$text-muted")
        )
        title = spread(name, mode, width)
        self.query_one("#start-title", Static).update(title)
        lines = [*start_lines(self.look, self.unfinished, busy=self.busy)]
        if self.notice:
            lines = [Content.styled(clean(self.notice), "$text-warning bold"), Content(""), *lines]
        self.query_one("#start-text", Static).update(Content("\n").join(lines))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        choosing = self.has_class("-choosing")
        if action == "complete":
            return choosing
        if choosing and action in ("choose", "begin", "ask", "abandon", "init", "runs"):
            return False  # wherever the focus is: nothing starts while the field is open
        if action == "ask" and "runs" not in self.look:
            return self.busy and (self._folder / ".safemig" / "runs").is_dir()
        if action == "abandon" or (action == "ask" and parameters == ("resume",)):
            return bool(self.unfinished)
        if action == "runs" or (action == "ask" and parameters == ("inspect",)):
            return bool(tables_of(self.look.get("runs")))
        if action == "trust":
            return not self.trusted and not choosing
        if action == "init":
            return bool(self.look) and not self.look.get("configured")
        return True

    def action_init(self) -> None:
        self.run_worker(self._do(["init"], "safemig.yaml is written"), group="do", exclusive=True)

    def action_ask(self, what: str) -> None:
        if "runs" not in self.look:
            self._asking = what
            self.say("looking for the run …")
            return
        if what == "resume" and not self.trusted:
            self.action_trust()
            return
        self.notice = ""
        run = self.unfinished
        if what == "inspect" and not run:
            run = str(tables_of(self.look.get("runs"))[-1].get("run"))
        self.post_message(self.Asked(what, run))

    def action_runs(self) -> None:
        from tui.screens.runs import RunsScreen

        self._abandoning = ""
        self.app.push_screen(RunsScreen(self._folder, tables_of(self.look.get("runs")), self._mode), self._take_run)

    def _take_run(self, chosen: tuple[str, str] | None) -> None:
        what, run = chosen or ("", "")
        if what == "abandon":
            self._abandon(run)
        elif what == "resume" and not self.trusted:
            self.action_trust()
        elif what:
            self.notice = ""
            self.post_message(self.Asked(what, run))

    def action_trust(self) -> None:
        """Asks whether the folder is trusted, with what would be run."""
        from tui.screens.trust import TrustScreen

        self._told = text_of(self.look, "digest")
        question = [str(line) for line in list_of(self.look.get("question"))]
        self.app.push_screen(TrustScreen(question), self._take_trust)

    def _take_trust(self, given: bool | None) -> None:
        if given:
            words = ["trust", "--trust", self._told]
            self.run_worker(self._do(words, "this folder is trusted"), group="do", exclusive=True)
        else:
            self.say("this folder is not trusted: nothing of it is run; t asks again")

    def action_begin(self) -> None:
        if not self.trusted:
            self.action_trust()
            return
        self.post_message(self.Asked("begin"))

    def action_abandon(self) -> None:
        if self._abandoning != self.unfinished:
            self._abandoning = self.unfinished
            self.say(f"press x again to abandon run {self.unfinished}; what it has changed stays")
            return
        self._abandoning = ""
        self._abandon(self.unfinished)

    def _abandon(self, run: str) -> None:
        self.run_worker(self._do(["show", "--abandon", run], f"run {run} is abandoned"), group="do", exclusive=True)

    def action_choose(self) -> None:
        self.add_class("-choosing")
        self.query_one("#start-hint", Static).update(Content("\n").join(plan_hints(self.look)))
        self.query_one(Input).value = ""
        self.set_focus(self.query_one(Input))  # at once: what is typed on is part of the name

    def action_complete(self) -> None:
        field = self.query_one(Input)
        field.value = completed(field.value, plan_names(self.look))
        field.cursor_position = len(field.value)
        self.set_focus(field)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._close()
        spec, _, phase = event.value.strip().partition(" ")
        self._options.spec, self._options.phase = spec, phase.strip()
        self.begin_look()

    def key_escape(self) -> None:
        self._abandoning = ""
        self._close()

    def _close(self) -> None:
        self.remove_class("-choosing")
        self.query_one("#start").focus()

    def action_scroll(self, by: int) -> None:
        self.query_one("#start").scroll_relative(y=by, animate=False)
