"""The terminal form of ``run``: renders the event stream, asks on the terminal, sends messages back."""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import signal
import socket
import sys
import termios
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from safemig import entry
from safemig.cli.printing import coloured, err, json_out, out
from safemig.journal.events import (
    Answer,
    ApprovalAsked,
    ApprovalGiven,
    CommandOutput,
    Event,
    RunResumed,
    RunStarted,
)
from safemig.journal.fold import take
from safemig.journal.messages import Message
from safemig.journal.state import RunState
from safemig.reports.json_document import document
from safemig.reports.terminal import printable, render

LINE_LIMIT = 64 << 20
LONGEST_LINE = 4096  # bytes; a terminal gives no longer one
AGAIN_SECONDS = 15.0  # within them a second Ctrl+C stops a change of the database


@dataclass
class Face:
    """What the terminal form knows while a run goes on."""

    as_json: bool
    verbose: bool
    interactive: bool
    colour: bool
    root: Path = field(default_factory=Path)
    summary: RunState = field(default_factory=RunState)
    stops: int = 0
    warned: tuple[str, float] = ("", 0.0)  # the change of the database that a stop was asked about, and when
    kept: bool = True
    stdin: asyncio.StreamWriter | None = None

    def say(self, text: str) -> None:
        """A line for the person: on stdout, or on stderr while stdout is kept for the JSON document."""
        (err if self.as_json else out)(text + "\n", coloured=self.colour)


def show(options: argparse.Namespace) -> int:
    """Runs the engine as a child and shows its run; returns the exit code."""
    interactive = can_ask(options)
    colour = coloured()
    face = Face(options.json, options.verbose, interactive, colour, kept=not getattr(options, "removed", False))
    return asyncio.run(_drive(face, [*engine_line(options), *_starters(options)]))


def can_ask(options: argparse.Namespace) -> bool:
    """Whether a person at a terminal can answer."""
    return sys.stdin.isatty() and sys.stdout.isatty() and not options.json


def engine_line(options: argparse.Namespace) -> list[str]:
    """The argv of the engine's process."""
    line = [*entry.line(), options.command, "--events", "--project", options.project]
    for name in ("spec", "phase", "message", "mode"):
        value = getattr(options, name, None)
        if value:
            line += [f"--{name}", value]
    if options.command == "resume" and options.run:
        line.append(options.run)
    return line


def _starters(options: argparse.Namespace) -> list[str]:
    """Whose end ends the run after the step in flight: ours, however it comes, and that of whoever started us."""
    if options.detach:
        return ["--detach"]
    return ["--watch", str(os.getpid()), "--watch", str(os.getppid())]


async def _drive(face: Face, line: list[str]) -> int:
    loop = asyncio.get_running_loop()
    # Before the child is there: it would go on without us.
    loop.add_signal_handler(signal.SIGINT, _interrupt, face)
    loop.add_signal_handler(signal.SIGTERM, _stop, face)
    # A socket pair and not a pipe: a pipe of ours can be opened by every process of the account, below /proc.
    ours, theirs = socket.socketpair()
    with theirs:
        child = await asyncio.create_subprocess_exec(
            *line,
            stdin=theirs.fileno(),
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,
            limit=LINE_LIMIT,
        )
    assert child.stdout is not None
    _, face.stdin = await asyncio.open_unix_connection(sock=ours)
    if face.stops:
        _send(face.stdin, Message("stop"))
    live = "resume" not in line
    asking: asyncio.Task[None] | None = None
    async for raw in child.stdout:
        event = msgspec.json.decode(raw, type=Event)
        take(face.summary, event)
        live = live or (isinstance(event.body, RunResumed) and event.body.pid == child.pid)
        if not live:  # what an earlier engine journalled: known, and nobody's question any more
            _remember(face, event)
            continue
        if asking and isinstance(event.body, ApprovalGiven):
            _leave_question(face, asking)
        _show(face, event)
        if isinstance(event.body, ApprovalAsked):
            asking = asyncio.ensure_future(_answer(face, event.body, face.stdin))
    code = await child.wait()
    if asking:
        asking.cancel()
        with suppress(asyncio.CancelledError):
            await asking
    return _end(face, code)


