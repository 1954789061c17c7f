"""A scripted face: drives `run --events` across the border as the screen does, with answers given by a function."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from safemig import entry
from tests.spine.project import PLAIN_PYTEST, Spine
from tests.trusting import trusting

PATIENCE = 240.0  # seconds; the longest conversation takes about 30 on an idle machine
Said = dict[str, Any]
Answers = Callable[[Said], list[Said]]


def converse(spine: Spine, answers: Answers, *arguments: str, command: str = "run") -> tuple[int, list[Said]]:
    """Runs the engine; ``answers`` gets each event and gives the messages to send. Exit code and all events."""
    trusting(spine.root)
    line = [sys.executable, "-P", str(Path(entry.__file__)), command, "--events", "--project", str(spine.root)]
    child = subprocess.Popen(
        [*line, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **PLAIN_PYTEST},
        start_new_session=True,
    )
    assert child.stdin
    assert child.stdout
    send(child, {"type": "attach"})
    events: list[Said] = []
    over = threading.Timer(
        PATIENCE, child.kill
    )  # a question that nobody answers fails the test; it would wait for ever
    over.start()
    try:
        for raw in child.stdout:
            event = json.loads(raw)
            events.append(event)
            for message in answers(event):
                send(child, message)
    finally:
        over.cancel()
        child.stdin.close()
        code = child.wait(timeout=60)
    return code, events


def send(child: subprocess.Popen[str], message: Said) -> None:
    """One message as a JSON line."""
    assert child.stdin
    child.stdin.write(json.dumps(message) + "\n")
    child.stdin.flush()


def decide(event: Said, answer: str, **more: str) -> Said:
    """The answer to a question event."""
    return {"type": "decide", "id": event["data"]["id"], "answer": answer, **more}


def asked(event: Said) -> bool:
    """Whether the event is a question."""
    return bool(event["kind"] == "approval.asked")


def of(events: list[Said], kind: str, step: str | None = None) -> list[Said]:
    """The events of a kind (of a step)."""
    return [event for event in events if event["kind"] == kind and step in (None, event["step"])]
