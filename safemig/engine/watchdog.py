"""The watchdog beside a command that changes the database: started before it, read meanwhile and afterwards."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import msgspec

from checks.evidence import Evidence, Json, now
from safemig.engine.ownership import before_of, mark_of
from safemig.engine.session import Session
from safemig.planning.contents import reread, sql_of
from safemig.planning.plan import Step
from safemig.protection.record import Cancelled, Off, Queued, Ready, Record, Stall, path_of, read
from safemig.protection.watchdog import Order

KIND = "protection"
READY_SECONDS = 10.0  # an engine of containers may be slow to answer; the command then begins without protection
END_SECONDS = 2.0
_HOME = str(Path(__file__).resolve().parents[2])
_START = "import sys; sys.path.append(sys.argv[1]); from safemig.protection.watchdog import main; main()"


def records(s: Session, number: int) -> tuple[Record, ...]:
    """What the watchdog of command ``number`` has told so far."""
    return read(path_of(s.journal.folder / "commands", number))


def queue_words(s: Session, step: Step) -> tuple[str, bool] | None:
    """The queue at the locks as the watchdog of the step's newest command sees it, and whether others wait in it; None
    where none looks."""
    numbers = s.past.of(step.id).commands
    told = records(s, numbers[-1]) if numbers else ()
    if not any(isinstance(each, Ready) for each in told) or any(isinstance(each, Off) for each in told):
        return None
    newest = next((each for each in reversed(told) if isinstance(each, Queued)), None)
    return (newest.text, newest.urgent) if newest else ("", False)


@asynccontextmanager
async def guarding(s: Session, step: Step, number: int) -> AsyncIterator[None]:
    """Watches the announced command ``number`` of a step that applies revisions; other steps have no watchdog. It may
    cancel where the command is one that can simply be run again: an upgrade."""
    if not step.applies and step.intent != "upgrade":
        yield
        return
    child = await _begin(s, step, number)
    try:
        yield
    finally:
        if child is not None:
            await _reap(child)


async def _begin(s: Session, step: Step, number: int) -> subprocess.Popen[bytes] | None:
    from safemig.runtimes.base import Unreachable
    from safemig.runtimes.handover import arguments

    try:
        runtime = await s.look(lambda: arguments(s.runtime))
        if not runtime:
            return None
        child = await s.look(lambda: _spawn(_order(s, step, number, dict(runtime))))
    except (OSError, ValueError, Unreachable) as error:
        s.note(f"nobody watches who waits behind this change: {error}", step.id, "warning")
        return None
    deadline = asyncio.get_running_loop().time() + READY_SECONDS
    while not records(s, number) and child.poll() is None and asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(0.02)
    return child


def _order(s: Session, step: Step, number: int, runtime: dict[str, str]) -> Order:
    protection = s.config.protection
    return Order(
        runtime,
        str(s.journal.folder / "commands"),
        number,
        mark_of(s, number),
        before_of(s, number),
        sql_of(step, reread(s.facts, s.findings)),
        acts=step.intent == "upgrade",
        victim=protection.victim_budget,
        sessions=protection.session_budget,
    )


def _spawn(order: Order) -> subprocess.Popen[bytes]:
    """In a session of its own: it must not get the signals of our terminal."""
    child = subprocess.Popen(
        [sys.executable, "-P", "-c", _START, _HOME],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        start_new_session=True,
    )
    assert child.stdin is not None
    with suppress(BrokenPipeError):
        child.stdin.write(msgspec.json.encode(order) + b"\n")
        child.stdin.close()
    return child


async def _reap(child: subprocess.Popen[bytes]) -> None:
    """It ends with the command; one that does not is left to itself and reaped with us."""
    deadline = asyncio.get_running_loop().time() + END_SECONDS
    while child.poll() is None and asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(0.02)


def cancelled(s: Session, number: int) -> tuple[Cancelled, ...]:
    """Where the watchdog cancelled statements of the command for others."""
    return tuple(each for each in records(s, number) if isinstance(each, Cancelled))


def observe(s: Session, step: Step, began: str) -> None:
    """Journals what the watchdogs of the step's commands have seen, and says what a person should know of it."""
    numbers = s.past.of(step.id).commands
    told = [each for number in numbers for each in records(s, number)]
    if s.known(step.id, "", KIND) or not numbers:
        return
    data = _data(told, len(numbers), s.config.protection.victim_budget)
    seen = any(isinstance(each, Ready) for each in told)
    reason = "" if seen else _off(told) or "the watchdog did not start"
    line = "the queue in pg_locks, with pg_blocking_pids, every 20 ms"
    s.observe(step.id, "", Evidence(KIND, s.facts.database, seen, began, now(), line, data, reason=reason))
    for text in notes(data):
        s.note(text, step.id, "warning")


def _data(told: Iterable[Record], commands: int, budget: float) -> dict[str, Json]:
    told = tuple(told)
    stalls = [each for each in told if isinstance(each, Stall)]
    longest = max(stalls, key=lambda each: each.seconds, default=Stall())
    cancels = [each for each in told if isinstance(each, Cancelled)]
    return {
        "acts": any(isinstance(each, Ready) and each.acts for each in told),
        "off": _off(told),
        "proved": any(each.claimed for each in stalls),
        "unproved": any(each.unproved for each in stalls),
        "retries": commands - 1,
        "cancelled": [
            {"waited": each.waited, "sessions": each.victims, "holders": [*each.holders]} for each in cancels
        ],
        "longest": longest.seconds,
        "application": longest.application,
        "holders": [*longest.holders],
        "sessions": max((each.most for each in stalls), default=0),
        "budget": budget,
        "cpu": round(sum(each.cpu for each in stalls), 3),
        "watched": round(sum(each.watched for each in stalls), 3),
    }


def _off(told: Iterable[Record]) -> str:
    return next((each.reason for each in told if isinstance(each, Off)), "")


def notes(data: Mapping[str, Json]) -> tuple[str, ...]:
    """What a person should know of it, in sentences; () where nobody waited and the change was protected."""
    found = []
    if data["off"]:
        found.append(f"this change was not protected to its end: {data['off']}")
    elif data["acts"] and data["unproved"] and not data["proved"]:
        found.append(
            "this change was not protected: others waited behind a session that could not be proved to be the command's"
        )
    if data["longest"]:
        found.append(stall_words(data))
    return tuple(found)


def stall_words(data: Mapping[str, Json]) -> str:
    """The longest wait in one sentence."""
    who = f" ({data['application']})" if data["application"] else ""
    holders = data["holders"] if isinstance(data["holders"], list) else []
    behind = f", which itself waited for {', '.join(map(str, holders))}" if holders else ""
    count, retries = data["sessions"], data["retries"]
    again = f"; the command was run again {retries} time{'s' if retries != 1 else ''}" if retries else ""
    more = f" of up to {count} sessions at once" if isinstance(count, int) and count > 1 else ""
    seconds = data["longest"] if isinstance(data["longest"], float) else 0.0
    return f"a session{who} waited {seconds * 1000:.0f} ms behind this change{behind}, the longest wait{more}{again}"


def over_budget(data: Mapping[str, Json]) -> bool:
    """Whether somebody waited longer than the budget, with half of it again for the looking and the cancelling."""
    longest, budget = data.get("longest"), data.get("budget")
    return isinstance(longest, float) and isinstance(budget, float) and longest > budget * 1.5
