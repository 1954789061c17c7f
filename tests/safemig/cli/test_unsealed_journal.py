"""What stands in a journal without the seal of the person's key is shown as nothing that was seen or approved."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import pytest

from safemig.cli.main import run_cli
from safemig.consent.journal_key import journal_key
from safemig.journal.events import Event
from safemig.journal.journal import Journal

PASSED = Path(__file__).parents[1] / "journal" / "golden" / "passed.jsonl"
FORGED = {"id": "q9", "digest": "d" * 64, "answer": "once", "by": "person", "rule": "", "reason": "", "title": "Forged"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "safemig.yaml").write_text("runtime: process\n", encoding="utf-8")
    return tmp_path


def sealed_run(root: Path, *, key: bytes, name: str = "20260101-000000-abcd") -> Path:
    """The events of a run that passed, without the plans, which lie in files of their own."""
    state = root / ".safemig"
    state.mkdir(mode=0o700, exist_ok=True)
    journal = Journal(state / "runs" / name, name, "development:.", lambda _: None, key=key)
    for line in PASSED.read_bytes().splitlines():
        event = msgspec.json.decode(line, type=Event)
        if event.kind != "plan.revised":
            journal.append(event.kind, event.data, event.step)
    journal.close()
    return state / "runs" / name / "events.jsonl"


def forge(events: Path, at: int) -> None:
    """An approval that nobody gave, in the place of the line with that number; the lines behind it follow."""
    lines = events.read_bytes().splitlines(keepends=True)
    row = {**json.loads(lines[at - 1]), "kind": "approval.given", "data": FORGED}
    lines[at - 1] = json.dumps(row).encode() + b"\n"
    events.write_bytes(b"".join(lines))


def shown(root: Path, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert run_cli([*words, "--project", str(root)]) == 0
    return capsys.readouterr().out


def test_a_journal_of_ones_own_is_reported_whole(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sealed_run(root, key=journal_key(root))
    assert "part of this run's journal" not in shown(root, capsys, "report")
    assert "unsealed" not in json.loads(shown(root, capsys, "report", "--format", "json"))
    assert [row["verdict"] for row in json.loads(shown(root, capsys, "runs", "--json"))] == ["passed"]


@pytest.mark.parametrize("end", [False, True], ids=["in the middle", "at the end"])
def test_what_is_not_sealed_is_left_out_and_named(root: Path, capsys: pytest.CaptureFixture[str], end: bool) -> None:
    events = sealed_run(root, key=journal_key(root))
    at = len(events.read_bytes().splitlines()) if end else 12
    forge(events, at)
    text = shown(root, capsys, "report")
    assert f"line {at} of " in text and "was not written by your safemig" in text
    assert "Forged" not in text
    assert "# safemig run 20260101-000000-abcd: passed" not in text  # the verdict stands behind the line
    told = json.loads(shown(root, capsys, "report", "--format", "json"))
    assert f"line {at} of " in told["unsealed"] and told["verdict"] != "passed"
    suite = ElementTree.fromstring(shown(root, capsys, "report", "--format", "junit"))[0]
    assert suite.find("testcase[@classname='safemig.journal']/error") is not None
    [row] = json.loads(shown(root, capsys, "runs", "--json"))
    assert row["verdict"] == "unfinished" and f"line {at} of " in row["unsealed"]
    assert f"left out: line {at} of " in shown(root, capsys, "runs")


@pytest.mark.parametrize("key", [b"", b"another person's"])
def test_a_journal_without_any_seal_of_the_person_is_refused(
    root: Path, capsys: pytest.CaptureFixture[str], key: bytes
) -> None:
    sealed_run(root, key=key)
    assert run_cli(["report", "--project", str(root)]) == 2
    assert "line 1 of " in capsys.readouterr().err
    journal_key(root)
    assert run_cli(["report", "--project", str(root)]) == 2
