"""When the change gives way: decided from one look at the queue of locks."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from checks.database.lock_queue import Queue, Waiter

# PostgreSQL cancels an autovacuum after deadlock_timeout; a statement that gives up before never gets past it.
AUTOVACUUM_EXTRA = 0.5
# Who is a victim: PostgreSQL's own workers wait without anybody noticing. "" where a plain role may not see the kind.
_CLIENTS = ("", "client backend")


@dataclass(frozen=True)
class Budget:
    """How long others may wait behind the change: ``victim`` in seconds for any one of them, ``sessions`` in seconds
    of all of them together (0: not counted). ``deadlock_timeout`` is the server's, in seconds."""

    victim: float = 0.1
    sessions: float = 0.0
    deadlock_timeout: float = 1.0

    def exceeded(self, victims: Collection[Waiter]) -> bool:
        """Whether they have waited longer than that."""
        waits = [each.seconds for each in victims]
        return max(waits, default=0.0) >= self.victim or bool(self.sessions and sum(waits) >= self.sessions)


@dataclass(frozen=True)
class Look:
    """One look at the queue: our sessions that wait, and who waits behind any of ours."""

    queue: Queue
    waiting: tuple[Waiter, ...] = ()
    victims: tuple[Waiter, ...] = ()

    @property
    def words(self) -> str:
        """The queue in one line: who holds, the change, who waits behind it; "" where nobody does."""
        if not self.waiting and not self.victims:
            return ""
        holders = [holder.words for each in self.waiting for holder in self.queue.before(each)]
        line = f"{', '.join(dict.fromkeys(holders))} → this change" if holders else "this change"
        if self.victims:
            longest = max(each.seconds for each in self.victims)
            names = ", ".join(sorted({each.application for each in self.victims} - {""})[:3])
            count = len(self.victims)
            line += f" → {count} session{'s' if count != 1 else ''}{f' ({names})' if names else ''}, {longest:.1f} s"
        return line


def sort(queue: Queue, ours: Collection[int]) -> Look:
    """The queue as it concerns the sessions ``ours``."""
    victims = tuple(each for each in queue.behind(ours) if each.kind in _CLIENTS)
    return Look(queue, tuple(each for each in queue.waiters if each.pid in ours), victims)


def gives_way(look: Look, budget: Budget) -> tuple[Waiter, ...]:
    """Our waiting sessions whose statement is to be cancelled now: others have waited behind them for too long."""
    if not look.waiting or not budget.exceeded(look.victims):
        return ()
    return tuple(each for each in look.waiting if not _patient(look, each, budget))


def _patient(look: Look, waiter: Waiter, budget: Budget) -> bool:
    """Whether it waits for autovacuums alone, and not long enough yet for PostgreSQL to have cancelled them."""
    holders = look.queue.before(waiter)
    vacuums = bool(holders) and all(each.is_autovacuum for each in holders)
    return vacuums and waiter.seconds < budget.deadlock_timeout + AUTOVACUUM_EXTRA
