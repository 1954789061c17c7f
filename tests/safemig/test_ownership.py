"""What counts as the person's own: files by owner, mode and link, and what git tracks, read from its index."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from safemig.cli.errors import UsageError
from safemig.cli.main import run_cli
from safemig.cli.opening import old_session, open_project
from safemig.consent.git_index import IndexUnread, paths_of, tracked
from safemig.consent.ownership import brought_along, not_ours, run_problem
from safemig.consent.person_folder import project_folder
from safemig.engine.inbox import Inbox
from safemig.policy import permissions
from safemig.policy.decision import Grant
from tests.trusting import trusting

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git makes the indexes here")
RULES = "permissions:\n  allow: ['make *']\n  deny: ['make clean']\n"
COMMANDS = ("status", "plan", "runs", "report", "permissions", "checklist", "verify", "resume", "run", "answer", "show")


def git(root: Path, *words: str) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    own = ("-c", "user.name=a", "-c", "user.email=a@example.invalid")
    subprocess.run(["git", *own, *words], cwd=root, env=environment, check=True, capture_output=True)


def repository(root: Path, *names: str) -> Path:
    """A repository at ``root`` that tracks these files."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x = 1\n")
    git(root, "init", "-q")
    git(root, "add", "-f", "-A")
    return root


def opened(root: Path) -> argparse.Namespace:
    return argparse.Namespace(project=str(root), command="status")


@needs_git
@pytest.mark.parametrize(
    "settings", [(), ("--index-version", "4"), ("--split-index",)], ids=["version 2", "version 4", "split"]
)
def test_what_git_tracks_is_read_from_every_kind_of_index(tmp_path: Path, settings: tuple[str, ...]) -> None:
    long = f"docs/{'long' * 40}.md"
    names = (".safe", ".safemi", ".safemig/runs/r/events.jsonl", long, "safemig.yaml", "safemig.yaml.old")
    repository(tmp_path, *names)
    if settings:
        git(tmp_path, "update-index", *settings)
    assert tracked(tmp_path, ".safemig")
    assert tracked(tmp_path, "safemig.yaml")
    assert tracked(tmp_path, "DOCS")
    assert not tracked(tmp_path, ".safemig/runs/r/events")
    assert not tracked(tmp_path, "safemig")
    git(tmp_path, "rm", "-r", "-q", "--cached", ".safemig")
    if not settings:
        assert not tracked(tmp_path, ".safemig")


@needs_git
def test_a_work_tree_and_an_object_format_of_another_length_are_read_too(tmp_path: Path) -> None:
    (tmp_path / "main").mkdir()
    repository(tmp_path / "main", "a.txt", ".safemig/x")
    git(tmp_path / "main", "commit", "-q", "-m", "first")
    git(tmp_path / "main", "worktree", "add", "-q", str(tmp_path / "other"))
    assert tracked(tmp_path / "other", ".safemig")
    (tmp_path / "long").mkdir()
    (tmp_path / "long" / "b.txt").write_text("b")
    git(tmp_path / "long", "init", "-q", "--object-format=sha256")
    git(tmp_path / "long", "add", "-A")
    assert tracked(tmp_path / "long", "b.txt")
    assert not tracked(tmp_path / "long", ".safemig")
    assert not tracked(tmp_path, ".safemig")


@pytest.mark.parametrize("raw", [b"", b"DIRC", b"DIRC\0\0\0\x09\0\0\0\x01", b"DIRC\0\0\0\x02\0\0\0\x05" + b"x" * 90])
def test_an_index_that_cannot_be_read_is_no_word_for_untracked(raw: bytes) -> None:
    with pytest.raises(IndexUnread):
        paths_of(raw)


