"""Secrets seeded into everything that a session is given, and none in any file that it writes or report made of it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast, get_args

import msgspec
import pytest

from checks.evidence import Evidence, Json, unseen
from safemig.base.action import Action, digest_of
from safemig.engine.inbox import Inbox
from safemig.engine.redact_evidence import clean_event, clean_facts
from safemig.engine.session import Session
from safemig.journal.events import KINDS
from safemig.journal.journal import Journal
from safemig.planning.facts import CommandFact, Facts, Finding, NamedFact, RevisionFact, RiskFact, ScriptFact
from safemig.planning.request import Request
from safemig.project.compose import read_compose
from safemig.project.config import Config
from safemig.project.known_secrets import known_secrets
from safemig.reports import formats, terminal
from tests.safemig.base.test_seeded_secrets import PLACES, SEED

if TYPE_CHECKING:
    from safemig.journal.events import Event

KNOWN = "V4lue-that!is-known"
TEXT = "\n".join([*(place.format(SEED) for place in PLACES), f"it printed {KNOWN}"])
SHA = "9e8cbaa48a37b1e55c3f2a9c1d7b040123456789abcdef0123456789abcdef01"


def dirty(text: str) -> bool:
    return SEED in text or KNOWN in text


class _Runtime:
    """What a session asks of a runtime to redact."""

    name = "process"

    def secrets(self) -> tuple[str, ...]:
        return (KNOWN,)


def session(folder: Path) -> tuple[Session, list[Event]]:
    events: list[Event] = []
    journal = Journal(folder, "run-1", "process", events.append)
    project, config, runtime = (cast("Any", each) for each in (SimpleNamespace(root=folder), Config(), _Runtime()))
    return Session(project, config, runtime, journal, Inbox(), Request()), events


def seeded() -> Facts:
    """Facts with secrets in all that is written for a person."""
    return Facts(
        "make",
        "process",
        "/srv",
        "api",
        "db",
        commands={"test": CommandFact("make test", why=TEXT, told=TEXT)},
        named=(NamedFact("pytest", 3, "run pytest", why=TEXT),),
        risks=(RiskFact("a1", TEXT),),
        files=(RevisionFact("a1", "versions/a1.py", SHA, TEXT, unread=TEXT, diff=TEXT),),
        scripts=(ScriptFact("env.py", SHA, TEXT, TEXT),),
        missing=(TEXT,),
        stops=(TEXT,),
        problems=(TEXT,),
        unread=(TEXT,),
        unchosen=(TEXT,),
    )


def test_nothing_that_a_session_writes_holds_a_seeded_secret(tmp_path: Path) -> None:
    s, events = session(tmp_path)
    s.emit("run.started", {"project": str(tmp_path), "mode": "default", "message": TEXT})
    s.facts = clean_facts(seeded(), s.clean)
    s.journal.save("facts.json", msgspec.json.encode(s.facts))
    s.emit("facts", {"file": "facts.json", "digest": digest_of(s.facts)})
    s.replan()
    risk = RiskFact("a1", TEXT)
    s.find(Finding("contents", TEXT, files=seeded().files, scripts=seeded().scripts, risks=(risk,), foreign=(risk,)))
    s.note(TEXT)
    s.emit("progress", {"text": TEXT, "urgent": False}, "test")
    s.observe("test", "before", unseen("revision", "db", TEXT, TEXT))
    tests = {"summary": TEXT, "problems": [TEXT], "error_places": [{"cause": TEXT}]}
    s.observe("test", "after", Evidence("tests", "make test", True, "b", "e", TEXT, cast("Any", tests)))
    s.emit("evidence", {"moment": "after", "evidence": msgspec.to_builtins(unseen("container", "api", TEXT, TEXT))})
    s.emit("step.started", {"title": TEXT, "intent": "test", "phase": "before", "command": TEXT}, "test")
    s.emit("command.started", {"number": 1, "line": TEXT, "cwd": ".", "output": "o", "by": "person"}, "!")
    s.emit("step.finished", {"status": "refused", "seconds": 0.0, "reason": TEXT, "command": TEXT}, "test")
    question = dict.fromkeys(("title", "what", "detail", "changes", "undo", "rule", "once", "always", "tool"), TEXT)
    s.emit("approval.asked", {"id": "q1", "kind": "step", "digest": SHA, "effect": "write", **question}, "test")
    given = {"id": "q1", "digest": SHA, "answer": "always", "by": "person"}
    s.emit("approval.given", {**given, "reason": TEXT, "title": TEXT, "rule": TEXT, "granted": TEXT}, "test")
    s.emit("tick", {"file": "spec.md", "line": 3, "text": TEXT, "by": "person"})
    s.emit("run.finished", {"verdict": "failed", "exit": 1, "reason": TEXT, "state": TEXT})

    files = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert {"events.jsonl", "facts.json", "finding-1.json", "plan-1.json"} <= files.keys()
    assert [name for name, text in files.items() if dirty(text)] == []
    assert SHA in files["events.jsonl"]
    for form in get_args(formats.Format):
        assert not dirty(formats.render(s.past, form, plan=s.plan))
    assert not dirty("\n".join(line for event in events for line in terminal.render(event)))


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_no_kind_of_event_keeps_a_text_unredacted(kind: str) -> None:
    if kind == "evidence":
        data: dict[str, Json] = {"moment": "", "evidence": msgspec.to_builtins(unseen("revision", "db", TEXT, TEXT))}
    elif kind == "command.output":
        data = {"number": 1, "file": "o", "start": 0, "end": 1}
    else:
        data = {"text": TEXT, "of": [TEXT, {"a": TEXT}], "digest": SHA, "number": 1, "nothing": None}
    clean = session_clean(data, kind)
    assert not dirty(msgspec.json.encode(clean).decode())
    assert clean.get("digest") == data.get("digest")


def session_clean(data: dict[str, Json], kind: str) -> dict[str, Json]:
    from safemig.base.redaction import redact

    return dict(clean_event(kind, data, lambda text: redact(text, (KNOWN,))))


def test_what_is_run_and_written_is_left_as_it_is() -> None:
    action = Action("edit", path="models.py", text="SECRET_KEY = 'x'\n")
    facts = Facts("make", "process", "/srv", "api", "db", models=(action,), start_database="PGPASSWORD=x pg_ctl start")
    assert clean_facts(facts, lambda _: "***") == facts


def test_values_of_env_files_and_compose_are_known_where_they_look_like_secrets(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        "POSTGRES_PASSWORD=postgres\nPOSTGRES_DB=course_catalogue_1\nAPI_SECRET=first-S3cret!value\n"
        "DATABASE_URL=postgresql://app:second%2DS3cret%21value@db/app\nTZ=America/New_York\n"
        "PASSPHRASE_TOKEN='third S3cret value!'\nORIGINS=http://localhost:3000,http://127.0.0.1\n"
    )
    (tmp_path / ".env.local").write_text("SENTRY=fourth-S3cret0\n")
    (tmp_path / ".env.example").write_text("API_SECRET=put-Y0ur!secret-here\n")
    (tmp_path / "api.env").write_text("JWT_KEY=fifth-S3cret!value\n")
    compose = tmp_path / "compose.yaml"
    compose.write_text(
        "services:\n  api:\n    image: api\n    env_file: api.env\n    environment:\n"
        "      - SMTP_PASS=sixth-S3cret!value\n      - NAME=${POSTGRES_DB}\n      - HERE_TOKEN\n"
    )
    environ = {"HERE_TOKEN": "seventh-S3cret!value"}
    assert known_secrets([tmp_path], read_compose([compose], environ), environ) == {
        "first-S3cret!value",
        "second%2DS3cret%21value",
        "second-S3cret!value",
        "third S3cret value!",
        "fourth-S3cret0",
        "fifth-S3cret!value",
        "sixth-S3cret!value",
        "seventh-S3cret!value",
    }
