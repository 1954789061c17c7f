"""An edit is made whole or not at all, keeps mode and owner, and stays inside the project."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safemig.base import file_edit
from safemig.base.action import Action


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*")}


def test_a_proposal_says_all_of_it() -> None:
    action = file_edit.propose("a/b.txt", "one\ntwo\n", "one\nthree\n")
    assert (action.kind, action.path, action.effect, action.text) == ("edit", "a/b.txt", "write", "one\nthree\n")
    assert "--- a/a/b.txt\n+++ b/a/b.txt\n" in action.diff
    assert "-two\n+three\n" in action.diff


def test_a_new_file_has_no_before() -> None:
    action = file_edit.propose("new.txt", None, "x\n")
    assert action.before is None
    assert action.diff.startswith("--- /dev/null\n+++ b/new.txt\n")


@given(st.text(alphabet="ab\r\n\f ", max_size=30), st.text(alphabet="ab\r\n\f ", max_size=30))
def test_the_diff_turns_one_text_into_the_other(tmp_path_factory: pytest.TempPathFactory, old: str, new: str) -> None:
    diff = file_edit.unified("f", old, new)
    if old == new:
        assert diff == ""
        return
    folder = tmp_path_factory.mktemp("diff")
    (folder / "f").write_bytes(old.encode())
    subprocess.run(["git", "apply", "--whitespace=nowarn", "-p1", "-"], cwd=folder, input=diff.encode(), check=False)
    # git refuses diffs that empty a file or fill an empty one without its own header: those are read by people only.
    if old and new:
        assert (folder / "f").read_bytes() == new.encode()


def test_it_is_applied_and_recognised(tmp_path: Path) -> None:
    file = tmp_path / "run.sh"
    file.write_bytes(b"a\r\nb")
    file.chmod(0o750)
    action = file_edit.propose("run.sh", file_edit.read(tmp_path, "run.sh"), "a\r\nc")
    assert file_edit.state(tmp_path, action) == "not done"
    file_edit.apply(tmp_path, action)
    assert file.read_bytes() == b"a\r\nc"
    assert stat.S_IMODE(file.stat().st_mode) == 0o750
    assert file_edit.state(tmp_path, action) == "done"
    file_edit.apply(tmp_path, action)
    assert _names(tmp_path) == {"run.sh"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_the_owner_stays(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_text("x")
    os.chown(file, 1234, 2345)
    file_edit.apply(tmp_path, file_edit.propose("a", "x", "y"))
    assert (file.stat().st_uid, file.stat().st_gid) == (1234, 2345)
    os.chown(tmp_path, 1234, 2345)
    file_edit.apply(tmp_path, file_edit.propose("new", None, "y"))
    assert (tmp_path / "new").stat().st_uid == 1234


def test_a_changed_file_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_text("by hand")
    action = file_edit.propose("a", "x", "y")
    assert file_edit.state(tmp_path, action) == "unclear"
    with pytest.raises(file_edit.Changed, match="a: changed"):
        file_edit.apply(tmp_path, action)
    with pytest.raises(file_edit.Changed):
        file_edit.apply(tmp_path, file_edit.propose("a", None, "y"))
    file.unlink()
    with pytest.raises(file_edit.Changed):
        file_edit.apply(tmp_path, action)
    assert _names(tmp_path) == set()


@pytest.mark.parametrize("path", ["../out", "/etc/hosts", "link/out", "loop", ".", "out-link"])
def test_nothing_outside_is_written(tmp_path: Path, path: str) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "out").write_text("x")
    (root / "link").symlink_to(tmp_path)
    (root / "out-link").symlink_to(tmp_path / "out")
    (root / "loop").symlink_to(root / "loop")
    with pytest.raises(file_edit.EditError):
        file_edit.apply(root, file_edit.propose(path, "x", "y"))
    assert (tmp_path / "out").read_text() == "x"


def test_a_link_inside_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("x")
    (tmp_path / "link").symlink_to("real")
    file_edit.apply(tmp_path, file_edit.propose("link", "x", "y"))
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "y"


def test_folders_are_made(tmp_path: Path) -> None:
    file_edit.apply(tmp_path, file_edit.propose("a/b/c", None, "y"))
    assert (tmp_path / "a/b/c").read_text() == "y"


@pytest.mark.parametrize(
    ("call", "code"),
    [("fsync", errno.ENOSPC), ("replace", errno.ENOSPC), ("open", errno.EACCES), ("fchmod", errno.EROFS)],
)
def test_a_fault_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, code: int) -> None:
    (tmp_path / "a").write_text("x")

    def fail(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        with pytest.raises(file_edit.NotWritten, match=os.strerror(code)):
            file_edit.apply(tmp_path, file_edit.propose("a", "x", "y"))
    assert (tmp_path / "a").read_text() == "x"
    assert _names(tmp_path) == {"a"}


def test_a_change_while_writing_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a"
    file.write_text("x")
    sync = os.fsync

    def save_meanwhile(descriptor: int) -> None:
        sync(descriptor)
        file.write_text("by hand")

    monkeypatch.setattr(os, "fsync", save_meanwhile)
    with pytest.raises(file_edit.Changed):
        file_edit.apply(tmp_path, file_edit.propose("a", "x", "y"))
    assert file.read_text() == "by hand"
    assert _names(tmp_path) == {"a"}


def test_what_is_no_text_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"\xff\xfe")
    assert file_edit.read(tmp_path, "missing") is None
    with pytest.raises(file_edit.NotWritten, match="UTF-8"):
        file_edit.read(tmp_path, "a")
    (tmp_path / "folder").mkdir()
    assert file_edit.state(tmp_path, Action("edit", path="folder", text="x")) == "unclear"
