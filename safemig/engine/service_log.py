"""The service's log, followed while a run goes on: a task over several steps that only reports.

The follower writes into a pipe of the engine's, not into a file of its own: when the engine is killed, the next
line of the log ends the follower too.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from checks.evidence import Json
from safemig.base.redaction import MARK
from safemig.base.redaction_stream import Stream
from safemig.engine.ownership import files_of
from safemig.engine.session import Session

LOGS = "logs"
REPORT_SECONDS = 1.0
CHUNK = 65_536
GRACE_SECONDS = 5.0


async def follow(s: Session) -> None:
    """Starts following once the service has been started, unless it is followed already."""
    if s.follower is not None and not s.follower.done():
        return
    if any(s.past.of(name).status == "done" for name in ("start", "restart")):
        line = await s.look(s.runtime.follow_line)
        if line:
            s.follower = asyncio.ensure_future(_follow(s, line))


async def end_following(s: Session) -> None:
    """No follower outlives its run."""
    if s.follower is not None:
        s.follower.cancel()
        await asyncio.gather(s.follower, return_exceptions=True)


async def _follow(s: Session, line: str) -> None:
    number = s.number()
    files = files_of(s, number)
    files.folder.mkdir(mode=0o700, exist_ok=True)
    teller = _Teller(s, line, number, f"commands/{files.output.name}")
    environment = {**os.environ, **s.runtime.environment()}
    try:
        async with running(line, s.root, environment) as source:
            await _copy(s, source, files.output, teller)
    finally:
        teller.finish(files.output.stat().st_size if files.output.exists() else 0)


@asynccontextmanager
async def running(line: str, cwd: Path, environment: Mapping[str, str]) -> AsyncIterator[asyncio.StreamReader]:
    """The output of a shell line in a session of its own, which ends with the block: nothing of it is left or waited
    for longer than twice ``GRACE_SECONDS``."""
    starting = asyncio.ensure_future(
        asyncio.create_subprocess_exec(
            *("/bin/sh", "-c", f"exec {line}"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            cwd=cwd,
            env=environment,
            start_new_session=True,
        )
    )
    try:
        # A start that asyncio.run cancels together with the opening of its pipes hangs in CPython 3.11 (nothing
        # is left to wake BaseSubprocessTransport._wait): so it comes to its end, and is ended then.
        child = await asyncio.shield(starting)
        if child.stdout is not None:
            yield child.stdout
    finally:
        await _end(await starting)


async def _end(child: asyncio.subprocess.Process) -> None:
    """With its whole group: asyncio's wait() returns only when nobody holds the output any more."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(child.pid, number)
        with suppress(TimeoutError):
            await asyncio.wait_for(child.communicate(), GRACE_SECONDS)
            return


async def _copy(s: Session, source: asyncio.StreamReader, target: Path, teller: _Teller) -> None:
    """Redacted, line by line, into the spool file."""
    stream = Stream(s.clean, MARK, s.runtime.secrets())
    fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "ab") as file:
        while chunk := await source.read(CHUNK):
            file.write(stream.feed(chunk))
            file.flush()
            teller.tell(file.tell())


@dataclass
class _Teller:
    """Says what has come at most once a second, and nothing before there is anything to read."""

    s: Session
    line: str
    number: int
    output: str
    began: float = field(default_factory=time.monotonic)
    last: float = 0.0
    told: int = 0

    def tell(self, end: int, *, now: bool = False) -> None:
        """The file has grown to ``end`` bytes."""
        if end == self.told or (not now and time.monotonic() - self.last < REPORT_SECONDS):
            return
        known: dict[str, Json] = {"number": self.number, "line": self.line, "cwd": ".", "output": self.output}
        if not self.told:
            self.s.emit("command.started", {**known, "limit": 0, "by": "engine"}, LOGS)
        grown: dict[str, Json] = {"number": self.number, "file": self.output, "start": self.told, "end": end}
        self.s.emit("command.output", grown, LOGS)
        self.last, self.told = time.monotonic(), end

    def finish(self, end: int) -> None:
        """The run has ended, and the follower with it."""
        self.tell(end, now=True)
        if self.told:
            ended: dict[str, Json] = {"number": self.number, "status": None, "how": "stopped", "file": self.output}
            seconds = round(time.monotonic() - self.began, 3)
            self.s.emit("command.finished", {**ended, "seconds": seconds, "start": 0, "end": end}, LOGS)
