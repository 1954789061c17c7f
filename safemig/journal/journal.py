"""The journal: one JSON line an event, on disk before anybody sees it.

A run's folder is ``.safemig/runs/<id>/``: ``events.jsonl`` and, named by events, the bulk files.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import msgspec

from checks.evidence import Json, now
from checks.text import encodable
from safemig.base.atomic import replace_file, sync_folder
from safemig.journal.events import Event
from safemig.journal.seal import sealed

EVENTS = "events.jsonl"


class JournalUnwritable(Exception):
    """The journal could not be written; nothing further may begin."""


class JournalBroken(Exception):
    """A line in the middle of the journal is not an event; only the last line may be torn."""


class RunBusy(Exception):
    """Another engine holds this project's lock."""


def state_folder(root: Path) -> Path:
    """``root/.safemig``, made with mode 0700 and a .gitignore of its own. Raises JournalUnwritable."""
    state = root / ".safemig"
    ignore = state / ".gitignore"
    try:
        state.mkdir(mode=0o700, exist_ok=True)
        if not ignore.is_symlink() and (not ignore.exists() or not ignore.stat().st_size):  # empty: of a full disk
            ignore.write_text("*\n", encoding="ascii")
        (state / "runs").mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise JournalUnwritable(f"cannot write {state}: {error.strerror}; nothing was begun") from error
    return state


def _complete_lines(raw: bytes) -> list[bytes]:
    return raw[: raw.rfind(b"\n") + 1].splitlines()


def decode(lines: list[bytes], where: str) -> tuple[Event, ...]:
    """The events of complete lines; raises JournalBroken with the line's number."""
    events: list[Event] = []
    for number, line in enumerate(lines, 1):
        try:
            event = msgspec.json.decode(line, type=Event)
            _ = event.body  # the door: data that does not fit its kind comes no further
        except msgspec.MsgspecError as error:
            raise JournalBroken(f"{where}, line {number}: not an event ({error})") from error
        if event.seq != number:
            raise JournalBroken(f"{where}, line {number}: event {event.seq} stands where {number} was expected")
        events.append(event)
    return tuple(events)


def read_lines(folder: Path) -> list[bytes]:
    """The lines of a run's journal; a torn last one (the engine died while writing) is none yet."""
    path = folder / EVENTS
    return _complete_lines(path.read_bytes()) if path.exists() else []


def read_events(folder: Path) -> tuple[Event, ...]:
    """All events of a run."""
    return decode(read_lines(folder), str(folder / EVENTS))


class Journal:
    """The only writer of a run's events, sealed with ``key``. ``listen`` gets each event after it is durable."""

    def __init__(
        self, folder: Path, run: str, target: str, listen: Callable[[Event], None], *, key: bytes = b""
    ) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder = folder
        self.run = run
        self.target = target
        self._listen = listen
        self._path = folder / EVENTS
        lines = read_lines(folder)
        self._key = key
        self._last = lines[-1] if lines else b""
        self.events: list[Event] = list(decode(lines, str(self._path)))
        self._fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._size = self._complete_size()
        os.ftruncate(self._fd, self._size)
        os.lseek(self._fd, self._size, os.SEEK_SET)
        sync_folder(folder)

    def _complete_size(self) -> int:
        raw = self._path.read_bytes()
        return raw.rfind(b"\n") + 1

    def append(self, kind: str, data: Mapping[str, Json], step: str = "") -> Event:
        """Writes one event, makes it durable, then tells the listener. Raises JournalUnwritable."""
        event = Event(len(self.events) + 1, kind, self.run, self.target, step, now(), round(time.monotonic(), 6), data)
        try:
            raw = msgspec.json.encode(event)
        except UnicodeEncodeError:  # a name or text of the project with bytes that are not UTF-8
            clean = {name: encodable(value) for name, value in data.items()}
            event = replace(event, data=clean)
            raw = msgspec.json.encode(event)
        _ = event.body  # nothing is written that could not be read again
        line = sealed(self._key, self._last, raw)
        self._write(line + b"\n")
        self._last = line
        self.events.append(event)
        self._listen(event)
        return event

    def _write(self, line: bytes) -> None:
        try:
            view = memoryview(line)
            while view:
                view = view[os.write(self._fd, view) :]
            os.fsync(self._fd)
        except OSError as error:
            with suppress(OSError):
                os.ftruncate(self._fd, self._size)
                os.lseek(self._fd, self._size, os.SEEK_SET)
            raise JournalUnwritable(f"cannot write {self._path}: {error.strerror}") from error
        self._size += len(line)

    def save(self, name: str, content: bytes) -> str:
        """Keeps bulk beside the events, durable before its name is used; returns ``name``."""
        path = self.folder / name
        try:
            path.parent.mkdir(mode=0o700, exist_ok=True)
            replace_file(path, content, mode=0o600, durable=True)
        except OSError as error:
            raise JournalUnwritable(f"cannot write {path}: {error.strerror}") from error
        return name

    def close(self) -> None:
        """Closes the file; the journal stays readable."""
        os.close(self._fd)


class ProjectLock:
    """At most one engine works on a project at a time; the kernel frees the lock when the engine dies."""

    def __init__(self, state: Path) -> None:
        self._fd = os.open(state / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._fd)
            raise RunBusy(
                f"another safemig run is working on this project (lock {state / 'lock'}); wait for it or stop it"
            ) from None

    def release(self) -> None:
        """Gives the project free."""
        os.close(self._fd)
