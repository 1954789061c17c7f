"""The second phase of the demo's plan, the models, after the first one; without containers."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.models import check_models
from tests.e2e.world import demo

pytestmark = pytest.mark.slow


def test_the_models_follow_the_table(tmp_path: Path) -> None:
    with demo(tmp_path / "demo", "process") as world:
        first = world.safemig("run", "--mode", "auto", "--json")
        assert first.returncode == 0, first.stderr[-3000:]
        before = (world.folder / "app/models.py").read_text(encoding="utf-8")
        done = world.safemig("run", "--phase", "2", "--mode", "auto", "--json")
        check_models(world, before, done, [str(world.folder / ".venv/bin/python")])
