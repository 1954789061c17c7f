"""When a change gives way."""

from __future__ import annotations

import pytest

from checks.database.lock_queue import Holder, Queue, Waiter
from safemig.protection.decision import Budget, gives_way, sort

OURS, HOLDER, READER, WRITER = 1, 7, 8, 9
REPORT = Holder(HOLDER, "report", "client backend", "idle in transaction")
VACUUM = Holder(HOLDER, "", "autovacuum worker", "active")


def queue(ours: float | None, *victims: float, holder: Holder = REPORT, kind: str = "client backend") -> Queue:
    waiting = [] if ours is None else [Waiter(OURS, "a", "alembic", "client backend", (HOLDER,), ours)]
    behind = [Waiter(READER + n, "b", "shop", kind, (OURS,), seconds) for n, seconds in enumerate(victims)]
    return Queue((*waiting, *behind), {HOLDER: holder})


@pytest.mark.parametrize(
    ("seen", "budget", "cancels"),
    [
        (queue(5.0), Budget(), False),  # nobody waits behind it
        (queue(0.2, 0.05), Budget(), False),
        (queue(0.2, 0.1), Budget(), True),
        (queue(0.2, 0.1), Budget(victim=0.5), False),
        (queue(0.2, 0.05, 0.06), Budget(sessions=0.1), True),  # together
        (queue(0.2, 0.05, 0.04), Budget(sessions=0.1), False),
        (queue(None, 9.0), Budget(), False),  # it is at work, and waits for nobody
        (queue(0.2, 9.0, kind="autovacuum worker"), Budget(), False),  # no user is behind it
        (queue(0.2, 0.1, kind=""), Budget(), True),  # a plain role does not see the kind
        (queue(1.2, 1.1, holder=VACUUM), Budget(deadlock_timeout=1.0), False),  # PostgreSQL is about to cancel it
        (queue(1.6, 1.5, holder=VACUUM), Budget(deadlock_timeout=1.0), True),  # one that prevents wraparound
        (queue(1.2, 1.1, holder=VACUUM), Budget(deadlock_timeout=0.1), True),
    ],
)
def test_a_change_gives_way_once_others_have_waited_too_long(seen: Queue, budget: Budget, cancels: bool) -> None:
    assert [each.pid for each in gives_way(sort(seen, [OURS]), budget)] == ([OURS] if cancels else [])


def test_nothing_is_cancelled_that_is_not_ours() -> None:
    assert gives_way(sort(queue(9.0, 9.0), []), Budget()) == ()


def test_a_session_of_ours_is_nobodys_victim() -> None:
    seen = queue(1.0, 2.0)
    assert sort(seen, [OURS, READER]).victims == ()


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        (Queue(), ""),
        (queue(1.0), "session 7 (report, idle in transaction) → this change"),
        (queue(1.0, 0.4), "session 7 (report, idle in transaction) → this change → 1 session (shop), 0.4 s"),
        (queue(None, 0.4, 0.2), "this change → 2 sessions (shop), 0.4 s"),
    ],
)
def test_the_queue_in_one_line(seen: Queue, words: str) -> None:
    assert sort(seen, [OURS]).words == words
