"""Stand-alone: runs one shell line, outlives the engine, and leaves its exit status in a file.

Started as `python -I -S supervisor.py LOCK_FD` in a session of its own, with the order as JSON on stdin: line, cwd,
stdin, tty, mark, and the paths output, begun and status. The engine locked LOCK_FD (flock) before the fork; whoever
gets that lock later knows that the command has ended. Standard library only, about 20 ms to start.
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
END_OF_INPUT = b"\x04"


def main() -> None:
    """Run the order; a broken one (the engine died while it wrote it) starts nothing."""
    os.set_inheritable(int(sys.argv[1]), False)
    try:
        order: dict[str, Any] = json.loads(sys.stdin.buffer.read())
    except ValueError:
        return
    began = time.time()
    output = os.open(order["output"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    start = os.fstat(output).st_size
    notes: dict[str, object] = {"supervisor": os.getpid(), "began": began, "start": start, "command": None}
    put(order["begun"], notes)
    master, slave = terminal() if order["tty"] else (-1, -1)
    signal.pthread_sigmask(signal.SIG_BLOCK, PASSED_ON)
    pid = os.fork()
    if pid == 0:
        become(order, output, slave)
    for number in PASSED_ON:
        signal.signal(number, lambda received, _: pass_on(pid, received))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, PASSED_ON)
    put(order["begun"], {**notes, "command": pid})
    if master >= 0:
        os.close(slave)
        code = converse(pid, master, output, order["stdin"])
    else:
        code = os.waitpid(pid, 0)[1]
    status = os.waitstatus_to_exitcode(code)
    ended = {"status": status if status >= 0 else 128 - status, "ended": time.time(), "began": began}
    put(order["status"], {**ended, "start": start, "end": os.fstat(output).st_size})


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


def become(order: dict[str, Any], output: int, slave: int) -> None:
    """In the child: a session of its own, its stdin and output, then the shell. Never returns."""
    try:
        os.setsid()
        if slave >= 0:
            with contextlib.suppress(OSError):
                fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
            given = shown = slave
        else:
            given, shown = answers(order), output
        os.dup2(given, 0)
        os.dup2(shown, 1)
        os.dup2(shown, 2)
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


def converse(pid: int, master: int, output: int, stdin: str) -> int:
    """Copy the terminal's output and type one answer whenever the command waits; its wait status.

    Answers are not typed ahead: a program that empties its input before it asks (getpass does) would lose them.
    """
    left = [f"{line}\n".encode() for line in stdin.splitlines()]
    heard, last, owed = time.monotonic(), b"\n", True
    while True:
        ready = select.select([master], [], [], 0.05)[0]
        data = read(master) if ready else b""
        if data:
            with contextlib.suppress(OSError):  # a full disk must not stop the conversation
                os.write(output, data)
            heard, last, owed = time.monotonic(), data[-1:], True
            continue
        quiet = time.monotonic() - heard
        if owed and quiet > (QUIET_ANY if last == b"\n" else QUIET_PROMPT):
            os.write(master, left.pop(0) if left else END_OF_INPUT)
            heard, owed = time.monotonic(), bool(left)
        ended, code = os.waitpid(pid, os.WNOHANG)
        if ended:
            while select.select([master], [], [], 0)[0] and (data := read(master)):
                with contextlib.suppress(OSError):
                    os.write(output, data)
            return code


def read(master: int) -> bytes:
    """What the terminal has to say; b"" once nobody has it open (EIO on Linux)."""
    try:
        return os.read(master, 65536)
    except OSError:
        time.sleep(0.02)  # it stays readable then: do not spin until the command has ended
        return b""


if __name__ == "__main__":
    main()
