"""The demo's change gives way, in containers too, where the command's session comes from another container."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest

from tests.e2e.world import Demo, demo

pytestmark = [pytest.mark.slow, pytest.mark.docker]
WORK = "UPDATE course SET slug = slug WHERE id = 0"


def write_until(world: Demo, over: threading.Event, waits: list[float]) -> None:
    """Writes into the table that the new foreign key refers to; how long each write took, in seconds."""
    with world.connect() as connection:
        connection.execute("SET application_name = 'shop'")
        while not over.wait(0.01):
            began = time.monotonic()
            connection.execute(WORK)
            waits.append(time.monotonic() - began)


def test_a_change_in_containers_gives_way_to_writers(tmp_path: Path) -> None:
    over, waits = threading.Event(), list[float]()
    with demo(tmp_path / "demo", "docker") as world:
        child = world.start("run", "--mode", "auto", "--json")
        world.until(lambda: world.begun("build"))
        world.until(lambda: any(event.step == "create" for event in world.events("step.started")))
        writer = threading.Thread(target=write_until, args=(world, over, waits))
        with world.connect() as holder:
            holder.execute("SET application_name = 'report'")
            holder.execute("BEGIN")
            holder.execute("LOCK TABLE course IN ROW EXCLUSIVE MODE")
            writer.start()
            world.until(lambda: any("gave way" in str(event.data["text"]) for event in world.events("note")))
            holder.execute("ROLLBACK")
        out, _ = child.communicate(timeout=300)
        over.set()
        writer.join()
        assert child.returncode == 0, out
        data = json.loads(out)["protection"][-1]  # of the migration; the pending revision was applied before it
        assert data["proved"]
        assert data["application"] == "shop"
        assert data["retries"] >= 1
        assert max(waits) < 2.0, data
