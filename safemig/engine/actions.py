"""What each intent does when its step runs: act, then look, and journal what was seen."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace

from checks.evidence import Evidence, now, unseen
from checks.revisions.current import revisions_at
from checks.tests import run as test_check
from safemig.base import file_edit
from safemig.engine import observation
from safemig.engine.baseline import baseline, desire, verify
from safemig.engine.command import output_of, require_success, run_command
from safemig.engine.giving_way import run_upgrade
from safemig.engine.item_commands import run_named
from safemig.engine.lock_watch import watching
from safemig.engine.models import check_models
from safemig.engine.pending_revisions import keep_schema, read_generated
from safemig.engine.present_code import tell_old_code
from safemig.engine.rehearsal import rehearse
from safemig.engine.remedy import find_remedy
from safemig.engine.row_comparison import compared, require_kept
from safemig.engine.same_database import check_database
from safemig.engine.service_start import come_up, start, wait_database
from safemig.engine.session import RunEnds, Session
from safemig.engine.settle import settled
from safemig.engine.ticking import judge_items, tick_items
from safemig.engine.unapplied import pending_of, unapplied
from safemig.engine.write_hooks import run_hook
from safemig.execution import command
from safemig.planning.applying import FIRST_LOOK
from safemig.planning.collect import revision_contents
from safemig.planning.contents import reread
from safemig.planning.facts import Finding
from safemig.planning.plan import Step
from safemig.shell.exit_statuses import statuses
from safemig.signals.comparison import container_problems, endpoint_problem, status_words, tests_good, tests_words

SHOWN = 3  # problems that a step names as its own


async def _command(s: Session, step: Step) -> None:
    require_success(s, step, await run_command(s, step))


async def _generate(s: Session, step: Step) -> str:
    if step.applies:
        await keep_schema(s, step)
    await _command(s, step)
    return await read_generated(s, step)


async def _build(s: Session, step: Step) -> None:
    if not s.known(step.id, "", "image"):
        _image(s, step, await s.look(s.runtime.image))
    await _command(s, step)


def _image(s: Session, step: Step, images: Mapping[str, str]) -> Evidence:
    ended = now()
    data = {"images": dict(images)}
    return s.observe(
        step.id,
        "",
        Evidence("image", s.facts.service, True, ended, ended, "docker compose images", data),  # type: ignore[arg-type]
    )


async def _database(s: Session, step: Step) -> None:
    await s.look(s.runtime.start_database)
    await wait_database(s, step)


async def _observe(s: Session, step: Step) -> str:
    """In words what is not good after the start."""
    if "start" not in s.facts.commands and container_problems(await s.look(s.runtime.look_services)):
        raise RunEnds(
            "failed",
            "the service is not running and no command is known that starts it; start it yourself, "
            "or name the command in safemig.yaml (commands: start: ...)",
        )
    silent = await come_up(s, step)
    services = await observation.look_services(s, step.id, "start")
    problems = [*filter(None, [silent]), *container_problems(services)]
    if pending := await unapplied(s):
        listed = ", ".join(pending)
        s.note(f"revisions are pending ({listed}): the endpoints are asked in the baseline, not before", step.id)
    else:
        endpoints = await observation.look_main(s, step.id, "start")
        problems += [problem for answer in endpoints if (problem := endpoint_problem(answer))]
    for problem in problems:
        s.note(f"after the start: {problem}", step.id, "warning")
    await tell_old_code(s, step.id)
    return _few(problems)


def _few(problems: Sequence[str]) -> str:
    more = f" and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
    return "; ".join(problems[:SHOWN]) + more


async def _revision(s: Session, step: Step) -> None:
    first = step.id == FIRST_LOOK
    if first and (s.facts.database_alone or s.facts.start_database):
        await wait_database(s, step)
    revision, schema = await observation.look_database(s, step.id, "start")
    if first and not revision.seen:
        s.note(f"what is pending is not known before the start: {revision.reason}", step.id, "warning")
        return
    if not revision.seen or not schema.seen:
        raise RunEnds("failed", f"the database could not be read: {revision.reason or schema.reason}")
    current = revisions_at(revision) or ()
    pending = await s.look(lambda: pending_of(s, current))
    planned = first or any(step.id == "pending" for step in s.plan.steps)
    if (current, pending) != (s.facts.current, s.facts.pending) or (pending and not planned):
        await _tell_database(s, current, pending, step.id if first else "")


async def _tell_database(s: Session, current: tuple[str, ...], pending: tuple[str, ...], first: str = "") -> None:
    """Where the database is, for the plan; ``first`` is the step that looks before the start."""
    used = await observation.in_use_now(s)
    when = "before the start " if first else ""
    said = f"{when}the database is at {', '.join(current) or 'no revision'}, pending: {', '.join(pending) or 'none'}"
    tree, graph = observation.tree_of(s), await s.look(lambda: observation.graph_of(s))
    reading = await s.look(
        lambda: revision_contents.read_again(s.project, tree, graph, reread(s.facts, s.findings), pending)
    )
    finding = Finding("database", said, current, pending, step=first, in_use=used)
    s.find(replace(finding, files=reading.files, scripts=reading.scripts, risks=reading.risks))


async def _stamp(s: Session, step: Step) -> None:
    """Records the revision that the database has already; nothing else may move."""
    before = s.past.last("schema")
    require_success(s, step, await run_command(s, step))
    revision, schema = await observation.look_database(s, step.id, "before")
    (wanted,) = next(one.revisions for one in s.findings if one.actions and one.actions[0].digest == step.action.digest)
    if not revision.seen or not schema.seen:
        raise RunEnds("failed", f"the database could not be read after the stamp: {revision.reason or schema.reason}")
    current = revisions_at(revision) or ()
    if current != (wanted,):
        raise RunEnds("failed", f"{step.title}: the database is at {', '.join(current) or 'no revision'}")
    if before is not None and before.data.get("fingerprint") != schema.data.get("fingerprint"):
        raise RunEnds("failed", f"{step.title}: the schema has moved, which a stamp does not do")
    await _tell_database(s, current, await s.look(lambda: pending_of(s, current)))


async def _upgrade(s: Session, step: Step) -> None:
    past = s.past.of(step.id)
    known = past.ends.get(past.commands[-1]) if past.commands else None
    if not past.commands or known:
        await wait_database(s, step)
    if known and known.how in {"stopped", "lost"} and await observation.at_heads(s):
        s.note("the database is already at the target revision; the command is not run again", step.id)
    else:
        async with watching(s, step):
            ended = await run_upgrade(s, step)
        if ended.how != "lost" or not await observation.at_heads(s):
            await _truth(s, step)
            require_success(s, step, ended)
    revision = await _truth(s, step)
    if not revision.seen:
        raise RunEnds("failed", f"{step.title}: the revision could not be read afterwards: {revision.reason}")
    if not await observation.at_heads(s):
        raise RunEnds(
            "failed",
            f"{step.title}: `{step.action.line}` returned 0, but the database is at "
            f"{', '.join(revisions_at(revision) or ()) or 'no revision'}, which is not where the code's heads are",
        )
    await same_contents(s, step)
    await observation.serving(s)


async def same_contents(s: Session, step: Step) -> None:
    """What ran is what was asked about only where the code stayed as it was until the command had ended."""
    code = [one for one in step.action.contents if one.path.endswith((".py", ".sql"))]
    if changed := await s.look(lambda: revision_contents.changed(s.root, code)):
        raise RunEnds(
            "failed",
            f"{', '.join(changed)} changed while `{step.action.line}` ran: whether what was applied is what was asked "
            "about is not known; read the file and compare it with the database (`safemig verify`)",
        )


async def _truth(s: Session, step: Step) -> Evidence:
    revision, _ = await observation.look_database(s, step.id, "start" if step.phase == "before" else "after")
    return revision


async def _edit(s: Session, step: Step) -> None:
    if await s.look(lambda: file_edit.state(s.root, step.action)) != "done":
        await s.look(lambda: file_edit.apply(s.root, step.action))
    if step.intent == "create":
        graph = await s.look(lambda: observation.graph_of(s))
        if s.facts.migration and graph.heads != (s.facts.migration.revision,):
            raise RunEnds("failed", f"{step.action.path} is written, but the code's heads are {', '.join(graph.heads)}")
    if await s.look(s.runtime.base_url):
        await asyncio.sleep(0.2)  # a --reload server sees the file within its poll of about 0.1 s
        await observation.serving(s)


async def _test(s: Session, step: Step) -> str:
    """The words of a red run: the step is done, its tests are not good."""
    began = now()
    moment = "after" if step.phase == "after" else "first" if step.id == "test" else "before"
    async with compared(s, step, moment):
        ended = await run_command(s, step)
    if ended.how == "stopped":
        require_success(s, step, ended)
    evidence = await s.look(lambda: _tests(s, step, ended, began))
    s.observe(step.id, moment, evidence)
    if lost := status_words(evidence):
        s.note(lost, step.id, "warning")
    require_kept(s, step)
    if step.phase == "before" and not s.past.changing and tests_good(evidence) is False:
        await find_remedy(s, step, evidence)
    if step.phase == "after":
        await observation.serving(s)
    return "" if tests_good(evidence) else tests_words(evidence)


def _tests(s: Session, step: Step, ended: command.Ended, began: str) -> Evidence:
    line = s.clean(step.action.line)
    if ended.how != "exit":
        return unseen("tests", s.facts.service, line, f"the test command did not end by itself ({ended.how})", began)
    return test_check.read(
        output_of(s, step),
        ended.status,
        subject=s.facts.service,
        repeat=line,
        began=began,
        ended=now(),
        statuses=statuses(s.project.makefile, step.action.target, step.action.line, s.root),
    )


async def _check_image(s: Session, step: Step) -> None:
    """A restart keeps the old image, and a frozen sync with an old lock installs nothing: look at both."""
    missing = [
        name
        for name in step.action.touches
        if await s.look(lambda name=name: s.runtime.package_version(name)) is None  # type: ignore[misc]
    ]
    images = await s.look(s.runtime.image)
    before = s.past.last("image")
    same = bool(images) and before is not None and before.data.get("images") == dict(images)
    if missing:
        why = "the containers still run the old image: they were not recreated" if same else "the build left it out"
        raise RunEnds("failed", f"{', '.join(missing)} is still not installed where the tests run; {why}")
    if same:
        s.note("the image is the one from before the rebuild, and has the packages already", step.id, "warning")
    _image(s, step, images)


async def _prove(s: Session, step: Step) -> str:
    """In words what is not good after the change."""
    await observation.serving(s, s.config.timeout("healthy"))
    await settled(s, step)
    services = await observation.look_services(s, step.id, "after")
    before = list(dict.fromkeys(evidence.subject for evidence in s.past.seen("before", "endpoint")))
    endpoints = await observation.look_main(s, step.id, "after", before)
    await tell_old_code(s, step.id)
    answers = [problem for answer in endpoints if (problem := endpoint_problem(answer))]
    return _few([*container_problems(services), *answers])


STEPS: Mapping[str, Callable[[Session, Step], Awaitable[str | None]]] = {
    "database": _database,
    "build": _build,
    "start": start,
    "service": _command,
    "observe": _observe,
    "revision": _revision,
    "same-database": check_database,
    "upgrade": _upgrade,
    "edit": _edit,
    "create": _edit,
    "hook": run_hook,
    "rehearse": rehearse,
    "generate": _generate,
    "desire": desire,
    "test": _test,
    "check-image": _check_image,
    "baseline": baseline,
    "stamp": _stamp,
    "verify": verify,
    "models": check_models,
    "prove": _prove,
    "named": run_named,
    "judge": judge_items,
    "tick": tick_items,
}
