"""What faces say to a running engine: decisions, another mode, a stop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from safemig.events import Message


class Inbox:
    """Messages on their way in. ``feed`` and ``close`` belong to the face's side and are called on the loop."""

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        self.gone = asyncio.Event()
        self.attached = False
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
        self.attached = self.attached or driver
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
