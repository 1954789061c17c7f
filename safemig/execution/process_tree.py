"""What lives of a command: its processes as a tree, and where their output goes."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from safemig.execution.command import Files, marked, survivors
from safemig.execution.instance import Instance

_SERVER = ("postgres", "postmaster")


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

    from safemig.execution.port_owner import log_of

    found: list[Living] = []
    for process in survivors(files, mark):
        with contextlib.suppress(psutil.Error, OSError):
            found.append(Living(process.pid, process.ppid(), tuple(process.cmdline()), log_of(process)))
    return tuple(found)


def of_run(run: str, service: Collection[int] = ()) -> Mapping[int, tuple[str, ...]]:
    """The processes of this machine that carry the mark of a command of that run, in words, by the command's number.
    Left out are a PostgreSQL server, and the processes ``service`` with all that they started: a recipe may bring up
    either beside its own work."""
    import psutil

    found: dict[int, list[str]] = {}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            owner, _, number = marked(process).rpartition("/")
            if owner != run or not number.isdecimal() or process.status() == psutil.STATUS_ZOMBIE:
                continue
            family = {process.pid, *(parent.pid for parent in process.parents())}
            if process.name() not in _SERVER and family.isdisjoint(service):
                found.setdefault(int(number), []).append(f"{process.name()} (pid {process.pid})")
    return {number: tuple(words) for number, words in found.items()}


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
