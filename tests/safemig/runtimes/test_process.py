"""The process runtime against a real service process and real PostgreSQL servers."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from checks.evidence import Json
from safemig.postgres.server import find_binaries
from safemig.runtimes import environment
from safemig.runtimes.base import Runtime, Unreachable
from safemig.runtimes.connection_target import Target, target_of
from safemig.runtimes.process import ProcessRuntime

pytestmark = pytest.mark.integration


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def runtime(folder: Path, url: str, service_url: str = "") -> ProcessRuntime:
    return ProcessRuntime(folder, "api", folder / ".safemig", service_url, lambda: url)


def url_of(dsn: str) -> str:
    parts = conninfo_to_dict(dsn)
    user = f"{parts['user']}:{parts['password']}"
    return f"postgresql+psycopg://{user}@/{parts['dbname']}?host={parts['host']}"


@pytest.fixture
def on_dsn(tmp_path: Path, dsn: str) -> ProcessRuntime:
    return runtime(tmp_path, url_of(dsn))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            "postgresql+asyncpg://course:p%40ss@127.0.0.1:5433/catalogue",
            Target("127.0.0.1", 5433, "course", "p@ss", "catalogue"),
        ),
        ("postgres://me@db", Target("db", 5432, "me", "", "me")),
        (
            "postgresql://u:p@h/d?sslmode=require&prepared_statement_cache_size=0",
            Target("h", 5432, "u", "p", "d", (("sslmode", "require"),)),
        ),
        ("postgresql:///d?host=/run/pg&user=me", Target("/run/pg", 5432, "me", "", "d")),
    ],
)
def test_a_url_is_taken_apart(url: str, expected: Target) -> None:
    assert target_of(url) == expected
    assert "p@ss" not in repr(expected)


def test_a_url_of_something_else_is_unreachable_and_not_shown(tmp_path: Path) -> None:
    with pytest.raises(Unreachable) as caught:
        runtime(tmp_path, "mysql://u:topsecret@h/d").database()
    assert "topsecret" not in str(caught.value)


def test_it_satisfies_the_protocol(on_dsn: ProcessRuntime) -> None:
    known: Runtime = on_dsn
    assert known.name == "process"


def test_the_database_is_described_without_its_password(on_dsn: ProcessRuntime) -> None:
    found = on_dsn.database()
    (password,) = on_dsn.secrets()
    assert found["via"] == "direct"
    assert found["version"] == find_binaries().major
    assert str(found["system_identifier"]).isdigit()
    assert password not in str(found) + repr(on_dsn) + str(on_dsn.describe())
    assert on_dsn.wait_database(1) == ""


def test_a_dump_can_be_run_on_a_scratch_server(on_dsn: ProcessRuntime, dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("CREATE TABLE course (slug text PRIMARY KEY)")
    dump = on_dsn.dump_schema()
    assert "\n\\" not in dump
    with on_dsn.scratch() as conninfo, psycopg.connect(conninfo, autocommit=True) as connection:
        assert connection.info.server_version // 10000 == find_binaries().major
        connection.execute(dump.encode())
        assert connection.execute("SELECT to_regclass('public.course')::text").fetchone() == ("public.course",)


@pytest.fixture(scope="module")
def on_tcp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProcessRuntime]:
    """A runtime whose database is reached over TCP, as most are."""
    folder = tmp_path_factory.mktemp("tcp")
    here = runtime(folder, f"postgresql://course:secret@127.0.0.1:{free_port()}/catalogue")
    here.start_database()
    try:
        assert here.wait_database(30) == ""
        yield here
    finally:
        here.remove_database()


CLIENT = """
import sys, psycopg
with psycopg.connect(sys.argv[1], autocommit="BEGIN" not in sys.argv[2]) as connection:
    connection.execute(sys.argv[2].removeprefix("BEGIN;"))
    sys.stdin.read()
"""


@contextlib.contextmanager
def client(here: ProcessRuntime, statement: str, **more: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process with a session that runs the statement (a transaction stays open after ``BEGIN;``)."""
    url = make_conninfo(here.database_url().replace("+psycopg", ""), **more)
    child = subprocess.Popen([sys.executable, "-c", CLIENT, url, statement], stdin=subprocess.PIPE)
    query = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE %s AND state <> 'idle' AND pid <> pg_backend_pid()"
    try:
        with here.connect() as watch:
            while watch.execute(query, [f"%{statement.removeprefix('BEGIN;')}%"]).fetchone() == (0,):
                assert child.poll() is None
        yield child
    finally:
        child.kill()
        child.communicate()


