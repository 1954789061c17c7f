"""Nothing is run in the containers of a folder that is not trusted: what is in them was built or chosen by it."""

from __future__ import annotations

import argparse
import json
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from safemig import entry
from safemig.cli.opening import open_project
from safemig.consent import trust
from safemig.runtimes.base import Unreachable
from tests.safemig.composed import compose, needs_docker
from tests.trusting import trusting

pytestmark = needs_docker
CALLED = ("bash", "sh", "cat", "psql", "pg_dump")
COMPOSE = """\
name: {name}
services:
  api: {{image: "postgres:15", entrypoint: [sleep, infinity], init: true, volumes: &mine ["./called:/usr/local/bin"]}}
  db:
    image: postgres:15
    entrypoint: [/bin/sleep, infinity]
    init: true
    volumes: *mine
    environment: {{POSTGRES_PASSWORD_FILE: /run/secret, POSTGRES_DB: catalogue}}
"""
SPEC = """\
# Ratings

## Phase 1: Database

```sql
CREATE TABLE rating (id integer PRIMARY KEY);
```

- [ ] Table `rating`
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    root = tmp_path_factory.mktemp("containers")
    name = f"safemig-test-{uuid.uuid4().hex[:8]}"
    (root / "called").mkdir()
    for program in CALLED:
        (root / "called" / program).write_text("#!/bin/dash\n/usr/bin/touch /tmp/sung\nexit 1\n")
        (root / "called" / program).chmod(0o755)
    (root / "compose.yaml").write_text(COMPOSE.format(name=name))
    (root / "Makefile").write_text("migrate:\n\tdocker compose exec api alembic upgrade head\n")
    (root / "alembic.ini").write_text(
        "[alembic]\nscript_location = migrations\nsqlalchemy.url = postgresql://postgres@db/catalogue\n"
    )
    (root / "migrations" / "versions").mkdir(parents=True)
    (root / "migrations" / "env.py").write_text("")
    (root / "plan.md").write_text(SPEC)
    (root / ".git").mkdir()
    compose(root, name, "up", "-d")
    yield root
    compose(root, name, "down", "-v", "-t", "0")


def sung(root: Path) -> list[str]:
    """The services in whose containers a program was run."""
    found = []
    for service in ("api", "db"):
        line = ["docker", "compose", "exec", "-T", service, "/usr/bin/test", "-e", "/tmp/sung"]
        if subprocess.run(line, cwd=root, check=False, capture_output=True).returncode == 0:
            found.append(service)
    return found


@pytest.mark.parametrize(
    "words", [("status",), ("plan",), ("verify",), ("checklist",), ("show", "--look")], ids=" ".join
)
def test_a_look_runs_nothing_in_its_containers(project: Path, words: tuple[str, ...]) -> None:
    trust.revoke(project)
    line = [*entry.line(), *words, "--project", str(project)]
    ended = subprocess.run(line, capture_output=True, text=True, check=False, timeout=120)
    assert sung(project) == []
    assert "this folder is not trusted" in ended.stdout
    assert ended.returncode in (0, 1), ended.stderr


def test_what_runs_is_told_all_the_same(project: Path) -> None:
    trust.revoke(project)
    line = [*entry.line(), "status", "--json", "--project", str(project)]
    told = json.loads(subprocess.run(line, capture_output=True, check=True, timeout=120).stdout)
    assert told["runtime"] == "docker"
    assert any(one.startswith("db: running") for one in told["running"])
    assert told["current"] is None
    assert any("not looked: this folder is not trusted" in one for one in told["unread"])


def test_with_trust_the_database_is_asked_in_its_container(project: Path) -> None:
    """What the tests above hold: last, for the container remembers it."""
    trusting(project)
    opened = open_project(argparse.Namespace(project=str(project), command="status"))
    with pytest.raises(Unreachable), opened.runtime.connect():
        pass
    assert sung(project) == ["db"]