def _leave_question(face: Face, asking: asyncio.Task[None]) -> None:
    """The question was answered, here or by another terminal of the person."""
    if not asking.done():
        asking.cancel()
        face.say("\nanswered by another terminal")


def _send(stdin: asyncio.StreamWriter, message: Message) -> None:
    if not stdin.is_closing():
        stdin.write(msgspec.json.encode(message) + b"\n")


def _interrupt(face: Face) -> None:
    """Ctrl+C: while the database is being changed it asks first, where somebody sits at the terminal."""
    changing, now = face.summary.changing_database, time.monotonic()
    known, asked = face.warned
    if changing and sys.stdin.isatty() and not face.stops and not (known == changing and now - asked < AGAIN_SECONDS):
        face.warned = (changing, now)
        face.say(
            f"the database is being changed ({printable(face.summary.of(changing).title)}); Ctrl+C again within "
            f"{AGAIN_SECONDS:.0f} seconds stops that, anything else lets it go on"
        )
        return
    _stop(face)


def _stop(face: Face) -> None:
    face.stops += 1
    if face.stdin:  # first: a terminal that is gone takes no word
        _send(face.stdin, Message("stop"))
    face.say("stopping the running step …" if face.stops == 1 else "still stopping; nothing is left half-done")


def _remember(face: Face, event: Event) -> None:
    if isinstance(event.body, RunStarted):
        face.root = Path(event.body.project)


def _show(face: Face, event: Event) -> None:
    _remember(face, event)
    if isinstance(event.body, CommandOutput):
        if face.verbose:
            _show_output(face, event.run, event.body)
        return
    width = shutil.get_terminal_size().columns
    for line in render(event, colour=face.colour, width=width):
        face.say(line)


def _show_output(face: Face, run: str, output: CommandOutput) -> None:
    path = face.root / ".safemig" / "runs" / run / output.file
    with path.open("rb") as file:
        file.seek(output.start)
        for line in file.read(output.end - output.start).decode("utf-8", "replace").splitlines():
            face.say("  | " + printable(line))


async def _answer(face: Face, asked: ApprovalAsked, stdin: asyncio.StreamWriter) -> None:
    """Asks on the terminal. Without one nobody can answer: the engine is told so by the end of its input."""
    if not face.interactive:
        _show_plan(face, asked)
        stdin.close()
        return
    await ask_at_terminal(face, asked, lambda message: _send(stdin, message))


def _show_plan(face: Face, asked: ApprovalAsked) -> None:
    """A plan is read as a whole, also where nobody can answer."""
    if asked.kind == "plan":
        face.say(printable(asked.detail, keep_lines=True))


async def ask_at_terminal(face: Face, asked: ApprovalAsked, send: Callable[[Message], None]) -> None:
    """Asks one question until it has an answer, or a stop was asked for."""
    _show_plan(face, asked)
    typed = asked.typed
    while not face.stops:
        shown = _typed_choices(typed) if typed else _choices(asked)
        given = (await _read_line(face, f"{shown} > ")).strip()
        if typed and given == typed:
            send(Message("decide", id=asked.id, answer="once", text=given))
            return
        word = given.lower()
        if word == "d":
            face.say(printable(asked.detail or "nothing more to show", keep_lines=True))
            continue
        if asked.proposed and (lines := _lines_of(word)) is not None:
            send(Message("decide", id=asked.id, answer="proposed", text=lines))
            return
        answer = _answer_of(word, asked) if not typed or word == "n" else None
        if answer is None or not await _granted(face, answer[0], asked):
            continue
        reason = await _read_line(face, "why (goes into the report, may be empty) > ") if answer[0] == "no" else ""
        send(Message("decide", id=asked.id, answer=answer[0], mode=answer[1], reason=reason.strip()))
        return


