"""The one bridge from a run's events to the screen: from an engine that is our child, or from a run's journal.

``Feed.events`` fills up beside the screen; the app drains it at a fixed rate.
"""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import os
import socket
import subprocess
import tempfile
from collections import deque
from dataclasses import replace
from pathlib import Path
from typing import IO, Protocol

import msgspec

from checks.evidence import now
from checks.text import plain
from safemig.consent.channel import tell
from safemig.consent.journal_key import known_key, sealed_lines
from safemig.journal.events import Event, RunResumed, RunStarted
from safemig.journal.journal import EVENTS, JournalBroken, read_events
from safemig.journal.messages import Message
from safemig.journal.seal import is_sealed

LINE_LIMIT = 64 << 20
PIPE_SIZE = 1 << 20  # a suspended screen reads nothing; the engine must not block within a step


class Feed(Protocol):
    """A run's events as they come, and a way to the engine that makes them."""

    events: deque[Event]

    @property
    def code(self) -> int | None:
        """The exit code once nothing more will come; None while there may."""

    @property
    def hears(self) -> bool:
        """Whether an engine takes messages."""

    async def start(self) -> None:
        """Begins to read."""

    def send(self, message: Message) -> bool:
        """Passes a message on; False when nobody takes it."""

    def leave(self) -> None:
        """The screen goes: the engine finishes the step in flight and waits."""

    async def wait(self) -> int:
        """Waits for the end; returns the exit code."""


class EngineFeed:
    """An engine as a child in a session of its own.

    A plain Popen and not asyncio's: that one kills its child when the loop closes, and the engine has to outlive
    a screen that crashes.
    """

    def __init__(self, line: list[str]) -> None:
        self.events: deque[Event] = deque()
        self._line = line
        self._child: subprocess.Popen[bytes] | None = None
        self._ours: socket.socket | None = None
        self._stdin: asyncio.WriteTransport | None = None
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  the child writes to it until it ends
        self._reader: asyncio.Task[None] | None = None
        self._code: int | None = None

    @property
    def code(self) -> int | None:
        return self._code

    @property
    def hears(self) -> bool:
        return self._code is None and self._stdin is not None and not self._stdin.is_closing()

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        # A socket pair and not a pipe: a pipe of ours can be opened by every process of the account, below /proc.
        self._ours, theirs = socket.socketpair()
        with theirs:
            child = subprocess.Popen(
                self._line,
                stdin=theirs.fileno(),
                stdout=subprocess.PIPE,
                stderr=self._errors,
                start_new_session=True,
            )
        assert child.stdout is not None
        _widen(child.stdout.fileno())
        self._child = child
        reader = asyncio.StreamReader(limit=LINE_LIMIT)
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), child.stdout)
        self._stdin, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, self._ours)
        self.send(Message("attach"))
        self._reader = asyncio.create_task(self._read(reader, child))

    async def _read(self, reader: asyncio.StreamReader, child: subprocess.Popen[bytes]) -> None:
        while line := await reader.readline():
            try:
                self.events.append(msgspec.json.decode(line, type=Event))
            except msgspec.MsgspecError:
                continue  # something below the engine has printed on its stdout; the journal has the events
        while child.poll() is None:
            await asyncio.sleep(0.02)
        self._code = child.returncode

    def send(self, message: Message) -> bool:
        if not self.hears or self._stdin is None:
            return False
        self._stdin.write(msgspec.json.encode(message) + b"\n")
        return True

    def leave(self) -> None:
        if self._stdin is None or self._stdin.is_closing():
            return
        flushed = self._stdin.get_write_buffer_size() == 0
        self._stdin.close()
        if flushed and self._ours is not None:
            self._ours.close()  # now: the transport closes it in its next turn, and Ctrl+Z lets it have none

    async def wait(self) -> int:
        if self._reader is not None:
            await self._reader
        return 0 if self._code is None else self._code

    def complaint(self) -> str:
        """The end of what the engine wrote to its stderr, as one harmless line."""
        size = self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, size - 4000))
        lines = self._errors.read().decode("utf-8", "replace").strip().splitlines()
        self._errors.seek(0, os.SEEK_END)
        return " ".join(plain(line) for line in lines[-3:])


