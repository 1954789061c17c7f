"""Starting the service: the command to its end, or as long as it rightly stays; then what it brought up."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from safemig.engine import observation
from safemig.engine.command import data_volume, output_of, require_success, run_command, tail
from safemig.engine.exited import Gone, ended_services, last_lines, launched_by, launched_ended, service_says
from safemig.engine.known_causes import known_cause, refused
from safemig.engine.ownership import files_of, mark_of
from safemig.engine.session import RunEnds, Session
from safemig.engine.unapplied import unapplied
from safemig.engine.waits import Wait, waiting
from safemig.execution import command
from safemig.execution.instance import Instance
from safemig.execution.process_tree import Launched, leaves
from safemig.planning.collect.commands import shell_lines
from safemig.planning.plan import Step
from safemig.shell.foreground import of_words, staying

DATABASE_SLICE = 2.0
QUIET_SECONDS = 3.0  # without an address nobody answers: a container that cannot start has ended by then
ATTACHED = b"Attaching to "  # what `docker compose up` writes once every container is the one it is to be
ATTACHED_WITHIN = 4 * 1024 * 1024

Ended = Callable[[], Awaitable[Gone | None]]


async def start(s: Session, step: Step) -> None:
    """Runs the start command, and sees to it that what answers then is what it brought up."""
    await _end_earlier(s, step)
    s.launched = None
    before = await s.look(s.runtime.instances)
    stays = staying(shell_lines(s.project.makefile, step.action.target, step.action.line))
    ready = None if stays == "returns" else partial(_serves, s, step, before)
    ended = await run_command(s, step, ready)
    await _require_started(s, step, ended, before)
    number = s.past.of(step.id).commands[-1]
    left = await launched_by(s, number)
    output = files_of(s, number).output if ended.how == "ready" else None
    s.launched = Launched(number, bool(left), next((each.log for each in left if each.log), output), before)
    if ended.how == "ready":
        s.note(f"`{step.action.line}` stays in the foreground; the service answers, so the run goes on", step.id)
    await wait_database(s, step, partial(_ended, s, step, before, {}))
    await _came_up(s, step, before)


async def _require_started(s: Session, step: Step, ended: command.Ended, before: Mapping[str, Instance]) -> None:
    """Raises RunEnds where the command failed, with the log of what it started and what has ended: compose's own words
    ("container shop-api-1 exited (1)") do not say why."""
    failed = ended.how == "exit" and ended.status
    if not failed or known_cause(s.clean(tail(output_of(s, step)))):
        require_success(s, step, ended)
        return
    # What had ended before this start is not what it failed by.
    if gone := await _ended(s, step, before, {}, whole=False):
        if gone.again:
            await wait_database(s, step)
        await _require(s, step, gone)
    elif words := await _unhealthy(s, step):
        raise RunEnds("failed", f"{step.title}: `{s.clean(step.action.line)}` returned {ended.status}: {words}")
    else:
        require_success(s, step, ended)


async def _end_earlier(s: Session, step: Step) -> None:
    """An earlier start of this run that keeps the service in its foreground makes room for the new one."""
    now = await s.look(s.runtime.instances)
    staying_on = [
        number
        for name, past in s.past.known.items()
        for number, ended in past.ends.items()
        if name != step.id and ended.how == "ready"
    ]
    for number in staying_on:
        processes = {each.pid for each in await launched_by(s, number)}
        if any(each.pid in processes for each in now.values() if each.pid):
            for text in await command.end(files_of(s, number), mark_of(s, number)):
                s.note(f"command {number}, which keeps the service in its foreground: {text}", step.id)


async def _serves(s: Session, step: Step, before: Mapping[str, Instance]) -> bool:
    """Whether a start that still runs does nothing more than keep the service in the foreground, and it answers."""
    # What had ended before is not started yet: only what has come since counts.
    if gone := await _ended(s, step, before, before, whole=False):
        raise RunEnds("failed", f"{step.title}: {gone.words}")
    number = s.past.of(step.id).commands[-1]
    now = await s.look(s.runtime.instances)
    services = [instance for name, instance in now.items() if name.partition("#")[0] == s.facts.service]
    services = services or list(now.values())
    pid = next((instance.pid for instance in services if instance.pid), 0)
    processes = await launched_by(s, number)
    if pid and pid not in {each.pid for each in processes}:
        return False  # the process that answers is none of this command's
    working = [each for each in leaves(processes, pid) if each.pid != pid]
    if not processes or any(of_words(each.arguments) != "foreground" for each in working):
        return False
    renewed = any(not instance.same(before.get(name)) for name, instance in now.items() if instance in services)
    return (renewed or await s.look(lambda: _attached(s, number))) and await observation.serving(s, 3.0)


def _attached(s: Session, number: int) -> bool:
    with files_of(s, number).output.open("rb") as file:
        return ATTACHED in file.read(ATTACHED_WITHIN)


async def wait_database(s: Session, step: Step, ended: Ended | None = None) -> None:
    """Waits until PostgreSQL accepts connections; raises RunEnds when it does not in time, or has ended meanwhile."""
    seconds = s.config.timeout("database")
    ended = ended or partial(_database_ended, s, await s.look(s.runtime.instances))
    async with waiting(s, "the database to accept connections", seconds) as wait:
        while why := await s.look(lambda: s.runtime.wait_database(min(DATABASE_SLICE, wait.left))):
            if cause := refused(s.clean(why), data_volume(s)):
                raise RunEnds("failed", f"{step.title}: the database lets nobody in: {cause.text}")
            if wait.left <= 0:
                s.check_stop()
                raise RunEnds("failed", f"{step.title}: the database does not accept connections: {s.clean(why)}")
            if gone := await ended():
                raise RunEnds("failed", f"{step.title}: {gone.words}")
            await wait.pause(0)


async def _database_ended(s: Session, calm: Mapping[str, Instance]) -> Gone | None:
    """How the database's own container has ended, with the last lines of its log."""
    own = s.project.database_service
    now = {name: each for name, each in (await s.look(s.runtime.instances)).items() if name.partition("#")[0] == own}
    for name, gone in ended_services({}, calm, now, own).items():
        services = await s.look(s.runtime.look_services)
        return Gone(f"the database's container {name} {gone.words}{_behind(s, last_lines(services, name))}")
    return None


