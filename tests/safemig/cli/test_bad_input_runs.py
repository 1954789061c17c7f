"""Bad input that shows only once a run is under way: a world that does not answer, a stop, a locked checklist."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from safemig.cli.opening import open_project
from safemig.journal.journal import read_events
from tests.safemig.bad_projects import (
    AUTO,
    CONFIG,
    ENTRY,
    MAKEFILE,
    SECRET,
    Ended,
    contents,
    make,
    safemig,
    write,
)
from tests.spine.project import free_port
from tests.trusting import trusting

pytestmark = pytest.mark.integration


def verdict_of(ended: Ended, root: Path) -> str:
    """The one verdict of the newest run, the same in the journal and in the document."""
    (run,) = sorted((root / ".safemig" / "runs").iterdir())
    events = read_events(run)
    finished = [event for event in events if event.kind == "run.finished"]
    assert len(finished) == 1
    assert events[-1] is finished[0]
    assert json.loads(ended.out)["verdict"] == finished[0].data["verdict"]
    return str(finished[0].data["reason"])


def test_a_database_that_is_down(tmp_path: Path) -> None:
    ended = safemig(make(tmp_path), *AUTO)
    reason = verdict_of(ended, tmp_path)
    assert (ended.code, ended.changed) == (1, ())
    assert "db.invalid" in reason
    assert "does not accept connections" in reason


@dataclass(frozen=True)
class Served:
    """A PostgreSQL server of its own and how to make a database on it."""

    where: str

    def database(self, name: str) -> str:
        import psycopg
        from psycopg import sql

        with psycopg.connect(f"postgresql://bad:{SECRET}@{self.where}/shop", autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name)))
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return name


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    where = f"127.0.0.1:{free_port()}"
    root = make(tmp_path_factory.mktemp("server"), where)
    runtime = open_project(argparse.Namespace(project=str(root), command="status")).runtime
    runtime.start_database()
    yield Served(where)
    runtime.remove_database()


@pytest.mark.slow
def test_wrong_credentials(server: Served, tmp_path: Path) -> None:
    make(tmp_path, server.where)
    ini = tmp_path / "alembic.ini"
    ini.write_text(ini.read_text().replace("bad:", "nobody:"))
    plan = safemig(tmp_path, "plan")
    assert plan.code == 0
    assert "open: the database could not be read" in plan.out
    assert "nobody" in plan.out
    ended = safemig(tmp_path, *AUTO)
    assert (ended.code, ended.changed) == (1, ())
    reason = verdict_of(ended, tmp_path)
    assert "nobody" in reason
    assert "password authentication failed" in reason


@pytest.mark.slow
@pytest.mark.parametrize("address", ["", "url: http://127.0.0.1:{port}\n"], ids=["no address", "no answer"])
def test_a_service_that_never_gets_healthy(address: str, server: Served, tmp_path: Path) -> None:
    make(
        tmp_path, server.where, database=server.database("unhealthy"), config=CONFIG + address.format(port=free_port())
    )
    ended = safemig(tmp_path, *AUTO)
    assert (ended.code, ended.changed) == (1, ())
    assert "the service is unhealthy before the change, and auto mode does not go on" in verdict_of(ended, tmp_path)
    assert json.loads(ended.out)["revision"]["after"] == ["1a2b3c4d5e6f"]


def serving(root: Path) -> int:
    """Lets the project's `make start` serve for real, with the database among its variables; returns the port."""
    port = free_port()
    ini = (root / "alembic.ini").read_text(encoding="utf-8")
    address = next(line.partition("=")[2].strip() for line in ini.splitlines() if line.startswith("sqlalchemy.url"))
    serve = f"{sys.executable} -m uvicorn service:app --port {port} > service.log 2>&1 & echo $$! > service.pid"
    start = f"\tDATABASE_URL={address.replace('+psycopg', '')} nohup {serve}\n"
    makefile = (root / "Makefile").read_text(encoding="utf-8").replace("\t@echo starting\n", start)
    write(root, "Makefile", makefile)
    write(root, "safemig.yaml", CONFIG.replace("healthy: 1", "healthy: 20") + f"url: http://127.0.0.1:{port}\n")
    return port


