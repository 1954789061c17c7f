"""A database elsewhere is changed only where its name was typed, or stands in the configuration."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

import psycopg
import pytest

from checks.database.use import Identity
from safemig.base.action import Action
from safemig.cli.interactive import Face, _answer
from safemig.cli.opening import new_session, open_project
from safemig.engine import same_database
from safemig.engine.inbox import Inbox
from safemig.engine.same_database import Ours
from safemig.engine.session import RunEnds, Session
from safemig.journal.events import ApprovalAsked, Event, Mode
from safemig.journal.messages import Message
from safemig.planning.database_use import DatabaseUse
from safemig.planning.facts import Facts
from safemig.planning.plan import Step
from safemig.planning.request import Request
from safemig.runtimes import database_owner
from safemig.runtimes.database_owner import ServerPlace, runs_here
from tests.safemig.bad_projects import CONFIG, make, write
from tests.trusting import trusting

STEP = Step("same-database", "same-database", "Check the database", "before", Action("look"))
HERE = ServerPlace(True, "a PostgreSQL process of this machine")
ELSEWHERE = ServerPlace(False, "127.0.0.1:5432, where no PostgreSQL process of this machine answers")
UNKNOWN = DatabaseUse("`make migrate`", "unknown", "", "it returned 1")


def session(root: Path, mode: Mode, config: str = "") -> tuple[Session, list[Event]]:
    """A run of a small project that has begun in that mode, and its events."""
    make(root, config=CONFIG + config)
    trusting(root)
    opened = open_project(argparse.Namespace(project=str(root), command="run"))
    events: list[Event] = []
    s = new_session(opened, Request(), events.append, Inbox())
    s.emit("run.started", {"project": str(root), "mode": mode})
    return s, events


def ours(place: ServerPlace) -> Ours:
    return Ours(Identity("7", 5, "shop"), place, "shop on 127.0.0.1:5432", "alembic.ini, sqlalchemy.url")


async def answered(s: Session, events: list[Event], place: ServerPlace, *texts: str, unknown: bool = False) -> None:
    """The question with those answers, one after the other; "no" is a no."""
    asking = asyncio.ensure_future(same_database._confirm(s, STEP, ours(place), [UNKNOWN] if unknown else []))
    for number, text in enumerate(texts, 1):
        while not (asking.done() or [e for e in events if e.kind == "approval.asked"][number - 1 :]):
            await asyncio.sleep(0)
        if asking.done():
            break
        await asyncio.sleep(0)
        s.inbox.feed(Message("decide", id=f"q{number}", answer="no" if text == "no" else "once", text=text))
    if not texts:
        s.inbox.close()
    await asyncio.wait_for(asking, 10)


async def test_only_the_name_itself_goes_on(tmp_path: Path) -> None:
    s, events = session(tmp_path, "default")
    await answered(s, events, ELSEWHERE, "", "yes", "Shop", " shop ")
    asked = [event for event in events if event.kind == "approval.asked"]
    assert [event.data["typed"] for event in asked] == ["shop"] * 4
    assert [event.data["answer"] for event in events if event.kind == "approval.given"] == ["once"]


async def test_a_no_needs_no_name(tmp_path: Path) -> None:
    s, events = session(tmp_path, "default")
    with pytest.raises(RunEnds) as ended:
        await answered(s, events, ELSEWHERE, "no")
    assert ended.value.verdict == "refused"


async def test_auto_mode_asks_nobody(tmp_path: Path) -> None:
    s, events = session(tmp_path, "auto")
    with pytest.raises(RunEnds, match=r"database: \{confirm: shop\}") as ended:
        await answered(s, events, ELSEWHERE, "shop")
    assert ended.value.verdict == "waiting"
    assert not [event for event in events if event.kind == "approval.asked"]


@pytest.mark.parametrize("mode", ["default", "auto"])
async def test_what_is_not_proved_asks_in_every_mode(mode: Mode, tmp_path: Path) -> None:
    s, events = session(tmp_path, mode)
    await answered(s, events, HERE, "", unknown=True)
    [asked] = [event for event in events if event.kind == "approval.asked"]
    assert "typed" not in asked.data
    assert "it returned 1" in str(asked.data["what"])
    assert "database: {confirm: shop}" in str(asked.data["rule"])


async def test_nobody_there_leaves_it_waiting(tmp_path: Path) -> None:
    s, events = session(tmp_path, "auto")
    with pytest.raises(RunEnds) as ended:
        await answered(s, events, HERE, unknown=True)
    assert ended.value.verdict == "waiting"


async def test_the_configuration_is_the_person_s_word_and_is_said(tmp_path: Path) -> None:
    s, events = session(tmp_path, "auto", "database: {confirm: shop}\n")
    await answered(s, events, ELSEWHERE, unknown=True)
    notes = [str(event.data["text"]) for event in events if event.kind == "note"]
    assert len(notes) == 2
    assert all("not proved" in text for text in notes)


async def test_what_is_proved_and_here_asks_nothing(tmp_path: Path) -> None:
    s, events = session(tmp_path, "default")
    await answered(s, events, HERE)
    assert [event.kind for event in events] == ["run.started"]


def test_a_server_of_this_machine_is_found_by_the_process_that_serves_us(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with psycopg.connect(dsn) as connection:
        assert runs_here(connection)
        # As through a tunnel: something answers here, but no process of this machine is the session's.
        monkeypatch.setattr(database_owner, "_pid_inside", lambda pid: pid + 1_000_000)
        assert not runs_here(connection)


class Typist:
    """The engine's end of the terminal's pipe."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def is_closing(self) -> bool:
        return False

    def write(self, raw: bytes) -> None:
        self.sent.append(raw)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["y", "a", "Shop", "shop"], b'"answer":"once","reason":"","mode":"","file":"","line":0,"text":"shop"'),
        (["d", "n", "not today"], b'"answer":"no","reason":"not today"'),
    ],
)
async def test_on_the_terminal_only_the_name_is_a_yes(
    lines: list[str], expected: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = iter(lines)

    async def read(_: Face, prompt: str) -> str:
        assert "type shop to go on" in prompt or "why" in prompt
        return next(given)

    monkeypatch.setattr("safemig.cli.interactive._read_line", read)
    asked = ApprovalAsked(id="q1", kind="question", detail="it is elsewhere", typed="shop")
    pipe = Typist()
    await _answer(Face(False, False, True, False), asked, pipe)  # type: ignore[arg-type]
    [sent] = pipe.sent
    assert expected in sent
    assert next(given, None) is None


# What names the database beside alembic.ini, and whether the start that migrates is asked about before it runs.
NAMES = {
    "nothing else": ({}, "", False),
    "the same in .env": ({".env": "DATABASE_URL=postgresql://bad@127.0.0.1/shop\n"}, "", False),
    "another one in .env": ({".env": "DATABASE_URL=postgresql://bad@127.0.0.1/shop_dev\n"}, "shop_dev", True),
    "another one in the recipe": (
        {"Makefile": "start:\n\tDB_URL=postgresql://bad@127.0.0.1/other ./serve\n\ntest:\n\tpytest tests\n"},
        "DB_URL in the recipe of start",
        True,
    ),
    "another server in the settings": ({"settings.py": 'URL = "postgresql://bad@db9/shop"\n'}, "settings.py", True),
}


@pytest.mark.parametrize("name", NAMES)
async def test_a_start_that_migrates_is_asked_about_before_it_where_its_database_is_not_told(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, words, asks = NAMES[name]
    s, events = named_session(tmp_path, files, monkeypatch)
    asking = asyncio.ensure_future(same_database.check_first_use(s, STEP))
    s.inbox.close()
    if not asks:
        await asking
        return
    with pytest.raises(RunEnds) as ended:
        await asking
    assert ended.value.verdict == "waiting"
    asked = [str(event.data["what"]) for event in events if event.kind == "approval.asked"]
    assert words in " ".join([*asked, ended.value.reason])


def named_session(root: Path, files: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> tuple[Session, list[Event]]:
    """A run of a project with those files beside, whose database does not answer before its start."""
    make(root, "127.0.0.1:1")
    for name, text in files.items():
        write(root, name, text)
    for name in ("DATABASE_URL", "DB_URL", "PGHOST"):
        monkeypatch.delenv(name, raising=False)
    trusting(root)
    opened = open_project(argparse.Namespace(project=str(root), command="run"))
    events: list[Event] = []
    s = new_session(opened, Request(), events.append, Inbox())
    s.emit("run.started", {"project": str(root), "mode": "auto"})
    s.facts = Facts("shop", "process", ".", "", "shop")
    return s, events


async def test_a_start_that_migrates_a_database_elsewhere_is_not_run_in_auto(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    s, _ = named_session(tmp_path, {}, monkeypatch)
    monkeypatch.setattr(same_database, "_ours", lambda _: ours(ELSEWHERE))
    with pytest.raises(RunEnds, match="auto mode migrates no database elsewhere"):
        await same_database.check_first_use(s, STEP)
