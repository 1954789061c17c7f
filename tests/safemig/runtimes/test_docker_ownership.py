"""Which sessions and processes in containers are a command's: only those are ended, beside strangers at work."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import docker
import psycopg
import pytest

from safemig.execution.command import MARK
from safemig.runtimes import docker_engine, docker_ownership, exec_sessions
from safemig.runtimes.docker import DockerRuntime
from tests.safemig.composed import needs_docker, unharmed, until

pytestmark = [*needs_docker, pytest.mark.slow]


def active(runtime: DockerRuntime, text: str) -> bool:
    query = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE %s AND state = 'active' AND pid <> pg_backend_pid()"
    with runtime.connect() as connection:
        return connection.execute(query, [f"%{text}%"]).fetchone() != (0,)


def start(runtime: DockerRuntime, *words: str, mark: str = "") -> subprocess.Popen[bytes]:
    """`docker compose WORDS` as a recipe runs it, below a command with that mark."""
    line = ["docker", "compose", "-p", runtime.project, *words]
    environment = {**runtime.environment(), MARK: mark}
    return subprocess.Popen(
        ["sh", "-c", shlex.join(line)],
        cwd=runtime.folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def kill(client: subprocess.Popen[bytes]) -> None:
    os.killpg(client.pid, signal.SIGKILL)
    client.wait()


def psql(word: str, *, host: str = "") -> str:
    """A shell line with a session that runs one long statement, in the database's container."""
    way = f"PGPASSWORD='s3cr et' psql -h {host}" if host else "psql"
    return f'{way} -U course catalogue -c "SELECT pg_sleep(300) /* {word} */"; true'


def end_statement(runtime: DockerRuntime, word: str) -> None:
    with runtime.connect() as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE %s AND pid <> pg_backend_pid()",
            [f"%/* {word} */%"],
        )


@pytest.mark.parametrize("which", ["published", "closed"])
@pytest.mark.parametrize(("user", "host"), [("root", ""), ("postgres", "127.0.0.1"), ("root", "db")])
def test_a_statement_whose_exec_was_killed_here_is_ended_there(
    request: pytest.FixtureRequest, which: str, user: str, host: str
) -> None:
    """By its mark inside, whoever it runs as; an exec of the same words that is a stranger's is left alone."""
    runtime: DockerRuntime = request.getfixturevalue(which)
    words = ("exec", "-T", "-u", user, "db", "sh", "-c")
    older = start(runtime, *words, psql("older"))
    until(lambda: active(runtime, "/* older */"))
    before = runtime.mark_before("run/1")
    stranger = start(runtime, *words, psql("stranger", host=host))
    another = start(runtime, *words, psql("another", host=host), mark="run/12")
    ours = start(runtime, *words, psql("left", host=host), mark="run/1")
    for word in ("stranger", "another", "left"):
        until(lambda word=word: active(runtime, f"/* {word} */"))  # type: ignore[misc]
    kill(ours)
    assert active(runtime, "/* left */")  # the trap: it goes on
    claims = runtime.claim(before, ())
    assert [each.proof for each in claims] == (["socket"] if host else [])
    left = runtime.leftovers(before, claims)
    assert any("psql" in each and "in container" in each for each in left)
    assert [each.startswith("PostgreSQL backend") and "/* left */" in each for each in left[1:]] == [True] * bool(host)
    done = runtime.end_leftovers(before, claims, 0.5)
    assert any("sent SIG" in each for each in done)
    assert ["left alone" in each for each in done[-1:]] == [True]
    assert ("/* stranger */" in done[-1], "/* another */" in done[-1], "/* left */" in done[-1]) == (True, True, False)
    assert not active(runtime, "/* left */")
    assert all(active(runtime, f"/* {word} */") for word in ("older", "stranger", "another"))
    assert runtime.leftovers(before, claims) == ()
    assert [each.name for each in exec_sessions.processes(runtime._database())].count("psql") == 3
    assert unharmed(runtime)
    for word, client in (("older", older), ("stranger", stranger), ("another", another)):
        end_statement(runtime, word)
        client.wait(20)


