"""What the approval panel says: what will be done, its effect, and what each answer grants, word for word. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from textual.content import Content

from safemig.base.counting import counted
from safemig.journal.state import Question
from tui.words import RISKS, clean, clean_lines

DIFF = {"+": "$text-success", "-": "$text-error", "@": "$text-accent"}


@dataclass(frozen=True)
class PanelText:
    """The panel's lines; ``whole`` is False when what is asked did not fit and has to be read elsewhere first."""

    lines: tuple[Content, ...]
    whole: bool


def panel_text(question: Question, where: str, waiting: int, width: int, room: int) -> PanelText:
    """The lines of ``question`` for ``width`` cells and at most ``room`` lines; the grants are never cut.

    ``where`` is the folder of its command, "" when there is none. Where what the answers grant leaves no room for what
    is asked, their keys alone stand there: then it has to be read in the details first.
    """
    head = _head(question, waiting, width)
    grants = [line for part in _grants(question) for line in _hanging(part, width)]
    if short := len(head) + len(grants) >= room:
        grants = _hanging(("  ", Content.styled(_keys(question), "bold")), width)
    asked = [line for text in clean_lines(question.what) for line in _hanging(_asked(question, text), width)]
    if where:
        asked += _hanging(("    ", Content.styled(f"in {clean(where)}", "$text-muted")), width)
    about = [line for part in _about(question) for line in _hanging(part, width)]
    left = max(1, room - len(head) - len(grants))
    if len(asked) > left:
        cut = Content.styled(f"  … {counted(len(asked) - left + 1, 'more line')}: d shows them", "$text-warning")
        return PanelText((*head, *asked[: left - 1], cut, *grants), whole=False)
    left -= len(asked)
    if short:
        return PanelText((*head, *asked, *grants), whole=False)
    detail = _detail(question, width, max(left - len(about), left * 2 // 3))
    about = about[: left - len(detail)]
    return PanelText((*head, *asked, *about, *detail, *grants), whole=True)


def _head(question: Question, waiting: int, width: int) -> list[Content]:
    risk = RISKS.get(question.effect, question.effect)
    shade = "$text-error bold" if risk == "DESTRUCTIVE" else "$text-warning bold"
    queue = f"  1 of {waiting} waiting" if waiting > 1 else ""
    left = Content.assemble(("? ", "$text-warning bold"), (clean(question.title), "bold"))
    right = Content.assemble((f" {risk or 'read only'} ", f"{shade} reverse"), (queue, "$text-muted"))
    room = max(4, width - right.cell_length - 1)
    lines = left.wrap(room)
    first = Content.assemble(lines[0], " " * max(1, width - lines[0].cell_length - right.cell_length), right)
    return [first, *lines[1:]]


def _asked(question: Question, text: str) -> tuple[str, Content]:
    sign = "  $ " if question.kind != "plan" and not text.startswith("write ") else "    "
    return sign, Content.styled(text, "bold")


def _about(question: Question) -> list[tuple[str, Content]]:
    """Undo first: where there is no room for all of it, that is what a person needs most before answering."""
    changes = question.changes if question.changes != question.what.replace("write ", "writes ", 1) else ""
    named = (("undo    ", question.undo), ("changes ", changes), ("why     ", question.rule))
    return [
        (f"  {name if not number else ' ' * len(name)}", Content(line))
        for name, text in named
        if text
        for number, line in enumerate(clean_lines(text))
    ]


def _detail(question: Question, width: int, left: int) -> list[Content]:
    """As much of the diff, SQL or document as there is room for; of a long diff only what it changes."""
    lines = clean_lines(question.detail.rstrip("\n")) if question.detail else []
    if not lines or left < 1:
        return []
    shown = lines if len(lines) <= left else list(changed(lines)) or lines
    more = []
    if len(shown) != len(lines) or len(shown) > left:
        shown = shown[: left - 1]
        more = [Content.styled(f"  │ … d shows all {len(lines)} lines", "$text-muted")]
    return [*(_detail_line(line, width) for line in shown), *more]


def _detail_line(line: str, width: int) -> Content:
    return Content.styled(f"  │ {line}", DIFF.get(line[:1], "")).truncate(width)


def changed(lines: Sequence[str]) -> Iterator[str]:
    """Of a unified diff the lines it takes away and adds; of a new migration those from its ``upgrade`` on."""
    if len(lines) < 2 or not (lines[0].startswith("--- ") and lines[1].startswith("+++ ")):
        return
    inner = [line for line in lines[2:] if line[:1] in ("+", "-") and line[1:].strip()]
    begin = next((at for at, line in enumerate(inner) if line.startswith("+def upgrade")), 0)
    yield from inner[begin:] if not any(line.startswith("-") for line in inner) else inner


def _grants(question: Question) -> list[tuple[str, Content]]:
    rows: list[tuple[str, str]] = []
    once = clean(question.once) or "this, once"
    if question.kind == "plan":
        rows = [("y", f"yes: {once}"), ("a", "auto mode: these steps and what is added later, unasked")]
    else:
        typed = f"type “{clean(question.typed)}”: " if question.typed else "once: "
        rows = [("y", f"{typed}{once}")]
        rows += [("a", f"always: {clean(question.always)}")] if question.always else []
        rows += [("t", f"tool: {clean(question.tool)}")] if question.tool else []
        rows += [("p", f"proposed: {clean(question.proposed)}")] if question.proposed else []
        rows += [("w", f"write: {clean(question.write)}")] if question.write else []
        rows += [("s", f"stamp: {clean(question.stamp)}")] if question.stamp else []
        rows += [("s", f"skip: {clean(question.skip)}")] if question.skip else []
    last = ("" if question.kind != "step" else "e edit first   ") + "n no, with a reason   d details"
    return [*((f"  {key} ", Content(text)) for key, text in rows), ("  ", Content.styled(last, "bold"))]


def _keys(question: Question) -> str:
    """The keys of the answers, without what they grant."""
    given = {
        "a always": question.always,
        "t tool": question.tool,
        "p proposed": question.proposed,
        "w write": question.write,
        "s stamp": question.stamp,
        "s skip": question.skip,
    }
    more = ["a auto"] if question.kind == "plan" else [key for key, text in given.items() if text]
    edit = ["e edit"] if question.kind == "step" else []
    return "  ".join(["d read it first", "y yes", *more, *edit, "n no"])


def _hanging(part: tuple[str, Content], width: int) -> list[Content]:
    """``part`` wrapped, its later lines indented as far as its first."""
    mark, text = part
    lines = text.wrap(max(8, width - len(mark)))
    blank = " " * len(mark)
    return [Content.assemble((mark if index == 0 else blank, "bold"), line) for index, line in enumerate(lines)]
