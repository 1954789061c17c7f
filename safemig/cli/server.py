"""The engine's process: events out as JSON lines, messages in. Faces stand on the other side of it."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import socket
import stat
import sys
from collections.abc import Callable

from safemig.cli.opening import Opened, new_session, old_session, open_project, require_trust
from safemig.cli.printing import json_out
from safemig.consent.channel import MESSAGE_LIMIT, listening, message_of
from safemig.consent.peer import peer_of, sender_of
from safemig.engine.inbox import Inbox
from safemig.engine.loop import drive
from safemig.engine.session import RunEnds, Session
from safemig.journal.events import Event, Mode, Sender
from safemig.journal.journal import ProjectLock, state_folder
from safemig.journal.messages import Message
from safemig.planning.collect.gaps import ChoiceNeeded, refuse_gaps
from safemig.planning.collect.impact import observe_change
from safemig.planning.facts import Facts
from safemig.planning.request import Request


def serve(options: argparse.Namespace) -> int:
    """``run --events`` and ``resume --events``: drives one run to its end; returns the exit code."""
    return asyncio.run(_serve(options))


async def _serve(options: argparse.Namespace) -> int:
    inbox = Inbox(_started_by(options), headless=options.detach or bool(options.watch))
    reader = asyncio.ensure_future(_read_messages(inbox))
    watcher = asyncio.ensure_future(inbox.watch())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, lambda: inbox.feed(Message("stop", by="signal")))
    opened = await asyncio.to_thread(open_project, options)
    require_trust(opened, options)
    facts = None
    if options.command != "resume":
        refuse_gaps(opened.project)
        request = Request(options.spec, options.phase, options.message)
        facts = await observe_change(opened.project, opened.config, opened.runtime, request)
    lock = ProjectLock(state_folder(opened.project.root))
    try:
        session = _session(options, opened, inbox)

        def refuse(sender: Sender, why: str) -> None:
            session.note(f"a message of process {sender.pid} ({sender.executable}) was refused: {why}", level="warning")

        def hear(message: Message) -> None:
            inbox.feed(message, driver=False)

        async with listening(session.journal.folder, hear, refuse) as session.unheard:
            try:
                return await drive(session, lambda s: _observe(opened, s, facts), _mode(options))
            finally:
                session.journal.close()
    finally:
        reader.cancel()
        watcher.cancel()
        lock.release()


def _started_by(options: argparse.Namespace) -> Callable[[], bool] | None:
    """Whether those who started the run are all still there: the terminal form and its parent (``--watch``), else our
    own parent. A process without one (1 has adopted it, or it began a container) was started to be on its own."""
    import psutil

    from safemig.execution.command import alive

    pids = [] if options.detach else options.watch or [os.getppid()]
    try:
        starters = [psutil.Process(pid) for pid in pids if pid > 1]
    except psutil.NoSuchProcess:  # gone before we could look
        return lambda: False
    return (lambda: all(alive(each) for each in starters)) if starters else None


def _session(options: argparse.Namespace, opened: Opened, inbox: Inbox) -> Session:
    if options.command == "resume":
        session = old_session(opened, options.run, _write, inbox)
        for event in session.journal.events:
            _write(event)
        return session
    return new_session(opened, Request(options.spec, options.phase, options.message), _write, inbox)


async def _observe(opened: Opened, s: Session, facts: Facts | None) -> Facts:
    """The facts that were looked at before the run began, so that a choice nobody has made begins none; a run that
    was killed before it had any looks now."""
    try:
        facts = facts or await observe_change(opened.project, opened.config, opened.runtime, s.request)
    except ChoiceNeeded as error:
        raise RunEnds("waiting", str(error)) from None
    if facts.stops:
        raise RunEnds("failed", "; and ".join(facts.stops))
    return facts


def _mode(options: argparse.Namespace) -> Mode | None:
    mode: Mode | None = options.mode
    return mode


def _write(event: Event) -> None:
    """One line; when nobody reads any more the journal still has it."""
    try:
        json_out(event, hides=False)  # as it was journalled: a name that a person types stands in it
    except (BrokenPipeError, ValueError):
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115  stays open until the end


async def _read_messages(inbox: Inbox) -> None:
    mode = os.fstat(sys.stdin.fileno()).st_mode
    if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or sys.stdin.isatty()):
        inbox.close()  # a plain file or /dev/null: nobody sends anything
        return
    sender = sender_of(_starter(sys.stdin.fileno(), mode))
    reader = asyncio.StreamReader(limit=MESSAGE_LIMIT)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        message = message_of(line, sender)
        if message is not None:  # what is none can ask for nothing
            inbox.feed(message)
    inbox.close()


def _starter(stdin: int, mode: int) -> int:
    """The pid of whoever speaks on our input: of a socket pair the kernel knows who made it."""
    if not stat.S_ISSOCK(mode):
        return os.getppid()
    with socket.socket(fileno=os.dup(stdin)) as pair:
        return peer_of(pair).pid
