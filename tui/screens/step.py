"""One step opened: what it does, its command, diff or SQL, effect, undo, evidence, and why it waits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from safemig.journal.state import Question, RunState
from safemig.planning.plan import Plan, Step
from safemig.reports.terminal import evidence_words
from tui.panes.approval_text import DIFF
from tui.words import PHASES, RISKS, SIGNS, clean, clean_lines, duration

LANGUAGES = {".py": "python", ".sql": "sql", ".toml": "toml", ".yaml": "yaml", ".yml": "yaml", ".md": "markdown"}


class TextScreen(ModalScreen[None]):
    """A titled text to read and to scroll; Esc, Enter or q goes back."""

    DEFAULT_CSS = """
    TextScreen { align: center middle; }
    TextScreen > VerticalScroll { width: 95%; height: 92%; border: round $primary; background: $surface; padding: 0 1; }
    TextScreen Static { width: 100%; height: auto; }
    """
    HELP = "Everything about a step or a question."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter", "leave", "back", id="text.leave", tooltip="Back to where you were"),
        Binding("j,down", "scroll(1)", "down", id="text.down", show=False, tooltip="A line down"),
        Binding("k,up", "scroll(-1)", "up", id="text.up", show=False, tooltip="A line up"),
        Binding(
            "ctrl+d,pagedown,space",
            "scroll(12)",
            "page down",
            id="text.page_down",
            show=False,
            tooltip="Half a page down",
        ),
        Binding("ctrl+u,pageup", "scroll(-12)", "page up", id="text.page_up", show=False, tooltip="Half a page up"),
        Binding("g,home", "scroll(-1000000)", "top", id="text.top", show=False, tooltip="To the top"),
        Binding("G,end", "scroll(1000000)", "bottom", id="text.bottom", show=False, tooltip="To the bottom"),
    ]

    def __init__(self, title: str, text: Content) -> None:
        super().__init__()
        self._heading, self._text = title, text

    def compose(self) -> ComposeResult:
        with VerticalScroll() as box:
            box.border_title = Content(clean(self._heading)).markup
            box.border_subtitle = "Esc goes back"
            yield Static(self._text)

    def action_scroll(self, by: int) -> None:
        self.query_one(VerticalScroll).scroll_relative(y=by, animate=False)

    def action_leave(self) -> None:
        self.dismiss(None)


def step_text(plan: Plan | None, step_id: str, summary: RunState) -> Content:
    """All that is known of a step."""
    known = summary.of(step_id)
    step = next((step for step in plan.steps if step.id == step_id), None) if plan else None
    parts: list[Content] = list(_state(known.status, known.seconds, known.attempts, known.reason))
    question = next((one for one in summary.waiting if one.step == step_id), None)
    if question is not None:
        parts += [_field("waits", f"an answer is needed: {question.rule}")]
    elif known.status == "planned" and summary.running:
        parts += [_field("waits", f"comes after “{summary.of(summary.running).title}”")]
    if step is not None:
        parts += list(_step(step))
    parts += list(_approvals(summary, step_id))
    parts += list(_evidence(summary, step_id))
    return Content("\n").join(parts)


def question_text(question: Question) -> Content:
    """Everything that is asked, in full."""
    parts = [_field("effect", RISKS.get(question.effect, question.effect) or "read only")]
    parts += [_block("what will be done", clean_lines(question.what))]
    named = (("changes", question.changes), ("undo", question.undo), ("why", question.rule))
    parts += [_block(name, clean_lines(text)) for name, text in named if text]
    parts += [_field(f"answer {key}", text) for key, text in grants_of(question)]
    if question.detail:
        parts += [Content(""), *_coloured(clean_lines(question.detail))]
    return Content("\n").join(parts)


def grants_of(question: Question) -> tuple[tuple[str, str], ...]:
    """The key of each answer that is offered, with what it grants or does."""
    every = (
        ("y", question.once),
        ("a", question.always),
        ("t", question.tool),
        ("p", question.proposed),
        ("w", question.write),
        ("s", question.stamp),
        ("s", question.skip),
    )
    return tuple((key, text) for key, text in every if text)


def _state(status: str, seconds: float, attempts: int, reason: str) -> Iterator[Content]:
    times = f", {attempts} attempts" if attempts > 1 else ""
    spent = f" after {duration(seconds)}" if seconds else ""
    yield _field("state", f"{SIGNS.get(status, '')} {status}{spent}{times}")
    if reason:
        yield _field("reason", reason)


def _step(step: Step) -> Iterator[Content]:
    action = step.action
    yield _field("part", PHASES.get(step.phase, step.phase))
    if step.cause:
        yield _field("because", step.cause)
    yield _field("effect", RISKS.get(action.effect, action.effect) or "read only")
    if action.touches:
        yield _field("touches", ", ".join(action.touches))
    if action.kind == "command":
        yield _field("command", f"$ {action.line}")
        yield _field("in", "the project's root" if action.cwd == "." else action.cwd)
        if action.stdin:
            yield _field("typed into it", action.stdin)
    elif action.kind == "edit":
        yield _field("writes", action.path)
    for name, text in (("changes", step.changes), ("done when", step.done_when), ("undo", step.undo)):
        if text:
            yield _field(name, text)
    if step.assumes:
        yield _field("takes for granted", "; ".join(step.assumes))
    yield from _change(step)


def _change(step: Step) -> Iterator[Content]:
    action = step.action
    if action.before is not None and action.diff:
        yield Content("")
        yield from _coloured(clean_lines(action.diff))
    elif action.text:
        yield Content("")
        yield _highlighted(action.text, action.path)
    elif step.detail:
        yield Content("")
        yield from _coloured(clean_lines("\n".join(step.detail)))


def _approvals(summary: RunState, step_id: str) -> Iterator[Content]:
    for approval in summary.approvals:
        if approval.step == step_id:
            reason = f": {approval.reason}" if approval.reason else ""
            yield _field("answered", f"{approval.answer}, by {approval.by} ({approval.rule}){reason}")


def _evidence(summary: RunState, step_id: str) -> Iterator[Content]:
    found = [one for one in summary.evidence if one.step == step_id]
    if found:
        yield Content("")
        yield Content.styled("Evidence", "bold")
    for one in found:
        words = evidence_words(one.evidence) or one.evidence.subject or "seen"
        moment = f"{one.moment} " if one.moment else ""
        yield Content.assemble("  ", (f"{moment}{one.evidence.kind}", "$text-accent"), f"  {clean(words)}")
        yield Content.styled(f"    again: {clean(one.evidence.repeat)}", "$text-muted")


def _field(name: str, text: str) -> Content:
    return Content.assemble((f"{name:<10} ", "$text-muted"), clean(text))


def _block(name: str, lines: list[str]) -> Content:
    if len(lines) == 1:
        return _field(name, lines[0])
    return Content("\n").join([Content.styled(name, "$text-muted"), *(Content(f"  {line}") for line in lines)])


def _coloured(lines: list[str]) -> list[Content]:
    return [Content.styled(line, DIFF.get(line[:1], "")) for line in lines]


def _highlighted(text: str, path: str) -> Content:
    harmless = "\n".join(clean_lines(text))
    language = LANGUAGES.get(PurePath(path).suffix.lower(), "")
    if not language or len(harmless) > 200_000:
        return Content(harmless)
    from textual.highlight import highlight

    return highlight(harmless, language=language)
