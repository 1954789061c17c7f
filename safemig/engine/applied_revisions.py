"""A step that applies revisions by itself: waited for until the database is where it leads, or it is plain that it will
not come there."""

from __future__ import annotations

import asyncio
import time

from checks.revisions.current import revisions_at
from safemig.engine import observation
from safemig.engine.session import RunEnds, Session
from safemig.planning.applying import role_of
from safemig.planning.plan import Step
from safemig.signals.comparison import container_problems

# A service that answers that long has done what it does before it serves; one that has not been started again by then
# (uvicorn looks every 0.25 s, watchfiles tells within 1.6 s) will not be.
GIVE_UP_SECONDS = {"start": 15.0, "write": 6.0}
POLL_SECONDS = 0.3


async def wait_applied(s: Session, step: Step) -> None:
    """Returns once the step has applied its revisions, or has plainly not. Raises RunEnds where the service ended on
    the way, or where nothing that is planned applies what is still pending."""
    patience = GIVE_UP_SECONDS.get(role_of(step) or "", 0.0)
    if patience:
        await _wait(s, step, patience)
    moment = "start" if step.phase == "before" else "after"
    revision, _ = await observation.look_database(s, step.id, moment)
    if not revision.seen:
        raise RunEnds("failed", f"{step.title}: the revision could not be read afterwards: {revision.reason}")
    current = ", ".join(revisions_at(revision) or ()) or "no revision"
    if await observation.at_heads(s):
        return
    if step.phase == "before" or _planned_later(s, step):
        s.note(f"“{step.title}” has not applied what is pending: the database is at {current}", step.id, "warning")
        return
    raise RunEnds(
        "failed",
        f"{step.title}: it has ended, but the database is at {current}, which is not where the code's heads are",
    )


async def applied_by(s: Session, step: Step) -> str:
    """The title of the step of the change that has brought the database to where this one leads, "" without one."""
    leads = step.intent in ("upgrade", "service") or bool(step.applies)
    if not leads or step.phase != "change" or s.past.of(step.id).started:
        return ""
    done = [one for one in s.plan.steps if one.applies and one.phase == "change" and s.past.of(one.id).status == "done"]
    if role_of(step) == "start" and all(role_of(one) == "build" for one in done):
        return ""  # what was built is to be started all the same
    return done[-1].title if done and await observation.at_heads(s) else ""


async def _wait(s: Session, step: Step, patience: float) -> None:
    deadline = time.monotonic() + s.limit(step)
    answering = 0.0
    ended = 0
    while not await observation.at_heads(s) and time.monotonic() < deadline:
        s.check_stop()
        services = await s.look(s.runtime.look_services)
        problems = container_problems(services) if services.seen else ()
        reachable = bool(await s.look(s.runtime.base_url))
        if await observation.serving(s, 2.0) or not (reachable or problems):
            answering = answering or time.monotonic()
            if time.monotonic() - answering > patience:
                return
            ended = 0
        else:
            answering = 0.0
            ended = ended + 1 if problems else 0
            if ended > 3:
                raise RunEnds("failed", f"{step.title}: {'; '.join(problems)}")
        await asyncio.sleep(POLL_SECONDS)


def _planned_later(s: Session, step: Step) -> bool:
    ids = [one.id for one in s.plan.steps]
    after = s.plan.steps[ids.index(step.id) + 1 :]
    return any(one.intent == "upgrade" or one.applies for one in after)
