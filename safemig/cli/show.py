"""`safemig show` and `safemig` alone: which run the screen shows, and what its start screen tells about the project.

The screen itself is opened by safemig.cli.main. What has to be looked up lives here behind ``--look`` and
``--abandon``, which the screen runs as children, so that its first paint waits for none of it.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from safemig.cli.errors import UsageError
from safemig.cli.printing import json_out

if TYPE_CHECKING:
    from checks.evidence import Json
    from safemig.cli.opening import Opened


def add_arguments(sub: argparse.ArgumentParser) -> None:
    """The options of `safemig show` beside the common ones."""
    sub.add_argument("run", nargs="?", default="", metavar="RUN", help="the run (default: the newest)")
    sub.add_argument("--spec", default="", help=argparse.SUPPRESS)
    sub.add_argument("--phase", default="", help=argparse.SUPPRESS)
    sub.add_argument("--look", action="store_true", help=argparse.SUPPRESS)
    sub.add_argument("--abandon", action="store_true", help=argparse.SUPPRESS)


def root_of(options: argparse.Namespace) -> Path:
    """The project's root. Raises UsageError when there is no such folder, or its runs are not this person's own."""
    from safemig.consent.ownership import state_problem
    from safemig.project.files import find_root

    start = Path(options.project)
    if not start.is_dir():
        raise UsageError(f"--project {options.project}: there is no such folder")
    root = find_root(start.resolve())
    if problem := state_problem(root):
        raise UsageError(problem)
    return root


def main(options: argparse.Namespace) -> int:
    """The looks behind the screen; 0 when they could be made."""
    if options.abandon:
        return abandon(root_of(options), options.run)
    return look(options)


def look(options: argparse.Namespace) -> int:
    """Two JSON lines: what lies in the project, then what the world is like."""
    from safemig.base.redaction import redact
    from safemig.cli.opening import look_at, open_project
    from safemig.planning.collect.observe import ChoiceNeeded, refuse_ties
    from safemig.planning.notes import lacks
    from safemig.planning.planner import draft
    from safemig.planning.request import Request
    from safemig.planning.text import unwritten

    opened = open_project(options)
    json_out(_project(opened))
    try:
        refuse_ties(opened.project)
        request = Request(options.spec, options.phase)
        facts = look_at(opened, request)
    except ChoiceNeeded as error:
        json_out({"choose": str(error), "candidates": list(error.candidates)})
        return 0
    spec = facts.spec
    left = unwritten(facts, draft(facts))
    json_out(
        {
            "unwritten": [{"path": fact.path, "text": redact(fact.text)} for fact in left],
            "target": facts.target,
            "runtime_problem": opened.runtime.available(),
            "running": list(facts.running),
            "database": facts.database,
            "current": None if facts.current is None else list(facts.current),
            "pending": None if facts.pending is None else list(facts.pending),
            "heads": list(facts.heads),
            "spec": spec.path if spec else "",
            "phase": spec.phase if spec else "",
            "title": spec.title if spec else "",
            "why": [spec.why] if spec and spec.why else list(facts.unchosen),
            "items": len(spec.items) if spec else 0,
            "missing": list(lacks(facts)),
            "unread": list(facts.unread),
            "problems": list(facts.problems),
        }
    )
    return 0


def _project(opened: Opened) -> dict[str, Json]:
    from safemig.cli.runs import rows
    from safemig.cli.trusting import question
    from safemig.project.config import FILE, template
    from safemig.requirements.spec_documents import with_specs

    project = with_specs(opened.project)
    known: list[Json] = [*rows(opened.state)]
    configured = opened.config.file or next((path for path in [project.root / FILE] if path.exists()), None)
    makefile = project.makefile.path.relative_to(project.root).as_posix() if project.makefile else ""
    specs: list[Json] = [path.relative_to(project.root).as_posix() for path in project.specs]
    return {
        "root": str(project.root),
        "folder": project.folder.relative_to(project.root).as_posix(),
        "makefile": makefile,
        "runtime": opened.runtime.name,
        "environment": opened.config.environment,
        "specs": specs,
        "configured": str(configured or ""),
        "template": template(project),
        "problems": [f"{one.what} ({one.where}): {one.next}" for one in project.problems],
        "runs": known,
        "trusted": opened.standing.trusted,
        "digest": opened.standing.digest,
        "question": [] if opened.standing.trusted else [*question(opened.standing, project)],
    }


def abandon(root: Path, name: str) -> int:
    """Gives an unfinished run up for good: its journal says so, and what it has changed stays as it is."""
    from safemig.cli.opening import run_folder
    from safemig.consent.journal_key import journal_key
    from safemig.execution import command
    from safemig.journal.events import RESUMABLE
    from safemig.journal.fold import fold
    from safemig.journal.journal import Journal, ProjectLock, read_events, state_folder

    state = state_folder(root)
    folder = run_folder(state, name)
    events = read_events(folder)
    past = fold(events)
    if not events or past.verdict not in RESUMABLE:
        raise UsageError(f"run {folder.name} has ended; there is nothing to abandon")
    numbers = past.of(past.in_flight).commands if past.in_flight else []
    if numbers and command.state(command.Files(folder / "commands", numbers[-1])) == "running":
        raise UsageError(f"the command of “{past.in_flight}” in run {folder.name} still runs; resume the run, or wait")
    lock = ProjectLock(state)
    try:
        journal = Journal(folder, folder.name, events[-1].target, lambda _event: None, key=journal_key(root))
        reason = "abandoned by the person; what it had changed by then stays"
        ended: dict[str, Json] = {"verdict": "refused", "exit": 1, "reason": reason, "state": _state(past.in_flight)}
        journal.append("run.finished", {**ended, "signals": {}, "schema": {}, "ticked": [], "revision": {}})
        journal.close()
    finally:
        lock.release()
    return 0


def _state(in_flight: str) -> str:
    return f"step in flight when it ended: {in_flight}" if in_flight else "between two steps when it ended"
