"""Nothing of a repository that nobody has trusted is run by looking at it: none of more than 90 canaries sings."""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from safemig import entry
from safemig.cli.opening import open_project
from safemig.consent import trust
from tests.e2e.terminal import PROGRAM, needs_tmux, terminal
from tests.safemig.hostile import Repository, environment, hostile, sing
from tests.spine.project import make_project, remove_project

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(
        shutil.which("git") is None or shutil.which("make") is None, reason="git and make are bait here"
    ),
]
# A script that was installed before it was one of the shell looks where PYTHONPATH leads; what it starts does not.
INSTALLED = PROGRAM.read_bytes().startswith(b"#!/bin/sh")
LINE = [str(PROGRAM)] if INSTALLED else entry.line()
REVISION = "migrations/versions/2b3c4d5e6f70_second.py"
LOOKS = (
    ("status", "--json"),
    ("plan",),
    ("plan", "--phase", "2", "--json"),
    ("verify", "--json"),
    ("verify", "--phase", "2", "--json"),
    ("checklist",),
    ("runs",),
    ("report",),
    ("init", "--force"),
    ("tick",),
    ("permissions",),
    ("permissions", "--why", "make build"),
    ("lint", "--risk", REVISION),
    ("show", "--look"),
    ("trust", "--json"),
    ("run", "--mode", "auto", "--json"),
    ("resume", "--json"),
    ("stop-database",),
)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repository]:
    """With a database that runs, so that looks go as far as they can."""
    base = tmp_path_factory.mktemp("hostile")
    project = make_project(base / "real")
    opened = open_project(argparse.Namespace(project=str(project.root), command="status"))
    opened.runtime.start_database()
    with psycopg.connect(project.dsn) as connection:
        connection.execute("CREATE TABLE course (id integer PRIMARY KEY, slug text)")
        connection.execute("CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)")
        connection.execute("INSERT INTO alembic_version VALUES ('1a2b3c4d5e6f')")
    root = base / "hostile"
    root.mkdir()
    yield hostile(root, base / "sung", project.dsn.replace("postgresql://", "postgresql+psycopg://"))
    remove_project(project)


def safemig(found: Repository, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*LINE, *words],
        cwd=found.root,
        env=environment(found),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_there_are_enough_canaries(repository: Repository) -> None:
    names = [one.name for one in repository.canaries]
    assert len(names) == len(set(names)) >= 90
    assert repository.fired() == []


@pytest.mark.parametrize("words", LOOKS, ids=" ".join)
def test_a_look_runs_nothing_of_it(repository: Repository, words: tuple[str, ...]) -> None:
    config = (repository.root / "safemig.yaml").read_bytes()
    ended = safemig(repository, *words)
    (repository.root / "safemig.yaml").write_bytes(config)
    assert repository.fired() == []
    assert "Traceback" not in ended.stderr
    assert ended.returncode != 3, ended.stderr


def test_what_could_not_be_looked_at_is_said_and_the_rest_is_told(repository: Repository) -> None:
    told = json.loads(safemig(repository, "status", "--json").stdout)
    assert (told["trusted"], told["target"]) == (False, "development:.")
    assert told["current"] == ["1a2b3c4d5e6f"], "reading a database runs no program of the repository"
    assert any("this folder is not trusted" in note for note in told["notes"])
    refused = safemig(repository, "run", "--json")
    assert refused.returncode == 4
    assert json.loads(refused.stdout)["trust"]["digest"] == told["digest"]


@needs_tmux
def test_the_opened_app_runs_nothing_of_it(repository: Repository, tmp_path: Path) -> None:
    # An interactive shell looks up its own programs by PATH: the person's is set for safemig alone.
    own = environment(repository)
    told = " ".join(f"{name}='{own[name]}'" for name in ("PATH", "PYTHONSTARTUP", "EDITOR", "VISUAL", "DOCKER_CONFIG"))
    with terminal(repository.root, tmp_path / "tmux", (120, 40), trusted=False) as screen:
        screen.line(f'env {told} PYTHONPATH=. {" ".join(LINE)}; echo "exit=$?"')
        screen.wait_for("Trust this folder?", "make, with the recipes of Makefile")
        screen.keys("Enter")
        screen.keys("n")
        screen.wait_for("This folder is not trusted", "t asks again")
        screen.keys("Enter")
        screen.wait_for("Trust this folder?")
        screen.keys("Escape")
        screen.wait_gone("Trust this folder?")
        screen.keys("v")
        screen.wait_for("line 1 of ")  # the journal that it brings along has no seal, and nothing of it is shown
        screen.keys("q")
        assert screen.exit_code() in (0, 1, 4)
    assert repository.fired() == []
    assert not trust.standing(repository.root, ()).trusted


@pytest.mark.slow
def test_the_canaries_sing(tmp_path: Path) -> None:
    """Each that a tool of this machine can be made to run is run by it, so that silence above means something."""
    root = tmp_path / "hostile"
    root.mkdir()
    found = hostile(root, tmp_path / "sung", "sqlite://")
    live = [one for one in found.canaries if one.live]
    for canary in live:
        sing(found, canary)
    silent = [one.name for one in live if one.name not in found.fired()]
    assert silent == []
    assert len(live) >= 90