async def _granted(face: Face, answer: Answer, asked: ApprovalAsked) -> bool:
    """Whether a lasting grant was confirmed by a second word that names it; any other answer needs none."""
    if answer not in ("always", "tool"):
        return True
    key, what = ("A", asked.always) if answer == "always" else ("T", asked.tool)
    face.say(f"for good, also in later runs: {printable(what)}")
    return (await _read_line(face, f"[{key}] grant it   [Enter] back > ")).strip() == key


def _choices(asked: ApprovalAsked) -> str:
    if asked.kind == "plan":
        return "[y] run it, ask about what is added   [a] auto mode: ask about nothing   [n] no   [d] the whole plan"
    more = "   [a] don't ask again for this line" if asked.always else ""
    more += "   [t] nor for this tool" if asked.tool else ""
    more += "   [p] the proposed too (p 12,14-16: those lines)" if asked.proposed else ""
    more += "   [w] write the revision" if asked.write else ""
    more += "   [s] stamp" if asked.stamp else ""
    more += "   [s] skip it" if asked.skip else ""
    return f"[y] yes, once{more}   [n] no   [d] diff or details"


def _typed_choices(typed: str) -> str:
    return f"type {printable(typed)} to go on   [n] no   [d] details"


def _lines_of(word: str) -> str | None:
    """ "p" -> "", "p 12,14-16" -> "12,14,15,16"; None where the word is no such answer."""
    from safemig.cli.errors import UsageError
    from safemig.cli.tick import numbers

    name, _, lines = word.partition(" ")
    if name != "p":
        return None
    try:
        return ",".join(str(line) for line in sorted(numbers(lines))) if lines.strip() else ""
    except UsageError:
        return None


def _answer_of(word: str, asked: ApprovalAsked) -> tuple[Answer, str] | None:
    if word == "y":
        return "once", "default"
    if word == "n":
        return "no", ""
    if word == "a" and asked.kind == "plan":
        return "once", "auto"
    if word == "a" and asked.always:
        return "always", ""
    if word == "t" and asked.tool:
        return "tool", ""
    if word == "w" and asked.write:
        return "write", ""
    if word == "s" and (asked.stamp or asked.skip):
        return ("stamp" if asked.stamp else "skip"), ""
    return None


async def _read_line(face: Face, prompt: str) -> str:
    """One line from the terminal without blocking the loop; "" once a stop was asked for, "n" at its end. What was
    typed before the prompt stood there was no answer to it."""
    discard_typed()
    out(prompt)
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(sys.stdin, ready.set)
    try:
        while not ready.is_set() and not face.stops:
            with suppress(TimeoutError):
                await asyncio.wait_for(ready.wait(), 0.2)
    finally:
        loop.remove_reader(sys.stdin)
    if not ready.is_set():
        return ""
    # By the descriptor: Python's own buffer would keep what stands behind the line, and nothing could discard that.
    return os.read(sys.stdin.fileno(), LONGEST_LINE).decode("utf-8", "replace") or "n"


def discard_typed() -> None:
    """Lets go what stands on the terminal's input."""
    with suppress(termios.error, OSError):
        termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)


def _report_words(face: Face) -> str:
    if face.kept:
        return f"report: safemig report {face.summary.run}"
    return "this copy is removed now; `safemig demo --keep DIR` keeps it with its report"


def _end(face: Face, code: int) -> int:
    if face.as_json and face.summary.run:
        json_out(document(face.summary), indented=True)
    if face.summary.run and not face.as_json:
        face.say(_report_words(face))
    if code <= 0 and not face.summary.verdict:  # with a code of its own the engine has said why on stderr
        err("safemig: the engine ended before the run did; take it up with `safemig resume`\n")
        return 3
    return code
