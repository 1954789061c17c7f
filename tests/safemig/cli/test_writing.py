"""`--out FILE`: where a document is written, and what is said where it cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from safemig.cli.main import run_cli
from tests.tui.recorded import Recording


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("none/report.md", "there is no folder"),
        ("folder", "this is a folder"),
        ("file.txt/report.md", "is no folder"),
        ("a" * 300, "file name too long"),
        ("a\0b", "no name of a file"),
    ],
)
@pytest.mark.parametrize("form", ["md", "json", "junit"])
def test_a_path_that_cannot_be_written_is_a_usage_error(
    name: str, words: str, form: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    Recording(tmp_path).begin()
    (tmp_path / "folder").mkdir()
    (tmp_path / "file.txt").write_text("kept")
    before = sorted(tmp_path.rglob("*"))
    code = run_cli(["report", "--format", form, "--project", str(tmp_path), "--out", str(tmp_path / name)])
    said = capfd.readouterr()
    assert (code, said.out) == (2, "")
    assert words in said.err
    assert "name a file that can be written" in said.err
    assert "Errno" not in said.err
    assert said.err.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before
    assert (tmp_path / "file.txt").read_text() == "kept"
