"""The two ways of a tick: as messages to the engine, or into the file."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.message import Message

from safemig.plan_document.document import read
from tui.panes import ticking
from tui.panes.checklist import TickAsked

PLAN = "# Plan\n\n- [ ] One\n- [x] Two\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    (root / "specs").mkdir(parents=True)
    (root / "specs/plan.md").write_text(PLAN, encoding="utf-8")
    return root


def test_all_lines_are_written_or_none(root: Path) -> None:
    path = root / "specs/plan.md"
    sha256 = read(path, root).sha256
    assert "no open box" in ticking.write(root, TickAsked("specs/plan.md", (3, 4), True, sha256))
    assert path.read_text(encoding="utf-8") == PLAN
    assert ticking.write(root, TickAsked("specs/plan.md", (3,), True, sha256)) == ""
    assert path.read_text(encoding="utf-8") == PLAN.replace("[ ]", "[x]")
    assert "has changed" in ticking.write(root, TickAsked("specs/plan.md", (4,), False, sha256))


def test_what_the_engine_is_told_names_the_words_that_the_person_saw() -> None:
    asked = TickAsked("specs/plan.md", (3, 5), False, "0" * 64, ("One", "Two"))
    told = ticking.messages(asked)
    assert [(one.type, one.file, one.line, one.text) for one in told] == [
        ("untick", "specs/plan.md", 3, "One"),
        ("untick", "specs/plan.md", 5, "Two"),
    ]


@pytest.mark.parametrize("name", ["../outside.md", "specs/none.md", "specs/link.md"])
def test_no_file_outside_the_project_is_written(root: Path, name: str) -> None:
    outside = root.parent / "outside.md"
    outside.write_text("- [ ] x\n", encoding="utf-8")
    (root / "specs/link.md").symlink_to(outside)
    asked = TickAsked(name, (1,), True, "0" * 64)
    assert ticking.write(root, asked) != ""
    assert outside.read_text(encoding="utf-8") == "- [ ] x\n"
    outside.unlink()


def test_a_line_that_is_no_item_is_refused(root: Path) -> None:
    sha256 = read(root / "specs/plan.md", root).sha256
    assert "no checklist item" in ticking.write(root, TickAsked("specs/plan.md", (1, 3), True, sha256))
    assert (root / "specs/plan.md").read_text(encoding="utf-8") == PLAN


def test_its_messages_go_upward() -> None:
    assert issubclass(TickAsked, Message)
    assert TickAsked.bubble
