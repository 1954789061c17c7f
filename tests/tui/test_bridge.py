"""The bridge: a child that outlives the screen, and a journal that is read, followed and spoken to."""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import sys
from pathlib import Path

import pytest

from safemig.consent.channel import listening
from safemig.journal.events import Event
from safemig.journal.messages import Message
from tests.tui.recorded import Recording
from tui.bridge import EngineFeed, JournalFeed, is_alive

# An engine in small: one event, then an event for each message; at the end of its input it works on, and leaves a mark.
ENGINE = """
import sys, json, time, pathlib
def say(seq, kind, data):
    event = {"seq": seq, "kind": kind, "run": "r", "target": "t", "step": "", "wall": "", "mono": 0.0, "data": data}
    print(json.dumps(event), flush=True)
say(1, "run.started", {"pid": 0})
print("something that is no event", flush=True)
seq = 1
for line in sys.stdin:
    seq += 1
    say(seq, "note", {"text": json.loads(line)["type"]})
print("no more input", file=sys.stderr)
try:
    say(seq + 1, "run.finished", {"verdict": "waiting", "exit": 4})
except BrokenPipeError:
    pass
pathlib.Path(sys.argv[1]).write_text("finished")
sys.exit(4)
"""


@pytest.fixture
def feed(tmp_path: Path) -> EngineFeed:
    script = tmp_path / "engine.py"
    script.write_text(ENGINE)
    return EngineFeed([sys.executable, str(script), str(tmp_path / "mark")])


async def some(feed: EngineFeed | JournalFeed, count: int) -> list[Event]:
    """The events once there are so many."""
    async with asyncio.timeout(20):
        while len(feed.events) < count:
            await asyncio.sleep(0.005)
    return list(feed.events)


async def test_events_come_and_messages_go(feed: EngineFeed, tmp_path: Path) -> None:
    await feed.start()
    assert feed.hears
    assert feed.send(Message("mode", mode="auto"))
    events = await some(feed, 3)
    assert [event.kind for event in events] == ["run.started", "note", "note"]
    assert [event.data["text"] for event in events[1:]] == ["attach", "mode"]
    feed.leave()
    assert not feed.hears
    assert not feed.send(Message("stop"))
    assert await feed.wait() == 4
    assert feed.code == 4
    assert feed.events[-1].kind == "run.finished"
    assert feed.complaint() == "no more input"


async def test_an_engine_goes_on_when_the_screen_is_suspended_at_once(feed: EngineFeed, tmp_path: Path) -> None:
    """Leaving closes the pipe before anything else happens on the loop: a stopped process closes nothing later."""
    await feed.start()
    await some(feed, 2)
    feed.leave()
    mark = tmp_path / "mark"
    for _ in range(2000):
        if mark.exists():
            break
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)  # the loop does not run meanwhile
        _nap()
    assert mark.read_text() == "finished"
    await feed.wait()


def _nap() -> None:
    import select

    select.select([], [], [], 0.01)


def test_the_engine_outlives_a_screen_that_crashes(feed: EngineFeed, tmp_path: Path) -> None:
    async def crash() -> None:
        await feed.start()
        await some(feed, 2)
        raise RuntimeError("the screen is gone")

    with pytest.raises(RuntimeError):
        asyncio.run(crash())
    child = feed._child
    assert child is not None
    assert feed._ours is not None
    feed._ours.close()
    assert child.wait(20) == 4
    assert (tmp_path / "mark").read_text() == "finished"


async def test_a_large_message_arrives_whole(feed: EngineFeed) -> None:
    await feed.start()
    feed.send(Message("decide", id="q1", answer="edit", text="x" * 300_000))
    events = await some(feed, 3)
    assert events[-1].data["text"] == "decide"
    feed.leave()
    await feed.wait()


async def test_a_finished_run_is_read_whole_and_hears_nothing(tmp_path: Path) -> None:
    run = Recording(tmp_path)
    run.begin()
    run.finish()
    feed = JournalFeed(run.folder)
    await feed.start()
    assert [event.kind for event in feed.events] == ["run.started", "facts", "plan.revised", "run.finished"]
    assert feed.code == 0
    assert not feed.hears
    assert not feed.send(Message("stop"))
    assert await feed.wait() == 0