def test_a_job_that_has_left_its_exec_is_still_the_commands(published: DockerRuntime) -> None:
    """The exec has ended with status 0, and nobody else is in the container."""
    before = published.mark_before("run/1")
    job = "setsid sh -c 'sleep 287' < /dev/null > /dev/null 2>&1 &"
    client = start(published, "exec", "-T", "db", "sh", "-c", job, mark="run/1")
    assert client.wait(60) == 0
    left = published.leftovers(before)
    assert [("sleep" in each, "in container" in each) for each in left] == [(True, True)]
    published.end_leftovers(before, (), 0.1)
    assert published.leftovers(before) == ()
    assert unharmed(published)


def test_an_exec_that_goes_around_the_mark_is_told_and_left(published: DockerRuntime) -> None:
    before = published.mark_before("run/1")
    docker = shutil.which("docker")
    line = [str(docker), "compose", "-p", published.project, "exec", "-T", "db", "sh", "-c", psql("around")]
    client = subprocess.Popen(line, cwd=published.folder, stdin=subprocess.DEVNULL, env={**os.environ, MARK: "run/1"})
    until(lambda: active(published, "/* around */"))
    client.kill()
    client.wait()
    assert published.claim(before, ()) == ()
    [told] = published.end_leftovers(before, (), 0)
    assert "left alone" in told
    assert "/* around */" in told
    assert active(published, "/* around */")
    end_statement(published, "around")


HERE = """
import sys, psycopg
with psycopg.connect(sys.argv[1], autocommit=True) as connection:
    connection.execute(sys.argv[2])
"""


