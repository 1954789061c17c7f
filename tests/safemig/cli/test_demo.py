"""`safemig demo` where nobody can answer a question."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from safemig import entry

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("words", [["--json"], [], ["--json", "--mode", "plan"], ["--mode", "default"]])
def test_it_ends_before_it_copies_anything(words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    line = [sys.executable, "-P", str(Path(entry.__file__)), "demo", "--runtime", "process", *words]
    done = subprocess.run(line, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr.count("\n") == 1
    assert "--mode auto, or --keep DIR" in done.stderr
    assert list(tmp_path.iterdir()) == []
