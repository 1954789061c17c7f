"""Stand-alone: runs one shell line, outlives the engine, and leaves its redacted output and exit status in files.

``main`` runs in a process of its own, in a session of its own, with the order as JSON on stdin: line, cwd, stdin, tty,
mark, secrets, and the paths output, begun and status. The engine locked the descriptor ``lock`` (flock) before the
fork; whoever gets that lock later knows that the command has ended. What the command leaves in the background may go on
writing: a fork of the supervisor then goes on reading until the last of them has closed the output.
Standard library only, about 20 ms to start.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import signal
import struct
import sys
import termios
import time

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing itself takes 4 ms of each start
    from typing import Any

PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
QUIET_PROMPT = 0.15  # seconds of silence after an unfinished line: somebody waits for an answer
QUIET_ANY = 1.0
SHOW_AFTER = 0.2  # seconds that an unfinished line waits for its end
READ_SIZE = 1 << 18
TERMINAL_REST = 1.0  # seconds at most to empty a terminal whose command has ended; a child may go on writing to it
END_OF_INPUT = b"\x04"


def main(lock: int) -> None:
    """Run the order; a broken one (the engine died while it wrote it) starts nothing."""
    os.set_inheritable(lock, False)
    try:
        order: dict[str, Any] = json.loads(sys.stdin.buffer.read())
    except ValueError:
        return
    began = time.time()
    output = os.open(order["output"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    start = os.fstat(output).st_size
    notes: dict[str, object] = {"supervisor": os.getpid(), "began": began, "start": start, "command": None}
    put(order["begun"], notes)
    source, given = terminal() if order["tty"] else os.pipe()
    wake = notice_children()
    signal.pthread_sigmask(signal.SIG_BLOCK, PASSED_ON)
    pid = os.fork()
    if pid == 0:
        become(order, given)
    for number in PASSED_ON:
        signal.signal(number, lambda received, _: pass_on(pid, received))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, PASSED_ON)
    os.close(given)
    put(order["begun"], {**notes, "command": pid})
    spool = Spool(output, stream(order["secrets"]))  # takes 30 ms; the command runs meanwhile
    code = converse(pid, source, spool, order["stdin"]) if order["tty"] else listen(pid, source, spool, wake)
    status = os.waitstatus_to_exitcode(code)
    ended = {"status": status if status >= 0 else 128 - status, "ended": time.time(), "began": began}
    put(order["status"], {**ended, "start": start, "end": os.fstat(output).st_size})
    fcntl.flock(lock, fcntl.LOCK_UN)
    os.close(lock)
    drain(source, spool)


def base_module(name: str) -> Any:
    """The module of that name in safemig/base, loaded by its path: no folder of ours comes onto the import path."""
    from importlib.machinery import SourceFileLoader

    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120
    path = os.path.join(package, "base", f"{name}.py")  # noqa: PTH118
    module = type(sys)(name)
    SourceFileLoader(name, path).exec_module(module)
    return module


def stream(secrets: list[str]) -> Any:
    """The redaction of this output. The values came through the order's pipe, never as arguments or environment."""
    redact = base_module("redaction")
    parts = tuple(part for value in secrets for part in {value, *value.splitlines()} if redact.cannot_be_a_name(part))
    return base_module("redaction_stream").Stream(lambda text: redact.redact(text, parts), redact.MARK, parts)


class Spool:
    """The output file, written through the redaction. A full disk loses output; it neither stops nor blocks."""

    def __init__(self, output: int, stream: Any) -> None:
        self.output, self.stream = output, stream
        self.due = float("inf")  # when the unfinished line is to be shown

    def take(self, data: bytes) -> None:
        """Write the complete lines, and what has waited long enough."""
        self.write(self.stream.feed(data))
        if not self.stream.line:
            self.due = float("inf")
        elif self.due == float("inf"):
            self.due = time.monotonic() + SHOW_AFTER
        self.show()

    def wait(self) -> float | None:
        """Seconds until there may be something to show; None: for ever."""
        return None if self.due == float("inf") else max(0.0, self.due - time.monotonic())

    def show(self) -> None:
        """The unfinished line, once its time has come."""
        if time.monotonic() >= self.due:
            self.write(self.stream.show())
            self.due = float("inf")

    def close(self) -> None:
        """The rest."""
        self.write(self.stream.close())
        self.due = float("inf")

    def write(self, data: bytes) -> None:
        """All of it."""
        with contextlib.suppress(OSError):
            while data:
                data = data[os.write(self.output, data) :]


