"""What faces say to a running engine: decisions, another mode, a stop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from safemig.journal.messages import Message

WATCH_SECONDS = 1.0


class Inbox:
    """Messages on their way in. ``feed`` and ``close`` belong to the face's side and are called on the loop.

    ``started_by`` says whether everybody who started the run is still there; None where nobody is watched (a run that
    was asked to go on by itself, or that a screen drives, which says so by its messages and by their end).
    """

    def __init__(self, started_by: Callable[[], bool] | None = None, *, headless: bool = False) -> None:
        self.stop = asyncio.Event()
        self.gone = asyncio.Event()
        self.attached = False
        self.left = False
        self._started_by = started_by
        self._headless = headless
        self._decisions: dict[str, asyncio.Future[Message]] = {}
        self._take: Callable[[Message], None] | None = None
        self._waiting: list[Message] = []

    def serve(self, take: Callable[[Message], None]) -> None:
        """From now on ``take`` gets every message that is no decision; what came earlier first."""
        self._take = take
        while self._waiting:
            take(self._waiting.pop(0))

    def feed(self, message: Message, *, driver: bool = True) -> None:
        """One message from a face; ``driver``: the one that started the engine, whose going is noticed."""
        self.attached = self.attached or (driver and not self._headless)
        if message.type == "stop":
            self.stop.set()  # first: a stop must work even when it cannot be journalled any more
        if message.type == "decide":
            self._decide(message)
        elif message.type != "attach":
            if self._take:
                self._take(message)
            else:
                self._waiting.append(message)

    def close(self) -> None:
        """No face will answer any more."""
        self.gone.set()

    def look(self) -> None:
        """Notices that somebody who started the run is gone. Where a screen drives it, it ends as it does without."""
        if self._started_by is not None and not self._started_by():
            self.left = not self.attached
            self.gone.set()

    async def watch(self) -> None:
        """Looks until the task is cancelled: an open question must not wait for somebody who is gone."""
        while not self.gone.is_set():
            await asyncio.sleep(WATCH_SECONDS)
            self.look()

    def _decide(self, message: Message) -> None:
        """An answer to a question that is not open is none: nobody approves what was not shown yet."""
        future = self._decisions.get(message.id)
        if future and not future.done():
            future.set_result(message)

    async def decision(self, question: str) -> Message | None:
        """The answer to that question; None when the run was stopped or nobody is there to answer."""
        future: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._decisions[question] = future
        others: list[asyncio.Future[Any]] = [
            asyncio.ensure_future(self.stop.wait()),
            asyncio.ensure_future(self.gone.wait()),
        ]
        try:
            watched: list[asyncio.Future[Any]] = [future, *others]
            await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in others:
                task.cancel()
            self._decisions.pop(question, None)
        return future.result() if future.done() else None
