"""The lines that were typed before, those of earlier sessions from the journals of the project's runs.

The journals hold each line that was run, redacted and readable by the person alone, so that no file of our own is kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path

import msgspec

from safemig.journal.events import CommandStarted, Event
from safemig.journal.journal import EVENTS

MOST = 1_000
RUNS = 50  # the newest that are read: a journal is some 100 KiB, and up is seldom pressed that often
LARGEST = 8 << 20  # bytes of one journal
MARK = b'"by":"person"'


async def earlier(runs: Path) -> list[str]:
    """The shell lines of the newest runs in that folder, oldest first; what cannot be read is left out."""
    found: list[str] = []
    try:
        folders = sorted(path for path in runs.iterdir() if path.is_dir())[-RUNS:]
    except OSError:
        return found
    for folder in folders:
        found += lines_of(folder)
        await asyncio.sleep(0)  # keys first
    return found


def lines_of(folder: Path) -> list[str]:
    """The shell lines that the journal in ``folder`` holds."""
    try:
        with (folder / EVENTS).open("rb") as file:
            raw = file.read(LARGEST)
    except OSError:
        return []
    found: list[str] = []
    for line in raw.splitlines() if MARK in raw else ():
        if MARK not in line:
            continue
        try:
            event = msgspec.json.decode(line, type=Event)
        except msgspec.MsgspecError:
            continue
        if isinstance(event.body, CommandStarted) and event.body.by == "person":
            found.append(event.body.line)
    return found


class History:
    """Walked with up and down; the line that was being typed comes back at the end."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._at = 0
        self._draft = ""

    def load(self, lines: Iterable[str]) -> None:
        """Lines of an earlier session, oldest first, before those of this one."""
        mine, self._lines = self._lines, []
        for line in (*lines, *mine):
            self.add(line)

    def add(self, line: str) -> None:
        """The line was run; the same line twice in a row is kept once."""
        if line and self._lines[-1:] != [line]:
            self._lines = [*self._lines, line][-MOST:]
        self._at, self._draft = len(self._lines), ""

    def walk(self, by: int, typed: str) -> str:
        """The line that many further (-1: older); ``typed`` is what stands there now."""
        if self._at == len(self._lines):
            self._draft = typed
        self._at = max(0, min(self._at + by, len(self._lines)))
        return self._lines[self._at] if self._at < len(self._lines) else self._draft
