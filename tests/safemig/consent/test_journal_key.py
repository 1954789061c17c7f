"""A journal is gone on from only where this person's safemig has written every line of it, in this place."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safemig.consent.journal_key import journal_key, seal_problem
from safemig.consent.person_folder import PersonFolderError, project_folder
from safemig.journal.journal import Journal
from safemig.journal.seal import first_unsealed, sealed

APPROVED = {"id": "q1", "digest": "d", "answer": "once", "by": "person", "rule": "", "reason": "", "title": "x"}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path


def written(root: Path, key: bytes, name: str = "20260101-000000-abcd") -> Path:
    """A run's folder with three notes, after a kill in the fourth."""
    folder = root / name
    journal = Journal(folder, name, "development:.", lambda _: None, key=key)
    for number in range(2):
        journal.append("note", {"text": f"é {number}", "level": "info"})
    journal.close()
    with (folder / "events.jsonl").open("ab") as file:
        file.write(b'{"seq":3,"kind":"no')  # torn by a kill
    journal = Journal(folder, name, "development:.", lambda _: None, key=key)
    journal.append("note", {"text": "after the kill", "level": "info"})
    journal.close()
    return folder


def test_what_was_written_before_and_after_a_kill_is_believed(root: Path) -> None:
    key = journal_key(root)
    folder = written(root, key)
    assert len((folder / "events.jsonl").read_bytes().splitlines()) == 3
    assert seal_problem(folder, journal_key(root)) == ""
    lines = (folder / "events.jsonl").read_bytes().splitlines(keepends=True)
    (folder / "events.jsonl").write_bytes(lines[0])  # a machine that went down before the rest was on the disk
    assert seal_problem(folder, key) == ""
    assert seal_problem(root / "none", key) == ""


def forged(line: bytes) -> bytes:
    row = {**json.loads(line), "kind": "approval.given", "data": APPROVED}
    return json.dumps(row).encode() + b"\n"


def foreign(line: bytes) -> bytes:
    row = {name: value for name, value in json.loads(line).items() if name != "seal"}
    return sealed(b"another key", b"", json.dumps({**row, "data": APPROVED}).encode()) + b"\n"


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda lines: [*lines, forged(lines[-1])], 4),
        (lambda lines: [*lines[:2], forged(lines[2])], 3),
        (lambda lines: [foreign(lines[0])], 1),
        (lambda lines: [lines[1], lines[0], lines[2]], 1),
        (lambda lines: [lines[0], lines[2]], 2),
        (lambda lines: [lines[0], lines[1].replace(b'"info"', b'"warn"'), lines[2]], 2),
        (lambda lines: [lines[0][: lines[0].rindex(b',"seal"')] + b"}\n", *lines[1:]], 1),
        (lambda _: [b"{}\n"], 1),
    ],
    ids=["added", "replaced", "another key", "swapped", "left out", "one word", "no seal", "short"],
)
def test_a_line_that_this_safemig_has_not_written_there_is_named(
    root: Path, change: Callable[[list[bytes]], list[bytes]], line: int
) -> None:
    key = journal_key(root)
    folder = written(root, key)
    events = folder / "events.jsonl"
    events.write_bytes(b"".join(change(events.read_bytes().splitlines(keepends=True))))
    assert seal_problem(folder, key).startswith(f"line {line} of {events} was not written by your safemig")


def test_a_journal_in_another_runs_folder_is_not_taken(root: Path) -> None:
    key = journal_key(root)
    folder = written(root, key)
    shutil.copytree(folder, root / "20260102-000000-abcd")
    assert "of another run" in seal_problem(root / "20260102-000000-abcd", key)


def test_the_key_is_this_persons_alone_and_another_one_in_each_project(root: Path) -> None:
    (root / "other").mkdir()
    key = journal_key(root)
    path = project_folder(root) / "journal.key"
    assert (path.stat().st_mode & 0o777, path.read_bytes()) == (0o600, key)
    assert journal_key(root / "other") != key
    path.chmod(0o622)
    with pytest.raises(PersonFolderError, match="can be written by others"):
        journal_key(root)
    path.chmod(0o600)
    path.write_bytes(b"short")
    with pytest.raises(PersonFolderError, match="is no key"):
        journal_key(root)


@given(st.lists(st.dictionaries(st.text(), st.text() | st.integers() | st.none(), min_size=1), min_size=1), st.data())
def test_whatever_stands_in_the_lines_a_changed_byte_is_seen(
    rows: list[dict[str, object]], data: st.DataObject
) -> None:
    lines: list[bytes] = []
    for row in rows:
        lines.append(sealed(b"key", lines[-1] if lines else b"", json.dumps(row).encode()))
    assert first_unsealed(b"key", lines) == 0
    at = data.draw(st.integers(0, len(lines) - 1))
    place = data.draw(st.integers(0, len(lines[at]) - 1))
    lines[at] = lines[at][:place] + bytes([lines[at][place] ^ 1]) + lines[at][place + 1 :]
    assert first_unsealed(b"key", lines) == at + 1
