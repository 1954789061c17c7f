"""Sessions of others beside a run: a report that holds a table, an application that works on."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import psycopg

from tests.spine.project import Spine


@contextlib.contextmanager
def holding(spine: Spine, sql: str = "SELECT count(*) FROM course") -> Iterator[psycopg.Connection]:
    """A report's session that holds the table until it is rolled back or this ends."""
    with psycopg.connect(spine.dsn, application_name="report") as connection:
        connection.execute(sql.encode())
        yield connection


@dataclass
class Client:
    """A session of an application that runs ``sql`` over and over; ``longest`` is its slowest run in seconds."""

    dsn: str
    sql: str
    longest: float = 0.0
    failed: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def work(self) -> None:
        with psycopg.connect(self.dsn, autocommit=True, application_name="shop") as connection:
            while not self.over.wait(0.01):
                began = time.monotonic()
                try:
                    connection.execute(self.sql.encode())
                except psycopg.Error as error:
                    self.failed.append(str(error))
                self.longest = max(self.longest, time.monotonic() - began)


@contextlib.contextmanager
def working(spine: Spine, sql: str = "SELECT count(*) FROM course") -> Iterator[Client]:
    client = Client(spine.dsn, sql)
    thread = threading.Thread(target=client.work)
    thread.start()
    try:
        yield client
    finally:
        client.over.set()
        thread.join()
