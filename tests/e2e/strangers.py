"""Strangers at work beside a run: sessions and processes of others, and whether each of them was left alone."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import psutil
import psycopg

from safemig.execution.command import Files, survivors
from tests.e2e.world import Demo, kill_engine

STATEMENT = "SELECT pg_sleep(600)"
SLOW_REVISION = f'''\
"""wait

Revision ID: 9c1d2e3f4a5b
Revises: 3f6c1a9d27b4
"""
from alembic import op

revision = "9c1d2e3f4a5b"
down_revision = "3f6c1a9d27b4"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("{STATEMENT}")


def downgrade() -> None:
    op.execute("SELECT 1")
'''


@dataclass
class Strangers:
    """``reports`` run a long statement, ``applications`` are idle in a transaction, ``clients`` are processes of their
    own: in the database's container, in the service's, in a one-off container."""

    world: Demo
    ours: frozenset[int]
    reports: list[psycopg.Connection] = field(default_factory=list)
    applications: list[psycopg.Connection] = field(default_factory=list)
    clients: list[subprocess.Popen[bytes]] = field(default_factory=list)
    _known: dict[int, str] = field(default_factory=dict)
    _threads: list[threading.Thread] = field(default_factory=list)

    @property
    def count(self) -> int:
        """How many they are: sessions through the port and processes elsewhere."""
        return len(self.reports) + len(self.applications) + len(self.clients)

    def come(self, sessions: int) -> None:
        """All of them, and not before all are at work."""
        for number in range(sessions):
            connection = self.world.connect()
            if number % 2:
                connection.execute("BEGIN")
                connection.execute("SELECT 'application'")
                self.applications.append(connection)
            else:
                # Every fifth report runs what the revision runs, word for word.
                text = STATEMENT if number % 5 == 0 and self.world.runtime == "process" else f"{STATEMENT} /* report */"
                self.reports.append(connection)
                thread = threading.Thread(target=_run, args=(connection, text), daemon=True)
                self._threads.append(thread)
                thread.start()
        for line in self._lines():
            self.clients.append(_start(self.world, line))
        pids = [each.info.backend_pid for each in (*self.reports, *self.applications)]
        expected = len(pids) + sum("psycopg" in line or "psql" in line for line in map(" ".join, self._lines()))
        self.world.until(lambda: len(self._sessions()) >= expected, 60)
        self._known = self._sessions()

    def _lines(self) -> list[list[str]]:
        if self.world.runtime == "process":
            return [["sleep", "600"]]
        name = self.world.settings["COMPOSE_PROJECT_NAME"]
        inside = ["docker", "exec", "-i"]
        code = (
            "import psycopg; c = psycopg.connect('host=db user=courses password=courses dbname=courses'); "
            f"c.execute('{STATEMENT}')"
        )
        psql = ["psql", "-U", "courses", "courses", "-c", STATEMENT]
        oneoff = ["docker", "compose", "run", "--rm", "-T", "--no-deps", "api"]
        return [
            [*inside, f"{name}-db-1", *psql],
            [*inside, "-u", "postgres", f"{name}-db-1", *psql],
            [*inside, "-e", "PGPASSWORD=courses", f"{name}-db-1", *psql[:1], "-h", "127.0.0.1", *psql[1:]],
            [*inside, f"{name}-api-1", "sleep", "600"],
            [*inside, f"{name}-api-1", "uv", "run", "--frozen", "python", "-c", code],
            ["docker", "compose", "exec", "-T", "api", "uv", "run", "--frozen", "python", "-c", code],
            [*oneoff, "sleep", "600"],
            [*oneoff, "uv", "run", "--frozen", "python", "-c", code],
        ]

    def _sessions(self) -> dict[int, str]:
        """pid -> start, of sessions at work that run or ran what a stranger does."""
        rows = self.world.rows(
            "SELECT pid, backend_start::text FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND "
            f"(state = 'active' AND query LIKE '{STATEMENT}%' OR state LIKE 'idle in%' AND query LIKE '%application%')"
        )
        return {pid: began for pid, began in rows if pid not in self.ours}

    def touched(self) -> list[str]:
        """What happened to whom; [] when nothing did."""
        there = self._sessions()
        gone = [f"session {pid}" for pid, began in self._known.items() if there.get(pid) != began]
        return gone + [f"{each.args!r} ended with {each.poll()}" for each in self.clients if each.poll() is not None]

    def leave(self) -> None:
        """They end themselves, and what they run in containers."""
        terminate = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE (pid, backend_start::text) = (%s, %s)"
        with self.world.connect() as connection:
            for pid, began in self._known.items():
                connection.execute(terminate, [pid, began])
        for thread in self._threads:
            thread.join(10)
        for each in (*self.reports, *self.applications):
            each.close()
        if self.world.runtime == "docker":
            name = self.world.settings["COMPOSE_PROJECT_NAME"]
            kill = 'for p in /proc/[0-9]*; do read -r l < $p/comm; [ "$l" = sleep ] && kill ${p#/proc/}; done'
            subprocess.run(["docker", "exec", f"{name}-api-1", "sh", "-c", kill], capture_output=True, check=False)
            query = ["docker", "ps", "-q", "--filter", "label=com.docker.compose.oneoff=True"]
            mine = ["--filter", f"label=com.docker.compose.project={name}"]
            for number in subprocess.run([*query, *mine], capture_output=True, text=True, check=True).stdout.split():
                subprocess.run(["docker", "kill", number], capture_output=True, check=False)
        for client in self.clients:
            client.terminate()
            client.wait(30)


def _run(connection: psycopg.Connection, text: str) -> None:
    with contextlib.suppress(psycopg.Error):
        connection.execute(text.encode())


def _start(world: Demo, line: list[str]) -> subprocess.Popen[bytes]:
    environment = {name: value for name, value in os.environ.items() if name != "SAFEMIG_COMMAND"}
    return subprocess.Popen(
        line,
        cwd=world.folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def our_sessions(world: Demo) -> set[int]:
    """Who runs the revision's statement now."""
    return {pid for (pid,) in world.rows(f"SELECT pid FROM pg_stat_activity WHERE query = '{STATEMENT}'")}


