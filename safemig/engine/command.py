"""A step's command: started once, whatever happens to the engine meanwhile."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import msgspec

from safemig.engine.known_causes import known_cause
from safemig.engine.ownership import claim, end_leftovers, files_of, mark_before, mark_of
from safemig.engine.session import RunEnds, Session
from safemig.engine.waits import Telling
from safemig.engine.watchdog import guarding
from safemig.execution import command as commands
from safemig.journal.events import CommandFinished
from safemig.planning.plan import Step

_SAYS_NOTHING = re.compile(r"\(Background on this error|(?:g?make)(?:\[\d+\])?: \*\*\*")
# An exception as Python prints it, PostgreSQL's own word, or a tool's.
_NAMES_ERROR = re.compile(r"(?:[\w.]+\.)?\w*(?:Error|Exception|Violation)\b.*:|(?:ERROR|FATAL|[Ee]rror):")


async def run_command(s: Session, step: Step, ready: Callable[[], Awaitable[bool]] | None = None) -> commands.Ended:
    """Runs the step's command, or takes up the one that an earlier engine has started for it.

    A command whose end is in the journal or in its status file is never run again. Raises RunEnds when its end
    cannot be known and nobody says to run it again.
    """
    past = s.past.of(step.id)
    if past.commands:
        number = past.commands[-1]
        known = past.ends.get(number)
        if known is not None and known.how != "stopped":
            return _ended(known)
        if known is None:
            ended = await _take_up(s, step, number)
            return ended or await _run(s, step, number, ready)
    return await _run(s, step, await _announce(s, step), ready)


async def run_anew(s: Session, step: Step, variables: Mapping[str, str]) -> commands.Ended:
    """Runs the step's command, which only looks, whether or not it has run before; ``variables`` come on top of its
    environment. What a dead engine left of it is ended first."""
    past = s.past.of(step.id)
    if past.commands and past.commands[-1] not in past.ends:
        await _take_up(s, step, past.commands[-1])
    return await _run(s, step, await _announce(s, step), None, variables)


async def _take_up(s: Session, step: Step, number: int) -> commands.Ended | None:
    """The end of a command that a dead engine started; None when it has never begun or may run again."""
    files = files_of(s, number)
    running, stopped = commands.state(files) == "running", False

    async def ending(pids: tuple[int, ...]) -> None:
        nonlocal stopped
        stopped = True
        await claim(s, step, number, pids)

    done = await commands.settle(
        files,
        mark_of(s, number),
        patience=s.limit(step),
        keep_daemons=step.intent in {"start", "database"},
        stop=s.inbox.stop,
        ending=ending,
    )
    for text in done:
        s.note(text, step.id)
    ended = commands.read_status(files)
    if ended is None and commands.state(files) == "absent":
        return None
    if stopped or ended is None or ended.status:  # a client that was killed leaves its process in the container
        await end_leftovers(s, step.id, number)
    ended = ended or commands.Ended(None, "lost", 0.0, 0, _size(files.output))
    if running and stopped and s.inbox.stop.is_set():  # by the person, so that it may run again
        ended = replace(ended, how="stopped")
    _finished(s, step, number, ended)
    return ended


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


async def _announce(s: Session, step: Step) -> int:
    """The number of a new command, once the journal holds what ran before it and that it is about to begin."""
    action = step.action
    number = s.number()
    await mark_before(s, number)
    s.emit(
        "command.started",
        {
            "number": number,
            "line": s.clean(action.line),
            "cwd": action.cwd,
            "limit": s.limit(step),
            "output": f"commands/{files_of(s, number).output.name}",
            "by": "engine",
        },
        step.id,
    )
    return number


async def _run(
    s: Session,
    step: Step,
    number: int,
    ready: Callable[[], Awaitable[bool]] | None,
    variables: Mapping[str, str] = MappingProxyType({}),
) -> commands.Ended:
    """Runs an announced command that has not begun."""
    action = step.action
    files = files_of(s, number)
    command = commands.Command(
        action.line,
        s.root / action.cwd,
        {**s.runtime.environment(), **variables},
        s.limit(step),
        action.stdin,
        needs_tty(s, action.target) or bool(TTY.search(action.line)),
        mark_of(s, number),
        s.runtime.secrets(),
    )

    telling = Telling(s, files.output, step.id) if step.intent in ("build", "start") else None

    def output(start: int, end: int) -> None:
        name = f"commands/{files.output.name}"
        if telling:
            telling.tell()
        s.emit("command.output", {"number": number, "file": name, "start": start, "end": end}, step.id)

    async def ending(pids: tuple[int, ...]) -> None:
        await claim(s, step, number, pids)

    try:
        async with guarding(s, step, number):
            ended = await commands.run(command, files, stop=s.inbox.stop, on_output=output, ready=ready, ending=ending)
    except RunEnds:  # what it was waited for cannot come any more, so it was ended
        await end_leftovers(s, step.id, number)
        status = commands.read_status(files)
        _finished(s, step, number, status or commands.Ended(None, "lost", 0.0, 0, _size(files.output)))
        raise
    finally:
        if telling:
            telling.end()
    if ended.how in {"stopped", "limit", "lost"}:
        await end_leftovers(s, step.id, number)
    _finished(s, step, number, ended)
    return ended


TTY = re.compile(r"\b(docker|docker-compose|compose|podman)\b.*\s(-[a-zA-Z]*t[a-zA-Z]*|--tty)\b")


def needs_tty(s: Session, target: str) -> bool:
    """Whether a recipe asks docker for a terminal (`docker exec -it`): it then gets a pseudo-terminal of ours."""
    if not target or s.project.makefile is None:
        return False
    lines = [line for known in s.project.makefile.targets if known.name == target for line in known.recipe]
    return any(TTY.search(line) for line in lines)


def _finished(s: Session, step: Step, number: int, ended: commands.Ended) -> None:
    s.emit(
        "command.finished",
        {
            "number": number,
            "status": ended.status,
            "how": ended.how,
            "seconds": round(ended.seconds, 3),
            "file": f"commands/{files_of(s, number).output.name}",
            "start": ended.start,
            "end": ended.end,
        },
        step.id,
    )


def _ended(known: CommandFinished) -> commands.Ended:
    how = msgspec.convert(known.how, commands.How)
    return commands.Ended(known.status, how, known.seconds, known.start, known.end)


def output_of(s: Session, step: Step) -> Path:
    """The spool file of the step's newest command."""
    return files_of(s, s.past.of(step.id).commands[-1]).output


