"""The main job on the demo in containers: whole, killed and resumed, interrupted."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.models import check_models
from tests.e2e.world import (
    LINE,
    RUN_SECONDS,
    Demo,
    check_no_password,
    check_passed,
    demo,
    kill_engine,
)

IMAGES = ("python:3.12-slim", "postgres:15")
SLOW_REVISION = '''\
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
    op.execute("SELECT pg_sleep(300)")


def downgrade() -> None:
    op.execute("SELECT pg_sleep(0)")
'''


def missing() -> str:
    """Why there can be no containers here, "" when there can."""
    try:
        for line in (["version"], ["compose", "version"]):
            done = subprocess.run(["docker", *line], capture_output=True, text=True, timeout=30, check=False)
            if done.returncode:
                return f"`docker {' '.join(line)}` fails: {(done.stderr or done.stdout).strip()[:200]}"
        for image in IMAGES:
            if subprocess.run(["docker", "image", "inspect", image], capture_output=True, check=False).returncode:
                pull = subprocess.run(
                    ["docker", "pull", image], capture_output=True, text=True, check=False, timeout=300
                )
                if pull.returncode:
                    return f"the image {image} is not here and cannot be pulled: {pull.stderr.strip()[:200]}"
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"no Docker Engine answers: {error}"
    return ""


@pytest.fixture(scope="session", autouse=True)
def _containers() -> None:
    why = missing()
    if why:
        pytest.skip(why)


pytestmark = [pytest.mark.slow, pytest.mark.docker]


def api(world: Demo) -> str:
    """The container of the service."""
    return f"{world.settings['COMPOSE_PROJECT_NAME']}-api-1"


def programs(world: Demo) -> str:
    """What runs in the container of the service."""
    line = ["docker", "top", api(world), "-eo", "pid,args"]
    return subprocess.run(line, capture_output=True, text=True, check=True).stdout


def statements(world: Demo) -> set[tuple[Any, ...]]:
    """What the database is busy with, beside this question."""
    return world.rows(
        "SELECT query FROM pg_stat_activity WHERE state <> 'idle' AND pid <> pg_backend_pid() "
        "AND backend_type = 'client backend'"
    )


def test_demo_passes_without_a_question_and_its_models_follow(tmp_path: Path) -> None:
    root = tmp_path / "demo"
    words = ["demo", "--runtime", "docker", "--mode", "auto", "--json", "--keep", str(root)]
    with demo(root, "docker", copied=False) as world:
        done = subprocess.run(
            [*LINE, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=RUN_SECONDS, check=False
        )
        check_passed(world, done)
        assert not world.events("approval.asked")
        # The next phase, which nobody names: its models are proved in the container.
        before = (world.folder / "app/models.py").read_text(encoding="utf-8")
        second = world.safemig("run", "--mode", "auto", "--json")
        inside = ["docker", "exec", api(world), "uv", "run", "--frozen", "python"]
        check_models(world, before, second, inside)
        assert "configure_mappers()" in next(line for line in second.stderr.splitlines() if "Import the models" in line)


def test_killed_in_the_middle_of_the_migration_and_resumed(tmp_path: Path) -> None:
    with demo(tmp_path / "demo", "docker") as world:
        face = world.start("run", "--mode", "auto", "--json")
        world.until(lambda: world.begun("migrate") or face.poll() is not None)
        kill_engine(world)
        out, err = face.communicate(timeout=60)
        assert face.returncode not in {0, 1}, (out, err)
        assert not [e for e in world.events("command.finished") if e.step == "migrate"], "it was killed too late"
        check_passed(world, world.safemig("resume", "--mode", "auto", "--json"))
        assert [event.step for event in world.events("command.started")].count("migrate") == 1


def test_interrupted_in_the_middle_of_a_slow_migration(tmp_path: Path) -> None:
    with demo(tmp_path / "demo", "docker") as world:
        revision = world.folder / "alembic" / "versions" / "20260106_0900_9c1d2e3f4a5b_wait.py"
        revision.write_text(SLOW_REVISION, encoding="utf-8")
        face = world.start("run", "--mode", "auto", "--json")
        world.until(lambda: world.begun("pending") or face.poll() is not None)
        world.until(lambda: any("pg_sleep" in query for (query,) in statements(world)) or face.poll() is not None, 60)
        assert "alembic" in programs(world)
        face.send_signal(signal.SIGINT)
        out, err = face.communicate(timeout=120)
        assert face.returncode == 130, err[-3000:]
        assert statements(world) == set()
        assert "alembic upgrade" not in programs(world)
        there = world.rows("SELECT to_regclass('alembic_version')::text") != {(None,)}
        truth = sorted(row[0] for row in world.rows("SELECT version_num FROM alembic_version")) if there else []
        document = json.loads(out)
        assert document["verdict"] == "interrupted"
        final = world.events("run.finished")[-1].data
        said = [event.data["evidence"] for event in world.events("evidence")]
        revisions = [one["data"]["current"] for one in said if isinstance(one, dict) and one["kind"] == "revision"]  # type: ignore[index,call-overload]
        assert revisions[-1] == truth
        state = str(final["state"])
        assert all(name in state for name in truth), state
        assert truth or "no revision" in state, state
        report = world.safemig("report", "--format", "md").stdout
        assert "interrupted" in report
        check_no_password(world, out, err, report)
