"""A project small enough to be run hundreds of times: its recipes note each call, everything else is real."""

from __future__ import annotations

import argparse
import atexit
import functools
import hashlib
import shutil
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from safemig.cli.opening import open_project
from safemig.postgres.binaries import cache_folder, find_binaries, owner
from safemig.postgres.server import Server, data_folder, memory

MAKEFILE = """\
PY = {python}

.PHONY: build start stop migrate test

build:
\techo build >> calls.log

start: stop
\techo start >> calls.log
\tDATABASE_URL={url} nohup $(PY) -m uvicorn service:app --port {port} > service.log 2>&1 & echo $$! > service.pid

stop:
\t@if [ -f service.pid ] && kill $$(cat service.pid) 2>/dev/null; then sleep 0.1; fi

migrate:
\techo migrate >> calls.log
\t$(PY) -m alembic upgrade head

test:
\techo test >> calls.log
\t$(PY) -m pytest -q -p no:cacheprovider tests
"""
SERVICE = """\
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    known = scope["path"] in ("/", "/health")
    body = b'{"status": "ok"}' if known else b'{"detail": "not found"}'
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200 if known else 404, "headers": headers})
    await send({"type": "http.response.body", "body": body})
"""
INI = """\
[alembic]
script_location = %(here)s/alembic
sqlalchemy.url = {url}
"""
ENV = """\
from alembic import context
from sqlalchemy import create_engine

engine = create_engine(context.config.get_main_option("sqlalchemy.url"))
with engine.connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
"""
FIRST = '''\
"""first

Revision ID: 1a2b3c4d5e6f
Revises:
Create Date: 2026-01-05 09:00:00
"""
from alembic import op
import sqlalchemy as sa

revision = "1a2b3c4d5e6f"
down_revision = None
branch_labels = None
depends_on = None


def upgrade():
    op.create_table("course", sa.Column("id", sa.Integer(), primary_key=True), sa.Column("slug", sa.Text()))


def downgrade():
    op.drop_table("course")
'''
SPEC = """\
# Ratings

## Phase 1: Database

```python
def upgrade():
    op.create_table(
        "rating",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("course_id", sa.Integer(), sa.ForeignKey("course.id", name="fk_rating_course"), nullable=False),
        sa.Column("stars", sa.SmallInteger(), nullable=False),
        sa.CheckConstraint("stars BETWEEN 1 AND 5", name="ck_rating_stars"),
    )
    op.create_index("ix_rating_course_id", "rating", ["course_id"])


def downgrade():
    op.drop_table("rating")
```

- [ ] Table `rating` exists
- [ ] Apply with `make migrate`
- [ ] Somebody has been told
"""


# The suite's own plugins, Hypothesis among them, would take five sixths of what a project's tests take.
PLAIN_PYTEST = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}


@dataclass(frozen=True)
class Spine:
    """The project and what a test asks of it."""

    root: Path
    dsn: str

    def calls(self) -> list[str]:
        """The recipes that ran, in order."""
        path = self.root / "calls.log"
        return path.read_text(encoding="utf-8").split() if path.exists() else []

    def state(self) -> dict[str, str]:
        """What a run leaves behind: files by content, and the schema; nothing of time."""
        import psycopg

        from checks.schema.snapshot import fingerprint, take

        files = {
            path.relative_to(self.root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(self.root.rglob("*"))
            if path.is_file()
            and not {".safemig", "__pycache__"} & set(path.parts)
            and path.suffix not in {".log", ".pid"}
        }
        stable = {name: digest for name, digest in files.items() if "versions/" not in name}
        stable["versions"] = " ".join(name for name in files if "versions/" in name)
        with psycopg.connect(self.dsn) as connection:
            stable["schema"] = fingerprint(take(connection))
        return stable

    def runs(self) -> list[Path]:
        """The folders of its runs, oldest first."""
        return sorted((self.root / ".safemig" / "runs").iterdir())


def free_port() -> int:
    """A port that nothing listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@functools.cache
def initialised() -> Path:
    """A data folder with the project's user that no server has run on, one for all projects of a test process.

    initdb takes a tenth of a whole run; nothing here outlives a power cut, so that nothing waits for the disk either.
    """
    folder = Path(tempfile.mkdtemp(dir=cache_folder(owner()), prefix="suite-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    folder.chmod(0o755)
    data = folder / "data"
    Server(find_binaries(), data, 0).initialise("spine", "spine", sync=False)
    with (data / "postgresql.conf").open("a", encoding="utf-8") as settings:
        settings.write("fsync = off\n")
    if base := memory():  # to make and to remove its thousand files costs a tenth there
        kept = Path(tempfile.mkdtemp(dir=base, prefix="safemig-suite-"))
        atexit.register(shutil.rmtree, kept, ignore_errors=True)
        kept.chmod(0o755)
        subprocess.run(["cp", "-R", "-p", str(data / "base"), str(kept / "base")], check=True)
        shutil.rmtree(data / "base")
        (data / "base").symlink_to(kept / "base")
    return data


def copy_data(data: Path) -> None:
    """The initialised data as ``data``; databases that lie in memory get a copy there."""
    subprocess.run(["cp", "-R", "-p", str(initialised()), str(data)], check=True)
    databases = data / "base"
    if databases.is_symlink():
        template = databases.readlink()
        fresh = Path(tempfile.mkdtemp(dir=template.parent))
        fresh.chmod(0o755)
        subprocess.run(["cp", "-R", "-p", str(template), str(fresh / "base")], check=True)
        databases.unlink()
        databases.symlink_to(fresh / "base")


def make_project(root: Path, *, makefile: str = MAKEFILE) -> Spine:
    """Writes the project into ``root`` (a new folder); its database is the one that safemig starts for its URL, on data
    that are initialised already."""
    service, database = free_port(), free_port()
    where = f"spine:spine@127.0.0.1:{database}/spine"
    files = {
        "Makefile": makefile.format(python=sys.executable, port=service, url=f"postgresql://{where}"),
        "service.py": SERVICE,
        "alembic.ini": INI.format(url=f"postgresql+psycopg://{where}"),
        "alembic/env.py": ENV,
        "alembic/versions/1a2b3c4d5e6f_first.py": FIRST,
        "tests/test_truth.py": "def test_truth() -> None:\n    assert True\n",
        "docs/ratings_plan.md": SPEC,
        "safemig.yaml": f"runtime: process\nurl: http://127.0.0.1:{service}\nhealth: /health\nsettle: 0.2\n",
    }
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    data = data_folder(root / ".safemig")
    data.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    copy_data(data)
    return Spine(root, f"postgresql://{where}")


def migrated(spine: Spine) -> None:
    """Starts the database and brings it to the head of the code, as a person did before safemig came."""
    open_project(argparse.Namespace(project=str(spine.root), command="status")).runtime.start_database()
    line = [sys.executable, "-m", "alembic", "upgrade", "head"]
    subprocess.run(line, cwd=spine.root, check=True, capture_output=True)


def remove_project(spine: Spine) -> None:
    """Stops the service and removes the database server that safemig started for it."""
    subprocess.run(["make", "-s", "stop"], cwd=spine.root, check=False)
    databases = data_folder(spine.root / ".safemig") / "base"
    in_memory = databases.readlink().parent if databases.is_symlink() else None
    open_project(argparse.Namespace(project=str(spine.root), command="status")).runtime.remove_database()
    if in_memory:
        shutil.rmtree(in_memory)
