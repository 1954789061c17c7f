"""How long ago the change was, from the clock that the journal has."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import cast

import pytest

from safemig.engine.session import Session
from safemig.engine.settle import seconds_since_change
from safemig.journal.events import Event


@pytest.mark.parametrize(
    ("step", "ago", "expected"),
    [
        ("restart", 4.0, 4.0),
        ("restart", -3600.0, 0.0),  # the clock was set back since: the wait gets no longer than `settle`
        ("test-after", 4.0, 10.0),
    ],
)
def test_the_time_since_the_change(step: str, ago: float, expected: float) -> None:
    wall = (datetime.now(UTC) - timedelta(seconds=ago)).isoformat()
    event = Event(1, "step.finished", "run", "target", step, wall, 0.0, {"status": "done"})
    steps = [SimpleNamespace(id="restart", phase="change", intent="start")]
    session = SimpleNamespace(
        plan=SimpleNamespace(steps=steps), journal=SimpleNamespace(events=[event]), config=SimpleNamespace(settle=10.0)
    )
    assert seconds_since_change(cast(Session, session)) == pytest.approx(expected, abs=1.0)
