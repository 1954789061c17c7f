"""The net under a step: revision and schema just before it and just after, however it ends."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import psycopg
import pytest

from checks.evidence import Evidence
from safemig.base.action import Action, Effect
from safemig.engine.approval import _as_write
from safemig.engine.guard import guarded
from safemig.engine.session import RunEnds, Session
from safemig.events import Verdict
from safemig.planning.planner import draft
from safemig.planning.startup.seen import seen_before
from safemig.policy.decision import Rules
from tests.safemig.plans import FACTS

STEP = draft(FACTS).step("start")


def session(root: Path, dsn: str) -> Session:
    """As much of a run as the net takes."""

    async def look(call: object) -> object:
        return await asyncio.to_thread(call)  # type: ignore[arg-type]

    def observe(_: str, __: str, evidence: Evidence) -> Evidence:
        return evidence

    (root / ".safemig").mkdir()
    return cast(
        Session,
        SimpleNamespace(
            root=root,
            project=SimpleNamespace(tree=SimpleNamespace(version_table="alembic_version", version_table_schema=None)),
            runtime=SimpleNamespace(connect=lambda: psycopg.connect(dsn, autocommit=True)),
            journal=SimpleNamespace(save=lambda *_: ""),
            past=SimpleNamespace(last=lambda *_: None),
            look=look,
            observe=observe,
            clean=str,
        ),
    )


async def run(s: Session, dsn: str, statement: str, verdict: Verdict) -> RunEnds:
    """The end of a step that runs the statement and then ends like that."""
    with pytest.raises(RunEnds) as ended:
        async with guarded(s, STEP, resumed=False):
            with psycopg.connect(dsn, autocommit=True) as connection:
                connection.execute(statement)
            raise RunEnds(verdict, "the step ended")
    return ended.value


@pytest.mark.parametrize("verdict", ["failed", "interrupted"])
def test_what_a_step_moved_is_told_also_where_it_was_stopped(verdict: Verdict, dsn: str, tmp_path: Path) -> None:
    ended = asyncio.run(run(session(tmp_path, dsn), dsn, "CREATE TABLE left_behind (id int)", verdict))
    assert ended.verdict == "failed"
    assert "(table left_behind new), which nobody was asked about" in ended.reason
    assert ended.reason.endswith("; and the step ended")
    assert [place.kind for place in seen_before(tmp_path / ".safemig")] == ["schema"]


@pytest.mark.parametrize("verdict", ["failed", "interrupted"])
def test_a_step_that_moved_nothing_ends_as_it_ended(verdict: Verdict, dsn: str, tmp_path: Path) -> None:
    ended = asyncio.run(run(session(tmp_path, dsn), dsn, "SELECT 1", verdict))
    assert (ended.verdict, ended.reason) == (verdict, "the step ended")


@pytest.mark.parametrize(("effect", "answer"), [("read", "allow"), ("write", "allow"), ("destructive", "ask")])
def test_a_named_command_that_was_seen_to_change_the_schema_is_asked_in_auto(
    effect: Effect, answer: str, tmp_path: Path
) -> None:
    s = cast(
        Session,
        SimpleNamespace(
            root=tmp_path, past=SimpleNamespace(mode="auto", approved=set()),
            config=SimpleNamespace(permissions=Rules(), environment=""),
        ),
    )  # fmt: skip
    assert _as_write(s, Action("command", line="make look", effect=effect)).answer == answer
