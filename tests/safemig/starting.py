"""A session that stands just before its start step, on a real project: what the tests of starting begin with."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from pathlib import Path

from safemig.cli.opening import new_session, open_project
from safemig.engine.inbox import Inbox
from safemig.engine.service_start import start
from safemig.engine.session import RunEnds, Session
from safemig.journal.events import Event
from safemig.planning.collect.commands import commands_of
from safemig.planning.facts import Facts
from safemig.planning.plan import Plan, Step
from safemig.planning.steps import start_steps
from tests.trusting import trusting


@dataclass
class Started:
    """A session, its start step, and every event so far."""

    session: Session
    step: Step
    events: list[Event] = field(default_factory=list)

    async def reason(self) -> str:
        """Why the start failed, "" when it did not."""
        try:
            await start(self.session, self.step)
        except RunEnds as ends:
            assert ends.verdict == "failed"
            return ends.reason
        return ""

    @property
    def how(self) -> str:
        """How the start command ended, as the journal has it."""
        return str([event.data["how"] for event in self.events if event.kind == "command.finished"][-1])

    def notes(self) -> str:
        """Everything that was said."""
        return "\n".join(str(event.data["text"]) for event in self.events if event.kind == "note")


def before_start(root: Path) -> Started:
    """The project at ``root``, about to be started."""
    from safemig.planning.request import Request

    trusting(root)
    opened = open_project(argparse.Namespace(project=str(root), command="run"))
    events: list[Event] = []
    s = new_session(opened, Request(), events.append, Inbox())
    s.facts = Facts(
        target=root.name,
        runtime=opened.runtime.name,
        folder=".",
        service=opened.project.service,
        database="",
        commands=commands_of(opened.project, opened.config),
    )
    (step,) = start_steps("start", s.facts)
    s.plan = Plan(1, root.name, (step,))
    s.emit("step.started", {"title": step.title, "intent": "start", "effect": "write", "command": ""}, step.id)
    return Started(s, step, events)