def tail(path: Path, size: int = 4000) -> str:
    """The last ``size`` bytes of a spool file as text."""
    with path.open("rb") as file:
        file.seek(max(0, _size(path) - size))
        return file.read().decode("utf-8", "replace")


def require_success(s: Session, step: Step, ended: commands.Ended) -> None:
    """Raises RunEnds unless the command returned 0 (or serves in the foreground)."""
    if ended.how == "stopped":
        raise RunEnds("interrupted", f"{step.title}: stopped by the person")
    if ended.how == "ready" or (ended.how == "exit" and ended.status == 0):
        return
    output = s.clean(tail(output_of(s, step)))
    if ended.how == "limit":
        said = f"; its last lines: {last}" if (last := cause(output)) else ""
        line = s.clean(step.action.line)
        raise RunEnds("failed", f"{step.title}: `{line}` did not end in {s.limit(step):.0f} s{said}")
    known = known_cause(output, data_volume(s))
    why = known.text if known else cause(output)
    raise RunEnds("failed", f"{step.title}: `{s.clean(step.action.line)}` returned {ended.status}: {why}")


def data_volume(s: Session) -> str:
    """The named volume in which the database's container keeps its data, "" where the compose file names none."""
    compose = s.project.compose
    database = compose.services.get(s.project.database_service) if compose else None
    named = [volume.source for volume in database.volumes if volume.kind == "volume"] if database else []
    return named[0] if named else ""


def cause(output: str) -> str:
    """The three lines that say most of why a command failed: from the last error that is named on, else the last ones.

    What make and SQLAlchemy write behind every error ("make: *** […] Error 1", "(Background on …)") says nothing.
    """
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    telling = [line for line in lines if not _SAYS_NOTHING.match(line)] or lines
    named = [at for at, line in enumerate(telling) if _NAMES_ERROR.match(line)]
    first = named[-1] if named else -3
    return " / ".join(telling[first:][:3])
