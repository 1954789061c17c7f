"""A start of local processes: what stays in the foreground, what is left behind, what ends at once."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import psutil
import pytest

from safemig.engine import observation
from safemig.engine.exited import launched_ended, service_gone
from safemig.engine.ownership import files_of, mark_of
from safemig.engine.service_start import come_up
from safemig.engine.session import Session
from safemig.execution import command
from safemig.execution.instance import Instance
from safemig.execution.port_owner import listener
from safemig.execution.process_tree import Launched
from safemig.journal.events import Progress
from tests.safemig.bad_projects import write
from tests.safemig.starting import Started, before_start
from tests.spine.project import ENV, FIRST, INI, SERVICE, free_port

SERVE = f"{sys.executable} -m uvicorn service:app --host 127.0.0.1 --port "
MAKEFILE = "start:\n{recipe}\nmigrate:\n\talembic upgrade head\n"


@pytest.fixture
def port() -> Iterator[int]:
    """A port; whatever of a test still listens there afterwards is ended."""
    number = free_port()
    yield number
    if process := listener(number):
        process.kill()


def url_of(conninfo: str) -> str:
    """The URL of the tests' server, which listens on a unix socket only."""
    from psycopg.conninfo import conninfo_to_dict

    parts = conninfo_to_dict(conninfo)
    return f"postgresql+psycopg://{parts['user']}:{parts['password']}@/{parts['dbname']}?host={parts['host']}"


def make(root: Path, server: str, port: int, *recipe: str, service: str = SERVICE) -> Started:
    lines = "".join(f"\t{line}\n" for line in recipe).replace("{serve}", SERVE + str(port))
    write(root, "Makefile", MAKEFILE.format(recipe=lines))
    write(root, "service.py", service)
    write(root, "alembic.ini", INI.format(url=url_of(server)))
    write(root, "alembic/env.py", ENV)
    write(root, "alembic/versions/1a2b3c4d5e6f_first.py", FIRST)
    write(root, "safemig.yaml", f"runtime: process\nurl: http://127.0.0.1:{port}\ntimeouts: {{start: 60}}\n")
    return before_start(root)


async def leave_nothing(started: Started) -> None:
    """Ends what the start left in the foreground."""
    for number in started.session.past.of("start").commands:
        await command.end(files_of(started.session, number), mark_of(started.session, number), rung=2)


@pytest.fixture
def old(tmp_path: Path, port: int) -> Iterator[psutil.Process]:
    """A server that answers on the port before the start."""
    folder = tmp_path / "old"
    write(folder, "service.py", SERVICE)
    child = subprocess.Popen([*SERVE.split(), str(port)], cwd=folder, stderr=subprocess.DEVNULL)
    while listener(port) is None:
        assert child.poll() is None
    (tmp_path / "old.pid").write_text(str(child.pid))
    yield psutil.Process(child.pid)
    child.kill()
    child.wait()


def serving(port: int) -> int:
    process = listener(port)
    assert process is not None
    return process.pid


async def test_a_server_in_the_foreground_is_ready_when_it_answers(
    tmp_path: Path, postgres_server: str, port: int
) -> None:
    started = make(tmp_path / "new", postgres_server, port, "@echo serving", "exec {serve}")
    try:
        assert await started.reason() == ""
        assert started.how == "ready"
        assert "stays in the foreground" in started.notes()
        assert listener(port) is not None
    finally:
        await leave_nothing(started)


async def test_a_foreground_that_still_prepares_is_not_ready_because_the_old_one_answers(
    tmp_path: Path, postgres_server: str, port: int, old: psutil.Process
) -> None:
    """As `alembic upgrade head && uvicorn …` does, while the server of before still answers."""
    started = make(tmp_path / "new", postgres_server, port, f"sleep 4; kill {old.pid}; sleep 1; exec {{serve}}")
    try:
        assert await started.reason() == ""
        assert started.how == "ready"
        assert serving(port) != old.pid
    finally:
        await leave_nothing(started)


async def test_a_start_that_leaves_its_server_behind_is_waited_for_to_its_end(
    tmp_path: Path, postgres_server: str, port: int
) -> None:
    """The server answers long before the recipe is through."""
    started = make(
        tmp_path / "new", postgres_server, port, "nohup {serve} > service.log 2>&1 & sleep 4; echo through > through"
    )
    assert await started.reason() == ""
    assert started.how == "exit"
    assert (tmp_path / "new" / "through").exists()


BROKEN = "raise RuntimeError('no shelf to stand on')\n"


async def test_a_process_that_dies_at_once_is_told_at_once_with_its_last_lines(
    tmp_path: Path, postgres_server: str, port: int
) -> None:
    started = make(
        tmp_path / "new", postgres_server, port, "nohup {serve} > service.log 2>&1 & echo $$! > x.pid", service=BROKEN
    )
    began = time.monotonic()
    reason = await started.reason()
    assert "has ended" in reason
    assert "RuntimeError: no shelf to stand on" in reason
    assert time.monotonic() - began < 15  # of 120 that a service may take to answer


async def test_a_server_in_the_foreground_that_dies_says_why(tmp_path: Path, postgres_server: str, port: int) -> None:
    started = make(tmp_path / "new", postgres_server, port, "{serve}", service=BROKEN)
    reason = await started.reason()
    assert "returned" in reason and "no shelf to stand on" in reason


async def test_the_process_of_before_is_not_the_one_that_was_started(
    tmp_path: Path, postgres_server: str, port: int, old: psutil.Process
) -> None:
    """The new one finds its port taken and ends; the old one answers all the while."""
    started = make(tmp_path / "new", postgres_server, port, "nohup {serve} > service.log 2>&1 &")
    reason = await started.reason()
    assert f"what answers is the process of before (pid {old.pid}" in reason
    assert "address already in use" in reason


