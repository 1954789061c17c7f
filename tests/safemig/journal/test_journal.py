"""The journal: durable before anybody sees it, and readable after whatever ended its writer."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.evidence import Json
from safemig.journal.events import Event
from safemig.journal.journal import (
    EVENTS,
    Journal,
    JournalBroken,
    JournalUnwritable,
    ProjectLock,
    RunBusy,
    decode,
    read_events,
    state_folder,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "run"


@pytest.fixture
def journal(folder: Path) -> Iterator[Journal]:
    opened = Journal(folder, "r1", "development:.", lambda _: None)
    yield opened
    opened.close()


def line(seq: int, kind: str = "note") -> bytes:
    return msgspec.json.encode(Event(seq, kind, "r1", "t", "", "2026-01-01T00:00:00.000+00:00", 1.0, {})) + b"\n"


def write(folder: Path, content: bytes) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / EVENTS
    path.write_bytes(content)
    return path


def test_events_come_back_as_they_were_appended(folder: Path, journal: Journal) -> None:
    first = journal.append("note", {"level": "info", "text": "a\r\nb\u2028c“ü”\x00"}, "build")
    second = journal.append("stop.asked", {"by": "person"})
    assert (first.seq, first.run, first.target, first.step) == (1, "r1", "development:.", "build")
    assert second.seq == 2
    assert second.mono >= first.mono
    assert read_events(folder) == (first, second)
    assert (folder / EVENTS).read_bytes().count(b"\n") == 2


def test_bytes_that_are_no_utf_8_do_not_stop_the_journal(folder: Path, journal: Journal) -> None:
    event = journal.append("note", {"text": "f\udcfcr", "lines": [{"gr\udcfcn": "ü"}]})
    assert event.data == {"text": "f?r", "lines": [{"gr?n": "ü"}]}
    assert read_events(folder) == (event,)


def test_a_listener_sees_what_is_on_disk_already(folder: Path) -> None:
    seen: list[tuple[Event, ...]] = []
    journal = Journal(folder, "r1", "t", lambda _: seen.append(read_events(folder)))
    appended = [journal.append("note", {"text": str(number)}) for number in range(3)]
    journal.close()
    assert seen == [tuple(appended[:count]) for count in (1, 2, 3)]


def test_an_event_is_synced_before_the_listener_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    journal = Journal(folder, "r1", "t", lambda _: order.append("told"))
    monkeypatch.setattr(os, "fsync", lambda _: order.append("synced"))
    journal.append("note", {})
    journal.close()
    assert order == ["synced", "told"]


def test_no_journal_is_an_empty_past(tmp_path: Path) -> None:
    assert read_events(tmp_path) == ()


@pytest.mark.parametrize("torn", [b"{", line(3)[:-1], line(3)[:20], b"\x00\x00\x00"])
def test_a_torn_last_line_is_no_event_and_is_cut_off_before_the_next(folder: Path, torn: bytes) -> None:
    path = write(folder, line(1) + line(2) + torn)
    assert [event.seq for event in read_events(folder)] == [1, 2]
    journal = Journal(folder, "r1", "t", lambda _: None)
    assert path.read_bytes() == line(1) + line(2)
    assert journal.append("note", {}).seq == 3
    journal.close()
    assert [event.seq for event in read_events(folder)] == [1, 2, 3]


@pytest.mark.parametrize(
    ("content", "number"),
    [
        (line(1) + line(3), 2),
        (line(1) + line(1), 2),
        (line(2), 1),
        (line(1) + b"not json\n" + line(2), 2),
        (line(1) + b"{}\n", 2),
        (line(1) + b"\n" + line(2), 2),
        (line(1)[:-9] + b"\n" + line(2), 1),
        (b"[1, 2]\n", 1),
    ],
)
def test_a_broken_middle_names_file_and_line(folder: Path, content: bytes, number: int) -> None:
    path = write(folder, content)
    with pytest.raises(JournalBroken, match=f"line {number}:") as caught:
        read_events(folder)
    assert str(path) in str(caught.value)
    with pytest.raises(JournalBroken):
        Journal(folder, "r1", "t", lambda _: None)
    assert path.read_bytes() == content


def test_an_unwritable_journal_is_left_as_it_was(
    folder: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.append("note", {"text": "kept"})
    before = (folder / EVENTS).read_bytes()
    real = os.write
    calls: list[int] = []

    def full(fd: int, data: bytes) -> int:
        calls.append(len(data))
        if len(calls) == 1:
            return real(fd, data[:17])  # a disk that fills up takes the beginning
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(JournalUnwritable, match="No space left on device") as caught:
        journal.append("note", {"text": "lost"})
    monkeypatch.undo()
    assert len(calls) == 2
    assert EVENTS in str(caught.value)
    assert (folder / EVENTS).read_bytes() == before
    assert [event.data["text"] for event in journal.events] == ["kept"]
    journal.append("note", {"text": "once there is room again"})
    assert [event.seq for event in read_events(folder)] == [1, 2]


def test_nobody_hears_of_an_event_that_could_not_be_synced(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[Event] = []
    journal = Journal(folder, "r1", "t", heard.append)

    def broken(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(JournalUnwritable, match="Input/output error"):
        journal.append("note", {})
    monkeypatch.undo()
    journal.close()
    assert heard == []
    assert (folder / EVENTS).read_bytes() == b""


def test_a_short_write_goes_on_until_the_line_is_whole(
    folder: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real(fd, data[:5]))
    event = journal.append("note", {"text": "in many pieces"})
    monkeypatch.undo()
    assert read_events(folder) == (event,)


def test_only_the_owner_reads_a_run(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        state = state_folder(tmp_path)
        journal = Journal(state / "runs" / "r1", "r1", "t", lambda _: None)
        journal.save("plan-1.json", b"{}")
        journal.save("commands/1.out", b"")
        journal.close()
    finally:
        os.umask(before)
    modes = {path.relative_to(state).as_posix(): path.stat().st_mode & 0o777 for path in state.rglob("*")}
    assert state.stat().st_mode & 0o777 == 0o700
    assert modes.pop(".gitignore") is not None
    assert modes == {
        "runs": 0o700,
        "runs/r1": 0o700,
        "runs/r1/events.jsonl": 0o600,
        "runs/r1/plan-1.json": 0o600,
        "runs/r1/commands": 0o700,
        "runs/r1/commands/1.out": 0o600,
    }


def test_git_ignores_the_state_folder(tmp_path: Path) -> None:
    state = state_folder(tmp_path)
    assert (state / ".gitignore").read_text() == "*\n"
    (state / ".gitignore").write_text("theirs\n")
    assert state_folder(tmp_path) == state
    assert (state / ".gitignore").read_text() == "theirs\n"


def test_saved_bulk_is_there_whole_or_not_at_all(
    folder: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert journal.save("facts.json", b"first") == "facts.json"
    journal.save("facts.json", b"second")
    assert (folder / "facts.json").read_bytes() == b"second"

    def broken(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", broken)
    for name in ("facts.json", "fresh.json"):
        with pytest.raises(JournalUnwritable, match=name):
            journal.save(name, b"third")
    monkeypatch.undo()
    assert (folder / "facts.json").read_bytes() == b"second"
    assert {path.name for path in folder.iterdir()} == {EVENTS, "facts.json"}


def test_a_folder_that_cannot_be_made_is_an_unwritable_journal(folder: Path, journal: Journal) -> None:
    (folder / "commands").write_text("a file where a folder should be")
    with pytest.raises(JournalUnwritable, match="commands"):
        journal.save("commands/1.out", b"")


HOLDER = """
import sys
from pathlib import Path
from safemig.journal.journal import ProjectLock
lock = ProjectLock(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_one_engine_a_project_and_sigkill_frees_it(tmp_path: Path) -> None:
    state = state_folder(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(state)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(RunBusy, match="another safemig run") as caught:
            ProjectLock(state)
        assert str(state / "lock") in str(caught.value)
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    lock = ProjectLock(state)
    with pytest.raises(RunBusy):
        ProjectLock(state)
    lock.release()
    ProjectLock(state).release()


def test_a_child_of_the_engine_does_not_keep_the_lock(tmp_path: Path) -> None:
    state = state_folder(tmp_path)
    lock = ProjectLock(state)
    line = [sys.executable, "-c", "print('here', flush=True); input()"]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, close_fds=False) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"here\n"  # only now has exec closed what it does not inherit
        lock.release()
        ProjectLock(state).release()
        assert child.poll() is None
        child.communicate(b"\n")


TEXT = st.text(st.characters(codec="utf-8"), max_size=20)  # a lone surrogate is no text
SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    SCALARS | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('abc\n"', max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text("abc.-", max_size=5), VALUES, max_size=4))
@settings(max_examples=60, deadline=None)
def test_any_data_is_one_line_and_comes_back(data: dict[str, Json]) -> None:
    raw = msgspec.json.encode(Event(1, "of.later", "r", "t", "s", "w", 0.5, data))
    assert b"\n" not in raw
    assert b"\r" not in raw
    assert decode([raw], "there")[0].data == json.loads(raw)["data"] == data


@given(st.integers(0, 3), st.integers(0, 200))
@settings(max_examples=60, deadline=None)
def test_whatever_byte_the_writer_died_at_the_whole_lines_stand(complete: int, cut: int) -> None:
    lines = [line(number) for number in range(1, complete + 2)]
    with tempfile.TemporaryDirectory() as name:
        write(Path(name), b"".join(lines[:-1]) + lines[-1][: min(cut, len(lines[-1]) - 1)])
        assert [event.seq for event in read_events(Path(name))] == list(range(1, complete + 1))
