"""The approval panel. Not modal, takes no focus, never answers on Enter; questions wait in a queue."""

from __future__ import annotations

import time
from typing import Literal

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Static

from safemig.journal import events as engine
from safemig.journal.messages import Message as EngineMessage
from safemig.journal.state import Question
from safemig.planning.plan import Plan
from tui.panes.approval_text import panel_text

HINTS = {
    "early": "this question has just come up; press again to answer it",
    "reason": "no, because (goes into the report); Enter says no, Esc goes back:",
    "typed": "the words that the question asks for; Enter goes on with exactly them, Esc goes back:",
    "always": "A grants it for good, as said above; `safemig permissions` takes it back. Esc goes back",
    "tool": "T grants it for good, as said above; `safemig permissions` takes it back. Esc goes back",
    "edit": "the command as you want it; Enter asks again about it, Esc goes back:",
}
LOW = 18  # lines: below them a question takes the place of the panes
SETTLE = 0.4  # seconds: keys typed before the question could be read do not answer it


class ApprovalPanel(Vertical, can_focus=False):
    """Shows the first question that waits; posts Decided."""

    DEFAULT_CSS = """
    ApprovalPanel { display: none; height: auto; border-top: heavy $warning; background: $surface; padding: 0 1; }
    ApprovalPanel.-open { display: block; }
    ApprovalPanel > Static { height: auto; width: 100%; }
    ApprovalPanel > Input { display: none; background: $panel; }
    ApprovalPanel.-typing > Input { display: block; }
    """

    class Decided(Message):
        """The person's answer, for the engine."""

        def __init__(self, message: EngineMessage) -> None:
            super().__init__()
            self.message = message

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.waiting: tuple[Question, ...] = ()
        self.settle = SETTLE
        self.where = ""
        self._since = 0.0
        self._whole = True
        self._read: set[str] = set()
        self._decided: set[str] = set()
        self.granting = ""  # always or tool, asked for and not yet confirmed
        self._early = ""  # the question that a key came too soon for
        self._typing: Literal["", "reason", "edit", "typed"] = ""
        self._focus_before: Widget | None = None

    def compose(self) -> ComposeResult:
        yield Static(id="approval-text")
        yield Input(id="approval-input", compact=True, select_on_focus=False)

    @property
    def question(self) -> Question | None:
        """The question at hand; None when none waits."""
        return self.waiting[0] if self.waiting else None

    @property
    def whole(self) -> bool:
        """Whether all of what is asked has been on the screen (in the panel, or in the details)."""
        question = self.question
        return self._whole or (question is not None and question.id in self._read)

    def settled(self) -> bool:
        """Whether the question has been there long enough to be meant; tells the person when it has not."""
        if time.monotonic() - self._since >= self.settle:
            return True
        self._early = self.question.id if self.question else ""
        self._draw()
        self.set_timer(2.0, self._forget_early)
        return False

    def _forget_early(self) -> None:
        self._early = ""
        self._draw()

    def show(self, waiting: tuple[Question, ...], plan: Plan | None = None) -> bool:
        """The questions that wait, oldest first; True when another one than before is at hand."""
        waiting = tuple(one for one in waiting if one.id not in self._decided)
        before = self.question
        if waiting == self.waiting:
            return False
        self.waiting = waiting
        fresh = self.question is not None and (before is None or before.id != self.question.id)
        if before is not None and (self.question is None or before.id != self.question.id):
            self.stop_typing()
        if fresh:
            self.granting = ""
            self._since = time.monotonic()
            self.where = _where(self.question, plan)
        self.set_class(self.question is not None, "-open")
        self._draw()
        self.screen.refresh_bindings()  # the keys of the answers come and go with the question
        return fresh

    def on_resize(self) -> None:
        self._draw()

    def _draw(self) -> None:
        question = self.question
        if question is None:
            return
        width = max(10, self.screen.size.width - 2)
        room = room_of(self.screen.size.height)
        text = panel_text(question, self.where, len(self.waiting), width, room)
        self._whole = text.whole
        lines = text.lines
        hint = self._typing or self.granting or ("early" if self._early == question.id else "")
        if hint:
            lines = (*lines[:-1], Content.styled(f"  {HINTS[hint]}", "bold"))
        self.query_one("#approval-text", Static).update(Content("\n").join(lines))

    def mark_read(self) -> None:
        """The details of the question at hand were opened."""
        if self.question:
            self._read.add(self.question.id)

    def decide(self, answer: engine.Answer, *, mode: str = "", reason: str = "", text: str = "") -> None:
        """Answers the question at hand."""
        question = self.question
        if question is None:
            return
        self.granting = ""
        self.stop_typing()
        self._decided.add(question.id)
        self.show(self.waiting)
        message = EngineMessage("decide", id=question.id, answer=answer, reason=reason, mode=mode, text=text)
        self.post_message(self.Decided(message))

    def ask_grant(self, width: str) -> None:
        """A lasting grant wants a second key, which names it; "" takes the wish back."""
        self.granting = width
        self._draw()
        self.screen.refresh_bindings()

    def ask_reason(self) -> None:
        """Opens the line for the reason of a no; Esc takes the no back."""
        self._type("reason", "")

    def ask_line(self, line: str) -> None:
        """Opens the command for editing; Enter asks anew about what then stands there, and approves nothing."""
        self._type("edit", line)

    def ask_words(self) -> None:
        """Opens the line for the words that the question wants typed: a key alone is no yes to it."""
        self._type("typed", "")

    def _type(self, what: Literal["reason", "edit", "typed"], value: str) -> None:
        self.granting = ""
        self._typing = what
        self._focus_before = self.screen.focused
        field = self.query_one(Input)
        field.value = value
        field.cursor_position = len(value)
        self.add_class("-typing")
        self._draw()
        self.screen.set_focus(field)  # at once: focus() waits for its turn, and what is typed on would go elsewhere

    def stop_typing(self) -> None:
        """Closes the line and gives the focus back."""
        if not self._typing:
            return
        self._typing = ""
        self.remove_class("-typing")
        self._draw()
        before = self._focus_before
        if before is not None and before.is_mounted:
            before.focus()
        elif self.query_one(Input).has_focus:
            self.screen.set_focus(None)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if self._typing == "reason":
            self.decide("no", reason=event.value.strip())
        elif self._typing == "typed" and event.value.strip():
            self.decide("once", text=event.value.strip())
        elif self._typing == "edit" and event.value.strip():
            self.decide("edit", text=event.value.strip())

    def on_key(self, event: events.Key) -> None:
        if event.key == "escape" and self._typing:
            event.stop()
            event.prevent_default()
            self.stop_typing()


def room_of(height: int) -> int:
    """Lines for the question on a screen of that height: a low one shows no pane beside it. Pure."""
    return max(3, height - 4) if height < LOW else max(5, min(height * 6 // 10, height - 10))


def _where(question: Question | None, plan: Plan | None) -> str:
    """The folder that the asked command runs in, from the plan that holds it."""
    for step in plan.steps if plan and question else ():
        if question and step.id == question.step and step.action.digest == question.digest:
            action = step.action
            return "" if action.kind != "command" else "the project's root" if action.cwd == "." else action.cwd
    return ""
