"""The corpora of lines and Makefiles: none is judged below its least effect, at most 3 % above the most."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.corpora.commands import Project, judge_lines, judge_makefiles, main, own_lines, own_makefiles


def test_the_figures_of_the_lines() -> None:
    lines = own_lines()
    figures = judge_lines(lines)
    assert len({each.line for each in lines}) == len(lines) >= 500
    assert figures.lax == ()
    assert not figures.red, figures.noisy


def test_the_figures_of_the_makefiles() -> None:
    projects = own_makefiles()
    figures = judge_makefiles(projects)
    assert len({each.name for each in projects}) == len(projects) >= 60
    assert figures.lax == ()
    assert not figures.red, figures.noisy


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
@pytest.mark.parametrize("project", [each for each in own_makefiles() if each.hidden], ids=lambda each: each.name)
def test_the_hidden_command_really_runs(project: Project, tmp_path: Path) -> None:
    project.write(tmp_path)
    (tmp_path / "data.db").write_text("rows")
    subprocess.run(["make", "go"], cwd=tmp_path, capture_output=True, timeout=30, check=False)
    assert (tmp_path / "canary").exists()
    assert not (tmp_path / "data.db").exists() or (tmp_path / "data.db").stat().st_size < len("rows")


def test_the_command_prints_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    more = tmp_path / "more.json"
    more.write_text(json.dumps([{"line": "ls", "least": "write", "most": "write"}]))
    assert main([]) == 0
    assert main([str(more)]) == 1
    assert "1 lines: 1 judged below the least, 0 of 1 above the most" in capsys.readouterr().out
