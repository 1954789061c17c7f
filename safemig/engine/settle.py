"""The service some seconds after the change, before anything is ticked and at the very end: what dies only then has not
passed."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import msgspec

from safemig.engine import observation
from safemig.engine.session import Session
from safemig.journal.events import StepFinished
from safemig.planning.plan import Step

POLL_SECONDS = 0.2


async def settled(s: Session, step: Step) -> None:
    """Waits until `settle` seconds have gone by since the change (tests that ran meanwhile count), or for a stop."""
    left = s.config.settle - seconds_since_change(s)
    if left <= 0:
        return
    text = f"waits until {s.config.settle:g} s after the change, to look at the service again; {left:.0f} s to go"
    s.emit("progress", {"text": text, "urgent": False}, step.id)
    loop = asyncio.get_running_loop()
    until = loop.time() + left
    while loop.time() < until and not s.inbox.stop.is_set():
        await asyncio.sleep(min(POLL_SECONDS, max(0.0, until - loop.time())))
    s.emit("progress", {"text": "", "urgent": False}, step.id)


def seconds_since_change(s: Session) -> float:
    """How long ago the last step ended that changed something that runs; as long as it takes where none did."""
    changing = {
        step.id for step in s.plan.steps
        if step.phase == "change" and step.intent in {"upgrade", "start", "build", "edit", "create", "generate"}
    }  # fmt: skip
    changing |= {step.id for step in s.plan.steps if step.intent == "upgrade"}
    for event in reversed(s.journal.events):
        if isinstance(event.body, StepFinished) and event.step in changing and event.body.status == "done":
            passed = (datetime.now(UTC) - datetime.fromisoformat(event.wall)).total_seconds()
            return max(0.0, passed)  # a clock that was set back must not make the wait longer
    return s.config.settle


async def look_at_end(s: Session) -> None:
    """The services once more, when no command of the run that was to end runs any more."""
    if s.past.last("container", "after") is None:
        return
    requests = observation.requests_of(s)
    services = await s.look(lambda: s.runtime.look_services(requests))
    s.emit("evidence", {"moment": "after", "evidence": msgspec.to_builtins(services)})
