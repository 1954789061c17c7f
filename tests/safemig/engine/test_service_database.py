"""Which database the service uses, told by what its answers open where no session of it can be seen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import psycopg
import pytest

from checks.database.use import opened
from checks.service.endpoints import Probe
from safemig.engine import observation, service_database
from safemig.engine.session import Session


def told(
    dsn: str, monkeypatch: pytest.MonkeyPatch, answer: Callable[[], None], pause: Callable[[], None] = lambda: None
) -> tuple[str, ...]:
    """What is counted where each request does ``answer``, and each pause ``pause``."""

    async def look(work: Callable[[], Any]) -> Any:
        return await asyncio.to_thread(work)

    async def ask(*_: object) -> None:
        await asyncio.to_thread(answer)

    async def sleep(seconds: float, wait: Callable[[float], Any] = asyncio.sleep) -> None:
        if seconds != service_database.SETTLE:
            await asyncio.to_thread(pause)
        await wait(seconds)

    def connect() -> psycopg.Connection[Any]:
        return psycopg.connect(dsn, autocommit=True)

    monkeypatch.setattr(observation, "ask", ask)
    monkeypatch.setattr("safemig.engine.service_database.asyncio.sleep", sleep)
    runtime = SimpleNamespace(connect=connect, base_url=lambda: "http://127.0.0.1:1")
    s = cast(Session, SimpleNamespace(look=look, runtime=runtime))
    return asyncio.run(service_database._counted(s, [Probe(path="/health"), Probe(path="/courses")]))


def session(conninfo: str) -> None:
    with psycopg.connect(conninfo):
        pass


def test_sessions_that_come_with_each_round_of_requests_are_counted(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with psycopg.connect(dsn) as connection:
        assert opened(connection), "this server counts sessions exactly"
    name = psycopg.conninfo.conninfo_to_dict(dsn)["dbname"]
    assert told(dsn, monkeypatch, lambda: session(dsn)) == (name,)


def test_a_second_database_is_counted_too(dsn: str, postgres_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def both() -> None:
        session(dsn)
        session(postgres_server)

    assert len(told(dsn, monkeypatch, both)) == 2


def test_sessions_that_do_not_keep_to_the_requests_prove_nothing(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert told(dsn, monkeypatch, lambda: session(dsn), lambda: session(dsn)) == ()


def test_a_service_that_opens_nothing_is_not_told(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert told(dsn, monkeypatch, lambda: None) == ()
