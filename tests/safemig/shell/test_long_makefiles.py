"""A Makefile that is too long to be read whole: its end decides what make runs, so nothing of it is believed."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from safemig.shell.make_effects import effect_of_target
from safemig.shell.makefile import read_makefile

HEAD, TAIL = "go:\n\t@ls\n", "go:\n\t@rm -rf data\n"
FILLING = {
    "bytes": "# " + "x" * 78 + "\n",
    "lines": "\n",
    "recipe lines": "\t@ls\n",
    "prerequisites": "go: a\n",
    "letters of three bytes": "# " + "漢" * 30 + "\n",
}


@pytest.mark.parametrize("kind", FILLING)
@pytest.mark.parametrize("included", [False, True])
def test_what_stands_behind_the_end_of_the_reading_is_not_passed_over(
    tmp_path: Path, kind: str, *, included: bool
) -> None:
    line = FILLING[kind]
    text = HEAD + line * (200_000 if len(line) < 10 else 1_100_000 // len(line.encode())) + TAIL
    (tmp_path / "more.mk").write_text(text, encoding="utf-8")
    path = tmp_path / "Makefile"
    path.write_text("include more.mk\n" if included else text, encoding="utf-8")
    begun = time.monotonic()
    made = effect_of_target(read_makefile(path), "go")
    assert made.effects.effect == "destructive"
    assert "too long to be read whole" in str(made.doubts[0])
    assert time.monotonic() - begun < 30


def test_a_long_one_that_is_read_whole_is_known(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text(HEAD + FILLING["bytes"] * 10_000, encoding="utf-8")
    assert effect_of_target(read_makefile(tmp_path / "Makefile"), "go").effects.effect == "read"
