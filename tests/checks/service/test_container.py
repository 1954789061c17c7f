"""Start-up errors in logs, local processes, and real containers where an engine answers."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.evidence import Evidence, Json
from checks.service import container
from checks.service.startup_log import MOST

if TYPE_CHECKING:
    import docker

TRACEBACK = """Traceback (most recent call last):
  File "/app/main.py", line 3, in <module>
    import nothing
ModuleNotFoundError: No module named 'nothing'
"""
CHAIN = """Traceback (most recent call last):
  File "a.py", line 1, in <module>
KeyError: 'a'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "a.py", line 3, in <module>
RuntimeError: no settings
INFO:     going on
"""
GROUP = """ERROR:    Exception in lifespan
  + Exception Group Traceback (most recent call last):
  |   File "x.py", line 1
  | ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    | ValueError: x
    +------------------------------------
INFO:     bye
"""
LOGS: list[tuple[str, str, list[tuple[int, str]]]] = [
    ("clean uvicorn", "INFO:     Started server process [1]\nINFO:     Application startup complete.", []),
    ("bare traceback", TRACEBACK, [(1, "ModuleNotFoundError: No module named 'nothing'")]),
    ("chain is one", CHAIN, [(1, "RuntimeError: no settings")]),
    (
        "uvicorn start-up",
        "INFO:     Waiting for application startup.\nERROR:    "
        + TRACEBACK
        + "\nERROR:    Application startup failed. Exiting.",
        [
            (2, "ModuleNotFoundError: No module named 'nothing'"),
            (7, "ERROR:    Application startup failed. Exiting."),
        ],
    ),
    (
        "level with its traceback",
        "2026-01-01 10:00:00,1 - app - ERROR - no database\n" + TRACEBACK + "INFO: on",
        [(1, "2026-01-01 10:00:00,1 - app - ERROR - no database: ModuleNotFoundError: No module named 'nothing'")],
    ),
    (
        "exception group",
        GROUP,
        [(1, "ERROR:    Exception in lifespan: ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception)")],
    ),
    ("a request that failed", "ERROR:    Exception in ASGI application\n" + TRACEBACK, []),
    ("access log", 'INFO:     172.18.0.1:3 - "GET /ERROR HTTP/1.1" 500 Internal Server Error', []),
    ("gunicorn", "[2026-01-01 10:00:00 +0000] [7] [ERROR] Worker failed to boot.",
     [(1, "[2026-01-01 10:00:00 +0000] [7] [ERROR] Worker failed to boot.")]),
    ("our probe", '{"level": "error", "ua": "safemig/1", "msg": "bad request"}', []),
    ("another's request", '{"level": "error", "ua": "curl", "msg": "boom"}',
     [(1, '{"level": "error", "ua": "curl", "msg": "boom"}')]),
    ("nginx", "2026/01/01 10:00:00 [emerg] 1#1: no host", [(1, "2026/01/01 10:00:00 [emerg] 1#1: no host")]),
    ("shell", "/bin/sh: 1: uvicorn: not found", [(1, "/bin/sh: 1: uvicorn: not found")]),
    ("colour", "\x1b[31mERROR\x1b[0m:    bad", [(1, "ERROR:    bad")]),
    ("info about an error", "INFO:  handler for ERROR pages is ready", []),
    ("postgres client's statement", '2026-01-01 10:00:00.1 UTC [65] ERROR:  relation "a" does not exist\n'
     "2026-01-01 10:00:00.1 UTC [65] STATEMENT:  SELECT ' ERROR ' FROM a", []),
    ("postgres starting", "2026-01-01 10:00:00.1 UTC [35] FATAL:  the database system is starting up", []),
    ("postgres health check", '2026-01-01 10:00:00.1 UTC [35] FATAL:  role "root" does not exist', []),
    ("postgres broken", "2026-01-01 10:00:00.1 UTC [1] FATAL:  data directory has wrong ownership",
     [(1, "2026-01-01 10:00:00.1 UTC [1] FATAL:  data directory has wrong ownership")]),
    ("stopped", TRACEBACK.replace("ModuleNotFoundError: No module named 'nothing'", "KeyboardInterrupt"), []),
    ("cancelled", TRACEBACK.replace("ModuleNotFoundError: No module named 'nothing'",
                                    "asyncio.exceptions.CancelledError"), []),
    ("cut traceback", TRACEBACK.partition("ModuleNot")[0], [(1, "Traceback (most recent call last):")]),
    ("without header", "  File \"a.py\", line 1\nSyntaxError: invalid syntax", [(2, "SyntaxError: invalid syntax")]),
]  # fmt: skip


@pytest.mark.parametrize(("log", "expected"), [case[1:] for case in LOGS], ids=[case[0] for case in LOGS])
def test_startup_errors(log: str, expected: list[tuple[int, str]]) -> None:
    found = container.startup_errors(log.splitlines(), "safemig")
    assert [(error.line, error.text) for error in found] == expected


PIECES = st.sampled_from(
    ["Traceback (most recent call last):", "  File", "ValueError: x", "", "During handling of the above exception",
     "ERROR:", "INFO: fine", "  | ExceptionGroup: x", "\x1b[31m", "FATAL:  no", " | ", "KeyboardInterrupt"]
)  # fmt: skip


@given(st.lists(st.lists(PIECES, max_size=3).map("".join) | st.text(max_size=60), max_size=40))
def test_any_log_gives_bounded_harmless_errors_in_order(log: list[str]) -> None:
    found = container.startup_errors(log, "safemig")
    assert [error.line for error in found] == sorted({error.line for error in found})
    assert all(1 <= error.line <= len(log) and len(error.text) <= 500 for error in found)
    assert all(error.text.isprintable() for error in found)


def test_errors_are_bounded() -> None:
    assert len(container.startup_errors(["ERROR: x"] * 1000, "safemig")) == MOST


@pytest.mark.parametrize(
    ("started", "finished", "expected"),
    [
        ("2026-01-01T00:00:10Z", "0001-01-01T00:00:00Z", -0.1),
        ("2026-01-01T00:00:10.123456789Z", "2026-01-01T00:00:12Z", -0.1 + 0.123456),
        ("2026-01-01T00:00:10Z", "2026-01-01T00:00:08Z", -1.95),
        ("2026-01-01T00:00:10Z", "2026-01-01T00:00:09.98Z", -0.01),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z", None),
        ("", "", None),
    ],
)
def test_log_begins_with_the_latest_start(started: str, finished: str, expected: float | None) -> None:
    since = container._since(started, finished)
    base = datetime(2026, 1, 1, 0, 0, 10, tzinfo=UTC).timestamp()
    assert since == (None if expected is None else pytest.approx(base + expected, abs=1e-5))


# -- local processes


@pytest.fixture
def child(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def service(evidence: Evidence, name: str) -> dict[str, Json]:
    services = evidence.data["services"]
    assert isinstance(services, dict)
    found = services[name]
    assert isinstance(found, dict)
    return found


def test_running_process_and_its_log(child: subprocess.Popen[bytes], tmp_path: Path) -> None:
    log = tmp_path / "log"
    old = b"ERROR: of the start before\n"
    log.write_bytes(old + b"INFO: up\nERROR: no table\n")
    started = datetime.now(UTC).isoformat()
    found = service(container.look_process("api", child.pid, started=started, log=log, log_start=len(old)), "api")
    assert (found["state"], found["id"], found["image"], found["log_seen"]) == ("running", str(child.pid), "", True)
    assert found["startup_errors"] == [{"line": 2, "text": "ERROR: no table"}]
    assert found["log_tail"] == ["INFO: up", "ERROR: no table"]


def test_pid_of_another_process_is_absent(child: subprocess.Popen[bytes]) -> None:
    earlier = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    found = service(container.look_process("api", child.pid, started=earlier, log=None), "api")
    assert (found["state"], found["log_seen"]) == ("absent", False)


@pytest.mark.parametrize("pid", [None, 0, -1, 2**22 + 1])
def test_no_such_process_is_absent(pid: int | None) -> None:
    assert service(container.look_process("api", pid, started="", log=None), "api")["state"] == "absent"


def test_zombie_has_exited() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert service(container.look_process("api", process.pid, started="", log=None), "api")["state"] == "exited"
    process.wait()


def test_unreadable_log_is_said(child: subprocess.Popen[bytes], tmp_path: Path) -> None:
    found = service(container.look_process("api", child.pid, started="", log=tmp_path), "api")
    assert found["log_seen"] is False and found["log_reason"]


def test_log_that_is_too_long_keeps_its_tail(child: subprocess.Popen[bytes], tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"INFO: a line\n" * 200_000 + b"last\n")
    found = service(container.look_process("api", child.pid, started="", log=log), "api")
    tail = found["log_tail"]
    assert found["log_cut"] is True and isinstance(tail, list) and (len(tail), tail[-1]) == (20, "last")


# -- containers


def test_engine_that_does_not_answer_could_not_be_looked_at(tmp_path: Path) -> None:
    import docker

    engine = docker.DockerClient(base_url=f"unix://{tmp_path}/none.sock", version="1.41")
    evidence = container.look(engine, project="x", folder="/x")
    assert not evidence.seen and "no answer" in evidence.reason
    engine.close()


COMPOSE = """
services:
  api:
    image: python:3.12-slim
    restart: "no"
    stop_grace_period: 0s
    command: ["python", "-u", "-c", {script}]
    healthcheck: {{test: ["CMD", "test", "-e", "/tmp/ready"], interval: 1s, retries: 60}}
  job:
    image: python:3.12-slim
    command: ["python", "-c", "raise SystemExit(3)"]