def ctrl_c(world: Demo, face: subprocess.Popen[str]) -> None:
    """The person stops the run."""
    assert world.runtime
    face.send_signal(signal.SIGINT)
    face.communicate(timeout=180)


def limit(world: Demo, face: subprocess.Popen[str]) -> None:
    """The step takes longer than it may."""
    assert world.runtime
    face.communicate(timeout=180)


def kill_and_resume(world: Demo, face: subprocess.Popen[str]) -> None:
    """The engine is killed, another one ends what it left."""
    kill_engine(world)
    face.communicate(timeout=60)
    configure(world, SOON)
    world.safemig("resume", "--json")


def kill_all_and_resume(world: Demo, face: subprocess.Popen[str]) -> None:
    """The engine, the supervisor and every process of the command here are killed; a container goes on."""
    [started] = [each for each in world.events("command.started") if each.step == "pending"]
    number = int(str(started.data["number"]))
    files = Files(world.run / "commands", number)
    world.until((files.folder / f"{number:03}.ours.json").exists, 60)  # what is not seen is not proved later
    kill_engine(world)
    supervisor = psutil.Process(int(json.loads(files.begun.read_bytes())["supervisor"]))
    for process in (supervisor, *survivors(files, f"{world.run.name}/{number}")):
        with contextlib.suppress(psutil.Error):
            process.kill()
    face.communicate(timeout=60)
    world.safemig("resume", "--json")


Scenario = Callable[[Demo, "subprocess.Popen[str]"], None]
SCENARIOS: dict[str, Scenario] = {
    "ctrl-c": ctrl_c,
    "limit": limit,
    "kill and resume": kill_and_resume,
    "kill all and resume": kill_all_and_resume,
}
SOON = 3  # seconds
LIMITS = {"process": 15, "docker": 40}  # the strangers must be at work before it


@dataclass(frozen=True)
class Outcome:
    """How many strangers there were, which were touched, and what of the run's own was left at work."""

    strangers: int
    touched: tuple[str, ...]
    left: tuple[str, ...]
    verdict: str


def prepare(world: Demo) -> None:
    """A revision that never ends."""
    path = world.folder / "alembic" / "versions" / "20260106_0900_9c1d2e3f4a5b_wait.py"
    path.write_text(SLOW_REVISION, encoding="utf-8")


def configure(world: Demo, seconds: int) -> None:
    """The limit of the migration."""
    (world.root / "safemig.yaml").write_text(f"timeouts:\n  migrate: {seconds}\n", encoding="utf-8")


@contextlib.contextmanager
def at_work(world: Demo, ours: frozenset[int], sessions: int) -> Iterator[Strangers]:
    """The strangers, gone afterwards."""
    strangers = Strangers(world, ours)
    try:
        strangers.come(sessions)
        yield strangers
    finally:
        strangers.leave()


def play(world: Demo, scenario: str, sessions: int) -> Outcome:
    """One run to the statement that never ends, strangers beside it, and the scenario's end of it."""
    shutil.rmtree(world.root / ".safemig" / "runs", ignore_errors=True)
    configure(world, LIMITS[world.runtime] if scenario == "limit" else 600)
    face = world.start("run", "--mode", "auto", "--json")
    world.until(lambda: _running(world) or face.poll() is not None, 200)
    if face.poll() is not None:
        raise AssertionError(face.communicate()[1][-3000:])
    ours = frozenset(our_sessions(world))
    with at_work(world, ours, sessions) as strangers:
        SCENARIOS[scenario](world, face)
        touched = tuple(strangers.touched())
        rows = world.rows("SELECT pid, state FROM pg_stat_activity WHERE state <> 'idle'")
        left = tuple(f"session {pid} ({state})" for pid, state in rows if pid in ours)
        verdict = str(world.events("run.finished")[-1].data["verdict"])
        return Outcome(strangers.count, touched, left, verdict)


def _running(world: Demo) -> bool:
    with contextlib.suppress(psycopg.Error):
        return bool(our_sessions(world))
    return False