@needs_git
@pytest.mark.parametrize("command", COMMANDS)
def test_a_committed_state_folder_is_refused_with_a_word(
    tmp_path: Path, command: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", open(os.devnull))  # noqa: PTH123, SIM115  it is no terminal
    repository(tmp_path, "Makefile", ".safemig/runs/20260101-000000-abcd/events.jsonl")
    more = ["--look"] if command == "show" else []
    assert run_cli([command, "--project", str(tmp_path), *more]) == 2
    word = capfd.readouterr().err
    assert ("git tracks .safemig" in word) or (command == "answer" and "no terminal here" in word)


@needs_git
def test_a_state_folder_below_the_repositorys_root_is_its_own_too(tmp_path: Path) -> None:
    """A project that is run in a copy below it has a state folder of its own there."""
    repository(tmp_path, "Makefile", "work/.safemig/runs/20260101-000000-abcd/events.jsonl")
    assert brought_along(tmp_path / "work", ".safemig") == "git tracks .safemig"
    assert brought_along(tmp_path / "work", "safemig.yaml") == ""


@needs_git
def test_no_program_of_a_repository_runs_to_find_out_what_it_tracks(tmp_path: Path) -> None:
    repository(tmp_path, "Makefile")
    (tmp_path / "hook.sh").write_text("#!/bin/sh\ntouch ran\n")
    (tmp_path / "hook.sh").chmod(0o755)
    git(tmp_path, "config", "core.fsmonitor", str(tmp_path / "hook.sh"))
    open_project(opened(tmp_path))
    assert not (tmp_path / "ran").exists()


@needs_git
@pytest.mark.parametrize("kind", ["tracked", "a link", "open to others"])
def test_allow_rules_that_are_not_the_persons_own_are_not_taken_and_deny_rules_are(tmp_path: Path, kind: str) -> None:
    root = tmp_path / "project"
    root.mkdir()
    repository(root, "Makefile")
    config = root / "safemig.yaml"
    config.write_text(RULES)
    assert open_project(opened(root)).config.permissions.allow == (), "nobody has trusted the folder"
    trusting(root)
    own = open_project(opened(root))
    assert own.config.permissions.allow == ("make *",)
    if kind == "tracked":
        git(root, "add", "safemig.yaml")
    elif kind == "a link":
        config.rename(tmp_path / "elsewhere.yaml")
        config.symlink_to(tmp_path / "elsewhere.yaml")
    else:
        config.chmod(0o666)
    found = open_project(opened(root))
    assert found.config.permissions.allow == ()
    assert found.config.permissions.deny == ("make clean",)
    [problem] = [one for one in found.project.problems if "allow rules are not taken" in one.what]
    assert problem.where == str(config)
    assert not problem.blocking


def test_a_grant_in_the_projects_folder_grants_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "Makefile").write_text("build:\n\ttrue\n")
    state = tmp_path / ".safemig"
    grant = Grant("tool", "make", ".", project=str(tmp_path), environment="development")
    permissions.add(state, grant, by="person", at="2026-01-02T03:04:05.000+00:00")
    assert permissions.load(project_folder(tmp_path)) == ()
    assert run_cli(["permissions", "--project", str(tmp_path)]) == 0
    shown = capsys.readouterr()
    assert "nothing is granted" in shown.out
    assert "is not read any more" in shown.err


def test_a_journal_that_is_not_ours_is_not_taken_up(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text("build:\n\ttrue\n")
    run = tmp_path / ".safemig" / "runs" / "20260101-000000-abcd"
    run.mkdir(parents=True)
    (tmp_path / "elsewhere").write_text("")
    (run / "events.jsonl").symlink_to(tmp_path / "elsewhere")
    trusting(tmp_path)
    with pytest.raises(UsageError, match=r"events\.jsonl is a link"):
        old_session(open_project(opened(tmp_path)), run.name, lambda _event: None, Inbox())
    (run / "events.jsonl").unlink()
    (run / "facts.json").write_text("{}")
    (run / "facts.json").chmod(0o666)
    assert "can be written by others" in run_problem(run)
    (run / "facts.json").chmod(0o644)
    assert run_problem(run) == ""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_what_belongs_to_another_user_is_not_ours(tmp_path: Path) -> None:
    path = tmp_path / "safemig.yaml"
    assert not_ours(path) == ""
    path.write_text("")
    assert not_ours(path) == ""
    os.chown(path, 12345, -1)
    assert "belongs to another user" in not_ours(path)
    (tmp_path / ".safemig").mkdir()
    os.chown(tmp_path / ".safemig", 12345, -1)
    with pytest.raises(UsageError, match="another user"):
        open_project(opened(tmp_path))
