"""Files that are replaced as a whole."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from safemig.base.atomic import keep_executable, replace_file


def test_the_file_is_replaced_with_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "kept"
    path.write_text("before")
    replace_file(path, b"after", mode=0o640, durable=True)
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"after", 0o640)
    assert list(tmp_path.iterdir()) == [path]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "kept"
    path.write_text("before")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        replace_file(path, b"after", durable=True)
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("wrong", ["content", "mode", "link"])
def test_a_program_of_ours_is_written_anew_where_anything_else_stands_there(tmp_path: Path, wrong: str) -> None:
    path, other = tmp_path / "tool", tmp_path / "other"
    keep_executable(path, "#!/bin/sh\n")
    kept = path.stat().st_ino
    keep_executable(path, "#!/bin/sh\n")
    assert path.stat().st_ino == kept
    if wrong == "content":
        path.write_text("exit 1\n")
    elif wrong == "mode":
        path.chmod(0o755)
    else:
        other.write_text("theirs")
        path.unlink()
        path.symlink_to(other)
    keep_executable(path, "#!/bin/sh\n")
    assert (path.read_text(), path.is_symlink(), path.stat().st_mode & 0o777) == ("#!/bin/sh\n", False, 0o700)
    assert not other.exists() or other.read_text() == "theirs"
