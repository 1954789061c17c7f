"""Before anything is ticked and at the very end: no command of the run still runs, but what a start was to leave."""

from __future__ import annotations

from collections.abc import Mapping

from checks.attempts import async_attempts
from safemig.engine.ownership import before_of, claims_of
from safemig.engine.session import RunEnds, Session
from safemig.execution.process_tree import of_run
from safemig.planning.plan import Intent, Step

# They leave the service and the database running: that is what they are for.
_LEAVING: frozenset[Intent] = frozenset({"start", "service", "database"})
_PATIENCE = 2.0  # seconds for the helpers of a command that has only just ended


async def require_ended(s: Session) -> None:
    """Raises RunEnds where a command that changes the database still runs, on this machine, in a container or by a
    session of its own; of any other command of the run it is said."""
    told = {note.text for note in s.past.notes}
    left: Mapping[int, str] = {}
    async for _ in async_attempts(_PATIENCE, 0.1):
        left = await _left(s)
        if not left:
            return
    for number, words in left.items():
        step = _step_of(s, number)
        text = s.clean(f"command {number} still runs at the end of the run: {words}")
        if step is not None and _changes(step):
            raise RunEnds("failed", f"{step.title}: {text}; it may still change the database")
        if text not in told:
            s.note(text, step.id if step else "", "warning")


async def _left(s: Session) -> Mapping[int, str]:
    """What still runs of each command that was to end, in words."""
    import psycopg

    from safemig.runtimes.base import Unreachable

    def look() -> dict[int, str]:
        service = frozenset(each.pid for each in s.runtime.instances().values() if each.pid)
        left = {number: list(words) for number, words in of_run(s.journal.run, service).items()}
        for number in changing:
            left.setdefault(number, []).extend(s.runtime.leftovers(before_of(s, number), claims_of(s, number)))
        return {number: ", ".join(words) for number, words in left.items() if words and number not in leaving}

    known = {number: _step_of(s, number) for past in s.past.known.values() for number in past.commands}
    leaving = {number for number, step in known.items() if step and step.intent in _LEAVING}
    changing = [number for number, step in known.items() if step and _changes(step)]
    try:
        return await s.look(look)
    except (psycopg.Error, Unreachable) as error:
        reason = f"whether a command of this run still runs could not be looked up: {s.clean(str(error).strip())}"
        raise RunEnds("failed", reason) from None


def _step_of(s: Session, number: int) -> Step | None:
    """The step that the command ran for; None for a person's own line and for a check script."""
    names = {name for name, past in s.past.known.items() if number in past.commands}
    return next((step for step in s.plan.steps if step.id in names), None)


def _changes(step: Step) -> bool:
    """Whether what it leaves may still change the database; a build may also bring up what belongs to the service."""
    return step.intent == "upgrade" or (bool(step.applies) and step.intent not in _LEAVING | {"build"})