async def test_a_torn_last_line_is_no_event_yet_and_a_broken_one_ends_the_reading(tmp_path: Path) -> None:
    run = Recording(tmp_path)
    run.begin()
    with (run.folder / "events.jsonl").open("ab") as file:
        file.write(b'{"seq": 4, "kind"')
    feed = JournalFeed(run.folder)
    await feed.start()
    assert len(feed.events) == 3
    assert feed.code == 0
    (run.folder / "events.jsonl").write_bytes(b"{}\n" + (run.folder / "events.jsonl").read_bytes())
    broken = JournalFeed(run.folder)
    await broken.start()
    [told] = broken.events
    assert (told.kind, "line 1 of " in str(told.data["text"])) == ("note", True)
    assert broken.code is not None


async def test_a_line_without_the_persons_seal_is_left_out_with_all_behind_it_and_that_is_said(tmp_path: Path) -> None:
    run = Recording(tmp_path)
    run.begin()
    sealed = (run.folder / "events.jsonl").read_bytes()
    forged = Recording(tmp_path / "elsewhere")
    forged.events = [*run.events]
    forged.finish()
    (run.folder / "events.jsonl").write_bytes(sealed + (forged.folder / "events.jsonl").read_bytes())
    feed = JournalFeed(run.folder)
    await feed.start()
    assert [event.kind for event in feed.events] == ["run.started", "facts", "plan.revised", "note"]
    assert "line 4 of " in str(feed.events[-1].data["text"])
    assert (feed.code, feed.hears) == (1, False)


async def test_what_is_left_out_while_a_run_is_followed_is_said_behind_what_was_read(tmp_path: Path) -> None:
    run = Recording(tmp_path)
    run.begin()
    feed = JournalFeed(run.folder)
    await feed.start()
    read = [feed.events.popleft() for _ in range(len(feed.events))]
    with (run.folder / "events.jsonl").open("ab") as journal:
        journal.write(b"{}\n")
    feed._read()
    [told] = feed.events
    assert (told.kind, told.seq) == ("note", read[-1].seq + 1)


async def test_the_journal_of_another_run_is_not_shown_as_this_one(tmp_path: Path) -> None:
    run = Recording(tmp_path)
    run.begin()
    copied = run.folder.with_name("20260301-000000-copy")
    shutil.copytree(run.folder, copied)
    feed = JournalFeed(copied)
    await feed.start()
    [told] = feed.events
    assert "holds the journal of another run" in str(told.data["text"])


async def test_a_run_that_goes_on_elsewhere_is_followed_and_spoken_to(tmp_path: Path) -> None:
    run = Recording(tmp_path)
    run.begin(pid=os.getpid())
    lock = os.open(tmp_path / ".safemig" / "lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(lock, fcntl.LOCK_EX)
    assert is_alive(run.folder)
    feed = JournalFeed(run.folder)
    await feed.start()
    assert feed.hears
    assert not feed.send(Message("stop"))  # its engine listens to nobody: there is no socket
    said: list[Message] = []
    async with listening(run.folder, said.append, lambda _sender, _why: None) as problem:
        assert problem == ""
        assert await asyncio.to_thread(feed.send, Message("mode", mode="auto"))
    assert [(one.mode, one.by, one.sender and one.sender.pid) for one in said] == [("auto", "person", os.getpid())]
    run.start_step("build")
    assert (await some(feed, 4))[-1].kind == "step.started"
    run.finish()
    os.close(lock)
    await some(feed, 5)
    async with asyncio.timeout(10):
        while feed.code is None:
            await asyncio.sleep(0.01)
    assert not feed.hears


@pytest.mark.parametrize("pid", [0, 2**22 + 1])
async def test_a_killed_run_is_not_alive(tmp_path: Path, pid: int) -> None:
    run = Recording(tmp_path)
    run.begin(pid=pid)
    assert not is_alive(run.folder)
    assert not is_alive(tmp_path / "nothing")


async def test_a_run_whose_pid_went_to_another_process_is_not_alive(tmp_path: Path) -> None:
    run = Recording(tmp_path)
    run.begin(pid=os.getpid())
    (tmp_path / ".safemig" / "lock").touch()
    assert not is_alive(run.folder)