"""
SCRIPT = """
import pathlib, signal
started = pathlib.Path('/tmp/once')
print('ERROR: first start' if not started.exists() else 'INFO: second start')
started.touch(); pathlib.Path('/tmp/ready').touch()
print('ready')
signal.pause()
"""


@pytest.fixture(scope="module")
def engine() -> Iterator[docker.DockerClient]:
    import docker
    from docker.errors import DockerException, ImageNotFound

    if shutil.which("docker") is None:
        pytest.skip("no docker command")
    try:
        client = docker.from_env()
    except DockerException:
        pytest.skip("no Docker Engine answers")
    try:
        client.images.get("python:3.12-slim")
    except ImageNotFound:
        client.close()
        pytest.skip("the image python:3.12-slim is not here")
    yield client
    client.close()


def compose(folder: Path, *arguments: str) -> None:
    subprocess.run(["docker", "compose", *arguments], cwd=folder, check=True, capture_output=True, timeout=120)


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory, engine: docker.DockerClient) -> Iterator[tuple[Path, Path, str]]:
    """Two folders of one name with the same services, both started; the project's name differs only by -p."""
    import json

    folders, token = [], uuid.uuid4().hex[:8]
    for number in (1, 2):
        folder = tmp_path_factory.mktemp(f"twin{number}") / "backend"
        folder.mkdir()
        (folder / "compose.yaml").write_text(COMPOSE.format(script=json.dumps(SCRIPT)))
        folders.append(folder)
    names = [f"smchk{token}{number}" for number in (1, 2)]
    try:
        for folder, name in zip(folders, names, strict=True):
            compose(folder, "-p", name, "up", "-d", "--wait", "api")
            compose(folder, "-p", name, "up", "-d", "job")
        yield folders[0], folders[1], names[0]
    finally:
        for folder, name in zip(folders, names, strict=True):
            compose(folder, "-p", name, "down", "-v", "--remove-orphans", "-t", "0")


