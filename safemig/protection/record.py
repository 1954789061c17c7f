"""What a watchdog saw of one command, a JSON line each in a file beside the command's output."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import msgspec


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """It looks; ``acts`` is whether it cancels, ``cpu`` the seconds of CPU time that its start has taken."""

    acts: bool
    cpu: float = 0.0


class Off(msgspec.Struct, frozen=True, tag="off"):
    """It cannot act any longer, and why."""

    reason: str


class Queued(msgspec.Struct, frozen=True, tag="queue"):
    """The queue has become another one; ``urgent`` where others wait behind the change."""

    text: str
    urgent: bool


class Cancelled(msgspec.Struct, frozen=True, tag="cancel"):
    """A statement of the command was cancelled. ``waited`` is the longest wait behind it in seconds, ``holders`` who
    held the lock, in words."""

    pid: int
    waited: float
    victims: int
    holders: tuple[str, ...]


class Stall(msgspec.Struct, frozen=True, tag="stall"):
    """The longest wait behind the command, in seconds: whose (the application's name), behind whom, and how many
    sessions waited at once at most; ``sessions`` are the seconds of all of them together. All 0 where nobody waited.
    The last line; ``claimed`` is how many sessions were proved to be the command's, ``cpu`` the watchdog's own CPU time
    in the ``watched`` seconds, its start left out. ``unproved``: others waited behind a session that came since, of
    which nothing proved that it was the command's."""

    seconds: float = 0.0
    application: str = ""
    holders: tuple[str, ...] = ()
    most: int = 0
    sessions: float = 0.0
    claimed: int = 0
    cpu: float = 0.0
    watched: float = 0.0
    unproved: bool = False


Record = Ready | Off | Queued | Cancelled | Stall
ROLE: Literal["watchdog"] = "watchdog"


def path_of(folder: Path, number: int) -> Path:
    """The file of command ``number`` in the run's folder of commands."""
    return folder / f"{number:04d}.{ROLE}"


def lines(record: Record) -> bytes:
    """The record as it is written."""
    return msgspec.json.encode(record) + b"\n"


def parse(content: bytes) -> tuple[Record, ...]:
    """The records of a file. A line that was cut off (the machine went down) or is none is left out."""
    return tuple(_parsed(content.split(b"\n")))


def _parsed(raw: Iterable[bytes]) -> Iterable[Record]:
    decoder = msgspec.json.Decoder(Record)
    for line in raw:
        try:
            yield decoder.decode(line)
        except msgspec.DecodeError:
            continue


def read(path: Path) -> tuple[Record, ...]:
    """The records so far; () when there is no such file."""
    try:
        return parse(path.read_bytes())
    except FileNotFoundError:
        return ()
