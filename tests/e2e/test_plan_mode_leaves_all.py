"""A whole session in plan mode leaves files, processes, containers and the database byte for byte as they were.

What counts is everything below the project's root, with content, mode and time of change, except what safemig keeps of
its own there: the folder `.safemig`. Of the service's own log, which the service writes when it is asked how it is, the
lines from before must still stand there. In the person's own folder nothing but sockets may come or go.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from safemig.journal.events import Event
from safemig.journal.messages import Message
from safemig.postgres.binaries import find_binaries
from tests.e2e.test_demo_docker import missing
from tests.e2e.world import Demo, ScriptedFace, demo

pytestmark = pytest.mark.slow

INSPECTED = {
    "ps": ("-aq", "{{.Id}} {{.Created}} {{.State.StartedAt}} {{.State.Status}} {{.RestartCount}} {{.Image}}"),
    "volume": ("-q", "{{.Name}} {{.CreatedAt}}"),
    "network": ("-q", "{{.Id}} {{.Created}}"),
}


def files(root: Path, own: str = ".safemig") -> Iterator[tuple[str, object]]:
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if own in path.relative_to(root).parts or name.endswith("api.log"):
            continue
        status = path.lstat()
        content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        content = str(path.readlink()) if path.is_symlink() else content
        yield name, (content, oct(status.st_mode), status.st_mtime_ns if path.is_file() else 0)


def docker(*words: str) -> str:
    return subprocess.run(["docker", *words], capture_output=True, text=True, check=True, timeout=60).stdout


def containers(world: Demo) -> Iterator[str]:
    """Containers, volumes, networks and images of the project, with the times at which they were made and started."""
    label = f"label=com.docker.compose.project={world.settings['COMPOSE_PROJECT_NAME']}"
    for kind, (quiet, form) in INSPECTED.items():
        listed = docker(*([kind] if kind == "ps" else [kind, "ls"]), quiet, "--filter", label).split()
        yield from sorted(docker(*([] if kind == "ps" else [kind]), "inspect", "-f", form, *listed).splitlines())
    images = {line.split()[-1] for line in docker("ps", "-a", "--filter", label, "--format", "{{.Image}}").splitlines()}
    yield from sorted(docker("image", "inspect", "-f", "{{.Id}} {{.Created}}", *sorted(images)).splitlines())


def processes(world: Demo) -> Iterator[tuple[int, float]]:
    """The service, where it is a process of this machine. (When PostgreSQL was started, it says itself.)"""
    for process in psutil.process_iter(["cwd", "cmdline"]):
        if str(world.root) in f"{process.info['cwd']} {process.info['cmdline']}":
            yield process.pid, process.create_time()


def database(world: Demo) -> dict[str, object]:
    """A full dump with roles, and of each table who wrote each row: an update that changes nothing shows, too."""
    port = world.settings["DB_PORT"]
    where = ["-h", "127.0.0.1", "-p", port, "-U", "courses"]
    environment = {**os.environ, "PGPASSWORD": "courses"}
    dumps = []
    for line in (["pg_dump", *where, "courses"], ["pg_dumpall", *where, "--globals-only", "--no-role-passwords"]):
        program = find_binaries().bin / line[0]
        done = subprocess.run([program, *line[1:]], env=environment, capture_output=True, text=True, check=True)
        dumps.append("\n".join(row for row in done.stdout.splitlines() if not row.startswith("\\")))
    tables = world.rows(
        "SELECT oid::regclass::text FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    )
    rows = {name: sorted(map(str, world.rows(f"SELECT xmin, xmax, ctid, t.* FROM {name} t"))) for (name,) in tables}
    born = world.rows("SELECT pg_postmaster_start_time()::text")
    made = world.rows("SELECT classid, objid, refobjid FROM pg_depend WHERE deptype IN ('n', 'a') AND objid > 16383")
    return {"dump": dumps, "rows": rows, "server": born, "objects": made}


def snapshot(world: Demo) -> dict[str, object]:
    log = world.folder / ".run" / "api.log"
    state = Path(os.environ.get("XDG_STATE_HOME", Path.home() / ".local" / "state")) / "safemig"
    return {
        "files": dict(files(world.root)),
        "log": log.read_text(encoding="utf-8") if log.exists() else "",
        "person": dict(files(state, "sockets")),
        "containers": list(containers(world)) if world.runtime == "docker" else [],
        "processes": sorted(processes(world)) if world.runtime == "process" else [],
        "database": database(world),
    }


def to_the_change(event: Event) -> Message:
    """Everything up to the migration: then service and database run, and the change is still to be made."""
    return Message("decide", id=str(event.data["id"]), answer="no" if event.step == "create" else "once")


@pytest.mark.parametrize("runtime", ["process", pytest.param("docker", marks=pytest.mark.docker)])
def test_a_session_in_plan_mode_leaves_everything_as_it_was(tmp_path: Path, runtime: str) -> None:
    if runtime == "docker" and (why := missing()):
        pytest.skip(why)
    with demo(tmp_path / "demo", runtime) as world:
        assert ScriptedFace(world, "run").play(to_the_change) == 1
        before = snapshot(world)

        assert world.safemig("status").returncode == 0
        assert world.safemig("plan").returncode == 0
        assert "Write the migration" in world.safemig("checklist").stdout + world.safemig("plan").stdout
        waiting = world.safemig("run", "--mode", "plan", "--json")
        assert waiting.returncode == 4, waiting.stderr
        assert json.loads(waiting.stdout)["verdict"] == "waiting"
        refused = ScriptedFace(world, "resume", "--mode", "plan")
        code = refused.play(lambda event: Message("decide", id=str(event.data["id"]), answer="no", reason="not today"))
        assert code == 1
        assert [event.data["kind"] for event in refused.seen if event.kind == "approval.asked"][-1:] == ["plan"]
        assert not [event for event in refused.seen if event.kind in ("step.started", "command.started")]
        for words in (("runs",), ("report",), ("permissions",), ("verify", "--json")):
            world.safemig(*words)

        after = snapshot(world)
        assert str(after["log"]).startswith(str(before["log"]))
        for part in ("files", "person", "containers", "processes", "database"):
            assert after[part] == before[part], part
