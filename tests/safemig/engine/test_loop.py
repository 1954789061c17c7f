"""What a step could not read ends the run with a verdict and its reason, never with a traceback."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import psycopg
import pytest

from checks.evidence import Json
from checks.schema.snapshot import TableHeld
from safemig.engine import loop
from safemig.engine.session import RunEnds, Session
from safemig.planning.plan import Step
from safemig.runtimes.base import Unreachable


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (TableHeld("course", 7), "course"),
        (psycopg.errors.InsufficientPrivilege("permission denied for table course"), "permission denied"),
        (psycopg.OperationalError("the connection is lost\n"), "the connection is lost"),
        (Unreachable("no engine", "here", "Start it."), "Start it."),
        (PermissionError(13, "Permission denied", "env.py"), "env.py"),
    ],
)
async def test_a_step_that_cannot_read_fails_the_run(
    error: Exception, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def act(_: Session, __: Step) -> None:
        raise error

    emitted: list[tuple[str, dict[str, Json]]] = []
    session = SimpleNamespace(
        emit=lambda kind, data, _: emitted.append((kind, data)),
        clean=lambda text: text,
        past=SimpleNamespace(of=lambda _: SimpleNamespace(commands=[])),
    )
    step = SimpleNamespace(
        id="baseline", intent="baseline", title="Take the baseline", applies=(), action=SimpleNamespace(line="")
    )
    monkeypatch.setattr(loop, "STEPS", {"baseline": act})
    with pytest.raises(RunEnds) as ends:
        await loop._perform(cast(Session, session), cast(Step, step), resumed=False)
    assert ends.value.verdict == "failed"
    assert ends.value.reason.startswith("Take the baseline: ") and words in ends.value.reason
    ((kind, data),) = emitted
    assert (kind, data["status"]) == ("step.finished", "failed")
