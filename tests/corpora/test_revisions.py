"""The corpus of revisions: none that loses is judged lossless, at most 3 % of the rest are judged destructive."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.corpora.revisions import judge, main, own


def test_the_figures_of_the_corpus() -> None:
    cases = own()
    figures = judge(cases)
    assert len({case.name for case in cases}) == len(cases) >= 200
    assert figures.missed == ()
    assert len(figures.noisy) <= 0.03 * figures.keeping, figures.noisy


def test_the_command_prints_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    more = tmp_path / "more.json"
    more.write_text(json.dumps([{"name": "nothing", "right": "LOSES", "text": "def upgrade():\n    pass\n"}]))
    assert main([]) == 0
    assert main([str(more)]) == 1
    assert "1 revisions: 1 of 1 that lose judged lossless, 0 of 0 that keep" in capsys.readouterr().out
