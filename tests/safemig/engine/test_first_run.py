"""The first run on a fresh clone: what is asked before the tables are there is no error of the start."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from safemig.journal.journal import read_events
from tests.safemig.bad_projects import AUTO, safemig
from tests.spine.project import Spine, make_project, remove_project

# Its health counts courses, so each of safemig's own requests fails until the revision is applied.
SERVICE = """\
import json, logging, threading
import psycopg

logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s %(message)s")
connection = psycopg.connect({dsn!r}, autocommit=True)


def count():
    try:
        return connection.execute("SELECT count(*)\\nFROM course").fetchone()[0]
    except psycopg.Error as error:
        raise RuntimeError("the courses cannot be counted\\nsee the cause:\\n" + str(error)) from error

{more}

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({{"type": message["type"] + ".complete"}})
            if message["type"] == "lifespan.shutdown":
                return
    status, body = 404, {{}}
    if scope["path"] == "/health":
        status, body = answer()
    elif scope["path"] == "/openapi.json":
        status, body = 200, {{"paths": {{"/health": {{"get": {{}}}}}}}}
    await send({{"type": "http.response.start", "status": status, "headers": [(b"content-type", b"application/json")]}})
    await send({{"type": "http.response.body", "body": json.dumps(body).encode()}})
"""
RAISED = "def answer():\n    return 200, {'courses': count()}\n"
# Caught where it happens: the traceback holds no frame of a server, only the time of its line tells.
LOGGED = """\
def answer():
    try:
        return 200, {'courses': count()}
    except RuntimeError:
        logging.exception("no health")
        return 500, {}
"""
# A thread of the start that fails while safemig asks, whose requests go well.
WARMING = """\
def warm_up():
    threading.Event().wait(1.0)
    try:
        raise LookupError("the shelves cannot be warmed up")
    except LookupError:
        logging.exception("warming up failed")

def answer():
    return 200, {}

threading.Thread(target=warm_up, daemon=True).start()
"""


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Spine]:
    """A project whose database has no table yet."""
    spine = make_project(tmp_path / "fresh")
    try:
        yield spine
    finally:
        remove_project(spine)


def run(spine: Spine, more: str) -> tuple[int, str, list[str]]:
    """Exit code, verdict's reason and what was said, of a run in auto."""
    (spine.root / "service.py").write_text(SERVICE.format(dsn=spine.dsn, more=more), encoding="utf-8")
    ended = safemig(spine.root, *AUTO)
    assert json.loads(ended.out)["verdict"]
    events = read_events(spine.runs()[-1])
    notes = [str(event.data["text"]) for event in events if event.kind == "note"]
    return ended.code, str(events[-1].data["reason"]), notes


@pytest.mark.slow
def test_requests_that_fail_until_the_tables_are_there_are_no_errors_of_the_start(fresh: Spine) -> None:
    code, reason, notes = run(fresh, RAISED)
    assert (code, reason) == (0, "")
    assert any("the endpoints are asked in the baseline, not before" in note for note in notes)
    assert not any("after the start" in note for note in notes)


@pytest.mark.slow
def test_where_only_the_time_tells_it_is_said(fresh: Spine) -> None:
    code, reason, notes = run(fresh, LOGGED)
    assert (code, reason) == (0, "")
    assert any("nothing else says whose they are" in note and "the courses cannot be counted" in note for note in notes)


@pytest.mark.slow
def test_an_error_of_the_start_at_the_time_of_a_request_is_found(fresh: Spine) -> None:
    code, reason, _ = run(fresh, WARMING)
    assert code == 1
    assert "started with errors" in reason and "the shelves cannot be warmed up" in reason
