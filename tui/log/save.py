"""The log as a text file: harmless as it is on the screen, written in pieces so that the screen answers."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

from tui.log.text import clock
from tui.log.turns import Turns
from tui.log.view import LogView

_PIECE = 500  # lines written at once: some milliseconds


async def save(turns: Turns, view: LogView, folder: Path, *, times: bool, told: Callable[[int], None]) -> Path:
    """Writes what is shown into a new file of ``folder``; ``told`` gets how many lines are written. Raises OSError."""
    path, file = create(folder)
    with file:
        async for done in turns.take(write(view, file, times=times)):
            told(done)
    return path


def create(folder: Path) -> tuple[Path, TextIO]:
    """``log.txt``, or ``log-2.txt`` and so on where that exists already. Raises OSError."""
    number = 1
    while True:
        path = folder / ("log.txt" if number == 1 else f"log-{number}.txt")
        try:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except FileExistsError:
            number += 1
            continue
        return path, os.fdopen(fd, "w", encoding="utf-8", errors="replace")


def write(view: LogView, file: TextIO, *, times: bool) -> Iterator[int]:
    """Writes every shown line; yields how many are written after each piece. Raises OSError."""
    total = len(view)
    for place in range(total):
        file.write(row(view, place, times=times) + "\n")
        if place % _PIECE == _PIECE - 1:
            yield place + 1
    yield total


def row(view: LogView, place: int, *, times: bool) -> str:
    """One shown line with its source, as it is saved and copied."""
    line = view.store.line(view.line(place))
    return f"{clock(line.wall) + ' ' if times else ''}{line.source}: {line.text}"