def wait_exited(engine: docker.DockerClient, project: str) -> None:
    for each in engine.containers.list(all=True, filters={"label": [f"com.docker.compose.project={project}"]}):
        if each.labels["com.docker.compose.service"] == "job":
            each.wait(timeout=30)


@pytest.mark.docker
def test_containers_are_ours_by_folder(engine: docker.DockerClient, twins: tuple[Path, Path, str]) -> None:
    first, second, name = twins
    wait_exited(engine, name)
    evidence = container.look(engine, project=name, folder=str(first))
    api, job = service(evidence, "api"), service(evidence, "job")
    assert (api["state"], api["health"], api["restarts"], api["exit_code"]) == ("running", "healthy", 0, None)
    assert (job["state"], job["exit_code"], job["health"]) == ("exited", 3, None)
    assert str(api["container"]).startswith(name) and str(api["image"]).startswith("sha256:")
    assert api["startup_errors"] == [{"line": 1, "text": "ERROR: first start"}]
    other = container.look(engine, project="", folder=str(second))
    assert service(other, "api")["id"] != api["id"]
    assert container.look(engine, project=name, folder=str(second)).data == {"services": {}}
    link = first.parent / "link"
    link.symlink_to(first)
    assert service(container.look(engine, project="", folder=str(link)), "api")["id"] == api["id"]


@pytest.mark.docker
def test_only_the_latest_start_is_read(engine: docker.DockerClient, twins: tuple[Path, Path, str]) -> None:
    first, _, name = twins
    before = service(container.look(engine, project=name, folder=str(first)), "api")
    compose(first, "-p", name, "restart", "-t", "0", "api")
    compose(first, "-p", name, "up", "-d", "--wait", "api")
    after = service(container.look(engine, project=name, folder=str(first)), "api")
    assert after["id"] == before["id"] and after["started"] != before["started"]
    assert (after["startup_errors"], after["log_tail"]) == ([], ["INFO: second start", "ready"])


@pytest.mark.docker
def test_one_off_container_is_no_service(engine: docker.DockerClient, twins: tuple[Path, Path, str]) -> None:
    first, _, name = twins
    compose(first, "-p", name, "run", "-d", "--no-deps", "api")
    evidence = container.look(engine, project=name, folder=str(first))
    services = evidence.data["services"]
    assert isinstance(services, dict) and sorted(services) == ["api", "job"]


@pytest.mark.docker
def test_endless_log_is_cut(engine: docker.DockerClient) -> None:
    token = f"smchk{uuid.uuid4().hex[:8]}"
    labels = {
        "com.docker.compose.project": token,
        "com.docker.compose.project.working_dir": f"/{token}",
        "com.docker.compose.service": "loud",
    }
    line = "print(('x' * 200 + chr(10)) * 15000 + 'end', flush=True)"
    loud = engine.containers.run("python:3.12-slim", ["python", "-c", line], detach=True, labels=labels)
    try:
        loud.wait(timeout=60)
        found = service(container.look(engine, project=token, folder=f"/{token}"), "loud")
        tail = found["log_tail"]
        assert found["log_cut"] is True and isinstance(tail, list) and tail[-1] == "end"
    finally:
        loud.remove(force=True)