@contextlib.contextmanager
def client_here(runtime: DockerRuntime, statement: str, host: str, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A process of this machine with a session that runs the statement."""
    name = f"client {uuid.uuid4().hex}"
    conninfo = psycopg.conninfo.make_conninfo(
        host=host, port=port, user="course", password="s3cr et", dbname="catalogue", application_name=name
    )
    mine = "FROM pg_stat_activity WHERE application_name = %s AND state = 'active'"
    with runtime.connect() as watch:
        child = subprocess.Popen([sys.executable, "-c", HERE, conninfo, statement], stderr=subprocess.DEVNULL)
        until(lambda: watch.execute(f"SELECT 1 {mine}".encode(), [name]).fetchone() is not None)
    try:
        yield child
    finally:
        child.kill()
        child.wait()
        with runtime.connect() as connection:
            connection.execute(f"SELECT pg_terminate_backend(pid) {mine}".encode(), [name])


def test_a_session_from_here_to_the_containers_own_address_is_known_by_its_socket(published: DockerRuntime) -> None:
    address = next(docker_ownership.addresses(published._database()))
    before = published.mark_before("run/1")
    with (
        client_here(published, "SELECT pg_sleep(300) /* ours */", address, 5432) as ours,
        client_here(published, "SELECT pg_sleep(300) /* theirs */", address, 5432) as theirs,
    ):
        claims = published.claim(before, [ours.pid])
        assert [each.proof for each in claims] == ["socket"]
        ours.kill()
        ours.wait()
        done = published.end_leftovers(before, claims, 0)
        assert "terminated" in done[0]
        assert active(published, "/* theirs */")
        assert theirs.poll() is None


CHANGE = "SELECT pg_sleep(300), 'ALTER TABLE course'"


def test_through_a_published_port_only_the_one_statement_of_the_revision_is_cancelled(published: DockerRuntime) -> None:
    host, port = docker_engine.published(published._database())[5432]
    statements = ["SELECT 1", f"{CHANGE};"]
    before = published.mark_before("run/1")
    with (
        client_here(published, "SELECT pg_sleep(300) /* report */", host, port) as report,
        client_here(published, CHANGE, host, port) as ours,
    ):
        assert published.claim(before, [ours.pid]) == (), "nothing is known of what it applies"
        assert published.claim(before, [], statements) == (), "none of its processes uses the port"
        claims = published.claim(before, [ours.pid], statements)
        assert [each.proof for each in claims] == ["statement"]
        with client_here(published, CHANGE, host, port):
            assert published.claim(before, [ours.pid], statements) == (), "two run it: neither is told apart"
        ours.kill()
        ours.wait()
        done = published.end_leftovers(before, claims, 0)
        assert done[0].startswith("cancelled by statement:")
        assert active(published, "/* report */")
        assert report.poll() is None


def test_an_exec_that_ends_by_itself_is_waited_for(published: DockerRuntime) -> None:
    before = published.mark_before("run/1")
    client = start(published, "exec", "-T", "api", "sh", "-c", "touch /tmp/began; sleep 2; true", mark="run/1")
    container = published._service("api")
    until(lambda: container.exec_run(["test", "-e", "/tmp/began"])[0] == 0)
    kill(client)
    done = published.end_leftovers(before, (), 20)
    assert ["waited" in words for words in done] == [True]


def test_only_the_commands_own_one_off_container_is_ended(published: DockerRuntime) -> None:
    before = published.mark_before("run/1")
    words = ("run", "--rm", "-T", "--no-deps", "api", "sleep")
    stranger = start(published, *words, "301")
    client = start(published, *words, "300", mark="run/1")
    until(lambda: len(exec_sessions.others(docker_engine.open_engine(), published.folder, before)) == 2)
    until(lambda: bool(published.leftovers(before)))
    kill(client)
    done = published.end_leftovers(before, (), 0.2)
    assert any("run api sleep 300" in each for each in done[:-1])
    assert "left alone" in done[-1]
    assert "run api sleep 301" in done[-1]
    until(lambda: published.leftovers(before) == ())
    assert len(exec_sessions.others(docker_engine.open_engine(), published.folder, before)) == 1
    for container in docker_engine.containers(docker_engine.open_engine(), published.folder, oneoff=True):
        container.kill()
    stranger.wait(20)


NOBODY = 65534
PROVED = "killed_here or one_off or published_port"


def as_nobody(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Runs Python as an ordinary user whose only right is that to the engine's socket; another one of the same version
    where ours may not be read by others."""
    endpoint = docker.from_env().api.base_url
    group = Path("/var/run/docker.sock").stat().st_gid if "docker" in endpoint else NOBODY
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    done = subprocess.CompletedProcess[str]([], 127, "", "")
    for python in (sys.executable, f"/usr/bin/{version}"):
        done = subprocess.run(
            # setpriv itself may still read everything: env finds out whether that user may.
            ["setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY), "--groups", str(group), "env", python, *words],
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(folder),
                "PYTHONPATH": os.pathsep.join(each for each in sys.path if each),
                "PYTHONDONTWRITEBYTECODE": "1",
            },
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode not in (126, 127):
            break
    return done


def test_an_ordinary_user_who_may_use_the_engine_is_told_the_same() -> None:
    """The same tests once more: nothing of the proofs needs root on this machine."""
    if os.getuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("these tests ran as an ordinary user already, or cannot become one")
    folder = Path(tempfile.mkdtemp(prefix="safemig-nobody-"))
    try:
        plugins = Path("~/.docker/cli-plugins").expanduser()
        if plugins.is_dir():
            shutil.copytree(plugins, folder / ".docker" / "cli-plugins")
        for path in (folder, *folder.rglob("*")):
            os.chown(path, NOBODY, NOBODY)
        if as_nobody(folder, "-c", "import docker, psycopg, pytest").returncode:
            pytest.skip("another user cannot run this Python")
        line = ["-m", "pytest", "-q", "-p", "no:cacheprovider", f"--basetemp={folder}/tests", "-k", PROVED, __file__]
        done = as_nobody(folder, *line)
        assert done.returncode == 0, done.stdout[-3000:]
        assert "skipped" not in done.stdout
    finally:
        shutil.rmtree(folder, ignore_errors=True)
