"""The two ways a tick takes: through the engine while a run is attached, else straight into the file."""

from __future__ import annotations

from pathlib import Path

from safemig.base.files import content
from safemig.checklist import ticks
from safemig.journal.messages import Message
from safemig.plan_document.document import parse
from tui.panes.checklist import TickAsked


def messages(asked: TickAsked) -> tuple[Message, ...]:
    """What to tell the engine, one message a line; ``text`` says which words the person saw there."""
    texts = asked.texts or ("",) * len(asked.lines)
    return tuple(
        Message("tick" if asked.ticked else "untick", file=asked.file, line=line, text=text)
        for line, text in zip(asked.lines, texts, strict=True)
    )


def write(root: Path, asked: TickAsked) -> str:
    """Ticks in the file itself, all lines or none; "" or why it could not be done."""
    path = root / asked.file
    try:
        document = parse(content(path), asked.file)
        items = [item for phase in document.phases for item in phase.items if item.line in asked.lines]
        if document.sha256 == asked.sha256 and len(items) != len(asked.lines):
            return f"{asked.file}: a line of those is no checklist item"
        ticks.write_ticks(path, asked.sha256, items, root=root, checked=asked.ticked)
    except (OSError, ticks.TickFails) as error:
        return str(error)
    return ""