def notice_children() -> int:
    """A descriptor that becomes readable when a child ends."""
    wake, told = os.pipe()
    os.set_blocking(told, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(told, warn_on_full_buffer=False)
    return wake


def listen(pid: int, source: int, spool: Spool, wake: int) -> int:
    """Write what comes through the pipe until the command has ended; its wait status."""
    sources = [source, wake]
    while True:
        ready = select.select(sources, [], [], spool.wait())[0]
        if source in ready:
            data = os.read(source, READ_SIZE)
            if not data:
                sources.remove(source)  # it has closed its output and runs on
            spool.take(data)
        else:
            spool.show()
        if wake in ready:
            os.read(wake, 4096)
            ended, code = os.waitpid(pid, os.WNOHANG)
            if ended:
                break
    # What the command wrote is in the pipe by now; what a child in the background adds meanwhile comes later.
    left = struct.unpack("i", fcntl.ioctl(source, termios.FIONREAD, bytes(4)))[0]
    while left > 0 and (data := os.read(source, min(left, READ_SIZE))):
        left -= len(data)
        spool.take(data)
    spool.close()
    return code


def drain(source: int, spool: Spool) -> None:
    """Go on in a fork as long as a child in the background has the output open: it would die of a closed pipe."""
    state = select.poll()
    state.register(source, select.POLLIN)
    if [events for _, events in state.poll(0)] == [select.POLLHUP] or os.fork():
        return
    for number in PASSED_ON:
        signal.signal(number, signal.SIG_DFL)
    while True:
        if select.select([source], [], [], spool.wait())[0]:
            data = read(source)
            if not data:
                break
            spool.take(data)
        else:
            spool.show()
    spool.close()


def put(path: str, content: dict[str, object]) -> None:
    """Write a small JSON file so that it is there whole, or not at all, also after a power cut."""
    fresh = f"{path}.new"
    with open(fresh, "w", opener=lambda name, flags: os.open(name, flags, 0o600)) as text:
        json.dump(content, text)
        text.flush()
        os.fsync(text.fileno())
    os.replace(fresh, path)  # noqa: PTH105 - pathlib costs 15 ms at each start of a command
    folder = os.open(os.path.dirname(path), os.O_RDONLY)  # noqa: PTH120
    os.fsync(folder)
    os.close(folder)


def pass_on(pid: int, number: int) -> None:
    """Hand a signal on to the command's process group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, number)


def become(order: dict[str, Any], output: int) -> None:
    """In the child: a session of its own, its stdin and output, then the shell. Never returns."""
    try:
        os.setsid()
        if order["tty"]:
            with contextlib.suppress(OSError):
                fcntl.ioctl(output, termios.TIOCSCTTY, 0)
        os.dup2(output if order["tty"] else answers(order), 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        for number in (*PASSED_ON, signal.SIGPIPE, signal.SIGXFSZ, signal.SIGQUIT):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, PASSED_ON)
        if order["mark"]:
            os.environ["SAFEMIG_COMMAND"] = order["mark"]
        os.chdir(order["cwd"])
        os.execv("/bin/sh", ["/bin/sh", "-c", order["line"]])
    except OSError as error:
        os.write(2, f"safemig: the command could not be started in {order['cwd']}: {error}\n".encode())
    os._exit(127)


def answers(order: dict[str, Any]) -> int:
    """A descriptor that yields the given answers, then the end of the input; a file, since it may exceed a pipe."""
    if not order["stdin"]:
        return os.open(os.devnull, os.O_RDONLY)
    path = f"{order['output']}.stdin"
    written = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
    os.unlink(path)  # noqa: PTH108
    os.write(written, order["stdin"].encode())
    os.lseek(written, 0, os.SEEK_SET)
    return written


def terminal() -> tuple[int, int]:
    """A pseudo-terminal, 40 lines of 120 columns, that does not turn newlines into CR LF."""
    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    modes = termios.tcgetattr(slave)
    modes[1] &= ~termios.ONLCR
    termios.tcsetattr(slave, termios.TCSANOW, modes)
    return master, slave


def converse(pid: int, master: int, spool: Spool, stdin: str) -> int:
    """Write what the terminal shows and type one answer whenever the command waits; its wait status.

    Answers are not typed ahead: a program that empties its input before it asks (getpass does) would lose them.
    """
    left = [f"{line}\n".encode() for line in stdin.splitlines()]
    heard, last, owed = time.monotonic(), b"\n", True
    while True:
        ready = select.select([master], [], [], 0.05)[0]
        data = read(master) if ready else b""
        spool.take(data)
        if data:
            heard, last, owed = time.monotonic(), data[-1:], True
            continue
        quiet = time.monotonic() - heard
        if owed and quiet > (QUIET_ANY if last == b"\n" else QUIET_PROMPT):
            os.write(master, left.pop(0) if left else END_OF_INPUT)
            heard, owed = time.monotonic(), bool(left)
        ended, code = os.waitpid(pid, os.WNOHANG)
        if ended:
            deadline = time.monotonic() + TERMINAL_REST
            while select.select([master], [], [], 0)[0] and (data := read(master)) and time.monotonic() < deadline:
                spool.take(data)
            spool.close()
            return code


def read(source: int) -> bytes:
    """What the terminal (or pipe) has to say; b"" once nobody has it open (EIO from a terminal on Linux)."""
    try:
        return os.read(source, READ_SIZE)
    except OSError:
        time.sleep(0.02)  # it stays readable then: do not spin until the command has ended
        return b""
