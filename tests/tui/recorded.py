"""A run of an invented project, written as an engine writes it: events, plan, facts, spool files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from checks.evidence import Evidence, Json
from safemig.base import file_edit
from safemig.base.action import Action
from safemig.consent.journal_key import journal_key
from safemig.journal.events import Event
from safemig.journal.seal import sealed
from safemig.planning.facts import Facts, MigrationFact, SpecFact
from safemig.planning.plan import Plan, Step

RUN = "20260301-101500-ab12"
TARGET = "development:backend"
NEW_PATH = "backend/alembic/versions/b8bf1fd366a3_add_course_rating.py"
NEW_FILE = """\
\"\"\"add course_rating\"\"\"

from alembic import op
import sqlalchemy as sa

revision = "b8bf1fd366a3"
down_revision = "3f6c1a9d27b4"


def upgrade() -> None:
    op.create_table("course_rating", sa.Column("id", sa.Integer(), nullable=False))
"""
CHECKLIST = """\
# Ratings

## Phase 1: Database

- [ ] Create the migration `alembic/versions/…_add_course_rating.py`
- [ ] Apply it with `make migrate`
- [x] Agree on the names

## Phase 2: API

- [ ] Add the endpoint
"""


def plan() -> Plan:
    """Six steps in three parts."""
    return Plan(
        1,
        TARGET,
        (
            _command("build", "build", "Build the service", "make build", "before", "packages"),
            _command("start", "start", "Start the service", "make start", "before", "service"),
            _command("test", "test", "Run the tests", "make test", "before", "database rows"),
            Step(
                "create",
                "create",
                "Write the migration b8bf1fd366a3",
                "change",
                Action(
                    "edit",
                    path=NEW_PATH,
                    text=NEW_FILE,
                    diff=file_edit.unified(NEW_PATH, None, NEW_FILE),
                    effect="write",
                ),
                "one new file",
                undo="delete the file",
            ),
            _command("migrate", "upgrade", "Migrate the database to b8bf1fd366a3", "make migrate", "change", "schema"),
            _command("test-after", "test", "Run the tests after the change", "make test", "after", "database rows"),
        ),
    )


def _command(name: str, intent: str, title: str, line: str, phase: str, touches: str) -> Step:
    action = Action("command", line=line, cwd="backend", effect="write", touches=(touches,))
    return msgspec.convert(
        {
            "id": name,
            "intent": intent,
            "title": title,
            "phase": phase,
            "action": msgspec.to_builtins(action),
            "changes": touches,
            "undo": "`make downgrade`" if intent == "upgrade" else "nothing to undo",
            "assumes": ["recipe"],
        },
        Step,
    )


def facts() -> Facts:
    """What planning saw."""
    return Facts(
        TARGET,
        "docker",
        "backend",
        "api",
        "courses on 127.0.0.1:5432",
        heads=("3f6c1a9d27b4",),
        current=("3f6c1a9d27b4",),
        spec=SpecFact("specs/01_ratings_plan.md", "0" * 64, "1", "Database", ("Create the migration",)),
        migration=MigrationFact("x.py", NEW_FILE, "b8bf1fd366a3", ("3f6c1a9d27b4",), ("course_rating",)),
    )


class Recording:
    """Builds a run folder below ``root``; one event a second from a fixed morning on."""

    def __init__(self, root: Path, project: str = "/projects/catalogue") -> None:
        self.root = root
        self.folder = root / ".safemig" / "runs" / RUN
        (self.folder / "commands").mkdir(parents=True, exist_ok=True)
        self.events: list[Event] = []
        self._project = project
        self._commands = 0
        self._key = journal_key(root)
        self._last = b""

    def add(self, kind: str, data: Mapping[str, Json], step: str = "", *, wall: str = "") -> Event:
        """One more event, also in the journal."""
        number = len(self.events) + 1
        wall = wall or f"2026-03-01T10:{15 + number // 60:02}:{number % 60:02}.000+00:00"
        event = Event(number, kind, RUN, TARGET, step, wall, float(number), data)
        self.events.append(event)
        with (self.folder / "events.jsonl").open("ab") as file:
            self._last = sealed(self._key, self._last, msgspec.json.encode(event))
            file.write(self._last + b"\n")
        return event

    def begin(self, mode: str = "default", pid: int = 0) -> None:
        """Started, facts, plan."""
        started: dict[str, Json] = {
            "project": self._project,
            "spec": "",
            "phase": "",
            "mode": mode,
            "runtime": "docker",
        }
        self.add("run.started", {**started, "message": "", "engine": "0.1.0", "pid": pid})
        self.save("facts.json", facts())
        self.add("facts", {"file": "facts.json", "digest": "0" * 64})
        self.revise(plan())

    def revise(self, document: Plan, cause: str = "") -> None:
        """A revision of the plan."""
        name = f"plan-{document.revision}.json"
        self.save(name, document)
        added: list[Json] = [step.id for step in document.steps]
        revised: dict[str, Json] = {
            "revision": document.revision,
            "digest": document.digest,
            "parent": "",
            "cause": cause,
        }
        self.add("plan.revised", {**revised, "file": name, "added": added, "open": []})

    def save(self, name: str, document: object) -> None:
        """Bulk beside the events."""
        (self.folder / name).write_bytes(msgspec.json.encode(document))

    def start_step(self, name: str) -> None:
        """A step begins."""
        step = plan().step(name)
        began: dict[str, Json] = {
            "title": step.title,
            "intent": step.intent,
            "effect": step.action.effect,
            "command": step.action.line,
            "changes_database": step.intent == "upgrade",
        }
        self.add("step.started", began, name)

    def command(self, name: str, output: str, *, ended: bool = True) -> None:
        """The command of a step with its output."""
        self._commands += 1
        number, line = self._commands, plan().step(name).action.line
        file = f"commands/{number:04}.output"
        raw = output.encode()
        (self.folder / file).write_bytes(raw)
        at: dict[str, Json] = {
            "number": number,
            "line": line,
            "cwd": "backend",
            "limit": 60.0,
            "output": file,
            "by": "engine",
        }
        self.add("command.started", at, name)
        self.add("command.output", {"number": number, "file": file, "start": 0, "end": len(raw)}, name)
        if ended:
            end: dict[str, Json] = {"number": number, "status": 0, "how": "exit", "seconds": 2.5, "file": file}
            self.add("command.finished", {**end, "start": 0, "end": len(raw)}, name)

    def end_step(
        self, name: str, status: str = "done", seconds: float = 3.2, reason: str = "", *, not_good: bool = False
    ) -> None:
        """A step ends."""
        ended: dict[str, Json] = {
            "status": status,
            "seconds": seconds,
            "reason": reason,
            "command": plan().step(name).action.line,
            "not_good": not_good,
        }
        self.add("step.finished", ended, name)

    def done(self, *names: str) -> None:
        """Whole steps."""
        for name in names:
            self.start_step(name)
            step = plan().step(name)
            if step.action.kind == "command":
                self.command(name, f"$ {step.action.line}\nfine\n")
            self.end_step(name)

    def see(self, kind: str, data: Mapping[str, Json], step: str = "", moment: str = "start") -> None:
        """Evidence."""
        wall = "2026-03-01T10:15:00.000+00:00"
        evidence = Evidence(kind, "", True, wall, wall, "look again", data)
        self.add("evidence", {"moment": moment, "evidence": msgspec.to_builtins(evidence)}, step)

    def ask(self, name: str, question: str = "q1", **more: Json) -> None:
        """A question about a step."""
        step = plan().step(name)
        action = step.action
        asked: dict[str, Json] = {
            "id": question,
            "kind": "step",
            "digest": action.digest,
            "title": step.title,
            "effect": action.effect,
            "what": action.line or f"write {action.path}",
            "detail": action.diff,
            "changes": step.changes,
            "undo": step.undo,
            "rule": "default mode asks before every change",
            "once": "this command once",
            "always": f"`{action.line}` in backend, in this project, from now on" if action.line else "",
            "tool": "every `make` target in backend, in this project, from now on" if action.line else "",
        }
        self.add("approval.asked", {**asked, **more}, name)

    def finish(self, verdict: str = "passed", code: int = 0, reason: str = "") -> None:
        """The run's last event."""
        good: dict[str, Json] = {"ok": verdict == "passed", "before": "7 passed", "after": "7 passed", "reasons": []}
        signals: dict[str, Json] = {"tests": good, "container": good, "endpoints": good}
        ended: dict[str, Json] = {
            "verdict": verdict,
            "exit": code,
            "reason": reason,
            "state": "database: at b8bf1fd366a3",
        }
        revision: dict[str, Json] = {"before": ["3f6c1a9d27b4"], "after": ["b8bf1fd366a3"]}
        schema: dict[str, Json] = {"matches_spec": True, "differences": []}
        self.add("run.finished", {**ended, "signals": signals, "schema": schema, "ticked": [], "revision": revision})
