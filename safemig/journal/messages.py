"""Messages: the plain data that the faces send to the engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from checks.evidence import Json
from safemig.journal.events import Answer, Sender


@dataclass(frozen=True)
class Message:
    """What a face asks of the engine.

    attach: a face is there (when it goes, the engine finishes the step in flight and waits). decide: id, answer,
    reason, mode (of a plan's approval: the mode it runs in), text (answer edit: the command or the file's text as
    the person wants it, judged anew and asked again; answer proposed: the lines of the items that are meant, such as
    12,14; "" means all; where the question says typed: those words, as the person has typed them). mode: mode. stop.
    tick, untick: file, line, text (the item's words as the person saw them: another item on that line is left alone).
    shell: line_text, cwd (relative to the project's root): the person's own shell line. shell_stop: those that still
    run end, and nothing else. ``sender`` is set by the side that receives it, whatever the message itself says.
    """

    type: Literal["attach", "decide", "mode", "stop", "tick", "untick", "shell", "shell_stop"]
    id: str = ""
    answer: Answer = "no"
    reason: str = ""
    mode: str = ""
    file: str = ""
    line: int = 0
    text: str = ""
    line_text: str = ""
    cwd: str = "."
    by: str = "person"
    sender: Sender | None = None

    def came_from(self) -> dict[str, Json]:
        """What the journal keeps beside an answer: the process that gave it, where it is known."""
        sender = self.sender
        if sender is None:
            return {}
        return {"from": {"pid": sender.pid, "executable": sender.executable, "terminal": sender.terminal}}