async def _came_up(s: Session, step: Step, before: Mapping[str, Instance]) -> None:
    """Waits a while for an answer; raises RunEnds as soon as something of the start has ended."""
    calm = await s.look(s.runtime.instances)
    ended = partial(_ended, s, step, before, calm)
    if await _answers(s, calm, ended, min(observation.SETTLE_SECONDS, s.config.timeout("healthy"))):
        await _until_new(s, before, ended)
    await _require_up(s, step, ended)
    await require_new(s, step)


async def come_up(s: Session, step: Step) -> str:
    """Waits until the service answers; that it does not is returned in words, with the last lines of its log. Raises
    RunEnds as soon as it has ended, or where it is the one of before."""
    known = await s.look(s.runtime.instances)
    ended = partial(_ended, s, step, known, known)
    seconds = s.config.timeout("healthy")
    silent = "" if await _answers(s, known, ended, seconds) else await _silent(s, seconds)
    await _require_up(s, step, ended)
    if "start" not in s.facts.commands:  # else each start has looked, and a later one may be what recreates it
        await require_new(s, step)
    return silent


async def _silent(s: Session, seconds: float) -> str:
    base = await s.look(s.runtime.base_url)
    if not base:
        return ""  # without an address nobody can be asked; the endpoints say so themselves
    said = await service_says(s)
    return f"the service did not answer at {base} within {seconds:g} s" + (f"; its last lines: {said}" if said else "")


async def _require_up(s: Session, step: Step, ended: Ended) -> None:
    if gone := await ended():
        await _require(s, step, gone)


async def _require(s: Session, step: Step, gone: Gone) -> None:
    # An application that reads its tables when it starts comes up once they are there, if it is started again.
    if not (gone.again and (pending := await unapplied(s))):
        raise RunEnds("failed", f"{step.title}: {gone.words}")
    s.note(f"{gone.words}; revisions are pending ({', '.join(pending)}): it is judged after them", step.id, "warning")


