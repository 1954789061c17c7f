"""The docker runtime against a real compose project."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from safemig.runtimes import docker_scratch, engine, inside
from safemig.runtimes.base import Runtime, Unreachable
from safemig.runtimes.docker import DockerRuntime

DATABASE_IMAGE, SERVICE_IMAGE = "postgres:15", "python:3.12-slim"
COMPOSE = """
services:
  api:
    image: python:3.12-slim
    command: python -m http.server 8000
    init: true
    ports: ["127.0.0.1::8000"]
  db:
    image: postgres:15
    environment: {{POSTGRES_USER: course, POSTGRES_PASSWORD: "s3cr et", POSTGRES_DB: catalogue}}
    tmpfs: [/var/lib/postgresql/data]
{ports}
"""
PUBLISHED = '    ports: ["127.0.0.1::5432"]'


def missing() -> str:
    """Why these tests cannot run here, "" when they can."""
    if shutil.which("docker") is None:
        return "there is no docker command"
    try:
        client = engine.open_engine()
        for image in (DATABASE_IMAGE, SERVICE_IMAGE):
            client.images.get(image)
    except Unreachable as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 - whatever the engine says is the reason to skip
        return f"an image is not here: {error}"
    return ""


WHY_NOT = missing()
pytestmark = [pytest.mark.docker, pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT or "-")]


def compose(folder: Path, project: str, *words: str) -> None:
    line = ["docker", "compose", "-p", project, *words]
    subprocess.run(line, cwd=folder, check=True, capture_output=True)


@contextlib.contextmanager
def project(folder: Path, ports: str) -> Iterator[DockerRuntime]:
    name = f"safemig-test-{uuid.uuid4().hex[:8]}"
    (folder / "compose.yml").write_text(COMPOSE.format(ports=ports))
    try:
        compose(folder, name, "up", "-d")
        yield DockerRuntime(folder, "api", "db", folder / ".safemig", project=name)
    finally:
        compose(folder, name, "down", "-v", "-t", "1")


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerRuntime]:
    with project(tmp_path_factory.mktemp("published"), PUBLISHED) as found:
        assert found.wait_database(60) == ""
        yield found


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerRuntime]:
    with project(tmp_path_factory.mktemp("closed"), "") as found:
        assert found.wait_database(60) == ""
        yield found


def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.05)


def test_the_project_is_described_by_its_folder_not_its_name(published: DockerRuntime) -> None:
    known: Runtime = replace(published, project="another name")
    assert known.available() == ""
    assert known.describe() == {"api": "running, image python:3.12-slim", "db": "running, image postgres:15"}
    assert set(known.image()) == {"api", "db"}
    assert all(number.startswith("sha256:") for number in known.image().values())
    evidence = known.look_services()
    assert evidence.seen
    assert set(evidence.data["services"]) == {"api", "db"}  # type: ignore[arg-type]
    assert replace(published, folder=published.folder.parent).describe() == {}


def test_the_service_is_reached_at_the_port_that_the_engine_reports(published: DockerRuntime) -> None:
    import httpx

    url = published.base_url()
    transport = httpx.HTTPTransport(retries=5)
    with httpx.Client(transport=transport, trust_env=False) as client:
        assert client.get(url).status_code == 200
    assert replace(published, url="http://example.test").base_url() == "http://example.test"


@pytest.mark.parametrize(("which", "via"), [("published", "port"), ("closed", "relay")])
def test_the_database_is_reached(request: pytest.FixtureRequest, which: str, via: str) -> None:
    runtime: DockerRuntime = request.getfixturevalue(which)
    found = runtime.database()
    assert (found["via"], found["name"], found["user"], found["version"]) == (via, "catalogue", "course", 15)
    assert str(found["system_identifier"]).isdigit()
    with runtime.connect() as connection:
        assert connection.execute("SELECT current_database(), repeat('x', 300000)").fetchone() == (
            "catalogue",
            "x" * 300000,
        )
    assert "s3cr et" in runtime.secrets()
    assert "s3cr et" not in f"{runtime!r}{found}{runtime.describe()}"


def test_a_port_that_leads_to_another_server_is_not_used(
    published: DockerRuntime, closed: DockerRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = engine.published(published._database())
    monkeypatch.setattr("safemig.runtimes.docker_database.published", lambda _: other)
    assert closed.database()["via"] == "relay"
    assert closed.database()["system_identifier"] != published.database()["system_identifier"]


def test_a_connection_that_the_server_ends_is_seen_to_end_through_the_relay(closed: DockerRuntime) -> None:
    with closed.connect() as first, closed.connect() as second:
        first.execute("SELECT pg_terminate_backend(%s)", [second.info.backend_pid])
        with pytest.raises(psycopg.OperationalError):
            second.execute("SELECT 1")
    container = closed._database()
    until(lambda: not [each for each in inside.processes(container) if each.name in ("bash", "cat")])
    assert unharmed(closed)


def test_a_dump_runs_on_a_scratch_server_that_is_removed(published: DockerRuntime) -> None:
    with published.connect() as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS course (slug text PRIMARY KEY)")
    dump = published.dump_schema()
    client = engine.open_engine()
    wanted: dict[str, str | list[str] | bool] = {"label": [f"{docker_scratch.SCRATCH}={published.folder}"]}
    with published.scratch() as conninfo, psycopg.connect(conninfo, autocommit=True) as connection:
        assert connection.info.server_version // 10000 == 15
        connection.execute(dump.encode())
        assert connection.execute("SELECT to_regclass('public.course')::text").fetchone() == ("public.course",)
        assert len(client.containers.list(all=True, filters=wanted)) == 1
        assert docker_scratch.sweep(client, published.folder) == ()  # ours is alive
    assert client.containers.list(all=True, filters=wanted) == []


def test_a_scratch_server_of_a_killed_run_is_found_and_removed(published: DockerRuntime) -> None:
    code = (
        "import sys; from pathlib import Path; from safemig.runtimes.docker import DockerRuntime\n"
        "runtime = DockerRuntime(Path(sys.argv[1]), 'api', 'db', Path(sys.argv[1]))\n"
        "with runtime.scratch():\n    print('up', flush=True); sys.stdin.read()\n"
    )
    line = [sys.executable, "-c", code, str(published.folder)]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == "up\n"
        run.kill()
    said = published.end_leftovers(published.mark_before(), 0)
    assert ["removed the temporary database" in words for words in said] == [True]


def active(runtime: DockerRuntime, text: str) -> bool:
    query = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE %s AND state = 'active' AND pid <> pg_backend_pid()"
    with runtime.connect() as connection:
        return connection.execute(query, [f"%{text}%"]).fetchone() != (0,)


def unharmed(runtime: DockerRuntime) -> bool:
    """PostgreSQL is process 1 there: an orphan that ended by a signal would have restarted all its sessions."""
    return b"terminated by signal" not in runtime._database().logs()


def start(runtime: DockerRuntime, *words: str) -> subprocess.Popen[bytes]:
    line = ["docker", "compose", "-p", runtime.project, *words]
    return subprocess.Popen(
        line, cwd=runtime.folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def kill(client: subprocess.Popen[bytes]) -> None:
    client.kill()
    client.wait()


@pytest.mark.parametrize("which", ["published", "closed"])
def test_a_statement_whose_exec_was_killed_here_is_ended_there(request: pytest.FixtureRequest, which: str) -> None:
    runtime: DockerRuntime = request.getfixturevalue(which)
    older = start(
        runtime, "exec", "-T", "db", "psql", "-U", "course", "catalogue", "-c", "SELECT pg_sleep(300) /* older */"
    )
    until(lambda: active(runtime, "/* older */"))
    before = runtime.mark_before()
    client = start(
        runtime, "exec", "-T", "db", "sh", "-c", 'psql -U course catalogue -c "SELECT pg_sleep(300) /* left */"; true'
    )
    until(lambda: active(runtime, "/* left */"))
    kill(client)
    assert active(runtime, "/* left */")  # the trap: it goes on
    words = runtime.leftovers(before)
    assert any("psql" in each for each in words)
    assert not any("older" in each for each in words)
    said = runtime.end_leftovers(before, 0.5)
    assert any("sent SIG" in each for each in said)
    assert not active(runtime, "/* left */")
    assert active(runtime, "/* older */")
    assert runtime.leftovers(before) == ()
    names = [each.name for each in inside.processes(runtime._database())]
    assert names.count("psql") == 1
    assert unharmed(runtime)
    with runtime.connect() as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE query LIKE '%/* older */%' AND pid <> pg_backend_pid()"
        )
    kill(older)


def test_an_exec_that_ends_by_itself_is_waited_for(published: DockerRuntime) -> None:
    before = published.mark_before()
    client = start(published, "exec", "-T", "api", "sh", "-c", "touch /tmp/began; sleep 2; true")
    container = published._service("api")
    until(lambda: container.exec_run(["test", "-e", "/tmp/began"])[0] == 0)
    kill(client)
    said = published.end_leftovers(before, 20)
    assert ["waited" in words for words in said] == [True]


def test_a_one_off_container_is_ended(published: DockerRuntime) -> None:
    before = published.mark_before()
    client = start(published, "run", "--rm", "-T", "--no-deps", "api", "sleep", "300")
    until(lambda: bool(published.leftovers(before)))
    kill(client)
    said = published.end_leftovers(before, 0.2)
    assert any("run api sleep 300" in words for words in said)
    until(lambda: published.leftovers(before) == ())


def test_a_package_is_looked_up_in_the_services_container(published: DockerRuntime) -> None:
    found = published.package_version("pip")
    assert found is not None
    assert found[0].isdigit()
    assert published.package_version("no-such-distribution") is None


def test_a_stopped_project_is_unreachable_in_words(tmp_path: Path) -> None:
    gone = DockerRuntime(tmp_path, "api", "db", tmp_path)
    assert gone.describe() == {}
    assert gone.base_url() == ""
    with pytest.raises(Unreachable, match="service db is not there"):
        gone.database()
    assert "service db is not there" in gone.wait_database(0)
    assert gone.leftovers(gone.mark_before()) == ()


def test_the_bridge_is_on_the_childrens_path(tmp_path: Path) -> None:
    runtime = DockerRuntime(tmp_path, "api", "db", tmp_path / ".safemig", bridge=True)
    path = runtime.environment()["PATH"]
    assert shutil.which("docker-compose", path=str(tmp_path / ".safemig" / "bin")) is not None
    assert str(tmp_path / ".safemig" / "bin") in path.split(os.pathsep)
