"""The upgrade that gives way: cancelled for those who waited behind it, it is run again until it gets through."""

from __future__ import annotations

import msgspec

from checks.evidence import now
from safemig.engine import guard, watchdog
from safemig.engine.command import run_anew, run_command
from safemig.engine.session import RunEnds, Session
from safemig.execution.command import Ended
from safemig.planning.plan import Step

FIRST_WAIT, LONGEST_WAIT, JITTER = 0.2, 5.0, 0.5  # seconds


class _GaveWay(Exception):
    """The command was cancelled for others, and nothing of it is left."""


async def run_upgrade(s: Session, step: Step) -> Ended:
    """Runs the step's command, again with a growing pause where the watchdog cancelled it for others.

    Only what has left revision and schema as they were is run again; else, and after ``protection.deadline`` seconds,
    the end of the last try is what counts. Raises RunEnds as ``run_command`` does.
    """
    import stamina
    from stamina.instrumentation import set_on_retry_hooks

    set_on_retry_hooks([])  # the journal tells of it; stamina's own word would go to the terminal
    began = now()
    start = await _start(s, step)
    tries, ended = 0, None
    attempts = stamina.retry_context(
        _GaveWay, attempts=None, timeout=s.config.protection.deadline,
        wait_initial=FIRST_WAIT, wait_max=LONGEST_WAIT, wait_jitter=JITTER,
    )  # fmt: skip
    try:
        async for attempt in attempts:
            with attempt:
                s.check_stop()
                ended = await (run_anew(s, step, {}) if tries else run_command(s, step))
                tries += 1
                if await _gave_way(s, step, ended, start):
                    raise _GaveWay
    except _GaveWay:
        raise RunEnds("failed", _given_up(s, step)) from None
    finally:
        watchdog.observe(s, step, began)
    assert ended is not None
    return ended


async def _start(s: Session, step: Step) -> guard.Mark | None:
    """Revision and schema before the first try; of a step that is taken up again, those of then."""
    name = f"before-{step.id}.json"
    kept = s.journal.folder / name
    if s.past.of(step.id).commands:
        return msgspec.json.decode(kept.read_bytes(), type=guard.Mark) if kept.exists() else None
    mark = await guard.take_mark(s, step)
    if not isinstance(mark, guard.Mark):
        return None
    s.journal.save(name, msgspec.json.encode(mark))
    return mark


async def _gave_way(s: Session, step: Step, ended: Ended, start: guard.Mark | None) -> bool:
    """Whether the command failed because it was cancelled for others, and may be run again."""
    cancels = watchdog.cancelled(s, s.past.of(step.id).commands[-1])
    if ended.how != "exit" or not ended.status or not cancels:
        return False
    last = cancels[-1]
    who = f"{last.victims} session{'s' if last.victims != 1 else ''} had waited up to {last.waited * 1000:.0f} ms"
    behind = f" behind {', '.join(last.holders)}" if last.holders else ""
    fresh = await guard.take_mark(s, step) if start is not None else None
    if start is None or not isinstance(fresh, guard.Mark):
        s.note(f"it was cancelled, since {who}{behind}; what it left could not be compared, so it is not run again",
               step.id, "warning")  # fmt: skip
        return False
    if moved := guard.moved_since(s, start, fresh):
        text = f"it was cancelled, since {who}{behind}; it has changed {moved.words} by then, so it is not run again"
        s.note(text, step.id, "warning")
        return False
    s.note(f"it gave way and nothing of it is left: {who}{behind}; it is run again", step.id)
    return True


def _given_up(s: Session, step: Step) -> str:
    deadline = s.config.protection.deadline
    cancels = watchdog.cancelled(s, s.past.of(step.id).commands[-1])
    holders = ", ".join(cancels[-1].holders) if cancels else ""
    held = f"; the lock was held by {holders}" if holders else ""
    return (
        f"{step.title}: it gave way to others for {deadline:.0f} s and never got its locks{held}. Nothing was changed. "
        "Run it again when the table is free, or give it longer (protection: deadline in safemig.yaml)"
    )
