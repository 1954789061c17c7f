"""The app: holds the one RunState, drains the bridge at a fixed rate, and sends what the person wants to the engine."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from textual.app import App, SystemCommand
from textual.binding import BindingType
from textual.notifications import SeverityLevel
from textual.screen import Screen
from textual.theme import Theme

from safemig.journal.events import GOOD, MODES, RESUMABLE, ApprovalGiven, Event, ModeChanged
from safemig.journal.fold import take
from safemig.journal.messages import Message
from safemig.journal.state import RunState
from safemig.reports.terminal import granted_words
from tui.bridge import EngineFeed, Feed, JournalFeed, engine_feed
from tui.keys import APP, Own
from tui.notice import NoticeLine
from tui.palette import doings
from tui.screens.start import StartScreen
from tui.theme import keep_theme, take_themes
from tui.words import clean

RATE = 1 / 20  # seconds between two drains
BATCH = 2000  # events folded in one drain, so that keys are answered in between


class SafemigApp(App[int]):
    """One terminal session over one project."""

    TITLE = "safemig"
    BINDINGS: ClassVar[list[BindingType]] = [*APP]
    CSS = """
    Screen { background: $background; color: $text; }
    * { border-title-color: $foreground; border-subtitle-color: $foreground; }
    """

    def __init__(self, root: Path, options: argparse.Namespace, own: Own, feed: Feed | None = None) -> None:
        super().__init__()
        self.root, self.options, self.own = root, options, own
        self.feed = feed
        self.summary = RunState()
        self.finished: Event | None = None
        self.crash: Exception | None = None
        self.start_mode = "default"
        self._wanted = ""
        self._stops = 0
        self._again = False
        self._live = feed is not None
        self._report: Any = None  # its module is loaded when it is asked for

    def get_default_screen(self) -> Screen[Any]:
        """The start is painted before anything is looked at; a run that is to be shown takes its place."""
        return StartScreen(self.root, self.start_mode, self.options)

    async def on_mount(self) -> None:
        take_themes(self, self.own.theme)
        self.set_interval(RATE, self._drain)
        self.app_resume_signal.subscribe(self, lambda _signal: self.refresh(layout=True))
        self.call_after_refresh(self._first)

    async def _first(self) -> None:
        """What waits until the first paint is done."""
        self.theme_changed_signal.subscribe(self, self._keep_theme)
        problems = [*self.own.problems]
        if self.own.keys:
            from tui.key_table import bindings
            from tui.keys import usable

            good, wrong = usable(self.own.keys, bindings())
            self.set_keymap(good)
            problems += wrong
        if problems:
            self.notify("; ".join(problems), severity="warning", timeout=15)
        if self.feed is not None:
            await self.open_feed(self.feed)
        else:
            self.start_screen.begin_look()

    def _keep_theme(self, theme: Theme) -> None:
        problem = keep_theme(theme.name)
        if problem:
            self.notify(problem, severity="warning")

    # The run

    @property
    def run_screen(self) -> Any:
        """The screen of the run; None before there is one. (Its module is loaded after the first paint.)"""
        from tui.screens.run import RunScreen

        return next((screen for screen in self.screen_stack if isinstance(screen, RunScreen)), None)

    async def open_feed(self, feed: Feed) -> None:
        """Shows the run that ``feed`` tells of, in the screen that is there or in a fresh one."""
        from tui.screens.run import RunScreen

        self.feed = feed
        self._stops, self._wanted, self._again, self._live = 0, "", False, True
        if self.run_screen is None:
            await self.push_screen(RunScreen(self.root, self._folder()))
        await feed.start()
        self._drain()

    def _folder(self) -> str:
        """Where the shell line begins, relative to the root: where the person stands, when that is in the project."""
        start = Path(str(vars(self.options).get("project", "."))).resolve()
        return start.relative_to(self.root).as_posix() if start.is_relative_to(self.root) else "."

    async def begin(self, command: str, run: str = "") -> None:
        """Starts an engine: a new run in the mode shown, or an unfinished run taken up."""
        mode = self.start_mode if self.run_screen is None else self._wanted or self.summary.mode
        for line in self.screen.query(NoticeLine):
            line.close()  # that a run has ended is no word for the one that begins
        await self.open_feed(engine_feed(self.options, command, mode, run))

    def _drain(self) -> None:
        feed, screen = self.feed, self.run_screen if self._live else None
        if feed is None or screen is None or not screen.is_mounted:
            return
        new: list[Event] = []
        while feed.events and len(new) < BATCH:
            event = feed.events.popleft()
            if event.seq > self.summary.seq:
                take(self.summary, event)
                self.finished = event if event.kind == "run.finished" else self.finished
                new.append(event)
        ended = feed.code is not None and not feed.events
        screen.attach(self.stoppable, ended and bool(self.summary.run) and self.summary.verdict in RESUMABLE)
        if new:
            self._take(screen, new)
        if ended:
            self._ended(screen, feed)

    def _take(self, screen: Any, new: list[Event]) -> None:
        if any(isinstance(event.body, ModeChanged) and event.body.after == self._wanted for event in new):
            self._wanted = ""
        if any(event.kind in ("run.started", "run.resumed", "step.finished") for event in new):
            self._stops = 0
        for event in new:
            if isinstance(event.body, ApprovalGiven) and event.body.grant and self.stoppable:
                self.notify(clean(granted_words(event.body)), timeout=15)
        if self._report is not None and self._report.is_current:
            self._report.show(self.summary)
        if screen.take(new, self.summary):
            self.bell()
            self.title_terminal(f"? {screen.approval.question.title}")
        elif not self.summary.waiting:
            self.title_terminal(self.summary.verdict or "running")
        screen.head(self._wanted)

    def _ended(self, screen: Any, feed: Feed) -> None:
        self._live = False
        screen.head("")
        complaint = feed.complaint() if isinstance(feed, EngineFeed) else ""
        if not self.summary.run:
            self.feed = None
            self.pop_screen()
            self.start_screen.say(complaint or "the engine ended before the run began")
            self.start_screen.refresh_bindings()
        elif self._again and self.summary.verdict in RESUMABLE:
            self.run_worker(self.begin("resume", self.summary.run), group="engine")
        elif isinstance(feed, EngineFeed):
            if complaint:
                screen.panes.complain(complaint)
            said = self.summary.verdict or "the engine ended before the run did"
            more = "R shows the report" if self.summary.verdict not in RESUMABLE else "r takes it up again"
            why = self.summary.reason or complaint
            self.notify(
                f"{said}: {why}" if why else said,
                title=f"The run has ended ({more})",
                severity="information" if self.summary.verdict in GOOD else "warning",
                timeout=15,
            )

    @property
    def start_screen(self) -> StartScreen:
        """The screen below all others."""
        screen = self.screen_stack[0]
        assert isinstance(screen, StartScreen)
        return screen

    def say_to_engine(self, message: Message) -> bool:
        """Sends a message; tells the person when nobody hears it."""
        if self.feed is not None and self.feed.send(message):
            return True
        self.notify("no engine works on this run; nothing was changed", severity="warning")
        return False

    def title_terminal(self, words: str) -> None:
        """The terminal's own title, so that another window shows that a question waits."""
        driver = self._driver
        if driver is not None and not self.is_headless:
            driver.write(f"\x1b]2;safemig: {clean(words, 80)}\x07")

    # What the start screen asks for

    async def on_start_screen_asked(self, message: StartScreen.Asked) -> None:
        self.summary, self.finished = RunState(), None
        if message.what == "begin":
            await self.begin("run")
        elif message.what == "resume":
            await self.begin("resume", message.run)
        else:
            await self.open_feed(JournalFeed(self.root / ".safemig" / "runs" / message.run))

    # What the run's screen asks for

    def on_approval_panel_decided(self, message: Any) -> None:
        self.say_to_engine(message.message)

    def on_run_screen_told(self, message: Any) -> None:
        self.say_to_engine(message.message)

    async def on_run_screen_resume_asked(self) -> None:
        await self.begin("resume", self.summary.run)

    def on_run_screen_report_asked(self) -> None:
        from tui.panes.side_panes import report_screen

        self._report = report_screen(self.summary, self.run_screen.folder)
        self.push_screen(self._report)

    # Keys that hold everywhere

    def action_cycle_mode(self) -> None:
        """The next mode. It answers nothing, whatever is asked or typed at the moment."""
        screen = self.run_screen
        now = self.start_mode if screen is None else self._wanted or self.summary.mode
        after = MODES[(MODES.index(now) + 1) % len(MODES)] if now in MODES else MODES[0]
        if screen is not None:
            if screen.resumable or self.say_to_engine(Message("mode", mode=after)):
                self._wanted = after  # that of a run that is to be taken up, or asked for and not yet confirmed
                screen.head(after)
        else:
            self.start_mode = after
            self.start_screen.show_mode(after)
            self._show_mode_of_runs(after)

    def _show_mode_of_runs(self, mode: str) -> None:
        from tui.screens.runs import RunsScreen

        if isinstance(self.screen, RunsScreen):
            self.screen.show_mode(mode)

    @property
    def stoppable(self) -> bool:
        """Whether there is an engine that can be stopped."""
        return self.feed is not None and self.feed.hears and not self.summary.verdict

    async def action_stop(self) -> None:
        """In the shell line ends its command. Else stops the running step, after a question while it changes the
        database; once more asks whether to leave."""
        from tui.screens.dialogs import StopScreen

        if isinstance(self.screen, StopScreen):
            self.screen.dismiss(True)
            return
        screen, changing = self.run_screen, self.summary.changing_database if self.stoppable else ""
        if screen is not None and screen.interrupts_shell():
            return
        if changing and self._stops == 0:
            self.push_screen(StopScreen(self.summary.of(changing).title), partial(self._stop_change, changing))
        elif self.stoppable and self._stops == 0:
            self._stop()
        else:
            self._stops += 1
            await self.action_quit()

    def _stop(self) -> None:
        self._stops += 1
        if self.say_to_engine(Message("stop")):
            self.notify("stopping the running step; Ctrl+C again asks to quit", timeout=5)

    def _stop_change(self, step: str, stop: bool | None) -> None:
        """The answer holds for the step that it was asked about."""
        if stop and self.stoppable and self.summary.running == step:
            self._stop()
        elif stop:
            self.notify("the change has ended meanwhile; nothing was stopped", severity="warning")

    async def action_quit(self) -> None:
        """Leaves at once when nothing goes on, else asks."""
        from tui.screens.dialogs import LeaveScreen

        if isinstance(self.screen, LeaveScreen):
            return
        if not isinstance(self.feed, EngineFeed) or not self.feed.hears or self.summary.verdict:
            self.exit(0)
            return
        text = "Leave? The engine finishes the step in flight and waits; `safemig resume` goes on from there."
        self.push_screen(LeaveScreen(text), lambda leave: self.exit(0) if leave else None)

    def action_help(self) -> None:
        from tui.screens.dialogs import keys_of
        from tui.screens.step import TextScreen

        if not isinstance(self.screen, TextScreen):
            self.push_screen(keys_of(self.screen))

    def action_suspend_process(self) -> None:
        """Ctrl+Z: the screen goes, so the engine finishes the step in flight and waits; `fg` takes the run up."""
        if isinstance(self.feed, EngineFeed) and self.feed.hears:
            self.feed.leave()
            self._again = True
        super().action_suspend_process()

    def on_resize(self) -> None:
        """Paints all of it anew: a size that comes and goes faster than we look leaves a terminal half empty."""
        self.set_timer(0.2, self.screen.refresh)

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """The palette: what can be done here, by name."""
        for active in doings(screen):
            binding, node = active.binding, active.node
            name = binding.description or binding.tooltip
            yield SystemCommand(name, binding.tooltip, partial(self.run_action, binding.action, node))
        yield SystemCommand(
            "theme",
            "Choose dark, light, high contrast, or the terminal's own colours; the choice is kept",
            self.action_change_theme,
        )

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = True,  # noqa: ARG002  nothing of ours is markup
    ) -> None:
        """In a line of the screen; a toast would lie over what one reads."""
        for screen in reversed(self.screen_stack):
            for line in screen.query(NoticeLine):
                line.say(f"{title}: {message}" if title else message, severity, timeout)
                return

    def _handle_exception(self, error: Exception) -> None:
        """A crash ends the app without Textual's traceback, which shows local variables; the border writes the file."""
        self.crash = self.crash or error
        self._return_code = 1
        if self._exception is None:
            self._exception = error
            self._exception_event.set()
        self._close_messages_no_wait()
