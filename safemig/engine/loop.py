"""The engine's loop. Starting is resuming an empty journal: there is one way through it."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial

import msgspec

from checks.evidence import Json
from safemig.base import file_edit
from safemig.base.action import digest_of
from safemig.base.file_edit import Changed
from safemig.engine import observation, preconditions
from safemig.engine.actions import STEPS, same_contents
from safemig.engine.aftermath import tell_aftermath
from safemig.engine.applied_revisions import applied_by, wait_applied
from safemig.engine.approval import approve_plan, ask_person, permit
from safemig.engine.changed_config import config_holds
from safemig.engine.changed_spec import spec_holds, spec_with_news
from safemig.engine.guard import guarded
from safemig.engine.lock_watch import watching
from safemig.engine.moved_files import file_as_now, file_holds
from safemig.engine.ownership import before_of, claim, end_leftovers, files_of, mark_of
from safemig.engine.project_scripts import CHECK
from safemig.engine.recipe_changes import AnotherStepFirst, recipe_as_now, recipe_holds
from safemig.engine.redact_evidence import clean_facts
from safemig.engine.same_database import check_first_use
from safemig.engine.service_log import end_following, follow
from safemig.engine.session import RunEnds, Session
from safemig.engine.settle import look_at_end
from safemig.engine.skipping import SKIPPED
from safemig.engine.sole_runner import sole_runner
from safemig.engine.still_running import require_ended
from safemig.engine.ticking import judge_at_end
from safemig.engine.user_actions import end_own, take_message
from safemig.engine.verdict import ending, finish
from safemig.execution.command import settle, state
from safemig.journal.events import Mode, Verdict
from safemig.journal.journal import JournalUnwritable
from safemig.journal.state import SHELL
from safemig.planning.collect import revision_contents
from safemig.planning.contents import reread
from safemig.planning.facts import Facts, Finding
from safemig.planning.plan import Step
from safemig.policy.decision import applies_revisions

PROVING = ("test", "observe", "named", "prove")  # a remark of such a step is about what it saw: it is not good
READINGS = 5  # times that files which change before a step are read again and asked about
Begin = Callable[[Session], Awaitable[Facts]]


async def drive(s: Session, observe: Begin, mode: Mode | None = None) -> int:
    """Drives the run to its end and returns the exit code.

    ``observe`` looks at project and world once, when the journal has no facts yet; ``mode`` None keeps the mode
    that the journal knows. Raises JournalUnwritable when the journal cannot be written any more: nothing further
    has begun then.
    """
    s.inbox.serve(lambda message: take_message(s, message))
    try:
        await _begin(s, observe, mode)
        _check_going_on(s)
        while (step := next_step(s)) is not None:
            await follow(s)
            s.check_stop()
            with suppress(AnotherStepFirst):
                await _step(s, step)
            s.check_stop()
        return await _end(s)
    except RunEnds as end:
        await end_own(s)
        await end_following(s)
        await _read_truth(s)
        if end.verdict == "failed" and s.past.facts is not None:
            await judge_at_end(s)
        return finish(s, end.verdict, end.reason)
    finally:
        await end_following(s)


def next_step(s: Session) -> Step | None:
    """The first step of the plan that has not finished."""
    return next((step for step in s.plan.steps if not s.past.finished(step.id)), None)


def _check_going_on(s: Session) -> None:
    """A step that failed or was refused ends the run, also where the engine died before it could say so."""
    words: dict[str, tuple[Verdict, str]] = {"failed": ("failed", "failed"), "refused": ("refused", "been refused")}
    for step in s.plan.steps:
        past = s.past.of(step.id)
        if past.status in words:
            verdict, word = words[past.status]
            reason = f": {past.reason}" if past.reason else ""
            raise RunEnds(verdict, f"“{step.title}” had {word} when the engine before this one was gone{reason}")


async def _begin(s: Session, observe: Begin, mode: Mode | None) -> None:
    import os

    from safemig import __version__

    if s.past.start is None:
        s.emit(
            "run.started",
            {
                "project": str(s.root),
                "spec": s.request.spec,
                "phase": s.request.phase,
                "message": s.request.message,
                "digest": digest_of(s.request),
                "mode": mode or "default",
                "runtime": s.runtime.name,
                "engine": __version__,
                "pid": os.getpid(),
            },
        )
    else:
        s.emit(
            "run.resumed",
            {
                "after": len(s.journal.events),
                "pid": os.getpid(),
                "in_flight": s.past.in_flight,
                "mode": mode or s.past.mode,
            },
        )
        await _end_strays(s)
        if mode and s.past.mode != mode:
            s.emit("mode.changed", {"before": s.past.mode, "after": mode, "by": "resume"})
    if s.unheard:
        s.note(s.unheard, level="warning")
    await _load_facts(s, observe)
    _load_findings(s)
    s.replan()
    if s.past.mode == "plan":
        await approve_plan(s)


async def _end_strays(s: Session) -> None:
    """What a dead engine started beside its steps (the person's shell lines, check scripts) is ended, and said."""
    for step, past in list(s.past.known.items()):
        if step != SHELL and not step.startswith(CHECK):
            continue
        for number in past.commands:
            if number not in past.ends:
                await _end_stray(s, step, number)


async def _end_stray(s: Session, step: str, number: int) -> None:
    async def ending(pids: tuple[int, ...]) -> None:
        await claim(s, None, number, pids)

    for text in await settle(files_of(s, number), mark_of(s, number), patience=0.0, ending=ending):
        s.note(text, step)
    if before_of(s, number):
        await end_leftovers(s, step, number)


def _chosen(facts: Facts) -> dict[str, Json]:
    """What of the specs the run is about, and why."""
    spec = facts.spec
    if spec is None:
        return {"unchosen": [*facts.unchosen]}
    return {"spec": spec.path, "phase": spec.phase, "chosen_because": spec.why, "schema_at": spec.origin}


async def _load_facts(s: Session, observe: Begin) -> None:
    if s.past.facts is None:
        s.facts = clean_facts(await observe(s), s.clean)
        s.journal.save("facts.json", msgspec.json.encode(s.facts))
        s.emit("facts", {"file": "facts.json", "digest": digest_of(s.facts), **_chosen(s.facts)})
        return
    name, digest = s.past.facts.file, s.past.facts.digest
    s.facts = msgspec.json.decode((s.journal.folder / name).read_bytes(), type=Facts)
    if digest_of(s.facts) != digest:
        raise RunEnds("stale", f"{name} of this run is not what the run has written; start a new run")


def _load_findings(s: Session) -> None:
    for kept in s.past.findings:
        finding = msgspec.json.decode((s.journal.folder / kept.file).read_bytes(), type=Finding)
        if digest_of(finding) != kept.digest:
            raise RunEnds("stale", f"{kept.file} of this run is not what the run has written; start a new run")
        s.findings.append(finding)


async def _step(s: Session, step: Step) -> None:
    resumed = s.past.of(step.id).started and not s.past.of(step.id).outcome
    if title := await applied_by(s, step):
        reason = f"nothing is pending any more: “{title}” has applied it"
        s.emit(
            "step.finished",
            {"status": "skipped", "seconds": 0.0, "reason": reason, "command": step.action.line},
            step.id,
        )
        return
    permitted = await _permitted(s, step)
    if permitted is None and (step.intent == "named" or step.id in s.past.passed_over):
        why = SKIPPED if step.id in s.past.passed_over else "not permitted"
        said: dict[str, Json] = {"status": "skipped", "seconds": 0.0, "reason": why}
        s.emit("step.finished", {**said, "command": step.action.line}, step.id)
        return
    if permitted is None:
        s.emit(
            "step.finished", {"status": "refused", "seconds": 0.0, "reason": "", "command": step.action.line}, step.id
        )
        raise RunEnds("refused", f"{step.title}: refused by the person{s.past.refusal and ': '}{s.past.refusal}")
    step = permitted
    if not resumed:
        s.emit(
            "step.started",
            {
                "title": step.title,
                "intent": step.intent,
                "phase": step.phase,
                "effect": step.action.effect,
                "command": step.action.line,
                "changes_database": applies_revisions(step.action),
            },
            step.id,
        )
    await _perform(s, step, resumed=resumed)


async def _permitted(s: Session, step: Step) -> Step | None:
    """The step as it may run, on files that are the ones that were asked about: a question may wait for hours."""
    for _ in range(READINGS):
        acting = _acting(s, step)
        if not acting:
            await config_holds(s, step)
            step = await spec_with_news(s, await file_as_now(s, await recipe_as_now(s, step)))
            step = await _read_again(s, step)
            await preconditions.check(s, step)
        asked = s.past.asked
        permitted = await permit(s, step)
        if permitted is None or acting:
            return permitted
        if not await s.look(partial(_holds, s, permitted)):
            s.check_stop()
            step = permitted
            continue  # what changed meanwhile is read again, and asked about as it is
        if s.past.asked != asked:  # what was answered is the action as it stood when it was asked
            await config_holds(s, permitted)
            await preconditions.check(s, permitted)
        return permitted
    raise RunEnds("stale", f"before “{step.title}”: the files that it is about keep changing while it is asked about")


def _holds(s: Session, step: Step) -> bool:
    """Whether what was asked about is still as it was."""
    return not _changed(s, step) and recipe_holds(s, step) and file_holds(s, step) and spec_holds(s, step)


def _changed(s: Session, step: Step) -> tuple[str, ...]:
    return revision_contents.changed(s.root, step.action.contents)


async def _read_again(s: Session, step: Step) -> Step:
    """The step with the files that it applies as they are now: where they changed, that is a finding and is asked."""
    for _ in range(READINGS):
        changed = await s.look(partial(_changed, s, step))
        if not changed:
            return step
        graph = await s.look(lambda: observation.graph_of(s))
        facts = reread(s.facts, s.findings)
        finding = await s.look(
            partial(revision_contents.reread, s.project, observation.tree_of(s), graph, facts, changed)
        )
        s.check_stop()
        s.note(finding.cause, step.id, "warning")
        s.find(finding)
        if s.plan.step(step.id).action.contents == step.action.contents:  # back and forth: read as this before
            raise RunEnds("stale", f"before “{step.title}”: {', '.join(changed)} keeps changing while the run is on")
        step = s.plan.step(step.id)
    raise RunEnds("stale", f"before “{step.title}”: the files that it applies keep changing while the run is on")


def _acting(s: Session, step: Step) -> bool:
    """Whether the step's own action may have begun: then the world is looked up by the step, not assumed."""
    past = s.past.of(step.id)
    if not past.started:
        return False
    if step.action.kind == "edit":  # until the file is written, what would be applied then may still change
        return step.intent == "tick" or file_edit.state(s.root, step.action) == "done"
    if not past.commands:
        return False
    ended = past.ends.get(past.commands[-1])
    if ended is None:
        return state(files_of(s, past.commands[-1])) != "absent"
    return ended.how not in {"stopped", "lost"}


async def _act(s: Session, step: Step) -> str | None:
    """The step's own doing; one that applies revisions is watched and waited for like an upgrade."""
    if step.intent == "upgrade":
        async with sole_runner(s, step):
            return await STEPS[step.intent](s, step)
    if not step.applies:
        return await STEPS[step.intent](s, step)
    if step.phase == "before" and step.intent in ("build", "start") and not _acting(s, step):
        await check_first_use(s, step)
    async with sole_runner(s, step), watching(s, step):
        remark = await STEPS[step.intent](s, step)
        await wait_applied(s, step)
        await same_contents(s, step)
    return remark


async def _perform(s: Session, step: Step, *, resumed: bool) -> None:
    import psycopg

    from checks.schema.snapshot import TableHeld
    from safemig.runtimes.base import Unreachable

    began = time.monotonic()

    def end(status: str, reason: str) -> None:
        s.emit(
            "step.finished",
            {
                "status": status,
                "seconds": round(time.monotonic() - began, 3),
                "reason": reason,
                "command": step.action.line,
                "not_good": status == "done" and bool(reason) and step.intent in PROVING,
            },
            step.id,
        )

    try:
        await _repeat_if_lost(s, step)
        async with guarded(s, step, resumed=resumed):
            remark = await _act(s, step)
    except RunEnds as ends:
        if ends.verdict != "waiting":
            end("stopped" if ends.verdict == "interrupted" else "failed", ends.reason)
        raise
    except Changed as error:
        end("failed", str(error))
        raise RunEnds("stale", str(error)) from None
    except (Unreachable, OSError, psycopg.Error, TableHeld) as error:
        reason = str(error).strip()
        end("failed", reason)
        raise RunEnds("failed", f"{step.title}: {reason}") from None
    end("done", remark or "")


async def _repeat_if_lost(s: Session, step: Step) -> None:
    """A command whose end nobody recorded (the machine went down) is never repeated unasked."""
    past = s.past.of(step.id)
    # The database itself knows whether an upgrade is done; a command that only looks has then shown nothing.
    if not past.commands or step.intent in {"upgrade", "named", "same-database"}:
        return
    known = past.ends.get(past.commands[-1])
    if known is None or known.how != "lost":
        return
    title = f"It is unclear whether “{step.title}” has ended; run it again?"
    output = files_of(s, past.commands[-1]).output.name
    what = f"{step.action.line}\nits output so far is in {output}"
    await ask_person(s, step, title, what, "this command once more", "no command is run twice unasked")
    past.commands.clear()


async def _read_truth(s: Session) -> None:
    """After a stop or a failure: what the database says now, so that the last event tells the truth."""
    if s.past.facts is None or s.past.last("revision") is None:
        return
    revision = await observation.revision_now(s)
    known = s.past.last("revision")
    if revision.seen and known and revision.data != known.data:
        s.emit("evidence", {"moment": "", "evidence": msgspec.to_builtins(revision)})
    if revision.seen:
        await tell_aftermath(s)


async def _end(s: Session) -> int:
    await end_own(s)
    await end_following(s)
    schema = s.past.last("schema")
    if schema and schema.seen:
        fresh = await observation.schema_now(s)
        if not fresh.seen:
            raise RunEnds("failed", f"the schema could not be read at the end: {fresh.reason}")
        if fresh.data["fingerprint"] != schema.data["fingerprint"]:
            raise RunEnds(
                "stale", f"the schema has changed since it was verified: {observation.counts_changed(schema, fresh)}"
            )
    await require_ended(s)
    await look_at_end(s)
    return finish(s, *ending(s))


__all__ = ["Begin", "JournalUnwritable", "drive", "next_step"]
