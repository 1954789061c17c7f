"""The pictures of the README are true for the moment that they show."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from tests.tui.recorded import CHECKLIST, Recording

SCRIPT = Path(__file__).parents[2] / "docs" / "screenshots.py"


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("screenshots", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["screenshots"] = module  # its dataclasses look their module up
    spec.loader.exec_module(module)
    return module


async def test_the_checklist_is_drawn_as_it_stood_at_that_moment(tmp_path: Path) -> None:
    root = tmp_path / "catalogue"
    plan = root / "specs" / "01_ratings_plan.md"
    plan.parent.mkdir(parents=True)
    plan.write_text(CHECKLIST.replace("- [ ] Create", "- [x] Create").replace("- [ ] Apply", "- [x] Apply"))
    run = Recording(root)
    run.begin()
    for line in (5, 6):
        run.add("tick", {"file": "specs/01_ratings_plan.md", "line": line, "text": "", "by": "engine"}, "tick")
    copies = tmp_path / "copies"
    copies.mkdir()
    then = script().as_it_was(root, tuple(run.events[-1:]), copies)
    lines = (then / "specs" / "01_ratings_plan.md").read_text().splitlines()
    assert [line[:5] for line in lines[4:7]] == ["- [x]", "- [ ]", "- [x]"]
    assert then.name == root.name
    assert (then / ".safemig" / "runs" / run.folder.name / "events.jsonl").is_file()
    assert "[x] Apply" in plan.read_text()