@contextlib.contextmanager
def stopped_after(root: Path) -> Iterator[None]:
    try:
        yield
    finally:
        pid = root / "service.pid"
        if pid.exists():
            with contextlib.suppress(psutil.NoSuchProcess):
                psutil.Process(int(pid.read_text())).kill()


MYSQL = """\
# Ratings

## Phase 1: Database

```sql
CREATE TABLE rating (id INT AUTO_INCREMENT PRIMARY KEY, stars TINYINT UNSIGNED NOT NULL) ENGINE=InnoDB;
```

- [ ] Table `rating` exists
"""


@pytest.mark.slow
def test_a_spec_for_another_database_is_refused_before_anything_is_written(server: Served, tmp_path: Path) -> None:
    make(tmp_path, server.where, database=server.database("mysql"))
    write(tmp_path, "docs/ratings_plan.md", MYSQL)
    serving(tmp_path)
    with stopped_after(tmp_path):
        ended = safemig(tmp_path, *AUTO)
    reason = verdict_of(ended, tmp_path)
    assert (ended.code, set(ended.changed) - {"service.log", "service.pid"}) == (1, set())
    assert "docs/ratings_plan.md" in reason
    assert "AUTO_INCREMENT" in reason


MADE = """\
# Ratings

## Phase 1: Database

```sql
CREATE INDEX ix_made ON course (slug);
```

- [ ] Index `ix_made`
"""


@pytest.mark.slow
def test_what_the_pending_revision_makes_is_not_asked_for_again(server: Served, tmp_path: Path) -> None:
    make(tmp_path, server.where, database=server.database("made"))
    write(tmp_path, "docs/ratings_plan.md", MADE)
    first = tmp_path / "alembic/versions/1a2b3c4d5e6f_first.py"
    text, end = first.read_text(encoding="utf-8"), "sa.Text()))\n"
    assert end in text
    first.write_text(text.replace(end, f'{end}    op.create_index("ix_made", "course", ["slug"])\n'), encoding="utf-8")
    serving(tmp_path)
    with stopped_after(tmp_path):
        ended = safemig(tmp_path, *AUTO)
    assert (ended.code, set(ended.changed) - {"service.log", "service.pid"}) == (0, set()), ended.err
    assert json.loads(ended.out)["verdict"] == "passed"
    assert "the schema is what the spec asked for" in ended.err


def marked(word: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        if word in (process.info["cmdline"] or ()) and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(process)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_in_the_middle_of_a_command(number: signal.Signals, tmp_path: Path) -> None:
    make(tmp_path)
    word = f"987{free_port()}"
    write(tmp_path, "Makefile", MAKEFILE.replace("@echo building", f"sleep {word} & sleep {word}"))
    trusting(tmp_path)
    before = contents(tmp_path)
    face = subprocess.Popen(
        [sys.executable, "-B", "-P", str(ENTRY), *AUTO],
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while not marked(word) and face.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(face.pid, number)
    out, err = face.communicate(timeout=60)
    assert (face.returncode, marked(word)) == (130, [])
    assert "Traceback" not in out + err
    assert json.loads(out)["verdict"] == "interrupted"
    assert "=== INTERRUPTED ===" in err
    assert contents(tmp_path) == before


@contextlib.contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Nobody may write in ``folder``, not even root: a read-only mount of it where root runs the tests."""
    if os.geteuid():
        folder.chmod(0o555)
        yield
        folder.chmod(0o755)
        return
    if subprocess.run(["mount", "--bind", str(folder), str(folder)], capture_output=True, check=False).returncode:
        pytest.skip("root may not mount here, and modes do not bind root")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", str(folder)], check=True)
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.slow
def test_a_checklist_that_cannot_be_written_when_all_else_is_done(server: Served, tmp_path: Path) -> None:
    make(tmp_path, server.where, database=server.database("ticks"))
    serving(tmp_path)
    with stopped_after(tmp_path), read_only(tmp_path / "docs"):
        ended = safemig(tmp_path, *AUTO)
    reason = verdict_of(ended, tmp_path)
    document = json.loads(ended.out)
    assert ended.code == 1
    assert "the checklist docs/ratings_plan.md could not be ticked" in reason
    assert "docs/ratings_plan.md" not in ended.changed
    assert document["schema"]["matches_spec"] is True
    assert document["ticked"] == []
    assert [path.name for path in (tmp_path / "docs").iterdir()] == ["ratings_plan.md"]
