"""`safemig answer`: answers what a run asks, from another terminal of the same person, with the same facts."""

from __future__ import annotations

import argparse
import asyncio
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

from safemig.cli.errors import UsageError
from safemig.cli.interactive import Face, ask_at_terminal
from safemig.cli.opening import run_folder
from safemig.cli.printing import coloured
from safemig.cli.show import root_of
from safemig.consent.channel import tell
from safemig.consent.journal_key import known_key, sealed_lines
from safemig.journal.events import ApprovalAsked, ApprovalGiven, Event, RunFinished, RunResumed
from safemig.journal.journal import EVENTS, decode
from safemig.journal.messages import Message
from safemig.reports.terminal import render

LOOK_SECONDS = 0.2


def main(options: argparse.Namespace) -> int:
    """0 when what was asked is answered, or nothing is asked; with --follow once the run has ended."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("no terminal here: an answer is a person's; open the run with `safemig show` in a terminal")
    folder = run_folder(root_of(options) / ".safemig", options.run)
    return asyncio.run(_answer_all(folder, follow=options.follow))


def open_questions(events: tuple[Event, ...]) -> tuple[Event, ...]:
    """The questions of the engine at work that nobody has answered yet, oldest first. What an earlier engine had asked
    is nobody's question any more."""
    waiting: dict[str, Event] = {}
    for event in events:
        match event.body:
            case ApprovalAsked(id=name):
                waiting[name] = event
            case ApprovalGiven(id=name):
                waiting.pop(name, None)
            case RunResumed() | RunFinished():
                waiting.clear()
    return tuple(waiting.values())


async def _answer_all(folder: Path, *, follow: bool) -> int:
    face = Face(as_json=False, verbose=False, interactive=True, colour=coloured(), root=folder)
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, _leave, face)
    if tell(folder, Message("attach")) is None:
        raise UsageError(f"no engine works on run {folder.name}; `safemig resume {folder.name}` takes it up and asks")
    seen = ""
    while not face.stops:
        events = _events(folder)
        question = next(iter(open_questions(events)), None)
        asked = question.body if question else None
        if question and isinstance(asked, ApprovalAsked) and asked.id != seen:
            if not await _answer_one(face, folder, question, asked):
                return 1
            seen = asked.id
        elif events[-1].kind == "run.finished" or (question is None and not follow):
            face.say("nothing else is asked now" if seen else "this run asks nothing now")
            return 0
        else:
            await asyncio.sleep(LOOK_SECONDS)
    return 130


async def _answer_one(face: Face, folder: Path, question: Event, asked: ApprovalAsked) -> bool:
    """Shows the question and passes the answer on; where another terminal was faster, it says so. False where the
    engine did not take the answer."""
    taken = True
    for line in _facts(question, face):
        face.say(line)

    def send(message: Message) -> None:
        nonlocal taken
        reply = tell(folder, message)
        taken = reply is not None and not reply.refused
        if not taken:
            face.say(f"not taken: {reply.refused if reply else 'the engine has gone'}")

    asking = asyncio.ensure_future(ask_at_terminal(face, asked, send))
    while not asking.done():
        await asyncio.wait([asking], timeout=LOOK_SECONDS)
        if not asking.done() and question not in open_questions(_events(folder)):
            asking.cancel()
            face.say("\nanswered by another terminal, or not asked any more")
            return True
    asking.result()
    if not taken:
        return False
    for _ in range(50):  # the engine journals the answer first
        if question not in open_questions(_events(folder)):
            return True
        await asyncio.sleep(LOOK_SECONDS)
    return True


def _events(folder: Path) -> tuple[Event, ...]:
    """The run's events. Raises UsageError where a line is not the engine's: a person would answer what others ask."""
    lines, problem = sealed_lines(folder, known_key(folder.parents[2]))
    if problem:
        raise UsageError(f"{problem}; nothing is answered here")
    return decode(lines, str(folder / EVENTS))


def _facts(question: Event, face: Face) -> Iterator[str]:
    yield from render(question, colour=face.colour, width=shutil.get_terminal_size().columns)


def _leave(face: Face) -> None:
    """Ctrl+C leaves this terminal; the run goes on and still asks."""
    face.stops += 1
    face.say("\nleft; the run goes on, and what it asks stays open")
