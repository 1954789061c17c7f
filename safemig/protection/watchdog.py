"""The watchdog: a process of its own that sees to it that nobody waits for long behind a change of the database.

It gets its order as one line of JSON on stdin, looks at the queue of locks over a connection of its own every POLL
seconds until the command has ended, and leaves what it saw in a file beside the command's output. It lives on when
safemig has died or was stopped, for the command does, too. It ends no session: of the command's own ones, where that
is proved, it cancels the statement that waits while others wait behind it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sys
import time
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from checks.database.lock_queue import Waiter, cancel, deadlock_timeout, look
from checks.evidence import Json
from safemig.execution.command import Files, state, survivors
from safemig.protection.decision import Budget, Look, gives_way, sort
from safemig.protection.ownership import Ownership
from safemig.protection.record import Cancelled, Off, Queued, Ready, Record, Stall, lines, path_of
from safemig.runtimes.base import APPLICATION, Runtime, Unreachable
from safemig.runtimes.handover import reopen

if TYPE_CHECKING:
    import psycopg

    from safemig.runtimes.backends import Claim

POLL = 0.02
SHOW = 0.25  # seconds between two lines about the queue
BEGIN = 60.0  # seconds within which the command has to begin
LOOK_DEAD = 1.0  # seconds between two looks at whether the command's supervisor was killed


class Order(msgspec.Struct, frozen=True):
    """What to watch. ``runtime`` is what opens it and holds passwords; ``folder`` and ``number`` name the command's
    files, ``mark`` its processes, ``statements`` the SQL of its revisions; ``acts``: whether it may cancel."""

    runtime: dict[str, str]
    folder: str
    number: int
    mark: str
    before: dict[str, Json]
    statements: tuple[str, ...] = ()
    acts: bool = True
    victim: float = 0.1
    sessions: float = 0.0


def main() -> None:
    """One order from stdin; a second watchdog of the same command ends at once."""
    order = msgspec.json.decode(sys.stdin.buffer.readline(), type=Order)
    file = os.open(path_of(Path(order.folder), order.number), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    watch(order, file)


def watch(order: Order, file: int) -> None:
    """Watches until the command has ended. A database that gives no session, or no longer does, is told."""
    import psycopg

    runtime = reopen(order.runtime)
    files = Files(Path(order.folder), order.number)
    try:
        with runtime.connect() as connection:
            budget = Budget(order.victim, order.sessions, deadlock_timeout(connection))
            ownership = Ownership(connection, order.before, lambda: _claims(runtime, order, files))
            dog = Watchdog(connection, ownership, budget, file, order.acts)
            used = time.process_time()
            dog.write(Ready(order.acts, round(used, 3)))
            try:
                while not _over(files, dog.began):
                    began = time.monotonic()
                    dog.look()
                    time.sleep(max(0.0, POLL - (time.monotonic() - began)))
            finally:
                cpu, watched = time.process_time() - used, time.monotonic() - dog.began
                dog.write(msgspec.structs.replace(dog.stall, cpu=round(cpu, 3), watched=round(watched, 3)))
    except (psycopg.Error, Unreachable) as error:
        os.write(file, lines(Off(" ".join(str(error).split())[:300])))


def _claims(runtime: Runtime, order: Order, files: Files) -> Collection[Claim]:
    """The sessions that are the command's by now; what cannot be looked up is not claimed."""
    import psycopg

    with contextlib.suppress(Unreachable, psycopg.Error):
        living = [each.pid for each in survivors(files, order.mark)]
        return runtime.claim(order.before, living, order.statements)
    return ()


def _over(files: Files, began: float) -> bool:
    """Whether the command has ended, was lost, or has not begun for too long."""
    if files.status.exists():
        return True
    waited = time.monotonic() - began
    if waited % LOOK_DEAD > POLL * 2:
        return False
    now = state(files)
    return now in {"ended", "lost"} or (now == "absent" and waited > BEGIN)


@dataclass
class Watchdog:
    """One command under watch. ``acts`` turns false where the server does not let us cancel."""

    connection: psycopg.Connection
    ownership: Ownership
    budget: Budget
    file: int
    acts: bool
    stall: Stall = field(default_factory=Stall)
    began: float = field(default_factory=time.monotonic)
    _shown: tuple[float, str] = (0.0, "")
    _last: float = field(default_factory=time.monotonic)

    def look(self) -> None:
        """One look at the queue, and what follows from it."""
        queue = look(self.connection, APPLICATION)
        unknown = [each for each in queue.waiters if each.key not in self.ownership.claims]
        self.ownership.refresh(urgent=bool(unknown))
        current = sort(queue, self.ownership.pids())
        doubtful = [each for each in unknown if each.key not in self.ownership.claims and self.ownership.came(each.key)]
        if any(queue.behind([each.pid]) for each in doubtful) and not current.waiting:
            self.stall = msgspec.structs.replace(self.stall, unproved=True)
        self._measure(current)
        self._show(current)
        for waiter in gives_way(current, self.budget) if self.acts else ():
            self._cancel(waiter, current)

    def write(self, record: Record) -> None:
        """A line of the file; a full disk is no reason to stop watching."""
        with contextlib.suppress(OSError):
            os.write(self.file, lines(record))

    def _measure(self, current: Look) -> None:
        moment = time.monotonic()
        passed, self._last = moment - self._last, moment
        stall, victims = self.stall, current.victims
        longest = max(victims, key=lambda each: each.seconds, default=None)
        if longest is not None:
            total = stall.sessions + passed * len(victims)
            stall = msgspec.structs.replace(stall, most=max(stall.most, len(victims)), sessions=round(total, 3))
            if longest.seconds > stall.seconds:
                seconds, holders = round(longest.seconds, 3), _holders(current)
                stall = msgspec.structs.replace(
                    stall, seconds=seconds, application=longest.application, holders=holders
                )
        self.stall = msgspec.structs.replace(stall, claimed=len(self.ownership.claims))

    def _show(self, current: Look) -> None:
        moment, text = time.monotonic(), current.words
        if text != self._shown[1] and (not text or moment - self._shown[0] > SHOW):
            self._shown = moment, text
            self.write(Queued(text, bool(current.victims)))

    def _cancel(self, waiter: Waiter, current: Look) -> None:
        """Cancels the statement of that session of ours, which is compared once more by the server itself."""
        import psycopg

        claim = self.ownership.claims.get(waiter.key)
        if claim is None:
            return
        try:
            done = cancel(
                self.connection, waiter.pid, waiter.began, claim.running if claim.proof == "statement" else ""
            )
        except psycopg.errors.InsufficientPrivilege as error:
            self.acts = False
            self.write(Off(f"the server does not let us cancel the change: {str(error).splitlines()[0]}"))
            return
        if done:
            waited = max(each.seconds for each in current.victims)
            holders = tuple(each.words for each in current.queue.before(waiter))
            self.write(Cancelled(waiter.pid, round(waited, 3), len(current.victims), holders))


def _holders(current: Look) -> tuple[str, ...]:
    """Whom our waiting sessions wait for, in words; () where the change itself was at work."""
    return tuple(dict.fromkeys(each.words for ours in current.waiting for each in current.queue.before(ours)))
