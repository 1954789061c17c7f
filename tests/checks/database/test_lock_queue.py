"""The queue at PostgreSQL's locks, with real locks."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from checks.database.lock_queue import Holder, Queue, Waiter, cancel, deadlock_timeout, look

US = "safemig"


def until(connection: psycopg.Connection, true: Callable[[Queue], object]) -> Queue:
    """The first look of which ``true`` holds."""
    for _ in range(500):
        queue = look(connection, US)
        if true(queue):
            return queue
        threading.Event().wait(0.02)
    raise AssertionError(queue)


def began(connection: psycopg.Connection, pid: int) -> str:
    row = connection.execute("SELECT backend_start::text FROM pg_stat_activity WHERE pid = %s", (pid,)).fetchone()
    assert row
    return str(row[0])


def test_who_waits_behind_whom_and_for_how_long(dsn: str) -> None:
    with (
        psycopg.connect(dsn, application_name=US, autocommit=True) as watch,
        psycopg.connect(dsn, autocommit=True) as setup,
        psycopg.connect(dsn, application_name="report") as holder,
        psycopg.connect(dsn, application_name="alembic") as change,
        psycopg.connect(dsn, application_name="shop") as reader,
        ThreadPoolExecutor() as pool,
    ):
        setup.execute("CREATE TABLE course (id int)")
        assert look(watch, US) == Queue()
        holder.execute("SELECT * FROM course")
        ours = change.info.backend_pid
        altered = pool.submit(change.execute, "ALTER TABLE course ADD COLUMN slug text")
        queue = until(watch, lambda queue: queue.waiters)
        assert [each.pid for each in queue.waiters] == [ours]
        assert [each.words for each in queue.before(queue.waiters[0])] == [
            f"session {holder.info.backend_pid} (report, idle in transaction)"
        ]
        assert queue.behind([ours]) == ()
        read = pool.submit(reader.execute, "SELECT * FROM course")
        queue = until(watch, lambda queue: queue.behind([ours]) and queue.behind([ours])[0].seconds > 0)
        [victim] = queue.behind([ours])
        assert (victim.pid, victim.application) == (reader.info.backend_pid, "shop")
        assert not cancel(watch, ours, "2000-01-01 00:00:00+00")  # another session that had this pid
        assert not cancel(watch, ours, began(watch, ours), "0" * 64)  # another statement
        assert cancel(watch, ours, began(watch, ours))
        with pytest.raises(psycopg.errors.QueryCanceled):
            altered.result(10)
        change.rollback()
        assert read.result(10).fetchall() == []
        assert holder.execute("SELECT 1").fetchone() == (1,)


def test_a_plain_role_sees_the_queue_of_another_role(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as setup:
        setup.execute("CREATE TABLE course (id int)")
        setup.execute("CREATE ROLE lookout LOGIN PASSWORD 'lookout'")
        name = setup.info.dbname
    with (
        psycopg.connect(dsn, user="lookout", password="lookout", dbname=name, autocommit=True) as watch,
        psycopg.connect(dsn) as holder,
        psycopg.connect(dsn, application_name="alembic") as change,
        ThreadPoolExecutor() as pool,
    ):
        holder.execute("LOCK TABLE course")
        waiting = pool.submit(change.execute, "SELECT * FROM course")
        queue = until(watch, lambda queue: queue.waiters)
        assert [each.application for each in queue.waiters] == ["alembic"]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            cancel(watch, change.info.backend_pid, queue.waiters[0].began)
        holder.rollback()
        waiting.result(10)


def test_whoever_waits_behind_a_victim_is_one_too() -> None:
    waiters = (Waiter(1, "a", blockers=(9,)), Waiter(2, "b", blockers=(1,)), Waiter(3, "c", blockers=(2,)),
               Waiter(4, "d", blockers=(9,)))  # fmt: skip
    assert [each.pid for each in Queue(waiters).behind([1])] == [2, 3]


def test_a_prepared_transaction_has_no_session() -> None:
    queue = Queue((Waiter(1, "a", blockers=(0,)),), {})
    assert queue.before(queue.waiters[0]) == (Holder(0),)
    assert Holder(0).words == "a prepared transaction"


def test_the_server_tells_its_deadlock_timeout(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        assert deadlock_timeout(connection) == 1.0
