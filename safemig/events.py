"""Events and messages: the plain data that goes between engine, journal and faces.

Data of each kind of event (all keys always present unless marked ?):

- run.started      project, spec, phase, mode, runtime, engine (version), pid
- run.resumed      after (seq), pid, in_flight (step id or "")
- facts            file, digest
- finding          name, cause, file, digest                 what an outcome calls for; file holds it
- plan.revised     revision, digest, parent, cause, file, added (step ids), open (list of str),
                   steps (of added: id, title, intent, effect, command)
- mode.changed     before, after, by, from?
- step.started     title, intent, effect, command
- step.finished    status (done | failed | skipped | refused | stopped), seconds, reason, command
- command.started  number, line, cwd, limit, output (file), by (engine | person); a person's shell line has step "!"
- command.output   number, file, start, end                  a new range of bytes, coalesced
- command.finished number, status (int or None), how (exit | limit | stopped | ready | lost), seconds, file, start, end
- progress         text, urgent (what a change to the database waits for, whom it blocks, how far an index build is)
- evidence         moment (first | start | before | after | ""), evidence (the Evidence as an object)
- approval.asked   id, kind (step | plan | question), digest, title, effect, what, detail, changes, undo, rule, once,
                   always, tool, proposed? (word for word what the answer grants; always (this line), tool and
                   proposed (the proposed items of a checklist too) "" when they cannot be), typed? (the words that the
                   answer must carry in text)
- approval.given   id, digest, answer (once | always | tool | proposed | no), by (person | rule | mode), rule, reason,
                   title; a plan's also digests (the actions that it approves), that of proposed items also lines
                   (which of them, by their lines; none means all); from? (the process that gave a person's answer: pid,
                   executable, terminal)
- tick, untick     file, line (1-based), text, by (person | engine), sha256 (of the file afterwards)
- note             level (info | warning | error), text
- stop.asked       by, from?
- run.finished     verdict, exit, reason, state (what state things are in), signals, schema, ticked, revision
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from checks.evidence import Json

Mode = Literal["default", "plan", "auto"]
Verdict = Literal["passed", "unchanged", "failed", "refused", "interrupted", "waiting", "stale"]
Answer = Literal["once", "always", "tool", "proposed", "edit", "no"]
GOOD: tuple[Verdict, ...] = ("passed", "unchanged")  # the service was proved, and nothing is left to be done
MODES: tuple[Mode, ...] = ("default", "plan", "auto")


@dataclass(frozen=True)
class Event:
    """One thing that happened. ``seq`` counts from 1 without gaps; ``wall`` is ISO 8601 UTC, ``mono`` seconds."""

    seq: int
    kind: str
    run: str
    target: str
    step: str
    wall: str
    mono: float
    data: Mapping[str, Json] = field(default_factory=dict)
    version: int = 1


@dataclass(frozen=True)
class Sender:
    """The process that a message came from, as the kernel names it; "" where that cannot be read."""

    pid: int
    executable: str = ""
    terminal: str = ""


@dataclass(frozen=True)
class Message:
    """What a face asks of the engine.

    attach: a face is there (when it goes, the engine finishes the step in flight and waits). decide: id, answer,
    reason, mode (of a plan's approval: the mode it runs in), text (answer edit: the command or the file's text as
    the person wants it, judged anew and asked again; answer proposed: the lines of the items that are meant, such as
    12,14; "" means all; where the question says typed: those words, as the person has typed them). mode: mode. stop.
    tick, untick: file, line, text (the item's words as the person saw them: another item on that line is left alone).
    shell: line_text, cwd (relative to the project's root): the person's own shell line. ``sender`` is set by the side
    that receives it, whatever the message itself says.
    """

    type: Literal["attach", "decide", "mode", "stop", "tick", "untick", "shell"]
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
