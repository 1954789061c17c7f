"""Events: the plain data that goes from the engine to the journal and the faces.

An event is one line of the journal: an envelope (``Event``) around ``data``, whose keys are those of the kind's struct
below. All keys are always written but those that may be UNSET. Readers take ``body``: the same as a struct. A kind that
this safemig does not know is ``Unknown``, a key that it does not know is passed over, and a key that is missing (older
journals have fewer) has the default that is given here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, TypeAlias

import msgspec
from msgspec import UNSET, UnsetType

from checks.evidence import Evidence, Json

Mode = Literal["default", "plan", "auto"]
Verdict = Literal["passed", "unchanged", "failed", "refused", "interrupted", "waiting", "stale"]
Answer = Literal["once", "always", "tool", "proposed", "write", "stamp", "skip", "edit", "no"]
Strings: TypeAlias = tuple[str, ...]
GOOD: tuple[Verdict, ...] = ("passed", "unchanged")  # the service was proved, and nothing is left to be done
RESUMABLE: frozenset[str] = frozenset({"", "interrupted", "waiting"})  # "": it has no verdict yet
MODES: tuple[Mode, ...] = ("default", "plan", "auto")


@dataclass(frozen=True)
class Sender:
    """The process that a message came from, as the kernel names it; "" where that cannot be read."""

    pid: int
    executable: str = ""
    terminal: str = ""


class RunStarted(msgspec.Struct, frozen=True):
    """``engine`` is its version, ``pid`` its process, ``digest`` that of the request as it was made."""

    project: str = ""
    spec: str = ""
    phase: str = ""
    message: str = ""
    mode: Mode = "default"
    runtime: str = ""
    engine: str = ""
    pid: int = 0
    digest: str = ""


class RunResumed(msgspec.Struct, frozen=True):
    """``after`` is the last event of the engine before, ``in_flight`` the step that it was at ("" for none),
    ``mode`` the one that it goes on in ("" in older journals)."""

    after: int = 0
    pid: int = 0
    in_flight: str = ""
    leftovers: Strings = ()
    mode: str = ""


class FactsKept(msgspec.Struct, frozen=True):
    """What planning saw, in a file of the run's folder, and what of the specs was chosen: ``schema_at`` is file and
    line of what it asks of the schema, ``unchosen`` why nothing was."""

    file: str = ""
    digest: str = ""
    spec: str = ""
    phase: str = ""
    chosen_because: str = ""
    schema_at: str = ""
    unchosen: Strings = ()


class Finding(msgspec.Struct, frozen=True):
    """What an outcome calls for; ``file`` holds it."""

    name: str = ""
    cause: str = ""
    file: str = ""
    digest: str = ""


class StepOutline(msgspec.Struct, frozen=True):
    """A step of a plan, as far as it is told before it begins."""

    id: str = ""
    title: str = ""
    intent: str = ""
    effect: str = ""
    command: str = ""


class PlanRevised(msgspec.Struct, frozen=True):
    """One revision of the plan; ``file`` holds the document, ``added`` are the ids of its new steps, ``steps`` their
    outlines (older journals have none), ``open`` the open points."""

    revision: int = 0
    digest: str = ""
    parent: str = ""
    cause: str = ""
    file: str = ""
    added: Strings = ()
    steps: tuple[StepOutline, ...] = ()
    open: Strings = ()


class ModeChanged(msgspec.Struct, frozen=True):
    before: Mode = "default"
    after: Mode = "default"
    by: str = ""
    sender: Sender | UnsetType = msgspec.field(default=UNSET, name="from")


class StepStarted(msgspec.Struct, frozen=True):
    title: str = ""
    intent: str = ""
    phase: str = ""
    effect: str = ""
    command: str = ""
    changes_database: bool = False  # a stop is asked about first


class StepFinished(msgspec.Struct, frozen=True):
    """``status`` is done, failed, skipped, refused or stopped. ``not_good``: it is done, and what it saw is not good
    (red tests, a service that does not answer), for the ``reason``."""

    status: str = ""
    seconds: float = 0.0
    reason: str = ""
    command: str = ""
    not_good: bool = False


class CommandStarted(msgspec.Struct, frozen=True):
    """``output`` is the file that its output goes to, ``limit`` are seconds; ``by`` is engine or person (a person's
    shell line has the step "!")."""

    number: int = 0
    line: str = ""
    cwd: str = ""
    limit: float = 0.0
    output: str = ""
    by: str = "engine"


class CommandOutput(msgspec.Struct, frozen=True):
    """A new range of bytes of the output file."""

    number: int = 0
    file: str = ""
    start: int = 0
    end: int = 0


class CommandFinished(msgspec.Struct, frozen=True):
    """``how`` is exit, limit, stopped, ready or lost; ``status`` is None where there is no exit code."""

    number: int = 0
    status: int | None = None
    how: str = ""
    seconds: float = 0.0
    file: str = ""
    start: int = 0
    end: int = 0


class Progress(msgspec.Struct, frozen=True):
    """What a change to the database waits for, whom it blocks, how far an index build is. Of a wait also its
    seconds so far (``waited``) and those that it takes at most from this event on (``left``)."""

    text: str = ""
    urgent: bool = False
    waited: float = 0.0
    left: float = 0.0


class Observed(msgspec.Struct, frozen=True):
    """Evidence, and the ``moment`` that it belongs to: first, start, before, after or ""."""

    evidence: Evidence
    moment: str = ""


class ApprovalAsked(msgspec.Struct, frozen=True):
    """A question. ``kind`` is step, plan or question. What each further answer grants, word for word, "" where it
    cannot be given. ``typed`` is what the answer's text must be; ``contents`` are the files applied, by sha256."""

    id: str = ""
    kind: str = ""
    digest: str = ""
    title: str = ""
    effect: str = ""
    what: str = ""
    detail: str = ""
    changes: str = ""
    undo: str = ""
    rule: str = ""
    once: str = ""
    always: str = ""
    tool: str = ""
    proposed: str = ""
    write: str = ""
    stamp: str = ""
    skip: str = ""
    typed: str = ""
    contents: dict[str, str] | UnsetType = UNSET