async def _answers(s: Session, calm: Mapping[str, Instance], ended: Ended, seconds: float) -> bool:
    """Whether the service answers in time; False at once where it has ended, or runs and has no address."""

    async def has_ended() -> bool:
        await _refused(s, wait)
        return bool(await ended())

    async with waiting(s, "the service to come up", seconds, partial(service_says, s)) as wait:
        while wait.left and not await has_ended():
            if await s.look(s.runtime.base_url):
                if await observation.serving(s, wait.left, has_ended):
                    return True
            elif wait.seconds - wait.left > QUIET_SECONDS and await _steady(s, calm):
                return False
            await wait.pause(observation.POLL_SECONDS)
    return False


async def _refused(s: Session, wait: Wait) -> None:
    """Raises RunEnds where a log says, while the service does not answer, that the database lets nobody in."""
    if wait.seconds - wait.left < QUIET_SECONDS or not wait.due(QUIET_SECONDS):
        return
    services = await s.look(s.runtime.look_services)
    listed = services.data.get("services")
    for name in listed if isinstance(listed, dict) else ():
        if cause := refused(s.clean(last_lines(services, name).replace(" / ", "\n")), data_volume(s)):
            raise RunEnds("failed", f"the service does not answer; {name} says: {cause.text}")


async def _steady(s: Session, calm: Mapping[str, Instance]) -> bool:
    """Whether no container has been started again, or is about to be."""
    now = await s.look(s.runtime.instances)
    return all(each.state != "restarting" and each.same(calm.get(name)) for name, each in now.items())


async def _until_new(s: Session, before: Mapping[str, Instance], ended: Ended) -> None:
    """A process that answers at once may be the one from before, while the new one only begins to load."""
    async with waiting(s, "the new process to answer", observation.SETTLE_SECONDS) as wait:
        while wait.left and not await ended():
            now = await s.look(s.runtime.instances)
            processes = await launched_by(s, s.launched.number) if s.launched else ()
            old = [each for name, each in now.items() if each.pid and each.same(before.get(name))]
            if not (old and processes) or old[0].pid in {each.pid for each in processes}:
                return
            await wait.pause(observation.POLL_SECONDS)


async def _ended(
    s: Session, step: Step, before: Mapping[str, Instance], calm: Mapping[str, Instance], *, whole: bool = True
) -> Gone | None:
    """What of the start has ended, with the last lines of its log; ``whole``: its command is through."""
    now = await s.look(s.runtime.instances)
    if s.launched and (reason := await launched_ended(s, now, s.launched)):
        return Gone(reason)
    ended = ended_services(before, calm or now, now, s.facts.service if whole else "")
    if not ended:
        return None
    await observation.look_services(s, step.id, "start")  # of this moment once: what was journalled may be older
    services = await s.look(s.runtime.look_services)
    texts = [f"{name} {gone.words}{_behind(s, last_lines(services, name))}" for name, gone in ended.items()]
    return Gone("; ".join(texts), again=all(gone.again for gone in ended.values()))


async def _unhealthy(s: Session, step: Step) -> str:
    """The services whose own health check has failed, with the last lines of their logs."""
    services = await observation.look_services(s, step.id, "start")
    listed = services.data.get("services")
    ill = [
        name
        for name, each in (listed.items() if isinstance(listed, dict) else ())
        if isinstance(each, dict) and each.get("health") == "unhealthy"
    ]
    return "; ".join(f"{name} is unhealthy{_behind(s, last_lines(services, name))}" for name in ill)


def _behind(s: Session, text: str) -> str:
    if not text:
        return ""
    text = s.clean(text)
    cause = known_cause(text.replace(" / ", "\n"), data_volume(s))
    return f"; its last lines: {text}" + (f"; {cause.next}" if cause else "")


async def require_new(s: Session, step: Step) -> None:
    """Raises RunEnds where the service's container runs an image that has been built anew since: it was not
    recreated, and what answers is the service of before. Of other services it is only said."""
    for name, instance in (await s.look(s.runtime.instances)).items():
        if instance.state != "running" or not instance.named or instance.named == instance.image:
            continue
        text = (
            f"{name} still runs the image {_short(instance.image)}, started {instance.started[:19]}, but its image's "
            f"name stands for {_short(instance.named)} now: it was built anew, and the container was not recreated"
        )
        if name.partition("#")[0] == s.facts.service:
            what = "what answers is the service of before; let the start command recreate it (`docker compose up -d`)"
            raise RunEnds("failed", f"{step.title}: {text}; {what}")
        s.note(text, step.id, "warning")


def _short(image: str) -> str:
    return image.removeprefix("sha256:")[:12]
