"""What faces say to a running engine: answers reach their question, a stop reaches everything."""

from __future__ import annotations

import asyncio

import pytest

from safemig.engine.inbox import Inbox
from safemig.journal.events import Answer
from safemig.journal.journal import JournalUnwritable
from safemig.journal.messages import Message


def decide(question: str, answer: Answer = "once") -> Message:
    return Message("decide", id=question, answer=answer)


async def waiting(inbox: Inbox, question: str) -> asyncio.Task[Message | None]:
    """A question that is open."""
    task = asyncio.ensure_future(inbox.decision(question))
    await asyncio.sleep(0)
    assert not task.done()
    return task


async def test_an_answer_reaches_its_question() -> None:
    inbox = Inbox()
    task = await waiting(inbox, "q1")
    inbox.feed(decide("q1", "no"))
    message = await task
    assert message is not None
    assert message.answer == "no"


async def test_an_answer_to_another_question_is_none() -> None:
    inbox = Inbox()
    task = await waiting(inbox, "q2")
    inbox.feed(decide("q1"))
    inbox.feed(decide("q3"))
    await asyncio.sleep(0)
    assert not task.done()
    inbox.feed(decide("q2", "always"))
    inbox.feed(decide("q2", "no"))  # too late: the first answer counts
    message = await task
    assert message is not None
    assert message.answer == "always"


async def test_nothing_is_approved_before_it_is_asked() -> None:
    inbox = Inbox()
    inbox.feed(decide("q1"))
    task = await waiting(inbox, "q1")
    inbox.close()
    assert await task is None


async def test_two_open_questions() -> None:
    inbox = Inbox()
    first, second = await waiting(inbox, "q1"), await waiting(inbox, "q2")
    inbox.feed(decide("q2", "once"))
    assert await second == decide("q2", "once")
    assert not first.done()
    inbox.feed(decide("q1", "no"))
    assert await first == decide("q1", "no")


@pytest.mark.parametrize("when", ["before", "while"])
@pytest.mark.parametrize("how", ["stop", "gone"])
async def test_nobody_answers_after_a_stop_or_when_the_face_has_gone(how: str, when: str) -> None:
    inbox = Inbox()

    def end() -> None:
        if how == "stop":
            inbox.feed(Message("stop"))
        else:
            inbox.close()

    if when == "before":
        end()
        task = asyncio.ensure_future(inbox.decision("q1"))
    else:
        task = await waiting(inbox, "q1")
        end()
    assert await asyncio.wait_for(task, 5) is None
    assert inbox.stop.is_set() is (how == "stop")


async def test_a_question_that_is_over_leaves_nothing_behind() -> None:
    inbox = Inbox()
    task = await waiting(inbox, "q1")
    inbox.feed(decide("q1"))
    await task
    await asyncio.sleep(0)
    assert [other for other in asyncio.all_tasks() if other is not asyncio.current_task()] == []


async def test_what_came_before_the_engine_serves_comes_first_and_in_order() -> None:
    inbox, taken = Inbox(), list[str]()
    inbox.feed(Message("mode", mode="auto"))
    inbox.feed(Message("tick", file="a.md", line=3))
    assert taken == []
    inbox.serve(lambda message: taken.append(message.type))
    assert taken == ["mode", "tick"]
    inbox.feed(Message("stop"))
    assert taken == ["mode", "tick", "stop"]
    inbox.serve(lambda message: taken.append("again"))
    assert taken == ["mode", "tick", "stop"]


async def test_attaching_is_no_message_to_the_engine() -> None:
    inbox, taken = Inbox(), list[Message]()
    inbox.serve(taken.append)
    assert not inbox.attached
    inbox.feed(Message("attach"))
    assert inbox.attached
    assert taken == []


async def test_a_stop_works_although_the_journal_cannot_be_written() -> None:
    inbox = Inbox()

    def full(_: Message) -> None:
        raise JournalUnwritable("cannot write events.jsonl: No space left on device")

    inbox.serve(full)
    with pytest.raises(JournalUnwritable):
        inbox.feed(Message("stop"))
    assert inbox.stop.is_set()