@pytest.mark.parametrize("way", ["on_tcp", "on_dsn"])  # on_dsn: a unix socket
def test_only_the_sessions_of_the_commands_own_processes_are_ended(request: pytest.FixtureRequest, way: str) -> None:
    here: ProcessRuntime = request.getfixturevalue(way)
    with client(here, "SELECT pg_sleep(60) /* older */") as older:
        before = here.mark_before("run/1")
        with (
            client(here, "SELECT pg_sleep(60) /* report */") as report,
            client(here, "BEGIN;SELECT 'application'") as application,
            client(here, "SELECT pg_sleep(60) /* ours */") as ours,
        ):
            assert here.claim(before, []) == ()
            claims = here.claim(before, [ours.pid])
            assert [each.proof for each in claims] == ["socket"]
            assert here.claim({**before, "command": ""}, [ours.pid]) == (), "an old mark proves nothing"
            assert ["/* ours */" in words for words in here.leftovers(before, claims)] == [True]
            ours.kill()  # what it held is known from now on by the claim alone
            ours.wait()
            done = here.end_leftovers(before, claims, 0)
            assert "terminated" in done[0]
            assert "/* ours */" in done[0]
            assert "left alone" in done[1]
            assert all(words in done[1] for words in ("/* report */", "'application'"))
            assert len(done) == 2
            assert here.leftovers(before, claims) == ()
            assert [each.poll() for each in (older, report, application)] == [None, None, None]


@pytest.mark.parametrize("before", [{}, {"at": "2026-01-05T09:00:00+00:00", "sessions": []}])
def test_where_nothing_proves_it_nothing_is_ended(on_tcp: ProcessRuntime, before: dict[str, Json]) -> None:
    with client(on_tcp, "SELECT pg_sleep(60) /* unproved */") as unproved:
        claims = on_tcp.claim(before, [unproved.pid])
        assert claims == ()
        done = on_tcp.end_leftovers(before, claims, 0)
        assert not any("terminated" in words or "cancelled" in words for words in done)
        assert [("left alone" in words, "/* unproved */" in words) for words in done] == [(True, True)] * bool(before)
        assert unproved.poll() is None


def test_a_role_that_may_not_see_the_session_ends_nothing(on_tcp: ProcessRuntime) -> None:
    """Neither client nor statement of another role's session is shown to a role without that privilege."""
    with on_tcp.connect() as connection:
        connection.execute("DROP ROLE IF EXISTS reader")
        connection.execute("CREATE ROLE reader LOGIN PASSWORD 'r'")
    target = on_tcp.database_url().replace("course:secret@", "reader:r@")
    reader = runtime(on_tcp.folder, target)
    before = reader.mark_before("run/1")
    with client(on_tcp, "SELECT pg_sleep(60) /* hidden */") as hidden:
        claims = reader.claim(before, [hidden.pid])
        assert claims == ()
        [told] = reader.end_leftovers(before, claims, 0)
        assert "left alone" in told
        assert "<insufficient privilege>" in told
        assert hidden.poll() is None


def test_a_way_that_rewrites_ports_proves_nothing(on_tcp: ProcessRuntime) -> None:
    """A relay on this machine, as a tunnel or a pooler is one: PostgreSQL sees the relay's end, not the client's."""
    port = free_port()
    target = target_of(on_tcp.database_url())
    relay = subprocess.Popen([sys.executable, "-c", RELAY, str(port), str(target.port)], stdout=subprocess.PIPE)
    assert relay.stdout is not None
    try:
        assert relay.stdout.readline() == b"up\n"
        through = runtime(on_tcp.folder, on_tcp.database_url().replace(f":{target.port}/", f":{port}/"))
        before = through.mark_before("run/1")
        with client(through, "SELECT pg_sleep(60) /* relayed */") as relayed:
            for here, pids in ((through, [relayed.pid]), (on_tcp, [relayed.pid])):
                assert here.claim(before, pids, ["SELECT pg_sleep(60) /* relayed */"]) == ()
            assert "left alone" in through.end_leftovers(before, (), 0)[0]
            assert relayed.poll() is None
    finally:
        relay.kill()
        relay.communicate()


RELAY = """
import socket, sys, threading
def copy(source, target):
    while data := source.recv(65536):
        target.sendall(data)
    target.shutdown(socket.SHUT_WR)
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("up", flush=True)
while True:
    client, _ = listener.accept()
    server = socket.create_connection(("127.0.0.1", int(sys.argv[2])))
    for pair in ((client, server), (server, client)):
        threading.Thread(target=copy, args=pair, daemon=True).start()
"""


def test_a_statement_that_ends_by_itself_is_waited_for(on_tcp: ProcessRuntime) -> None:
    before = on_tcp.mark_before("run/1")
    with client(on_tcp, "SELECT pg_sleep(1)") as child:
        claims = on_tcp.claim(before, [child.pid])
        done = on_tcp.end_leftovers(before, claims, 20)
        assert done[0].startswith("waited")
        assert child.poll() is None


