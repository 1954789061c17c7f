"""The net under a step: revision and schema just before it and just after, however it ends."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import psycopg
import pytest

from checks.evidence import Evidence
from safemig.base.action import Action, Effect
from safemig.engine import guard, observation
from safemig.engine.approval import _as_write
from safemig.engine.guard import guarded
from safemig.engine.session import RunEnds, Session
from safemig.journal.events import Verdict
from safemig.planning.plan import Intent
from safemig.planning.planner import draft
from safemig.planning.startup.seen import seen_before
from safemig.policy.decision import Rules
from safemig.runtimes.base import Unreachable
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
    assert "No revision was applied for table left_behind" in ended.reason
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
            config=SimpleNamespace(permissions=Rules(), environment=""), plan=SimpleNamespace(steps=()),
        ),
    )  # fmt: skip
    assert _as_write(s, Action("command", line="make look", effect=effect)).answer == answer


def waiting_session(root: Path, connect: object, **facts: object) -> tuple[Session, list[tuple[str, Evidence]]]:
    """A session whose database is what ``connect`` gives; what it journals is listed."""
    s = session(root, "")
    journalled: list[tuple[str, Evidence]] = []

    def observe(_: str, moment: str, evidence: Evidence) -> Evidence:
        known = [
            each
            for at, each in journalled
            if (at, each.kind, each.subject) == (moment, evidence.kind, evidence.subject)
        ]
        journalled.extend([] if known else [(moment, evidence)])
        return known[0] if known else evidence

    def last(kind: str, *moments: str) -> Evidence | None:
        found = [each for at, each in journalled if each.kind == kind and (not moments or at in moments)]
        return found[-1] if found else None

    s.runtime.connect = connect  # type: ignore[method-assign, assignment]
    s.observe = observe  # type: ignore[method-assign, assignment]
    s.past = cast(Any, SimpleNamespace(last=last, of=lambda _: SimpleNamespace(commands=[]), mode="auto"))
    s.facts = cast(Any, SimpleNamespace(start_unread=False, database="shop", **facts))
    return s, journalled


@pytest.mark.parametrize("error", [OSError("no space left"), Unreachable("the engine is gone", "here", "Start it.")])
def test_a_step_that_breaks_off_is_compared_too(error: Exception, dsn: str, tmp_path: Path) -> None:
    async def breaks() -> None:
        async with guarded(session(tmp_path, dsn), STEP, resumed=False):
            with psycopg.connect(dsn, autocommit=True) as connection:
                connection.execute("CREATE TABLE left_behind (id int)")
            raise error

    with pytest.raises(RunEnds) as ended:
        asyncio.run(breaks())
    assert ended.value.verdict == "failed"
    assert "left_behind new), which nobody was asked about" in ended.value.reason
    assert str(error).split(" (")[0] in ended.value.reason


@pytest.mark.parametrize(("ends", "verdict"), [(None, "failed"), ("failed", "failed"), ("interrupted", "interrupted")])
def test_a_database_that_is_gone_after_a_step_is_never_passed_over(
    ends: Verdict | None, verdict: Verdict, dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "_PATIENCE", 0.0)
    up = True

    def connect() -> object:
        if not up:
            raise Unreachable("nobody listens", "127.0.0.1:1", "Start PostgreSQL.")
        return psycopg.connect(dsn, autocommit=True)

    async def runs() -> None:
        nonlocal up
        s, _ = waiting_session(tmp_path, connect)
        async with guarded(s, STEP, resumed=False):
            up = False
            if ends:
                raise RunEnds(ends, "the step ended")

    with pytest.raises(RunEnds) as ended:
        asyncio.run(runs())
    assert ended.value.verdict == verdict
    assert "could not be compared after it: nobody listens" in ended.value.reason


def test_a_database_that_answered_earlier_is_not_passed_over_before_a_step(
    dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "_PATIENCE", 0.0)

    def connect() -> object:
        raise Unreachable("nobody listens", "127.0.0.1:1", "Start PostgreSQL.")

    async def runs() -> None:
        s, journalled = waiting_session(tmp_path, connect)
        journalled.append(("start", Evidence("revision", "shop", True, "", "", "", {"current": []})))
        async with guarded(s, STEP, resumed=False):
            pytest.fail("the step ran")

    with pytest.raises(RunEnds, match="could not be read before"):
        asyncio.run(runs())


@pytest.mark.parametrize(("unread", "asked"), [(True, True), (False, False)])
def test_a_start_that_nobody_can_read_is_asked_about_where_nothing_can_be_compared(
    unread: bool, asked: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def connect() -> object:
        raise Unreachable("nobody listens", "127.0.0.1:1", "Start PostgreSQL.")

    questions: list[str] = []

    async def ask(_: Session, __: object, title: str, what: str, *___: object) -> None:
        questions.append(f"{title} {what}")
        raise RunEnds("waiting", title)

    monkeypatch.setattr(guard, "ask_person", ask)
    s, _ = waiting_session(tmp_path, connect)
    s.facts = cast(Any, SimpleNamespace(start_unread=unread))

    async def runs() -> None:
        async with guarded(s, STEP, resumed=False):
            pass

    if asked:
        with pytest.raises(RunEnds):
            asyncio.run(runs())
        assert "could not be read, and the database does not answer" in questions[0]
    else:
        asyncio.run(runs())
        assert not questions


def test_what_a_start_makes_after_it_was_looked_at_is_what_the_next_step_takes_for_granted(
    dsn: str, tmp_path: Path
) -> None:
    s, _ = waiting_session(tmp_path, lambda: psycopg.connect(dsn, autocommit=True))
    step = replace(STEP, applies=("1a2b3c4d5e6f",))

    async def runs() -> None:
        async with guarded(s, step, resumed=False):
            with psycopg.connect(dsn, autocommit=True) as connection:
                connection.execute("CREATE TABLE course (id int)")
                await observation.look_database(s, step.id, "start")
                connection.execute("CREATE TABLE made_late (id int)")  # create_all, behind the revisions

    asyncio.run(runs())
    known = s.past.last("schema")
    assert known is not None
    assert known.data["fingerprint"] == asyncio.run(observation.schema_now(s)).data["fingerprint"]


@pytest.mark.parametrize(
    ("intent", "said"),
    [
        ("same-database", "runs the project's env.py"),
        ("rehearse", "runs the project's env.py"),
        ("hook", "applies.json"),
    ],
)
async def test_what_is_to_look_or_to_form_a_file_moves_nothing_unasked(
    intent: Intent, said: str, dsn: str, tmp_path: Path
) -> None:
    """An env.py that makes a table whatever it is called for, or a post-write hook that upgrades."""
    s = session(tmp_path, dsn)
    step = replace(STEP, id=intent, intent=intent, title=f"The {intent}")
    with pytest.raises(RunEnds) as ended:
        async with guarded(s, step, resumed=False):
            with psycopg.connect(dsn, autocommit=True) as connection:
                connection.execute(f"CREATE TABLE made_by_{intent.replace('-', '_')} (id integer)".encode())
    assert ended.value.verdict == "failed"
    assert f"The {intent}” changed the schema (table made_by_" in ended.value.reason
    assert said in ended.value.reason
    assert bool(seen_before(tmp_path / ".safemig")) is (intent == "hook")
