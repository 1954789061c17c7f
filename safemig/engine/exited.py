"""What a start brought up and what of it has ended: noticed at once, with its last lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from checks.evidence import Evidence
from checks.text import lines, plain
from safemig.engine.ownership import files_of, mark_of
from safemig.engine.session import Session
from safemig.execution.instance import Instance
from safemig.execution.process_tree import Launched, Living, living

LOOP = 2  # restarts after which a container that the engine starts again and again is in a loop
LAST_LINES = 3
TAIL_BYTES = 4096


@dataclass(frozen=True)
class Gone:
    """What has ended, in words; ``again``: the engine starts it again and again."""

    words: str
    again: bool = False


def ended_services(
    before: Mapping[str, Instance], calm: Mapping[str, Instance], now: Mapping[str, Instance], service: str
) -> Mapping[str, Gone]:
    """service -> how it has ended since ``before``; ``calm`` is since when a restart is no start-up's any more.

    A job that ended with 0 has done its work, unless it is the application's ``service``: that one has ended also
    where it was not started.
    """
    found: dict[str, Gone] = {}
    for name, instance in now.items():
        ours = name.partition("#")[0] == service
        fresh = ours or not instance.same(before.get(name))
        earlier = calm.get(name)
        restarts = instance.restarts - earlier.restarts if earlier and earlier.id == instance.id else 0
        if instance.ended and fresh and (instance.exit_code or ours):
            found[name] = Gone(f"has ended (exit code {instance.exit_code})")
        elif restarts >= LOOP:
            found[name] = Gone(f"ends and is started again and again ({restarts} times just now)", again=True)
    return found


async def launched_by(s: Session, number: int) -> tuple[Living, ...]:
    """The processes of this machine that live of a command."""
    return await s.look(lambda: living(files_of(s, number), mark_of(s, number)))


async def launched_ended(s: Session, now: Mapping[str, Instance], known: Launched) -> str:
    """How the local process that a start launched has ended, "" while it lives, where none was seen, or where the
    service is another process than before all the same. Where containers are the service they tell themselves: what
    was left beside them here (a follower of their logs) may end."""
    local = {name: each for name, each in now.items() if each.pid}
    contained = len(local) < len(now)
    if not known.seen or contained or any(not each.same(known.before.get(name)) for name, each in local.items()):
        return ""
    if await launched_by(s, known.number):
        return ""
    left = f"; its last lines: {text}" if (text := tail_of(known.log)) else ""
    others = [f"pid {each.pid}, running since {each.started}" for each in local.values()]
    old = f"; what answers is the process of before ({others[0]})" if others else ""
    return f"the process that the start command launched has ended{old}{left}"


async def service_gone(s: Session) -> bool:
    """Whether it is plain that no service will answer: its containers have ended, or the process that the start
    launched. A process that nobody of this run has launched may be about to come back."""
    from safemig.runtimes.base import Unreachable

    try:
        now = await s.look(s.runtime.instances)
    except Unreachable:
        return False
    if s.launched and await launched_ended(s, now, s.launched):
        return True
    own = [each for name, each in now.items() if name.partition("#")[0] == s.facts.service]
    return bool(own) and all(each.ended for each in own)


async def service_says(s: Session) -> str:
    """The last lines of the log of the service that the run is about; "" where nothing is known of them."""
    from safemig.runtimes.base import Unreachable

    try:
        services = await s.look(s.runtime.look_services)
    except Unreachable:
        return ""
    text = last_lines(services, s.facts.service or "service")
    return s.clean(text or tail_of(s.launched.log if s.launched else None))


def tail_of(log: Path | None) -> str:
    """The last lines of a log, in one."""
    try:
        read = list(lines(log, max(0, log.stat().st_size - TAIL_BYTES))) if log else []
    except OSError:
        return ""
    texts = [plain(line.decode("utf-8", "replace"), 300) for line in read]
    return _joined(texts)


def last_lines(services: Evidence, name: str) -> str:
    """The last lines of a service's log, as evidence has them."""
    listed = services.data.get("services")
    service = listed.get(name) if isinstance(listed, dict) else None
    tail = service.get("log_tail") if isinstance(service, dict) else None
    return _joined([str(line) for line in tail]) if isinstance(tail, list) else ""


def _joined(texts: Sequence[str]) -> str:
    return " / ".join([text.strip() for text in texts if text.strip()][-LAST_LINES:])
