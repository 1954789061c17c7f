"""Checks that a project brings itself: a python3 script or snippet of safemig.yaml; exit code 0 is good."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from checks.evidence import Evidence, Json, now, unseen
from safemig.base.action import Action
from safemig.engine.approval import judge
from safemig.engine.command import tail
from safemig.engine.ownership import files_of, mark_of
from safemig.engine.session import Session
from safemig.execution import command as commands

if TYPE_CHECKING:
    from safemig.project.config_schema import ScriptConfig

TAIL = 400
CHECK = "check:"


async def look_scripts(s: Session, step: str, moment: str) -> tuple[Evidence, ...]:
    """Runs them one after the other; their evidence stands beside that of the endpoints."""
    return tuple([s.observe(step, moment, await _look(s, script)) for script in s.config.scripts])


async def _look(s: Session, script: ScriptConfig) -> Evidence:
    subject = f"script {script.name}"
    line = f"python3 {shlex.quote(script.file)}" if script.file else f"python3 -c {shlex.quote(script.code)}"
    began = now()
    action = Action("command", line=line, cwd=".", effect="read")
    judgement = judge(s, action)
    if judgement.answer != "allow":
        return unseen("endpoint", subject, line, f"not run: {judgement.rule}", began)
    ended, output = await _run(s, action, f"{CHECK}{script.name}", script.seconds or s.config.timeout("default"))
    if ended.how != "exit":
        return unseen("endpoint", subject, line, f"it did not end by itself ({ended.how})", began)
    data: dict[str, Json] = {
        "status": ended.status,
        "matches": ended.status == 0,
        "media": "",
        "text": s.clean(output),
        "latency_ms": round(ended.seconds * 1000),
        "unhealthy": "",
    }
    return Evidence("endpoint", subject, True, began, now(), line, data)


async def _run(s: Session, action: Action, step: str, limit: float) -> tuple[commands.Ended, str]:
    number = s.number()
    files = files_of(s, number)
    output = f"commands/{files.output.name}"
    started: dict[str, Json] = {"number": number, "line": s.clean(action.line), "cwd": action.cwd, "output": output}
    s.emit("command.started", {**started, "limit": limit, "by": "engine"}, step)
    command = commands.Command(
        action.line,
        s.root / action.cwd,
        s.runtime.environment(),
        limit,
        mark=mark_of(s, number),
        secrets=s.runtime.secrets(),
    )
    ended = await commands.run(command, files, stop=s.inbox.stop, on_output=lambda _start, _end: None)
    finished: dict[str, Json] = {"number": number, "status": ended.status, "how": ended.how, "file": output}
    s.emit(
        "command.finished",
        {**finished, "seconds": round(ended.seconds, 3), "start": ended.start, "end": ended.end},
        step,
    )
    return ended, tail(files.output, TAIL) if files.output.exists() else ""
