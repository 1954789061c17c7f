"""What a run's events put into the log: ranges of spool files, notes, and what containers said."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime

from checks.evidence import Evidence, Json
from checks.text import plain
from safemig.journal.events import CommandFinished, CommandOutput, CommandStarted, Event, Note, Observed, Progress
from tui.log.store import LogStore

OURS = "safemig"
FOLLOWED = "logs"  # the step of the service's log, which the engine follows beside all others
_SETTLE = 0.3  # seconds: in a replay a command's end comes at once, and only its events say what was when


class Intake:
    """Keeps which commands run, whose files are then looked at between events too."""

    def __init__(self, store: LogStore) -> None:
        self.store = store
        self._running: dict[int, float] = {}
        self._lines: dict[int, str] = {}
        self._tails: dict[str, list[str]] = {}
        self._told: set[tuple[str, str, int]] = set()

    def take(self, event: Event) -> None:
        """One event; kinds that bring nothing to the log are passed over."""
        match event.body:
            case CommandStarted() as started:
                self._started(event, started)
            case CommandOutput(number=number, end=end):
                self.store.grow(number, end, _moment(event))
            case CommandFinished() as finished:
                self._finished(event, finished)
            case Note(level=level, text=text):
                self.store.note(text, OURS, event.step, level, _moment(event))
            case Progress(text=text, urgent=True):
                self.store.note(text, OURS, event.step, "warning", _moment(event))
            case Observed(evidence=evidence):
                self._evidence(event, evidence)

    def poll(self) -> None:
        """Looks at the files of the commands that run."""
        now = time.monotonic()
        for number, since in self._running.items():
            if now - since > _SETTLE:
                self.store.poll(number)

    def _started(self, event: Event, started: CommandStarted) -> None:
        number, line = started.number, plain(started.line, 200)
        own = event.step == "!" or started.by == "person"
        label = f"! {line}" if own else "service log" if event.step == FOLLOWED else line
        place = f"   in {started.cwd}" if started.cwd not in ("", ".") else ""
        self.store.note(f"{'!' if own else '$'} {line}{place}", label, event.step, "info", _moment(event))
        self.store.add_source(number, label, event.step, started.output)
        self._running[number] = time.monotonic()
        self._lines[number] = label

    def _finished(self, event: Event, finished: CommandFinished) -> None:
        number, how, status, moment = finished.number, finished.how, finished.status, _moment(event)
        self.store.grow(number, finished.end, moment)
        if how != "ready":  # what serves goes on and may say more
            self._running.pop(number, None)
        after = f" after {finished.seconds:.1f} s"
        words = {
            "exit": f"ended with status {status}{after}",
            "limit": f"ended at its time limit{after}",
            "stopped": f"was stopped{after}",
            "ready": f"is ready{after} and goes on",
            "lost": "is lost: its supervisor was killed",
        }.get(how, f"ended ({how})")
        followed = event.step == FOLLOWED  # by safemig itself: however that ends is no error of anybody
        words = f"is no longer followed{after}" if followed else words
        bad = how in ("limit", "lost") or (how == "exit" and status != 0)
        label = self._lines.get(number, OURS)
        level = "info" if followed else "error" if bad else "warning" if how == "stopped" else "info"
        self.store.note(words, label, event.step, level, moment)

    def _evidence(self, event: Event, evidence: Evidence) -> None:
        services = evidence.data.get("services") if evidence.kind == "container" else None
        for name, service in services.items() if isinstance(services, dict) else ():
            if isinstance(service, dict):
                self._service(event, plain(str(name), 80), service)

    def _service(self, event: Event, name: str, service: Mapping[str, Json]) -> None:
        """Of the end of a container's log what was not shown before, and each error of its start-up once."""
        tail = service.get("log_tail")
        lines = [str(line) for line in tail] if isinstance(tail, list) else []
        identity = f"{name} {service.get('id')}"
        before = self._tails.get(identity, [])
        self._tails[identity] = lines
        for line in lines[_overlap(before, lines) :]:
            self.store.note(line, name, event.step, "", _moment(event))
        errors = service.get("startup_errors")
        for error in errors if isinstance(errors, list) else []:
            if not isinstance(error, dict):
                continue
            text, number = _text(error, "text"), _number(error, "line")
            if (identity, text, number) not in self._told:
                self._told.add((identity, text, number))
                self.store.note(
                    f"start-up error, line {number} of its log: {text}", name, event.step, "error", _moment(event)
                )


def _overlap(before: list[str], after: list[str]) -> int:
    """How many lines at the beginning of ``after`` are the end of ``before``."""
    for count in range(min(len(before), len(after)), 0, -1):
        if before[-count:] == after[:count]:
            return count
    return 0


def _number(data: Mapping[str, Json], key: str) -> int:
    value = data.get(key)
    return int(value) if isinstance(value, int | float) else 0


def _text(data: Mapping[str, Json], key: str) -> str:
    value = data.get(key)
    return "" if value is None else str(value)


def _moment(event: Event) -> float:
    try:
        return datetime.fromisoformat(event.wall).timestamp()
    except ValueError:
        return 0.0
