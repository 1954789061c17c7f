"""Commands under their supervisor: exit, limit, stop, ready, killed engines, leftovers."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from safemig.execution import command as commands
from safemig.execution import output_watch
from safemig.execution.command import Command, CommandError, Ended, Files
from safemig.execution.output_watch import size

RUNG = 0.5


def order(folder: Path, line: str, **more: object) -> Command:
    return Command(line, folder, {"PATH": os.environ["PATH"], "KEPT": "yes"}, mark=uuid.uuid4().hex, **more)  # type: ignore[arg-type]


async def run(
    command: Command, files: Files, *, stop: asyncio.Event | None = None, **more: object
) -> tuple[Ended, list[tuple[int, int]]]:
    ranges: list[tuple[int, int]] = []
    ended = await asyncio.wait_for(
        commands.run(
            command,
            files,
            stop=stop or asyncio.Event(),
            on_output=lambda start, end: ranges.append((start, end)),
            rung=RUNG,
            **more,  # type: ignore[arg-type]
        ),
        30,
    )
    return ended, ranges


async def until(condition: Callable[[], bool], seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        await asyncio.sleep(0.02)


def marked(mark: str) -> list[psutil.Process]:
    return [process for process in psutil.process_iter() if commands.marked(process) == mark]


def dead(mark: str) -> bool:
    return not [process for process in marked(mark) if commands.alive(process)]


def finish(mark: str) -> None:
    for process in marked(mark):
        with contextlib.suppress(psutil.Error):
            process.kill()


@pytest.mark.parametrize(
    ("line", "stdin", "tty", "status", "output"),
    [
        ("echo out; echo err >&2; exit 3", "", False, 3, "out\nerr\n"),
        ("kill -TERM $$", "", False, 143, ""),
        ('read x || echo "<$x>"', "", False, 0, "<>\n"),
        ('read a; read b; echo "$b-$a"', "one\ntwo\n", False, 0, "two-one\n"),
        ("echo $KEPT; test ! -t 0 && test ! -t 1", "", False, 0, "yes\n"),
        ("test -t 0 && test -t 1 && tty -s </dev/tty && echo terminal", "", True, 0, "terminal\n"),
        ("nowhere_to_be_found 2>/dev/null", "", False, 127, ""),
    ],
)
async def test_a_command_runs_to_its_end(
    tmp_path: Path, line: str, stdin: str, tty: bool, status: int, output: str
) -> None:
    files = Files(tmp_path, 1)
    assert commands.state(files) == "absent"
    ended, ranges = await run(order(tmp_path, line, stdin=stdin, tty=tty), files)
    text = files.output.read_text()
    assert text == output
    assert (ended.status, ended.how) == (status, "exit")
    assert (ended.start, ended.end) == (0, len(text.encode()))
    assert "".join(text.encode()[a:b].decode() for a, b in ranges) == text
    assert commands.state(files) == "ended"
    assert files.output.stat().st_mode & 0o777 == 0o600


async def test_a_prompt_on_the_terminal_is_answered_and_its_end_is_the_end_of_input(tmp_path: Path) -> None:
    line = (
        f'{sys.executable} -c \'import getpass; print("got", input("Message: "), getpass.getpass("Key: "));'
        'input("More? ")\' || echo ended'
    )
    files = Files(tmp_path, 1)
    ended, _ = await run(order(tmp_path, line, stdin="add ratings\nhidden\n", tty=True), files)
    text = files.output.read_text()
    assert ended.status == 0
    assert "got add ratings hidden" in text
    assert "EOFError" in text
    assert text.endswith("ended\n")


async def test_a_missing_folder_is_said(tmp_path: Path) -> None:
    files = Files(tmp_path, 1)
    ended, _ = await run(order(tmp_path / "gone", "true"), files)
    assert ended.status == 127
    assert "gone" in files.output.read_text()


async def test_a_second_command_appends_nothing_to_a_running_one(tmp_path: Path) -> None:
    files, stop = Files(tmp_path, 1), asyncio.Event()
    first = asyncio.create_task(run(order(tmp_path, "echo began; sleep 60"), files, stop=stop))
    await until(lambda: size(files.output) > 0)
    with pytest.raises(CommandError, match="still runs"):
        await run(order(tmp_path, "echo twice"), files)
    stop.set()
    ended, _ = await first
    assert (ended.how, files.output.read_text()) == ("stopped", "began\n")


@pytest.mark.parametrize(
    "line",
    [
        "echo began; sleep 60",
        "trap '' INT; echo began; sleep 60; sleep 60",
        "trap '' INT TERM; echo began; while :; do sleep 1; done",
        "setsid sh -c 'trap \"\" INT TERM; echo began; sleep 60; sleep 60' & wait",
        "echo began; kill -STOP $$",
        "(setsid sleep 60 &) ; echo began; sleep 60",
    ],
)
async def test_a_stop_leaves_no_process(tmp_path: Path, line: str) -> None:
    files, stop = Files(tmp_path, 1), asyncio.Event()
    command = order(tmp_path, line)
    running = asyncio.create_task(run(command, files, stop=stop))
    await until(lambda: size(files.output) > 0)
    stop.set()
    ended, _ = await running
    assert ended.how == "stopped"
    assert dead(command.mark)
    assert commands.state(files) == "ended"


async def test_the_limit_ends_a_command_that_never_ends(tmp_path: Path) -> None:
    files = Files(tmp_path, 1)
    command = order(tmp_path, "while :; do echo line; sleep 0.05; done", limit=0.5)
    ended, ranges = await run(command, files)
    assert ended.how == "limit"
    assert 0.5 <= ended.seconds < 5
    assert len(ranges) <= 10 * ended.seconds + 2
    assert dead(command.mark)


async def test_a_cancelled_run_leaves_no_process(tmp_path: Path) -> None:
    files = Files(tmp_path, 1)
    command = order(tmp_path, "echo began; sleep 60")
    running = asyncio.create_task(run(command, files))
    await until(lambda: size(files.output) > 0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert dead(command.mark)


async def test_a_start_in_the_foreground_is_left_running_once_it_serves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output_watch, "READY_GRACE", 0.1)
    monkeypatch.setattr(output_watch, "READY_EVERY", 0.05)
    answers = iter([False, False, True])

    async def ready() -> bool:
        return next(answers)

    files = Files(tmp_path, 1)
    command = order(tmp_path, "echo serving; sleep 60")
    ended, _ = await run(command, files, ready=ready)
    assert (ended.how, ended.status) == ("ready", None)
    assert not dead(command.mark)
    assert commands.state(files) == "running"
    said = await commands.settle(files, command.mark, patience=0, rung=RUNG)
    assert "was ended" in said[0]
    assert dead(command.mark)


async def test_a_start_that_returns_keeps_its_service_and_frees_the_lock(tmp_path: Path) -> None:
    files = Files(tmp_path, 1)
    command = order(tmp_path, "nohup sleep 60 >/dev/null 2>&1 &")
    ended, _ = await run(command, files)
    assert (ended.how, ended.status) == ("exit", 0)
    assert not dead(command.mark)
    assert await commands.settle(files, command.mark, patience=0, keep_daemons=True, rung=RUNG) == ()
    assert not dead(command.mark)
    said = await commands.settle(files, command.mark, patience=0, rung=RUNG)
    assert any("sleep" in line for line in said)
    assert dead(command.mark)


async def test_a_killed_supervisor_is_lost_and_leaves_nothing(tmp_path: Path) -> None:
    files = Files(tmp_path, 1)
    command = order(tmp_path, "kill -KILL $PPID; sleep 60")
    ended, _ = await run(command, files)
    assert (ended.how, ended.status) == ("lost", None)
    assert commands.state(files) == "lost"
    assert dead(command.mark)


ENGINE = """
import asyncio, os, sys
from pathlib import Path
from safemig.execution.output_watch import size
from safemig.execution.command import Command, Files, run
command = Command(sys.argv[3], Path(sys.argv[1]), dict(os.environ), mark=sys.argv[2])
asyncio.run(run(command, Files(Path(sys.argv[1]), 1), stop=asyncio.Event(), on_output=lambda a, b: None))
"""


async def killed_engine(folder: Path, mark: str, line: str) -> Files:
    """Start an engine on ``line``, wait for its first output, kill the engine."""
    files = Files(folder, 1)
    engine = subprocess.Popen([sys.executable, "-c", ENGINE, str(folder), mark, line])
    await until(lambda: size(files.output) > 0)
    engine.send_signal(signal.SIGKILL)
    engine.wait()
    return files


async def test_a_command_survives_its_engine_and_is_waited_for(tmp_path: Path) -> None:
    mark, gate = uuid.uuid4().hex, tmp_path / "gate"
    line = f"echo began; while [ ! -e {gate} ]; do sleep 0.05; done; echo done; exit 7"
    files = await killed_engine(tmp_path, mark, line)
    assert commands.state(files) == "running"
    settling = asyncio.create_task(commands.settle(files, mark, patience=20, rung=RUNG))
    await asyncio.sleep(0)
    gate.touch()
    said = await settling
    assert "waited" in said[0]
    known = commands.read_status(files)
    assert known is not None
    assert (known.status, known.how, files.output.read_text()) == (7, "exit", "began\ndone\n")


async def test_a_command_that_does_not_end_is_ended_at_the_resume(tmp_path: Path) -> None:
    mark = uuid.uuid4().hex
    files = await killed_engine(tmp_path, mark, "echo began; (setsid sleep 60 &); sleep 60")
    said = await commands.settle(files, mark, patience=0.1, keep_daemons=True, rung=RUNG)
    assert "after 0.1 s" in said[0]
    assert dead(mark)
    assert commands.state(files) == "ended"


async def test_a_stop_ends_the_wait_for_a_command_of_a_dead_engine(tmp_path: Path) -> None:
    mark = uuid.uuid4().hex
    files = await killed_engine(tmp_path, mark, "echo began; sleep 60")
    stop = asyncio.Event()
    settling = asyncio.create_task(commands.settle(files, mark, patience=600, stop=stop, rung=RUNG))
    await asyncio.sleep(0)
    assert not settling.done()
    stop.set()
    said = await asyncio.wait_for(settling, 20)
    assert "was ended" in said[0] and "600" not in said[0]
    assert dead(mark)


async def test_a_signal_to_the_supervisor_reaches_the_command(tmp_path: Path) -> None:
    mark = uuid.uuid4().hex
    line = "trap 'echo told; exit 9' TERM; echo began; while :; do sleep 0.05; done"
    files = await killed_engine(tmp_path, mark, line)
    os.kill(int(json.loads(files.begun.read_bytes())["supervisor"]), signal.SIGTERM)
    await until(lambda: commands.state(files) == "ended")
    known = commands.read_status(files)
    assert known is not None
    assert known.status == 9
    assert files.output.read_text().endswith("told\n")


SECRET = "S3cret!with/odd:chars"


@pytest.mark.parametrize(
    ("line", "output"),
    [
        ("echo postgresql://courses:courses@db:5432/courses", "postgresql://courses:***@db:5432/courses\n"),
        (f"echo 'it is {SECRET}'", "it is ***\n"),
        (f"printf 'it is {SECRET[:7]}'; sleep 0.4; echo '{SECRET[7:]}'", "it is ***\n"),
        (f"printf 'PASSWORD={SECRET[:7]}'; sleep 0.4; echo '{SECRET[7:]}'", "PASSWORD=***\n"),
        ("printf 'postgresql://me:begin'; sleep 0.4; echo 'end@db/'", "postgresql://me:***@db/\n"),
        ("printf 'no end'", "no end"),
        ("printf '\\377\\n'", "\udcff\n"),
    ],
)
@pytest.mark.parametrize("tty", [False, True])
async def test_passwords_do_not_reach_the_file(tmp_path: Path, line: str, output: str, tty: bool) -> None:
    files = Files(tmp_path, 1)
    ended, _ = await run(order(tmp_path, line, secrets=(SECRET,), tty=tty), files)
    text = files.output.read_bytes().decode("utf-8", "surrogateescape")
    assert text == output
    assert ended.end == files.output.stat().st_size


async def test_known_secrets_are_neither_arguments_nor_environment_nor_files(tmp_path: Path) -> None:
    files, stop = Files(tmp_path, 1), asyncio.Event()
    running = asyncio.create_task(run(order(tmp_path, "echo began; sleep 60", secrets=(SECRET,)), files, stop=stop))
    await until(lambda: size(files.output) > 0)
    supervisor = psutil.Process(int(json.loads(files.begun.read_bytes())["supervisor"]))
    assert SECRET not in " ".join((*supervisor.cmdline(), *supervisor.environ().values()))
    assert not [path for path in tmp_path.iterdir() if SECRET.encode() in path.read_bytes()]
    stop.set()
    await running


@pytest.mark.parametrize("tty", [False, True])
async def test_an_unfinished_line_is_seen_while_the_command_waits(tmp_path: Path, tty: bool) -> None:
    files, gate = Files(tmp_path, 1), tmp_path / "gate"
    line = f"printf 'Going on? [y/N] '; while [ ! -e {gate} ]; do sleep 0.05; done; echo yes"
    running = asyncio.create_task(run(order(tmp_path, line, tty=tty), files))
    await until(lambda: size(files.output) > 0)
    assert files.output.read_text() == "Going on? [y/N] "
    gate.touch()
    await running
    assert files.output.read_text() == "Going on? [y/N] yes\n"


@pytest.mark.parametrize("tty", [False, True])
async def test_a_child_in_the_background_goes_on_writing_after_the_end(tmp_path: Path, tty: bool) -> None:
    files, gate = Files(tmp_path, 1), tmp_path / "gate"
    loop = f"trap '' HUP; while [ ! -e {gate} ]; do sleep 0.05; done; echo token=abcdef; sleep 0.1; echo over"
    command = order(tmp_path, f"({loop}) & sleep 0.1; echo started", tty=tty)
    ended, _ = await run(command, files)
    assert (ended.status, ended.how, files.output.read_text()) == (0, "exit", "started\n")
    assert commands.state(files) == "ended"
    drains = [process for process in psutil.process_iter() if writes(process, files.output)]
    assert len(drains) == 1
    gate.touch()
    await until(lambda: files.output.read_text() == "started\ntoken=***\nover\n")
    await until(lambda: not commands.alive(drains[0]))
    assert dead(command.mark)


def writes(process: psutil.Process, path: Path) -> bool:
    with contextlib.suppress(psutil.Error):
        return str(path) in [file.path for file in process.open_files()]
    return False


async def test_a_child_that_floods_the_output_does_not_hold_up_the_end(tmp_path: Path) -> None:
    files = Files(tmp_path, 1)
    command = order(tmp_path, "(while :; do echo flood; done) & sleep 0.2; exit 3")
    ended, _ = await run(command, files)
    assert (ended.status, ended.how) == (3, "exit")
    assert ended.seconds < 10
    await commands.settle(files, command.mark, patience=0, rung=RUNG)
    assert dead(command.mark)


async def test_a_command_that_closes_its_output_is_waited_for(tmp_path: Path) -> None:
    files = Files(tmp_path, 1)
    ended, _ = await run(order(tmp_path, "echo first; exec >&- 2>&-; sleep 0.3; exit 5"), files)
    assert (ended.status, files.output.read_text()) == (5, "first\n")
    assert ended.seconds >= 0.3


async def test_much_output_comes_whole(tmp_path: Path) -> None:
    files = Files(tmp_path, 1)
    ended, _ = await run(order(tmp_path, "seq 300000; yes x | head -c 3000000 | tr -d '\\n'"), files)
    content = files.output.read_bytes()
    assert (ended.status, ended.end) == (0, len(content))
    assert content == "".join(f"{n}\n" for n in range(1, 300_001)).encode() + b"x" * 1_500_000


async def test_output_after_the_engines_death_is_redacted_too(tmp_path: Path) -> None:
    mark, gate = uuid.uuid4().hex, tmp_path / "gate"
    line = f"echo began; while [ ! -e {gate} ]; do sleep 0.05; done; echo password=hunter2"
    files = await killed_engine(tmp_path, mark, line)
    gate.touch()
    await until(lambda: commands.state(files) == "ended")
    assert files.output.read_text() == "began\npassword=***\n"


def test_an_order_cut_short_starts_nothing(tmp_path: Path) -> None:
    script = str(Path(commands.__file__).with_name("supervisor.py"))
    with (tmp_path / "lock").open("w") as lock:
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", commands.SUPERVISE, script, str(lock.fileno())],
            input=b'{"line": "touch made", "cwd": "' + str(tmp_path).encode(),
            pass_fds=(lock.fileno(),),
            check=False,
            capture_output=True,
        )
    assert (done.returncode, done.stdout) == (0, b"")
    assert [path.name for path in tmp_path.iterdir()] == ["lock"]
