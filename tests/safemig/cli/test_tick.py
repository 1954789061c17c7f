"""`safemig tick FILE:LINES`: line numbers as a person writes them, one byte each in the file."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safemig.cli.errors import UsageError
from safemig.cli.interactive import _lines_of
from safemig.cli.main import run_cli
from safemig.cli.tick import named_alone, numbers
from safemig.engine.tick_preview import lines_of

PLAN = (
    "# Plan\r\n"
    "\r\n"
    "## Phase 1\r\n"
    "- [ ] Create the table\r\n"
    "- [x] Write the plan\r\n"
    "  - [ ] nested\r\n"
    "```\r\n"
    "- [ ] only an example\r\n"
    "```\r\n"
    "1. [ ] numbered"
)


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "my plan.md"
    path.write_bytes(PLAN.encode())
    monkeypatch.chdir(tmp_path)
    return path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3", {3}),
        ("3,5", {3, 5}),
        ("5-7", {5, 6, 7}),
        ("3, 5-7 ,5", {3, 5, 6, 7}),
        ("4-4", {4}),
        ("1-10001", set(range(1, 10_002))),
    ],
)
def test_lines(text: str, expected: set[int]) -> None:
    assert numbers(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", ",", "3,", "-", "-3", "3-", "7-5", "0", "0-3", "a", "3-b", "3.5", "+3", "1-20000", "²", "1--2"],
)
def test_what_is_no_line(text: str) -> None:
    with pytest.raises(UsageError):
        numbers(text)


def test_a_range_may_pass_over_lines_and_a_line_alone_may_not() -> None:
    assert named_alone("3, 5-7 ,9") == {3, 9}
    assert named_alone("5-7") == frozenset()


@given(st.sets(st.integers(1, 500), min_size=1, max_size=8))
@settings(deadline=None)
def test_numbers_come_back(wanted: set[int]) -> None:
    assert numbers(",".join(map(str, sorted(wanted)))) == wanted


@given(st.text("0123456789-, ", max_size=12))
@settings(deadline=None)
def test_any_text_is_numbers_or_a_usage_error(text: str) -> None:
    try:
        found = numbers(text)
    except UsageError:
        return
    assert found
    assert min(found) >= 1


def test_one_byte_changes_and_what_is_ticked_stays(plan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli(["tick", "my plan.md:4-6,10"]) == 0
    wanted = PLAN
    for item in ("Create the table", "nested", "numbered"):
        wanted = wanted.replace(f"[ ] {item}", f"[x] {item}")
    assert plan.read_bytes() == wanted.encode()
    assert capsys.readouterr().out.splitlines() == [
        "my plan.md:4 [x] Create the table",
        "my plan.md:5 already ticked Write the plan",
        "my plan.md:6 [x] nested",
        "my plan.md:10 [x] numbered",
    ]


def test_a_selection_passes_over_the_lines_between_the_items(plan: Path) -> None:
    assert run_cli(["tick", "my plan.md:1-4,7-10"]) == 0
    assert (
        plan.read_bytes() == PLAN.replace("[ ] Create", "[x] Create").replace("[ ] numbered", "[x] numbered").encode()
    )


def test_a_plan_is_named_from_the_root_as_the_checklist_names_it(plan: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (plan.parent / ".git").mkdir()
    below = plan.parent / "backend"
    below.mkdir()
    monkeypatch.chdir(below)
    assert run_cli(["tick", "my plan.md:4"]) == 0
    assert b"[x] Create the table" in plan.read_bytes()
    (below / "my plan.md").write_text("# Other\n## Phase 1\n- [ ] Beside me\n")
    assert run_cli(["tick", "my plan.md:3"]) == 0
    assert "[x] Beside me" in (below / "my plan.md").read_text(), "what lies here comes first, as for every command"


def test_ticking_again_changes_nothing_and_says_so(plan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli(["tick", "my plan.md:4"]) == 0
    once, made = plan.read_bytes(), plan.stat()
    capsys.readouterr()
    assert run_cli(["tick", "my plan.md:4"]) == 0
    assert capsys.readouterr().out == "my plan.md:4 already ticked Create the table\n"
    assert plan.read_bytes() == once
    assert (plan.stat().st_ino, plan.stat().st_mtime_ns) == (made.st_ino, made.st_mtime_ns)


@pytest.mark.parametrize(
    ("place", "word"),
    [
        ("my plan.md:3", "line 3"),
        ("my plan.md:4,8", "line 8"),
        ("my plan.md:4-6,99", "line 99"),
        ("my plan.md:7-9", "the lines 7-9"),
        ("my plan.md:11-860", "the lines 11-860"),
        ("my plan.md:x", "numbers and ranges"),
        ("my plan.md:", "numbers and ranges"),
        ("my plan.md", "FILE:LINES"),
        (":4", "FILE:LINES"),
        ("other.md:4", "other.md"),
        (".:4", "FILE:LINES"),
    ],
)
def test_one_line_that_is_no_item_and_nothing_is_written(
    plan: Path, place: str, word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_cli(["tick", place]) == 2
    assert plan.read_bytes() == PLAN.encode()
    printed = capsys.readouterr()
    assert printed.out == ""
    assert word in printed.err
    assert printed.err.count("\n") == 1


@pytest.mark.parametrize("option", ["--proved", "--proposed", "--json"])
def test_lines_and_what_has_evidence_are_not_ticked_at_once(
    plan: Path, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_cli(["tick", "my plan.md:4", option]) == 2
    assert plan.read_bytes() == PLAN.encode()
    assert "but not both" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("word", "lines"),
    [
        ("p", ""),
        ("p ", ""),
        ("p 12", "12"),
        ("p 12,14-16", "12,14,15,16"),
        ("p x", None),
        ("y", None),
        ("proposed", None),
    ],
)
def test_the_answer_for_proposed_items_as_it_is_typed(word: str, lines: str | None) -> None:
    assert _lines_of(word) == lines
    assert lines is None or lines_of(lines) == tuple(int(one) for one in lines.split(",") if one)


@pytest.mark.parametrize("kind", ["the file", "its folder", "a folder that is a project"])
def test_no_link_leads_a_tick_out_of_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    root, outside = tmp_path / "project", tmp_path / "outside"
    (root / ".git").mkdir(parents=True)
    outside.mkdir()
    (outside / "plan.md").write_bytes(PLAN.encode())
    if kind == "the file":
        (root / "plan.md").symlink_to(outside / "plan.md")
    else:
        (root / "docs").symlink_to(outside)
    if kind == "a folder that is a project":
        (outside / ".git").mkdir()
    monkeypatch.chdir(root)
    place = "plan.md:4" if kind == "the file" else "docs/plan.md:4"
    assert run_cli(["tick", place]) == 1
    assert "outside the project" in capsys.readouterr().err
    assert (outside / "plan.md").read_bytes() == PLAN.encode()


@pytest.mark.parametrize("linked", [False, True])
def test_a_deny_rule_holds_for_a_tick(plan: Path, linked: bool, capsys: pytest.CaptureFixture[str]) -> None:
    (plan.parent / "safemig.yaml").write_text("permissions:\n  deny: ['edit my plan.md']\n")
    if linked:
        (plan.parent / "other.md").symlink_to(plan)
    assert run_cli(["tick", "other.md:4" if linked else "my plan.md:4"]) == 2
    assert "refused by rule" in capsys.readouterr().err
    assert plan.read_bytes() == PLAN.encode()