def test_our_own_server_is_started_on_the_urls_port_and_removed(tmp_path: Path) -> None:
    port = free_port()
    here = runtime(tmp_path, f"postgresql://course:secret@127.0.0.1:{port}/catalogue")
    try:
        assert str(port) in here.database_line()
        assert "secret" not in here.database_line()
        assert here.wait_database(0) != ""
        assert here.leftovers(here.mark_before("run/1")) == ()
        here.start_database()
        here.start_database()
        assert here.database()["name"] == "catalogue"
        assert here.wait_database(0) == ""
        elsewhere = runtime(tmp_path / "other", f"postgresql://course:secret@127.0.0.1:{port}/catalogue")
        assert elsewhere.database_line() == ""  # somebody's server listens there already
        elsewhere.start_database()
        elsewhere.stop_database()
        assert here.wait_database(0) == ""
        here.stop_database()
        assert "not running" in str(here.describe()["PostgreSQL"])
        here.start_database()
        assert here.wait_database(0) == ""
    finally:
        here.remove_database()
    assert here.wait_database(0) != ""
    assert here.database_line() != ""


SERVICE = """
import http.server, os, sys
listener = http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), http.server.SimpleHTTPRequestHandler)
os.set_inheritable(listener.fileno(), True)
print("up", flush=True)
if os.fork() == 0:
    import time
    time.sleep(60)
listener.serve_forever()
"""


def test_the_service_is_found_by_its_port_and_its_log_by_its_output(tmp_path: Path) -> None:
    port, log = free_port(), tmp_path / "api.log"
    here = runtime(tmp_path, "postgresql://u@127.0.0.1:1/d", f"http://127.0.0.1:{port}")
    assert here.look_services().data["services"]["api"]["state"] == "absent"  # type: ignore[index,call-overload]
    with log.open("wb") as output:
        service = subprocess.Popen(
            [sys.executable, "-c", SERVICE, str(port)], stdout=output, stderr=output, start_new_session=True
        )
    try:
        while log.stat().st_size == 0:
            assert service.poll() is None
        found = here.look_services().data["services"]["api"]  # type: ignore[index,call-overload]
        assert found["state"] == "running"  # type: ignore[index,call-overload]
        assert found["id"] == str(service.pid)  # type: ignore[index,call-overload]
        assert found["log_tail"] == ["up"]  # type: ignore[index,call-overload]
        assert here.describe()["api"] == "running"
    finally:
        os.killpg(service.pid, 9)
        service.wait()


def test_a_package_is_looked_up_in_the_projects_environment(tmp_path: Path) -> None:
    here = runtime(tmp_path, "")
    assert here.package_version("httpx") is None
    site = tmp_path / ".venv" / "lib" / "python3.12" / "site-packages"
    (site / "pytest_asyncio-1.3.0.dist-info").mkdir(parents=True)
    (site / "pytest_asyncio-1.3.0.dist-info" / "METADATA").write_text("Name: pytest-asyncio\nVersion: 1.3.0\n")
    assert here.package_version("pytest-asyncio") == "1.3.0"
    assert here.package_version("psycopg") is None  # installed here, not there


def test_our_own_environment_is_not_on_the_childrens_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "tool"
    (own / "bin").mkdir(parents=True)
    monkeypatch.setattr(sys, "prefix", str(own))
    environ = {"PATH": f"{own}/bin:/nowhere"}
    found = environment.children_path(environ, tmp_path / "project", tmp_path / "state", [Path("/extra")])
    assert found.split(":")[:2] == ["/nowhere", "/extra"]
    assert shutil.which("uv", path=found) is not None
    assert shutil.which("alembic", path=found) is None
    inside = environment.children_path(environ, tmp_path, tmp_path / "state")
    assert f"{own}/bin" in inside.split(":")


def test_commands_get_the_callers_environment_but_not_the_mark_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "tool"
    monkeypatch.setattr(sys, "prefix", str(own))
    environ = {"PATH": "/nowhere", "HOME": "/home/ada", "COMPOSE_PROFILES": "dev", "VIRTUAL_ENV": str(own)}
    found = environment.children_environment(environ, tmp_path / "project", tmp_path / "state")
    assert (found["HOME"], found["COMPOSE_PROFILES"]) == ("/home/ada", "dev")
    assert "VIRTUAL_ENV" not in found
    by_make = environment.children_environment(
        {**environ, "MAKEFLAGS": " -- RUNTIME=process", "MAKELEVEL": "1"}, own, own
    )
    assert not {"MAKEFLAGS", "MAKELEVEL"} & by_make.keys()
    theirs = {**environ, "VIRTUAL_ENV": str(tmp_path / "project" / ".venv")}
    assert "VIRTUAL_ENV" in environment.children_environment(theirs, tmp_path / "project", tmp_path / "state")
    monkeypatch.setenv("COMPOSE_PROFILES", "dev")
    assert runtime(tmp_path, "").environment()["COMPOSE_PROFILES"] == "dev"