def engine_feed(options: argparse.Namespace, command: str, mode: str, run: str = "") -> EngineFeed:
    """An engine not yet started: for a new run (command "run") in that mode, or to take up the run of that name."""
    from safemig.cli.interactive import engine_line

    told = vars(options)
    wanted = {name: told.get(name, "") if command == "run" else "" for name in ("spec", "phase")}
    project = told.get("project", ".")
    return EngineFeed(engine_line(argparse.Namespace(command=command, project=project, mode=mode, run=run, **wanted)))


class JournalFeed:
    """A run's journal: what it holds, and while its engine lives elsewhere what is added to it."""

    def __init__(self, folder: Path) -> None:
        self.events: deque[Event] = deque()
        self.folder = folder
        self._offset = 0
        self._key = known_key(folder.parents[2])
        self._before = b""
        self._last: Event | None = None  # of those that were read; ``events`` is emptied by its reader
        self._owner = _Owner(folder)
        self._alive = False
        self._code: int | None = None
        self._tail: asyncio.Task[None] | None = None

    @property
    def code(self) -> int | None:
        return self._code

    @property
    def hears(self) -> bool:
        return self._code is None and self._alive

    async def start(self) -> None:
        self._read()
        self._alive = self._code is None and self._owner.lives()
        if self._alive:
            self._tail = asyncio.create_task(self._follow())
        else:
            self._code = self._code or 0

    def _read(self) -> None:
        try:
            with (self.folder / EVENTS).open("rb") as file:
                file.seek(self._offset)
                raw = file.read()
        except OSError:
            return
        raw = raw[: raw.rfind(b"\n") + 1]
        self._offset += len(raw)
        for line in raw.splitlines():
            if not is_sealed(self._key, self._before, line):
                self._leave_out()
                return
            self._before = line
            try:
                event = msgspec.json.decode(line, type=Event)
            except msgspec.MsgspecError:
                self._code = 1  # what stands after a broken line cannot be trusted
                return
            if self._last is None and event.run != self.folder.name:
                self._leave_out()  # a whole journal of another run that was put here
                return
            self._owner.take(event)
            self.events.append(event)
            self._last = event

    def _leave_out(self) -> None:
        """Says that the rest of the journal is not shown: nobody knows who approved or saw what stands there."""
        _, problem = sealed_lines(self.folder, self._key)
        told = {"level": "error", "text": f"{problem}. That line and all behind it are left out here"}
        last = self._last or Event(0, "note", self.folder.name, "", "", now(), 0.0, {})
        self.events.append(replace(last, seq=last.seq + 1, kind="note", step="", data=told))
        self._code = 1

    async def _follow(self) -> None:
        while self._code is None:
            self._alive = self._owner.lives()
            self._read()
            if not self._alive:
                self._code = 0
                return
            await asyncio.sleep(0.1)

    def send(self, message: Message) -> bool:
        """Over the socket in the person's own folder, which the engine listens at."""
        if not self.hears:
            return False
        try:
            reply = tell(self.folder, message)
        except OSError:
            return False
        return reply is not None and not reply.refused

    def leave(self) -> None:
        if self._tail is not None:
            self._tail.cancel()

    async def wait(self) -> int:
        return self._code or 0


class _Owner:
    """Who works on a run, from its events: the pid of the engine that spoke last."""

    def __init__(self, folder: Path) -> None:
        self._lock = folder.parent.parent / "lock"
        self._pid = 0

    def take(self, event: Event) -> None:
        if isinstance(event.body, RunStarted | RunResumed):
            self._pid = event.body.pid
        elif event.kind == "run.finished":
            self._pid = 0

    def lives(self) -> bool:
        """Its pid lives and somebody holds the project's lock."""
        return self._pid > 0 and _lives(self._pid) and _locked(self._lock)


def is_alive(folder: Path) -> bool:
    """Whether an engine works on that run now."""
    owner = _Owner(folder)
    try:
        for event in read_events(folder):
            owner.take(event)
    except (OSError, JournalBroken):
        return False
    return owner.lives()


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except OSError:
        return False
    return True


def _locked(path: Path) -> bool:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def _widen(fd: int) -> None:
    wider = getattr(fcntl, "F_SETPIPE_SZ", None)  # Linux only
    if wider is not None:
        try:
            fcntl.fcntl(fd, wider, PIPE_SIZE)
        except OSError:
            return  # not allowed to this user: the usual 64 KiB stay