class ApprovalGiven(msgspec.Struct, frozen=True):
    """An answer (once, always, tool, proposed, write, stamp, skip, no), ``by`` person, rule or mode. A plan's has
    ``digests`` (the actions that it approves), that of the checklist's commands ``named`` (their actions), that of
    proposed items ``lines`` (none means all). ``from`` is the process that gave a person's; a lasting one has a
    ``grant`` (its id)."""

    id: str = ""
    digest: str = ""
    answer: str = ""
    by: str = ""
    rule: str = ""
    reason: str = ""
    title: str = ""
    digests: Strings | UnsetType = UNSET
    named: Strings | UnsetType = UNSET
    lines: tuple[int, ...] | UnsetType = UNSET
    contents: dict[str, str] | UnsetType = UNSET
    sender: Sender | UnsetType = msgspec.field(default=UNSET, name="from")
    grant: str = ""
    granted: str = ""


class Tick(msgspec.Struct, frozen=True):
    """An item of a checklist was ticked, at its 1-based line; ``by`` is person or engine, ``sha256`` that of the file
    afterwards."""

    file: str = ""
    line: int = 0
    text: str = ""
    by: str = "engine"
    sha256: str = ""


class Untick(msgspec.Struct, frozen=True):
    """The box is open again."""

    file: str = ""
    line: int = 0
    text: str = ""
    by: str = "engine"
    sha256: str = ""


class Note(msgspec.Struct, frozen=True):
    """``level`` is info, warning or error."""

    level: str = ""
    text: str = ""


class StopAsked(msgspec.Struct, frozen=True):
    by: str = ""
    sender: Sender | UnsetType = msgspec.field(default=UNSET, name="from")


class SignalState(msgspec.Struct, frozen=True):
    """``ok`` None: not checked, or not reached."""

    ok: bool | None = None
    before: str = ""
    after: str = ""
    reasons: Strings = ()


class SchemaAtEnd(msgspec.Struct, frozen=True):
    """``matches_spec`` None: not compared."""

    matches_spec: bool | None = None
    differences: tuple[dict[str, Json], ...] = ()
    not_checked: Strings = ()


class RevisionAtEnd(msgspec.Struct, frozen=True):
    """The revisions of the database before and after; None where they were not read."""

    before: Strings | None = None
    after: Strings | None = None


class TickedItem(msgspec.Struct, frozen=True):
    file: str = ""
    line: int = 0
    text: str = ""


class RunFinished(msgspec.Struct, frozen=True):
    """``exit`` is the exit code, ``state`` says what state things are in."""

    verdict: Verdict | Literal[""] = ""
    exit: int | None = None
    reason: str = ""
    state: str = ""
    signals: dict[str, SignalState] = {}
    schema: SchemaAtEnd = SchemaAtEnd()
    ticked: tuple[TickedItem, ...] = ()
    revision: RevisionAtEnd = RevisionAtEnd()


class Unknown(msgspec.Struct, frozen=True):
    """An event of a kind that this safemig does not know."""


Body: TypeAlias = (
    RunStarted | RunResumed | FactsKept | Finding | PlanRevised | ModeChanged | StepStarted | StepFinished
    | CommandStarted | CommandOutput | CommandFinished | Progress | Observed | ApprovalAsked | ApprovalGiven
    | Tick | Untick | Note | StopAsked | RunFinished | Unknown
)  # fmt: skip
KINDS: Mapping[str, type[Body]] = {
    "run.started": RunStarted,
    "run.resumed": RunResumed,
    "facts": FactsKept,
    "finding": Finding,
    "plan.revised": PlanRevised,
    "mode.changed": ModeChanged,
    "step.started": StepStarted,
    "step.finished": StepFinished,
    "command.started": CommandStarted,
    "command.output": CommandOutput,
    "command.finished": CommandFinished,
    "progress": Progress,
    "evidence": Observed,
    "approval.asked": ApprovalAsked,
    "approval.given": ApprovalGiven,
    "tick": Tick,
    "untick": Untick,
    "note": Note,
    "stop.asked": StopAsked,
    "run.finished": RunFinished,
}
_KIND_OF = {body: kind for kind, body in KINDS.items()}


def kind_of(body: Body) -> str:
    """The name that events of this struct have in the journal."""
    return _KIND_OF[type(body)]


def data_of(body: Body) -> dict[str, Json]:
    """The event's data as it is written."""
    data: dict[str, Json] = msgspec.to_builtins(body)
    return data


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

    @cached_property
    def body(self) -> Body:
        """``data`` as the struct of its kind. Raises msgspec.ValidationError, naming the key, where it does not fit."""
        known = KINDS.get(self.kind)
        return msgspec.convert(self.data, known) if known else Unknown()
