"""What lives of a command: its processes as a tree, and where their output goes."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from safemig.commands import Files, survivors
from safemig.runtimes.instances import Instance


@dataclass(frozen=True)
class Living:
    """One process of a command. ``log`` is the regular file that its output goes to."""

    pid: int
    parent: int
    arguments: tuple[str, ...]
    log: Path | None = None


@dataclass(frozen=True)
class Launched:
    """What the start command ``number`` left running on this machine: whether anything was seen, and its log.
    ``before`` is what was behind the services until then."""

    number: int
    seen: bool
    log: Path | None
    before: Mapping[str, Instance]


def living(files: Files, mark: str) -> tuple[Living, ...]:
    """The processes of a command that run, also those that it left behind on purpose."""
    import psutil

    from safemig.runtimes.listener import log_of

    found: list[Living] = []
    for process in survivors(files, mark):
        with contextlib.suppress(psutil.Error, OSError):
            found.append(Living(process.pid, process.ppid(), tuple(process.cmdline()), log_of(process)))
    return tuple(found)


def leaves(found: Collection[Living], service: int = 0) -> tuple[Living, ...]:
    """Those that work now: they wait for no other one of the command. The process ``service`` stands for all that
    it started."""
    of_service = below(found, service)
    parents = {each.parent for each in found if each.pid not in of_service}
    return tuple(each for each in found if each.pid not in parents and each.pid not in of_service)


def below(found: Collection[Living], pid: int) -> frozenset[int]:
    """The processes that ``pid`` started, and theirs; without itself."""
    result: set[int] = set()
    fresh = {pid} if pid else set()
    while fresh:
        fresh = {each.pid for each in found if each.parent in fresh} - result
        result |= fresh
    return frozenset(result)
