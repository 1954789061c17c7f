"""Checks that a project brings itself: a python3 script or snippet of safemig.yaml; exit code 0 is good."""

from __future__ import annotations

import hashlib
import shlex
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from checks.evidence import Evidence, Json, now, unseen
from safemig.base.action import Action
from safemig.base.files import beginning
from safemig.engine.approval import ask, give, judge
from safemig.engine.command import tail
from safemig.engine.ownership import files_of, mark_of
from safemig.engine.session import Session
from safemig.execution import command as commands
from safemig.policy.decision import Judgement
from safemig.shell.effects import effect_of_line

if TYPE_CHECKING:
    from safemig.project.config_schema import ScriptConfig

TAIL = 400
LARGEST = 1_000_000  # bytes of a script that its answer holds for
CHECK = "check:"


async def look_scripts(s: Session, step: str, moment: str) -> tuple[Evidence, ...]:
    """Runs them one after the other; their evidence stands beside that of the endpoints."""
    return tuple([s.observe(step, moment, await _look(s, script, step)) for script in s.config.scripts])


def action_of(root: Path, script: ScriptConfig) -> Action:
    """The command that a check is, judged as every command is: what a program does cannot be told from its name. An
    answer holds for the script as it stands."""
    line = f"python3 {shlex.quote(script.file)}" if script.file else f"python3 -c {shlex.quote(script.code)}"
    effects = effect_of_line(line)
    recipe = hashlib.sha256(_text(root, script)).hexdigest() if script.file else ""
    return Action("command", line=line, cwd=".", recipe=recipe, effect=effects.effect, touches=effects.touches)


def _text(root: Path, script: ScriptConfig) -> bytes:
    """What it runs; empty where that cannot be read (python3 then says why)."""
    if not script.file:
        return script.code.encode()
    with suppress(OSError):
        return beginning(root / script.file, LARGEST)
    return b""


async def _look(s: Session, script: ScriptConfig, step: str) -> Evidence:
    subject = f"script {script.name}"
    began = now()
    action = action_of(s.root, script)
    line = action.line
    judgement = judge(s, action)
    if judgement.answer == "ask" and action.digest not in s.past.refused:
        await _ask(s, script, action, judgement, step)
        judgement = judge(s, action)
    if judgement.answer != "allow":
        why = "the person said no" if action.digest in s.past.refused else judgement.rule
        return unseen("endpoint", subject, line, f"not run: {why}", began)
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


async def _ask(s: Session, script: ScriptConfig, action: Action, judgement: Judgement, step: str) -> None:
    """One question for each script, for the whole run as long as the script stays as it is."""
    title = f"Run the check “{script.name}” that safemig.yaml names?"
    text = _text(s.root, script).decode("utf-8", "replace")
    question: dict[str, Json] = {
        "kind": "question",
        "digest": action.digest,
        "title": title,
        "effect": action.effect,
        "what": action.line,
        "detail": text,
        "changes": f"it can change: {', '.join(action.touches)}; it is run each time the service is looked at",
        "undo": "nothing is known about how to undo it",
        "rule": judgement.rule,
        "once": "exactly this script as it is now, in this run; without it this check is not judged",
        "always": "",
        "tool": "",
    }
    message = await ask(s, question, step)
    give(s, message, step, title=title, rule=judgement.rule, digest=action.digest, named=[action.digest])


async def _run(s: Session, action: Action, step: str, limit: float) -> tuple[commands.Ended, str]:
    number = s.number()
    files = files_of(s, number)
    output = f"commands/{files.output.name}"
    started: dict[str, Json] = {"number": number, "line": action.line, "cwd": action.cwd, "output": output}
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
