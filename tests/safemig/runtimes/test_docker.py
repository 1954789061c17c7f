"""The docker runtime against a real compose project."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from safemig.runtimes import docker_engine, docker_throwaway, exec_sessions
from safemig.runtimes.base import Runtime, Unreachable
from safemig.runtimes.docker import DockerRuntime
from tests.safemig.composed import needs_docker, unharmed, until

pytestmark = needs_docker


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
    other = docker_engine.published(published._database())
    monkeypatch.setattr("safemig.runtimes.docker_database.published", lambda _: other)
    assert closed.database()["via"] == "relay"
    assert closed.database()["system_identifier"] != published.database()["system_identifier"]


def test_a_connection_that_the_server_ends_is_seen_to_end_through_the_relay(closed: DockerRuntime) -> None:
    with closed.connect() as first, closed.connect() as second:
        first.execute("SELECT pg_terminate_backend(%s)", [second.info.backend_pid])
        with pytest.raises(psycopg.OperationalError):
            second.execute("SELECT 1")
    container = closed._database()
    until(lambda: not [each for each in exec_sessions.processes(container) if each.name in ("bash", "cat")])
    assert unharmed(closed)


def test_a_dump_runs_on_a_scratch_server_that_is_removed(published: DockerRuntime) -> None:
    with published.connect() as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS course (slug text PRIMARY KEY)")
    dump = published.dump_schema()
    client = docker_engine.open_engine()
    wanted: dict[str, str | list[str] | bool] = {"label": [f"{docker_throwaway.SCRATCH}={published.folder}"]}
    with published.scratch() as conninfo, psycopg.connect(conninfo, autocommit=True) as connection:
        assert connection.info.server_version // 10000 == 15
        connection.execute(dump.encode())
        assert connection.execute("SELECT to_regclass('public.course')::text").fetchone() == ("public.course",)
        assert len(client.containers.list(all=True, filters=wanted)) == 1
        assert docker_throwaway.sweep(client, published.folder) == ()  # ours is alive
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
    said = published.end_leftovers(published.mark_before("run/1"), (), 0)
    assert ["removed the temporary database" in words for words in said] == [True]


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
    assert gone.leftovers(gone.mark_before("run/1")) == ()


def test_the_bridge_is_on_the_childrens_path(tmp_path: Path) -> None:
    runtime = DockerRuntime(tmp_path, "api", "db", tmp_path / ".safemig", bridge=True)
    path = runtime.environment()["PATH"]
    assert shutil.which("docker-compose", path=str(tmp_path / ".safemig" / "bin")) is not None
    assert str(tmp_path / ".safemig" / "bin") in path.split(os.pathsep)
