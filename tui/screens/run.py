"""The screen of a run: header, plan, log, checklist, the question at hand, the shell line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Literal

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input, TextArea

from safemig.base.action import Action
from safemig.journal import events as engine
from safemig.journal.events import Event
from safemig.journal.messages import Message as EngineMessage
from safemig.journal.state import Question, RunState
from safemig.planning.facts import Facts
from safemig.planning.plan import Plan
from tui.key_bar import KeyBar
from tui.keys import ANSWERS, PANES
from tui.notice import NoticeLine, WaitLine
from tui.panes import progress
from tui.panes.approval import LOW, ApprovalPanel
from tui.panes.checklist import ChecklistRead, TickAsked
from tui.panes.find_line import FindLine
from tui.panes.header import HeaderBar
from tui.panes.plan import PlanPane
from tui.panes.run_files import load_facts, load_plan, shown_plan, tail
from tui.panes.shell_line import ShellAsked
from tui.panes.side_panes import PROVING, make_panes, shell_message, tick_file, tick_messages
from tui.screens.editing import edit_text, first_change
from tui.screens.step import TextScreen, question_text, step_text
from tui.words import clean

ORDER = ("plan", "log", "checklist")
LOWEST = 8  # lines: below them there is no room for the keys
ANSWERING = ("answer", "edit", "refuse", "details", "grant")


class RunScreen(Screen[None]):
    """Draws one run; what the person asks for goes up to the app as messages."""

    CSS = """
    RunScreen { layout: vertical; }
    RunScreen #panes { height: 1fr; min-height: 3; }
    RunScreen #plan { width: 45%; }
    RunScreen #right { width: 1fr; }
    RunScreen #log { height: 3fr; }
    RunScreen #checklist { height: 2fr; }
    RunScreen #log:focus, RunScreen #log:focus-within, RunScreen #checklist:focus { border: heavy $primary; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [*ANSWERS, *PANES]
    HELP = (
        "A run: 1 plan, 2 log, 3 checklist, ! shell line, / finds. A question at the bottom is answered with y, a, t, "
        "e, s or n."
    )

    class ReportAsked(Message):
        """Show the report."""

    class ResumeAsked(Message):
        """Take up this unfinished run."""

    class Told(Message):
        """Something for the engine."""

        def __init__(self, message: EngineMessage) -> None:
            super().__init__()
            self.message = message

    def __init__(self, root: Path, folder: str = ".") -> None:
        super().__init__()
        self.root = root
        self.summary = RunState()
        self.plan: Plan | None = None
        self.facts: Facts | None = None
        self.attached = False
        self.resumable = False
        self.panes = make_panes(root, folder)
        self._progress = ""
        self._at = "plan"

    def compose(self) -> ComposeResult:
        yield HeaderBar()
        with Horizontal(id="panes"):
            yield PlanPane(id="plan")
            with Vertical(id="right"):
                yield self.panes.log
                yield self.panes.checklist
        yield WaitLine()
        yield ApprovalPanel(id="approval")
        yield NoticeLine()
        yield FindLine()
        yield self.panes.command_line
        yield KeyBar()

    def on_mount(self) -> None:
        self.panes.command_line.offer(self.attached)
        self.action_pane("plan")

    @property
    def approval(self) -> ApprovalPanel:
        """The panel with the question at hand."""
        return self.query_one(ApprovalPanel)

    @property
    def folder(self) -> Path:
        """The run's folder."""
        return self.root / ".safemig" / "runs" / self.summary.run

    def take(self, new: Sequence[Event], summary: RunState) -> bool:
        """Events that the app has folded into ``summary``; True when another question than before is at hand."""
        self.summary = summary
        for event in new:
            self._take(event)
        self._progress = self._read_progress()
        if any(event.kind in PROVING for event in new):
            self.panes.prove(summary, self.facts, self.plan)
        self.query_one(PlanPane).show(self.plan, summary, self._progress, live=self.attached)
        return self._ask(summary.waiting if self.attached else ())

    def _ask(self, waiting: tuple[Question, ...]) -> bool:
        """The questions that wait; True when another one than before is at hand."""
        before = self.approval.question
        fresh = self.approval.show(waiting, self.plan)
        if (before is None) != (self.approval.question is None):
            self._arrange()
        return fresh

    def _take(self, event: Event) -> None:
        self.panes.take(event, self.folder)
        match event.body:
            case engine.Progress() as told if self.attached:  # of a change, or of a wait
                self.query_one(WaitLine).show(told, event.wall)
            case engine.StepStarted() | engine.StepFinished() | engine.RunFinished() | engine.RunResumed():
                self.query_one(WaitLine).show(engine.Progress(), "")
            case engine.PlanRevised(file=file):
                self.plan = load_plan(self.folder, file) or self.plan
            case engine.FactsKept(file=file):
                self.facts = load_facts(self.folder, file)
                if self.facts is not None:
                    self.panes.show_spec(self.facts)

    def head(self, wanted: str) -> None:
        """Draws the header; ``wanted`` is the mode asked for and not yet confirmed."""
        self.query_one(HeaderBar).show(self.summary, self.facts, wanted, self.attached)

    def attach(self, attached: bool, resumable: bool) -> None:
        """Whether an engine hears what is said here, and whether the run could be taken up."""
        if (attached, resumable) != (self.attached, self.resumable):
            self.attached, self.resumable = attached, resumable
            self.panes.command_line.offer(attached)
            if not attached:  # an engine that was killed within a wait says nothing more of it
                self.query_one(WaitLine).show(engine.Progress(), "")
            self._ask(self.summary.waiting if attached else ())
            self.query_one(PlanPane).show(self.plan, self.summary, self._progress, live=attached)
            self.refresh_bindings()

    def _read_progress(self) -> str:
        running = self.summary.running
        step = self.summary.of(running)
        commands = [command for command in self.summary.commands.values() if command.step == running]
        if not commands or commands[-1].how or step.intent not in ("test", "build"):
            return ""
        return progress.words(step.intent, tail(self.folder, commands[-1].file))

    # Panes

    def action_pane(self, name: str) -> None:
        self._stand_at(name)
        self.set_focus(self.query_one(f"#{name}"))  # at once: the next key is meant for this pane

    def _stand_at(self, name: str) -> None:
        if name != self._at:
            self._at = name
            self._arrange()

    def _arrange(self) -> None:
        """Shows the panes that there is room for, the one at hand first. Without style classes: those cost a
        restyling of the whole screen, 60 ms that a key has to wait for."""
        width, height = self.size
        tiny = width < 60 or height < LOW
        single = tiny or width < 110
        plan, right = self.query_one("#plan"), self.query_one("#right")
        plan.styles.width = "1fr" if tiny else "45%"
        plan.display = not tiny or self._at == "plan"
        right.display = not tiny or self._at != "plan"
        self.panes.log.display = not single or self._at != "checklist"
        self.panes.checklist.display = not single or self._at == "checklist"
        self.query_one("#panes").display = height >= LOW or self.approval.question is None
        self.query_one(HeaderBar).styles.height = 2 if height >= LOW else 1
        self.query_one(KeyBar).display = height >= LOWEST
        if self.query_one("#panes").display and self.focused is None:  # they were hidden, which takes the focus
            self.set_focus(self.query_one(f"#{self._at}"))

    def on_resize(self) -> None:
        self._arrange()

    def action_next_pane(self, by: int) -> None:
        focused = self.focused is not None and self.focused.id in ORDER
        at = ORDER.index(self._at)
        self.action_pane(ORDER[(at + by) % len(ORDER)] if focused else self._at)

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        if event.widget.id in ORDER:
            self._stand_at(event.widget.id)

    def action_find(self) -> None:
        plan, checklist = self.query_one(PlanPane), self.panes.checklist
        if self._at == "plan":
            self.query_one(FindLine).open(plan, plan.find)
        elif self._at == "checklist":
            self.query_one(FindLine).open(checklist, checklist.find)

    def action_shell(self) -> None:
        self.panes.command_line.open()

    def interrupts_shell(self) -> bool:
        """Whether Ctrl+C is meant for the shell line; it ends its commands, or empties the line."""
        line = self.panes.command_line
        if self.app.screen is not self or not line.typed_at:
            return False
        if self.attached and self.summary.own_lines:
            self.post_message(self.Told(EngineMessage("shell_stop")))
            line.say("ending what the shell line runs …")
        else:
            line.interrupt()
        return True

    def on_shell_asked(self, message: ShellAsked) -> None:
        if self.attached:
            self.post_message(self.Told(shell_message(message)))
        else:
            self.notify(f"the run has ended; `{clean(message.line)}` was not run", severity="warning", markup=False)

    def on_tick_asked(self, message: TickAsked) -> None:
        """Through the engine, which journals it; straight into the file when none runs."""
        if self.attached:
            for tick_message in tick_messages(message):
                self.post_message(self.Told(tick_message))
            return
        failure = tick_file(self.root, message)
        if failure:
            self.notify(clean(failure), severity="warning", markup=False)
        self.panes.checklist.look_again()

    def on_checklist_read(self, _message: ChecklistRead) -> None:
        self.panes.prove(self.summary, self.facts, self.plan)

    def on_plan_pane_step_opened(self, message: PlanPane.StepOpened) -> None:
        title = self.summary.of(message.step).title
        if not title and self.plan is not None:
            title = next((step.title for step in self.plan.steps if step.id == message.step), "")
        text = step_text(shown_plan(self.plan, self.root), message.step, self.summary)
        self.app.push_screen(TextScreen(title or message.step, text))

    def action_report(self) -> None:
        self.post_message(self.ReportAsked())

    def action_resume(self) -> None:
        self.post_message(self.ResumeAsked())

    # Answers

    def on_approval_panel_decided(self) -> None:
        """The panes come back where the question had taken their place."""
        self._arrange()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Answers exist only while a question is open, and never while somebody types."""
        if action == "resume":
            return self.resumable and not self._typing()
        if action == "shell":
            return self.attached and not self._typing()
        if action == "find":
            return self._at != "log" and not self._typing()
        if action in ("pane", "next_pane"):
            return not self._typing()
        if action not in ANSWERING:
            return True
        question = self.approval.question if self.is_mounted else None
        if question is None or self._typing() or self.app.screen is not self:
            return False
        if action == "grant":
            return bool(self.approval.granting) and parameters in ((self.approval.granting,), ("",))
        if self._taken_by_focus(action, parameters):
            return False
        if action == "edit":
            return question.kind == "step"
        offered = {
            "always": bool(question.always) and question.kind != "plan",
            "auto": question.kind == "plan",
            "tool": bool(question.tool),
            "proposed": bool(question.proposed),
            "write": bool(question.write),
            "stamp": bool(question.stamp),
            "skip": bool(question.skip),
        }
        return offered.get(str(parameters[0]), True) if action == "answer" and parameters else True

    def _taken_by_focus(self, action: str, parameters: tuple[object, ...]) -> bool:
        """Whether the focused pane has the key of this answer for itself: a key does what the pane says it does."""
        name = f"{action}({', '.join(map(repr, parameters))})" if parameters else action
        keys = {key for key, bound in self._bindings.key_to_bindings.items() for one in bound if one.action == name}
        node = self.focused
        while node is not None and node is not self:
            if keys & node._bindings.key_to_bindings.keys():
                return True
            node = node.parent if isinstance(node.parent, Widget) else None
        return False

    def _typing(self) -> bool:
        return isinstance(self.focused, Input | TextArea)

    def _ready(self, question: Question | None) -> bool:
        """Whether an answer counts now: the question was there to be read, in full."""
        panel = self.approval
        if question is None:
            return False
        if not panel.settled():
            return False
        if not panel.whole:
            self.action_details()
            return False
        return True

    def action_answer(self, answer: engine.Answer | Literal["auto"]) -> None:
        question = self.approval.question
        if question is None or not self._ready(question):
            return
        if question.kind == "plan":
            self.approval.decide("once", mode="auto" if answer == "auto" else "default")
        elif question.typed:
            self.approval.ask_words()
        elif answer in ("always", "tool"):
            self.approval.ask_grant(answer)
        elif answer != "auto":
            self.approval.decide(answer)

    def action_grant(self, width: Literal["always", "tool", ""]) -> None:
        """The second key of a lasting grant; Esc takes it back."""
        if not width:
            self.approval.ask_grant("")
        elif width == self.approval.granting and self._ready(self.approval.question):
            self.approval.decide(width)

    def action_refuse(self) -> None:
        if self.approval.settled():
            self.approval.ask_reason()

    def action_details(self) -> None:
        question = self.approval.question
        if question is not None:
            self.approval.mark_read()
            self.app.push_screen(TextScreen(question.title, question_text(question)))

    def action_edit(self) -> None:
        question = self.approval.question
        if question is None or not self.approval.settled():
            return
        step = next((step for step in self.plan.steps if step.id == question.step), None) if self.plan else None
        if step is None or step.action.digest != question.digest:
            self.notify("this cannot be edited here; say no, with what should be different", severity="warning")
        elif step.action.kind == "command":
            self.approval.ask_line(step.action.line)
        else:
            self._edit_file(question.id, step.action)

    def _edit_file(self, question: str, action: Action) -> None:
        def take(text: str | None) -> None:
            now = self.approval.question
            if text == action.text:
                self.notify("the text was left as it was; the question is still the same")
            elif text is not None and now is not None and now.id == question:
                self.approval.decide("edit", text=text)

        edit_text(self.app, action.path, action.text, first_change(action.diff), take)
