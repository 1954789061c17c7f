"""The person's own acts while a run goes on: another mode, a stop, a tick, a shell line. Each becomes an event."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

from checks.evidence import Json
from safemig.base.action import SCHEMA, Action
from safemig.base.files import content
from safemig.checklist import ticks
from safemig.engine.approval import judge
from safemig.engine.ownership import claim, end_leftovers, files_of, keep_before, mark_of
from safemig.engine.session import Session
from safemig.execution import command as commands
from safemig.journal.events import MODES
from safemig.journal.messages import Message
from safemig.journal.state import SHELL
from safemig.plan_document.document import read
from safemig.shell.effects import effect_of_line


def take_message(s: Session, message: Message) -> None:
    """What a face asked for beside decisions."""
    if message.type == "mode" and message.mode in MODES and message.mode != s.past.mode:
        change: dict[str, Json] = {"before": s.past.mode, "after": message.mode, "by": message.by}
        s.emit("mode.changed", {**change, **message.came_from()})
    elif message.type == "shell_stop":
        _stop_own(s)
    elif message.type == "stop":
        _stop_own(s)
        s.emit("stop.asked", {"by": message.by, **message.came_from()})
    elif message.type in {"tick", "untick"}:
        _tick(s, message)
    elif message.type == "shell":
        _shell(s, message)


def _allowed(s: Session, action: Action) -> bool:
    judgement = judge(s, action, "person")
    if judgement.answer == "deny":
        s.note(f"refused by rule: {judgement.rule}", SHELL, "error")
    return judgement.answer != "deny"


def _tick(s: Session, message: Message) -> None:
    """One item of a checklist, by its line. A file that is not the one the face has read is left alone."""
    path = s.root / message.file
    action = Action("edit", path=message.file, effect="write", touches=("files",))
    if not _allowed(s, action):
        return
    try:
        before = hashlib.sha256(content(path)).hexdigest()
        document = read(path, s.root)
        items = [item for phase in document.phases for item in phase.items if item.line == message.line]
        if not items:
            s.note(f"{message.file}:{message.line} is no checklist item", SHELL, "warning")
            return
        if message.text and message.text != items[0].text:
            s.note(f"{message.file}:{message.line} is another item now; look at it and tick again", SHELL, "warning")
            return
        ticks.write_ticks(path, before, items, root=s.root, checked=message.type == "tick")
        after = hashlib.sha256(content(path)).hexdigest()
    except (OSError, ticks.TickFails) as error:
        s.note(f"{message.file} could not be changed: {error}", SHELL, "error")
        return
    data: dict[str, Json] = {"file": message.file, "line": message.line, "text": items[0].text}
    s.emit(message.type, {**data, "by": "person", "sha256": after})


def _shell(s: Session, message: Message) -> None:
    """The person's own shell line. Refused while a change to the database is running."""
    line = message.line_text.strip()
    flying = s.past.in_flight
    if flying and SCHEMA in s.plan.step(flying).action.touches:
        s.note(f"`! {line}` is refused while “{s.plan.step(flying).title}” changes the database", SHELL, "warning")
        return
    effects = effect_of_line(line)
    action = Action("command", line=line, cwd=message.cwd, effect=effects.effect, touches=effects.touches)
    if not line or not _inside(s.root, message.cwd) or not _allowed(s, action):
        return
    stop = asyncio.Event()
    task = asyncio.ensure_future(_run(s, action, stop))
    s.own[task] = stop
    task.add_done_callback(s.own.pop)


def _inside(root: Path, cwd: str) -> bool:
    folder = (root / cwd).resolve()
    return folder.is_dir() and folder.is_relative_to(root.resolve())


async def _run(s: Session, action: Action, stop: asyncio.Event) -> None:
    number = s.number()
    files = files_of(s, number)
    files.folder.mkdir(mode=0o700, exist_ok=True)  # no step has had a command yet
    output = f"commands/{files.output.name}"
    started: dict[str, Json] = {"number": number, "line": s.clean(action.line), "cwd": action.cwd, "output": output}
    s.emit("command.started", {**started, "limit": s.config.timeout("default"), "by": "person"}, SHELL)

    def grown(start: int, end: int) -> None:
        s.emit("command.output", {"number": number, "file": output, "start": start, "end": end}, SHELL)

    command = commands.Command(
        action.line,
        s.root / action.cwd,
        s.runtime.environment(),
        s.config.timeout("default"),
        mark=mark_of(s, number),
        secrets=s.runtime.secrets(),
    )

    async def ending(pids: tuple[int, ...]) -> None:
        await claim(s, None, number, pids)

    try:
        await keep_before(s, number)
        ended = await commands.run(command, files, stop=stop, on_output=grown, ending=ending)
        if ended.how != "exit":
            await end_leftovers(s, SHELL, number)
    except commands.CommandError as error:
        s.note(str(error), SHELL, "error")
        ended = commands.Ended(None, "lost", 0.0, 0, 0)
    s.emit(
        "command.finished",
        {
            "number": number,
            "status": ended.status,
            "how": ended.how,
            "seconds": round(ended.seconds, 3),
            "file": output,
            "start": ended.start,
            "end": ended.end,
        },
        SHELL,
    )


async def end_own(s: Session) -> None:
    """At the run's end: the person's own lines end with it, and none is left running."""
    _stop_own(s)
    await asyncio.gather(*s.own, return_exceptions=True)


def _stop_own(s: Session) -> None:
    for stop in s.own.values():
        stop.set()
