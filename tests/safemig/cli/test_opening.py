"""What a run was asked for is taken up word for word, although its events hold it without its secrets."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from safemig.base.action import digest_of
from safemig.cli.errors import UsageError
from safemig.cli.opening import REQUEST, Opened, new_session, old_session, open_project
from safemig.engine.inbox import Inbox
from safemig.engine.session import Session
from safemig.planning.request import Request
from tests.trusting import trusting

ASKED = Request(phase="3: token=Hunt3r-of-things", message="store password=Hunt3r-of-things beside the mail")


@pytest.fixture
def opened(tmp_path: Path) -> Opened:
    (tmp_path / "safemig.yaml").write_text("runtime: process\n", encoding="utf-8")
    trusting(tmp_path)
    return open_project(argparse.Namespace(project=str(tmp_path), command="run"))


def begin(opened: Opened, *, digest: str = "") -> Session:
    """A run that was killed right after its first event."""
    s = new_session(opened, ASKED, lambda _event: None, Inbox())
    told = {"project": str(s.root), "spec": ASKED.spec, "phase": ASKED.phase, "message": ASKED.message}
    s.emit("run.started", {**told, "mode": "default", "digest": digest or digest_of(ASKED)})
    s.journal.close()
    return s


def taken_up(opened: Opened) -> Request:
    s = old_session(opened, "", lambda _event: None, Inbox())
    s.journal.close()
    return s.request


def test_a_resumed_run_asks_for_what_the_first_one_was_asked_for(opened: Opened) -> None:
    s = begin(opened)
    assert "Hunt3r" not in (s.journal.folder / "events.jsonl").read_text(encoding="utf-8")
    assert taken_up(opened) == ASKED
    assert (s.journal.folder / REQUEST).stat().st_mode & 0o777 == 0o600


def test_a_text_without_its_secret_is_never_used_in_its_place(opened: Opened) -> None:
    s = begin(opened)
    (s.journal.folder / REQUEST).unlink()  # as in a run of an earlier version
    with pytest.raises(UsageError, match="known only without its secrets"):
        taken_up(opened)


def test_another_request_than_the_journal_speaks_of_is_refused(opened: Opened) -> None:
    s = begin(opened)
    other = {**json.loads((s.journal.folder / REQUEST).read_text(encoding="utf-8")), "message": "drop it all"}
    (s.journal.folder / REQUEST).write_text(json.dumps(other), encoding="utf-8")
    with pytest.raises(UsageError, match="is not what the run has written"):
        taken_up(opened)


def test_a_run_with_an_answer_that_another_program_wrote_is_not_taken_up(opened: Opened) -> None:
    """An unpacked archive, or a container that has the folder, writes an approval for a step of its choice."""
    s = begin(opened)
    path = s.journal.folder / "events.jsonl"
    first = json.loads(path.read_text(encoding="utf-8"))
    answer = {"id": "q1", "digest": "0" * 64, "answer": "once", "by": "person", "rule": "", "reason": "", "title": "x"}
    forged = {**first, "seq": 2, "kind": "approval.given", "step": "build", "data": answer}
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(forged) + "\n")
    with pytest.raises(UsageError, match=r"line 2 of .* was not written by your safemig"):
        taken_up(opened)
    path.write_text(json.dumps(first) + "\n", encoding="utf-8")  # the same line, encoded by somebody else
    with pytest.raises(UsageError, match="line 1 of"):
        taken_up(opened)