async def test_a_start_that_finds_its_service_running_leaves_it(
    tmp_path: Path, postgres_server: str, port: int, old: psutil.Process
) -> None:
    guard = f"kill -0 {old.pid} && echo it runs already || (nohup {{serve}} > service.log 2>&1 &)"
    started = make(tmp_path / "new", postgres_server, port, guard)
    assert await started.reason() == ""
    assert (started.how, serving(port)) == ("exit", old.pid)


@pytest.mark.parametrize("recipe", ["exec {serve}", "nohup {serve} > service.log 2>&1 &"])
async def test_nobody_waits_for_a_service_that_has_ended_after_its_start(
    tmp_path: Path, postgres_server: str, port: int, recipe: str
) -> None:
    started = make(tmp_path / "new", postgres_server, port, recipe)
    assert await started.reason() == ""
    service = psutil.Process(serving(port))
    service.kill()
    psutil.wait_procs([service], timeout=10)
    began = time.monotonic()
    assert not await observation.serving(started.session, 60.0)
    assert time.monotonic() - began < 20


async def test_what_is_left_beside_containers_may_end(tmp_path: Path) -> None:
    """As `docker compose up -d; docker compose logs -f &` leaves a follower."""

    async def look(call: Callable[[], object]) -> object:
        return call()

    journal = SimpleNamespace(folder=tmp_path, run="a run that launched nothing that lives")
    session = cast(Session, SimpleNamespace(look=look, journal=journal))
    known = Launched(1, seen=True, log=None, before={})
    assert await launched_ended(session, {"api": Instance("a", "now")}, known) == ""
    assert "has ended" in await launched_ended(session, {}, known)


@pytest.mark.parametrize(
    ("states", "gone"),
    [
        ({"api": "exited", "db": "running"}, True),
        ({"api": "dead"}, True),
        ({"api": "running", "db": "exited"}, False),
        ({"api": "restarting"}, False),
        ({"api": "exited", "api#2": "running"}, False),
        ({"db": "exited"}, False),
        ({}, False),  # a process that nobody of this run has launched may be about to come back
    ],
)
async def test_a_service_is_gone_where_its_containers_have_ended(states: dict[str, str], gone: bool) -> None:
    async def look(call: Callable[[], object]) -> object:
        return call()

    runtime = SimpleNamespace(instances=lambda: {name: Instance(name, "now", state) for name, state in states.items()})
    facts = SimpleNamespace(service="api")
    session = cast(Session, SimpleNamespace(look=look, runtime=runtime, facts=facts, launched=None))
    assert await service_gone(session) is gone


async def test_a_second_start_takes_the_place_of_the_one_in_the_foreground(
    tmp_path: Path, postgres_server: str, port: int
) -> None:
    started = make(tmp_path / "new", postgres_server, port, "{serve}")
    try:
        assert await started.reason() == ""
        first = serving(port)
        started.step = replace(started.step, id="restart")
        assert await started.reason() == ""
        assert serving(port) != first
        assert not psutil.pid_exists(first) or psutil.Process(first).status() == psutil.STATUS_ZOMBIE
    finally:
        await leave_nothing(started)
        for number in started.session.past.of("restart").commands:
            await command.end(files_of(started.session, number), mark_of(started.session, number), rung=2)


async def test_a_long_wait_says_what_for_and_how_long_still(tmp_path: Path, postgres_server: str, port: int) -> None:
    slow = "import time; time.sleep(6)\n" + SERVICE
    started = make(tmp_path / "new", postgres_server, port, "nohup {serve} > service.log 2>&1 &", service=slow)
    assert await started.reason() == ""
    told = [event.body for event in started.events if isinstance(event.body, Progress)]
    assert told[0].text.startswith(f"waiting for the service to answer at http://127.0.0.1:{port}")
    assert told[0].waited >= 3
    assert told[0].left > 0
    assert told[-1] == Progress()  # the words do not stay on the screen
    assert len(told) <= 3


@pytest.mark.parametrize("way", ["", "exec "])
async def test_a_service_that_lives_and_does_not_answer_is_told_with_the_end_of_its_log(
    tmp_path: Path, postgres_server: str, port: int, way: str
) -> None:
    """Its start returned 0 or stays, its process lives, and its port is closed: nothing of that is good."""
    mute = "sh -c 'echo loading the model; exec sleep 90'"
    recipe = f"{way}{mute}" if way else f"nohup {mute} > service.log 2>&1 & echo $$! > mute.pid"
    started = make(tmp_path / "new", postgres_server, port, recipe)
    settings = tmp_path / "new" / "safemig.yaml"
    settings.write_text(settings.read_text().replace("start: 60", "start: 8, healthy: 4"))
    started = before_start(tmp_path / "new")
    try:
        reason = await started.reason()
        if way:  # it stays in the foreground and never answers: the start itself has failed
            assert "did not end in 8 s; its last lines: " in reason
            assert reason.endswith(" / loading the model")
            return
        assert reason == ""
        assert await come_up(started.session, started.step) == (
            f"the service did not answer at http://127.0.0.1:{port} within 4 s; its last lines: loading the model"
        )
    finally:
        await leave_nothing(started)
        if not way:
            psutil.Process(int((tmp_path / "new" / "mute.pid").read_text())).kill()
    waits = [event.body for event in started.events if isinstance(event.body, Progress) and event.body.text]
    assert waits
    assert all(wait.text.endswith("; its log ends with: loading the model") for wait in waits)
