"""The demo as a test sees it: a copy, `safemig` as a child, the journal, the database asked directly."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import psycopg

from safemig import entry
from safemig.cli.demo_copy import DemoShape, copy_demo
from safemig.cli.opening import open_project
from safemig.engine.service_log import LOGS
from safemig.journal.events import Event
from safemig.journal.journal import read_events
from safemig.journal.messages import Message

LINE = [sys.executable, "-P", str(Path(entry.__file__))]
BASE = "3f6c1a9d27b4"  # the demo's one revision
PASSWORD = "courses:courses@"  # how the demo's password would be seen
PLAN = "specs/01_backend_ratings_plan.md"
TICKED = range(135, 143)  # the provable items of the plan's first phase; line 143 asks people
RUN_SECONDS = 400.0


@dataclass(frozen=True)
class Demo:
    """A copy of the demo."""

    root: Path
    runtime: str

    @property
    def folder(self) -> Path:
        """The service's folder."""
        return self.root / "backend"

    @property
    def settings(self) -> Mapping[str, str]:
        """The copy's .env: its ports and compose name."""
        lines = (self.folder / ".env").read_text(encoding="utf-8").splitlines()
        return dict(line.split("=", 1) for line in lines)

    def start(self, *words: str, **more: Any) -> subprocess.Popen[str]:
        """`safemig WORDS --project HERE` as a child with pipes; without input when ``stdin`` says nothing else."""
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | more
        line = [*LINE, *words, "--project", str(self.folder)]
        return subprocess.Popen(line, text=True, start_new_session=True, **options)

    def safemig(self, *words: str) -> subprocess.CompletedProcess[str]:
        """The same, to its end."""
        child = self.start(*words)
        try:
            out, err = child.communicate(timeout=RUN_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            raise
        return subprocess.CompletedProcess(child.args, child.returncode, out, err)

    def connect(self) -> psycopg.Connection:
        """A session on the copy's database."""
        port = int(self.settings["DB_PORT"])
        return psycopg.connect(
            host="127.0.0.1", port=port, user="courses", password="courses", dbname="courses",
            autocommit=True, connect_timeout=10,
        )  # fmt: skip

    def rows(self, query: str) -> set[tuple[Any, ...]]:
        """What the query answers."""
        with self.connect() as connection:
            return set(connection.execute(query.encode()).fetchall())

    @property
    def run(self) -> Path:
        """The folder of the only run."""
        [folder] = (self.root / ".safemig" / "runs").iterdir()
        return folder

    def events(self, kind: str = "") -> list[Event]:
        """The journal's events of that kind."""
        return [event for event in read_events(self.run) if kind in {"", event.kind}]

    def until(self, condition: Callable[[], object], seconds: float = 300.0) -> None:
        """Waits for something to come true."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "it did not come true in time"
            time.sleep(0.05)

    def begun(self, step: str) -> bool:
        """Whether the command of that step has really begun."""
        runs = self.root / ".safemig" / "runs"
        if not runs.is_dir() or not any((folder / "events.jsonl").exists() for folder in runs.iterdir()):
            return False
        numbers = [event.data["number"] for event in self.events("command.started") if event.step == step]
        path = self.run / "commands" / f"{int(str(numbers[-1])):04d}.begun" if numbers else None
        return path is not None and path.exists() and json.loads(path.read_bytes())["command"] is not None


@contextmanager
def demo(root: Path, runtime: str, *, copied: bool = True, shape: DemoShape = "") -> Iterator[Demo]:
    """The demo at ``root``, gone afterwards with everything that was started for it."""
    if copied:
        copy_demo(root, "docker" if runtime == "docker" else "process", shape=shape)
    world = Demo(root, runtime)
    try:
        yield world
    finally:
        if world.folder.is_dir():
            remove(world)


def remove(world: Demo) -> None:
    """Stops and removes service and database."""
    opened = open_project(argparse.Namespace(project=str(world.folder), command="status"))
    environment = {**os.environ, **opened.runtime.environment()}
    line = ["make", "stop"]
    if world.runtime == "docker":
        line = ["docker", "compose", "down", "--volumes", "--remove-orphans", "--rmi", "local"]
    subprocess.run(line, cwd=world.folder, env=environment, capture_output=True, check=False, timeout=120)
    opened.runtime.remove_database()
    shutil.rmtree(world.root, ignore_errors=True)


def kill_engine(world: Demo) -> None:
    """SIGKILL to the process that drives the run, and to nothing that it has started."""
    newest = [event for event in world.events() if event.kind in {"run.started", "run.resumed"}][-1]
    os.kill(int(str(newest.data["pid"])), signal.SIGKILL)


def check_document(document: Mapping[str, Any]) -> None:
    """The `--json` document of a run that has passed."""
    assert document["verdict"] == "passed", document
    assert {name: signal["ok"] for name, signal in document["signals"].items()} == {
        "tests": True,
        "container": True,
        "endpoints": True,
    }
    assert (document["schema"]["matches_spec"], document["schema"]["differences"]) == (True, [])
    assert document["revision"]["before"] == [BASE]
    assert {step["status"] for step in document["steps"]} == {"done"}
    assert {approval["by"] for approval in document["approvals"]} <= {"mode", "rule", "person"}
    assert [tick["line"] for tick in document["ticked"]] == list(TICKED)
    assert {tick["file"] for tick in document["ticked"]} == {PLAN}


def check_database(world: Demo, document: Mapping[str, Any]) -> None:
    """The table, its constraints and its indexes, as PostgreSQL itself has them."""
    assert world.rows("SELECT version_num FROM alembic_version") == {tuple(document["revision"]["after"])}
    assert world.rows(
        "SELECT conname, contype::text, pg_get_constraintdef(oid) FROM pg_constraint "
        "WHERE conrelid = 'course_rating'::regclass AND contype <> 'n'"
    ) == {
        ("ck_course_rating_rating_range", "c", "CHECK (((rating >= 1) AND (rating <= 5)))"),
        (
            "fk_course_rating_course_id_course",
            "f",
            "FOREIGN KEY (course_id) REFERENCES course(id) ON DELETE CASCADE",
        ),
        ("pk_course_rating", "p", "PRIMARY KEY (id)"),
        ("uq_course_rating_course_id_user_id", "u", "UNIQUE (course_id, user_id)"),
    }
    assert world.rows("SELECT indexname FROM pg_indexes WHERE tablename = 'course_rating'") == {
        ("pk_course_rating",),
        ("uq_course_rating_course_id_user_id",),
        ("ix_course_rating_course_id",),
        ("ix_course_rating_user_id",),
    }
    assert world.rows("SELECT 1 FROM course LIMIT 1") == set(), "nobody asked for seed data"


def check_checklist(world: Demo) -> None:
    """Only the provable items of the first phase are ticked, each by one byte."""
    before = (Path(copy_demo.__globals__["DEMO"]) / PLAN).read_text(encoding="utf-8").splitlines()
    after = (world.root / PLAN).read_text(encoding="utf-8").splitlines()
    changed = [number for number, pair in enumerate(zip(before, after, strict=True), 1) if pair[0] != pair[1]]
    assert changed == list(TICKED)
    assert all(after[n - 1] == before[n - 1].replace("- [ ]", "- [x]") for n in changed)


def check_no_password(world: Demo, *outputs: str) -> None:
    """The password of the project's URL is in nothing that safemig has written or said."""
    for path in (world.root / ".safemig").rglob("*"):
        if path.is_file():
            assert PASSWORD.encode() not in path.read_bytes(), path
    for output in outputs:
        assert PASSWORD not in output


def check_reports(world: Demo) -> tuple[str, ...]:
    """The report in its three forms."""
    reports = {form: world.safemig("report", "--format", form) for form in ("md", "json", "junit")}
    assert {done.returncode for done in reports.values()} == {0}, reports
    assert json.loads(reports["json"].stdout)["verdict"] == "passed"
    suites = ET.fromstring(reports["junit"].stdout)
    assert suites.findall(".//testcase")
    red = [case.get("name") for case in suites.findall(".//testcase") if case.find("failure") is not None]
    assert red in ([], ["Run the tests"]), "the first run of the tests may be red, and is repaired"
    for words in ("passed", "7 passed", "course_rating", BASE):
        assert words in reports["md"].stdout
    return tuple(done.stdout for done in reports.values())


def check_passed(world: Demo, done: subprocess.CompletedProcess[str]) -> None:
    """Everything that a passed run promises."""
    assert done.returncode == 0, done.stderr[-3000:]
    document = json.loads(done.stdout)
    check_document(document)
    assert [one["proof"] for one in document["databases"]] == ["same", "same"], document["databases"]
    check_database(world, document)
    check_checklist(world)
    check_no_password(world, done.stdout, done.stderr, *check_reports(world))
    started = [event.step for event in world.events("command.started") if event.step != LOGS]
    assert len(started) == len(set(started)), "no step's command ran twice"


class ScriptedFace:
    """A face across the border: reads events as they come, answers what the script says."""

    def __init__(self, world: Demo, *words: str) -> None:
        self.child = world.start(*words, "--events", stdin=subprocess.PIPE)
        self.seen: list[Event] = []
        self.send(Message("attach"))

    def send(self, message: Message) -> None:
        """One message, one line."""
        assert self.child.stdin is not None
        self.child.stdin.write(msgspec.json.encode(message).decode() + "\n")
        self.child.stdin.flush()

    def play(self, answer: Callable[[Event], Message]) -> int:
        """To the end of the run; the engine's exit code."""
        assert self.child.stdout is not None
        for line in self.child.stdout:
            event = msgspec.json.decode(line, type=Event)
            self.seen.append(event)
            if event.kind == "approval.asked":
                self.send(answer(event))
        return self.child.wait(timeout=60)
