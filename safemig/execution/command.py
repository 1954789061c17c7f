"""Commands of the project: each under its supervisor, in a session of its own, its output redacted into a file.

A command outlives the engine. Whether it still runs says the lock that its supervisor holds, not a pid: pids are used
again. The files of command number 7 are 0007.output, .lock, .begun and .status.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from safemig.execution.output_watch import REPORT_EVERY, Watch, ask, size

if TYPE_CHECKING:
    import psutil

How = Literal["exit", "limit", "stopped", "ready", "lost"]
State = Literal["absent", "running", "ended", "lost"]

# As a module it is compiled once, as a script at every start (6 ms).
SUPERVISE = (
    "import sys; from importlib.machinery import SourceFileLoader as Loader; own = type(sys)('supervisor'); "
    "own.__file__ = sys.argv[1]; Loader('supervisor', sys.argv[1]).exec_module(own); own.main(int(sys.argv[2]))"
)
TICK = 0.05
SHORT = 1.0  # a command that runs longer is looked at less often
LADDER = (("interrupt", "SIGINT"), ("terminate", "SIGTERM"), ("kill", "SIGKILL"))
RUNG_SECONDS = 5.0
MARK = "SAFEMIG_COMMAND"
LOOK = "SAFEMIG_LOOK"  # the name by which PostgreSQL shows the sessions of a command that only looks


@dataclass(frozen=True)
class Command:
    """A shell line in ``cwd`` with the whole environment ``env``; at most ``limit`` seconds.

    ``stdin`` holds the answers, one a line ("" is an empty input); ``tty`` gives it a pseudo-terminal. ``mark`` is
    what its processes carry in their environment, unique to this command of this run. ``secrets`` are values that must
    not get into the output's file, beside those that their position gives away.
    """

    line: str
    cwd: Path
    env: Mapping[str, str] = field(repr=False)  # may hold secrets
    limit: float = float("inf")
    stdin: str = ""
    tty: bool = False
    mark: str = ""
    secrets: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class Files:
    """The files of one command in the run's folder."""

    folder: Path
    number: int

    @property
    def output(self) -> Path:
        """Output and errors as they came, without passwords."""
        return self.folder / f"{self.number:04d}.output"

    @property
    def status(self) -> Path:
        """Exit status; there only when the command has ended."""
        return self.folder / f"{self.number:04d}.status"

    @property
    def lock(self) -> Path:
        """Held by the supervisor as long as the command runs."""
        return self.folder / f"{self.number:04d}.lock"

    @property
    def begun(self) -> Path:
        """Written just before the command starts: supervisor, began, and the command's pid once there is one."""
        return self.folder / f"{self.number:04d}.begun"


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit ``status`` (128 + n for signal n; None when unknown), output range [start, end).

    ``how``: exit, limit (the time limit passed), stopped (asked to), ready (it still runs, and is ready), lost (the
    supervisor was killed).
    """

    status: int | None
    how: How
    seconds: float
    start: int
    end: int


Ending = Callable[[tuple[int, ...]], Awaitable[None]]
"""Told, before each signal, which processes get it: what they hold is known only as long as they live."""


class CommandError(Exception):
    """A command could not be started."""


async def run(
    command: Command,
    files: Files,
    *,
    stop: asyncio.Event,
    on_output: Callable[[int, int], None],
    ready: Callable[[], Awaitable[bool]] | None = None,
    ending: Ending | None = None,
    rung: float = RUNG_SECONDS,
) -> Ended:
    """Run it to its end, the stop, the limit, or, with ``ready``, until it serves; then leave it running.

    ``on_output`` gets new ranges of the output file, at most ten a second. At a stop or the limit nothing of it stays
    alive. CommandError when it cannot be started.
    """
    began = time.monotonic()
    start = size(files.output)
    process = spawn(command, files)
    watch = Watch(files.output, start, on_output)
    asked: asyncio.Task[bool] | None = None
    how: How = "exit"
    try:
        while process.poll() is None:
            watch.look()
            if stop.is_set() or time.monotonic() - began > command.limit:
                how = "stopped" if stop.is_set() else "limit"
                await end(files, command.mark, ending=ending, rung=rung)
                break
            if ready is not None:
                asked = ask(asked, ready, began)
                if asked is not None and asked.done() and not asked.cancelled() and asked.result():
                    # Let go while it runs, subprocess itself reaps it at a later Popen.
                    watch.look(last=True)
                    return Ended(None, "ready", time.monotonic() - began, start, watch.end)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), TICK if time.monotonic() - began < SHORT else REPORT_EVERY)
        if read_status(files) is None:  # the supervisor is gone without a word: end what it left
            how = "lost" if how == "exit" else how
            await end(files, command.mark, ending=ending, rung=rung)
    except BaseException:  # cancelled, or a callback failed: no child may stay
        await end(files, command.mark, ending=_failing(ending), rung=rung)
        raise
    finally:
        if asked is not None:
            asked.cancel()
    process.wait()
    watch.look(last=True)
    known = read_status(files)
    return Ended(known.status if known else None, how, time.monotonic() - began, start, watch.end)


def _failing(ending: Ending | None) -> Ending | None:
    """``ending`` after something has failed already: it may be what failed, and then nothing is known of sessions, but
    the processes are ended all the same."""
    if ending is None:
        return None

    async def told(pids: tuple[int, ...]) -> None:
        with contextlib.suppress(Exception):
            await ending(pids)

    return told


def spawn(command: Command, files: Files) -> subprocess.Popen[bytes]:
    """Lock, fork the supervisor with the lock, hand it the order. CommandError when another run holds the lock."""
    order = {"line": command.line, "cwd": str(command.cwd), "stdin": command.stdin, "tty": command.tty}
    paths = {"output": str(files.output), "begun": str(files.begun), "status": str(files.status)}
    try:
        lock = os.open(files.lock, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise CommandError(f"{files.lock} cannot be made: {error.strerror}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        files.begun.unlink(missing_ok=True)
        files.status.unlink(missing_ok=True)
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", SUPERVISE, str(Path(__file__).with_name("supervisor.py")), str(lock)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={name: value for name, value in command.env.items() if name != MARK},
            pass_fds=(lock,),
            start_new_session=True,
        )
    except BlockingIOError as error:
        raise CommandError(f"command {files.number} still runs ({files.lock})") from error
    except OSError as error:
        raise CommandError(f"{command.line!r} could not be started: {error}") from error
    finally:
        os.close(lock)
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError), process.stdin as pipe:
        pipe.write(json.dumps({**order, **paths, "mark": command.mark, "secrets": command.secrets}).encode())
    return process


def state(files: Files) -> State:
    """absent (never began), running (the lock is held), ended (there is a status), lost (began, and nobody knows)."""
    try:
        lock = os.open(files.lock, os.O_RDWR)
    except FileNotFoundError:
        return "absent"
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return "running"
    finally:
        os.close(lock)
    if read_status(files) is not None:
        return "ended"
    return "lost" if files.begun.exists() else "absent"


def read_status(files: Files) -> Ended | None:
    """What the supervisor wrote at the end; None when there is no such file (yet)."""
    try:
        found = json.loads(files.status.read_bytes())
        seconds = float(found["ended"]) - float(found["began"])
        return Ended(int(found["status"]), "exit", seconds, int(found["start"]), int(found["end"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def survivors(files: Files, mark: str) -> list[psutil.Process]:
    """Living processes of the command: its session, those that carry its mark, and their children."""
    import psutil

    try:
        begun = json.loads(files.begun.read_bytes())
    except (OSError, ValueError):
        begun = {}
    session, supervisor = begun.get("command"), begun.get("supervisor")
    if psutil.boot_time() > begun.get("began", 0.0):
        session = supervisor = None  # pids of before the last boot mean nothing
    found: dict[int, psutil.Process] = {}
    children: dict[int, list[psutil.Process]] = {}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid in (supervisor, os.getpid()) or process.status() == psutil.STATUS_ZOMBIE:
                continue
            children.setdefault(process.ppid(), []).append(process)
            carries = bool(mark) and marked(process) == mark
            of_session = session is not None and os.getsid(process.pid) == session
            # A session's number is used again once all of it is gone: only what began after us can be ours.
            if carries or (of_session and process.create_time() >= begun["began"] - 1):
                found[process.pid] = process
    unseen = list(found)
    while unseen:
        for child in children.get(unseen.pop(), ()):
            if child.pid not in found:
                found[child.pid] = child
                unseen.append(child.pid)
    return list(found.values())


def marked(process: psutil.Process) -> str:
    """The mark in its environment, "" when there is none or it may not be read (another user's process)."""
    import psutil

    try:
        return process.environ().get(MARK, "")
    except (psutil.Error, OSError):
        return ""


async def end(files: Files, mark: str, *, ending: Ending | None = None, rung: float = RUNG_SECONDS) -> tuple[str, ...]:
    """Interrupt, terminate, kill, ``rung`` seconds apart, until nothing of the command lives; what was sent to whom."""
    import signal

    said: list[str] = []
    for verb, name in LADDER:
        left = survivors(files, mark)
        if left and ending is not None:
            await ending(tuple(process.pid for process in left))
        for process in left:
            said.append(f"{verb} {describe(process)}")
            send(process, signal.Signals[name])
        deadline = time.monotonic() + rung
        while left and time.monotonic() < deadline:
            await asyncio.sleep(TICK)
            left = [process for process in left if alive(process)] or survivors(files, mark)
        if not left:
            break
    # Its command gone, the supervisor writes the status and lets the lock go.
    if not await released(files, rung):
        said += stop_supervisor(files)
    return tuple(said)


def stop_supervisor(files: Files) -> tuple[str, ...]:
    """Kill a supervisor that hangs (stopped, or on a dead disk): its lock must not block the next run."""
    import psutil

    try:
        process = psutil.Process(int(json.loads(files.begun.read_bytes())["supervisor"]))
        if "supervisor.py" in " ".join(process.cmdline()):
            process.kill()
            return (f"kill {describe(process)}",)
    except (OSError, ValueError, KeyError, psutil.Error):
        pass
    return ()


def alive(process: psutil.Process) -> bool:
    """Whether it runs; a zombie only waits for its parent."""
    import psutil

    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


async def released(files: Files, patience: float, stop: asyncio.Event | None = None) -> bool:
    """Wait at most ``patience`` seconds, or until ``stop``, for the command to run no longer."""
    deadline = time.monotonic() + patience
    while state(files) == "running":
        if time.monotonic() >= deadline or (stop is not None and stop.is_set()):
            return False
        await asyncio.sleep(TICK)
    return True


def send(process: psutil.Process, number: int) -> None:
    """Send the signal, and let a stopped process go on so that it takes it."""
    import signal

    import psutil

    with contextlib.suppress(psutil.Error):
        process.send_signal(number)
        process.send_signal(signal.SIGCONT)


def describe(process: psutil.Process) -> str:
    """pid and program; the arguments may hold secrets."""
    import psutil

    try:
        return f"{process.pid} ({process.name()})"
    except psutil.Error:
        return str(process.pid)


async def settle(
    files: Files,
    mark: str,
    *,
    patience: float,
    keep_daemons: bool = False,
    stop: asyncio.Event | None = None,
    ending: Ending | None = None,
    rung: float = RUNG_SECONDS,
) -> tuple[str, ...]:
    """At a resume: wait for what a dead run left, or end it; says what it did, () when there was nothing.

    ``stop`` ends the wait, and the command with it; ``keep_daemons`` spares what a command that ended with status 0
    left behind on purpose (the service of a start).
    """
    said: list[str] = []
    if state(files) == "running":
        began = time.monotonic()
        ended = await released(files, patience, stop)
        waited = time.monotonic() - began
        if ended:
            said.append(f"command {files.number} still ran; waited {waited:.1f} s until it ended")
        else:
            after = patience if waited >= patience else round(waited, 1)
            said.append(f"command {files.number} still ran after {after:g} s and was ended")
            keep_daemons = False
    known = read_status(files)
    if keep_daemons and known is not None and known.status == 0:
        return tuple(said)
    return (*said, *(f"command {files.number}: {line}" for line in await end(files, mark, ending=ending, rung=rung)))
