"""What a run's looks send: references in configured headers become values only here."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from checks.evidence import Evidence, Json
from checks.service.endpoints import Probe
from safemig.engine.observation import _ask, by_time_words
from safemig.engine.session import Session


class Door(BaseHTTPRequestHandler):
    """Lets in who brings the token."""

    def do_GET(self) -> None:
        self.send_response(204 if self.headers.get("Authorization") == "Bearer s3cret" else 401)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture
def door() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Door) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


PROBE = Probe(path="/private", headers={"Authorization": "env:API_TOKEN"})


def session(root: Path) -> Session:
    return cast(Session, SimpleNamespace(root=root, project=SimpleNamespace(compose=None)))


def test_a_referenced_header_is_sent_with_its_value_and_shown_without_it(
    door: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_TOKEN", "Bearer s3cret")
    evidence = _ask(session(tmp_path), door, PROBE)
    assert evidence.data["status"] == 204
    assert "s3cret" not in str(evidence)


def test_a_reference_without_a_value_could_not_be_looked_at(
    door: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("API_TOKEN", raising=False)
    evidence = _ask(session(tmp_path), door, PROBE)
    assert not evidence.seen
    assert "env:API_TOKEN has no value" in evidence.reason


def test_errors_that_only_their_time_excuses_are_told() -> None:
    services: dict[str, object] = {
        "api": {"startup_by_time": [{"line": 3, "text": "ERROR: no shelf"}, {"line": 9, "text": "ERROR: no room"}]},
        "db": {"startup_by_time": []},
        "old": {},  # of a journal written before
    }
    moment = "2026-01-05T09:00:00.000+00:00"
    evidence = Evidence(
        "container", "shop", True, moment, moment, "docker ps", cast("dict[str, Json]", {"services": services})
    )
    (text,) = by_time_words(evidence)
    assert text.startswith("api: errors in the log (2) were written while requests of safemig went wrong")
    assert text.endswith("ERROR: no shelf")
