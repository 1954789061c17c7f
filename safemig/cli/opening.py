"""From command line options to a project, a runtime and a run's session."""

from __future__ import annotations

import argparse
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from safemig.base.action import digest_of
from safemig.base.files import content
from safemig.base.redaction import MARK
from safemig.cli.errors import UsageError
from safemig.cli.printing import hide_values
from safemig.cli.trusting import NotTrusted, go_on, not_looked, own_programs_only, question, standing_of
from safemig.consent.journal_key import journal_key, known_key, seal_problem, sealed_lines
from safemig.consent.ownership import run_problem
from safemig.consent.trust import Standing
from safemig.execution import command
from safemig.journal.events import RESUMABLE, Event
from safemig.journal.fold import fold
from safemig.journal.journal import EVENTS, Journal, RunBusy, decode, read_events, state_folder
from safemig.journal.state import RunState

if TYPE_CHECKING:
    from safemig.engine.inbox import Inbox
    from safemig.engine.session import Session
    from safemig.planning.facts import Facts
    from safemig.planning.request import Request
    from safemig.project.config import Config
    from safemig.project.layout import Project
    from safemig.project.problem import Problem
    from safemig.runtimes.base import Runtime

REQUEST = "request.json"


@dataclass(frozen=True)
class Opened:
    """A project and the ways to it. Where it is not trusted, ``config`` is without what takes trust, and ``runtime``
    runs no program of the project."""

    project: Project
    config: Config
    runtime: Runtime
    standing: Standing

    @property
    def state(self) -> Path:
        """The project's ``.safemig`` folder (which need not exist yet)."""
        return self.project.root / ".safemig"


def open_project(options: argparse.Namespace) -> Opened:
    """Discovers the project around ``--project``, as far as this person trusts it. Changes nothing."""
    from safemig.cli.copying import root_of
    from safemig.project.files import find_root
    from safemig.project.layout import discover
    from safemig.runtimes import open_runtime

    start = Path(options.project)
    if not start.is_dir():
        raise UsageError(f"--project {options.project}: there is no such folder")
    found = find_root(start.resolve())
    refuse_foreign_state(found)
    config, standing, problem = configuration(found, options)
    if not standing.trusted:
        own_programs_only(found)
    root = root_of(config, make=options.command == "run" and standing.trusted)
    project = discover(root or start.resolve(), config, root=root)
    refuse_foreign_state(project.root)
    if problem:
        project = replace(project, problems=(*project.problems, problem))
    runtime = open_runtime(project, config, project.root / ".safemig", trusted=standing.trusted)
    hide_values(runtime.secrets)
    return Opened(project, config, runtime, standing)


def look_at(opened: Opened, request: Request) -> Facts:
    """The facts of the project and the world as they are now, without the secrets in what is written for a person."""
    import asyncio

    from safemig.base.redaction import redact
    from safemig.engine.redact_evidence import clean_facts
    from safemig.planning.collect.observe import observe

    facts = asyncio.run(observe(opened.project, opened.config, opened.runtime, request))
    return clean_facts(facts, lambda text: redact(text, opened.runtime.secrets()))


def hide_secrets_around(folder: Path) -> None:
    """Hides what the project around ``folder`` holds as secrets, for a command that opens no project. Where its
    configuration cannot be read, it names none."""
    from safemig.project.config import Config, ConfigError, load
    from safemig.project.config_trust import without_trust
    from safemig.project.files import find_root
    from safemig.project.layout import discover
    from safemig.runtimes import open_runtime

    root = find_root(folder)
    try:
        config = without_trust(load(root))
    except (ConfigError, OSError):
        config = Config()
    project = discover(folder, config)
    hide_values(open_runtime(project, config, root / ".safemig", trusted=False).secrets)


def configuration(root: Path, options: argparse.Namespace) -> tuple[Config, Standing, Problem | None]:
    """The configuration in ``root`` as far as it counts for this person, how the person stands to the folder, and a
    word about what does not count."""
    from safemig.project.config import load
    from safemig.project.config_trust import without_trust

    written = load(root)
    standing = standing_of(root, written, options)
    if not standing.trusted:
        return without_trust(written), standing, not_looked(standing)
    config, problem = own_rules(written)
    return config, standing, problem


def require_trust(opened: Opened, options: argparse.Namespace | None = None) -> None:
    """Raises NotTrusted where nothing of the project may be run."""
    standing = opened.standing
    if not standing.trusted:
        line = go_on(options or argparse.Namespace(), standing)
        raise NotTrusted(standing, question(standing, opened.project), line)


def refuse_foreign_state(root: Path) -> None:
    """Raises UsageError where the project's ``.safemig`` is not this person's own."""
    from safemig.consent.ownership import state_problem

    if problem := state_problem(root):
        raise UsageError(problem)


def own_rules(config: Config) -> tuple[Config, Problem | None]:
    """The configuration without the allow rules that came with the repository, and a word about that. Rules that
    refuse, or ask more, hold wherever they come from."""
    from safemig.consent.ownership import brought_along, not_ours
    from safemig.project.problem import Problem

    file, rules = config.file, config.permissions
    if file is None or not rules.allow:
        return config, None
    why = not_ours(file) or brought_along(file.parent, file.name)
    if not why:
        return config, None
    what = f"its allow rules are not taken: {why}, and an allow rule is the person's own"
    to_do = "what they allow is asked; “don't ask again” grants it for good, or keep them in a file that git ignores"
    return replace(config, permissions=replace(rules, allow=())), Problem(what, str(file), to_do)


def new_session(opened: Opened, request: Request, listen: Callable[[Event], None], inbox: Inbox) -> Session:
    """A session on an empty journal. Raises NotTrusted."""
    from safemig.engine.session import Session

    require_trust(opened)
    state = state_folder(opened.project.root)
    for name, past in runs(state):
        if past.in_flight and _still_running(state / "runs" / name, past):
            raise RunBusy(f"run {name} was killed and its command still runs; take it up with `safemig resume`")
    name = datetime.now(UTC).strftime("%Y%m%d-%H%M%S-") + secrets.token_hex(2)
    key = journal_key(opened.project.root)
    journal = Journal(state / "runs" / name, name, _target(opened), listen, key=key)
    asked = {"spec": request.spec, "phase": request.phase, "message": request.message}
    journal.save(REQUEST, msgspec.json.encode(asked))
    return Session(opened.project, opened.config, opened.runtime, journal, inbox, request)


def old_session(opened: Opened, name: str, listen: Callable[[Event], None], inbox: Inbox) -> Session:
    """A session on the journal of an unfinished run (the newest one when ``name`` is empty). Raises NotTrusted."""
    from safemig.engine.session import Session

    require_trust(opened)
    state = state_folder(opened.project.root)
    folder = run_folder(state, name or _newest_unfinished(state))
    key = journal_key(opened.project.root)
    if problem := run_problem(folder) or seal_problem(folder, key):
        raise UsageError(problem)
    past = fold(read_events(folder))
    if past.verdict not in RESUMABLE:
        raise UsageError(f"run {folder.name} has ended ({past.verdict}); start a new one with `safemig run`")
    journal = Journal(folder, folder.name, _target(opened), listen, key=key)
    return Session(opened.project, opened.config, opened.runtime, journal, inbox, _request(folder, past))


def _request(folder: Path, past: RunState) -> Request:
    """What the run was asked for, word for word: in its events it is redacted."""
    from safemig.planning.request import Request

    started = past.started
    try:
        asked = msgspec.json.decode(content(folder / REQUEST), type=dict[str, str])
        request = Request(asked["spec"], asked["phase"], asked["message"])
    except FileNotFoundError:  # a run of an earlier version
        if past.facts is None and MARK in f"{started.phase} {started.message}":
            raise UsageError("what this run was asked for is known only without its secrets; start a new one") from None
        return Request(started.spec, started.phase, started.message)
    except (OSError, KeyError, msgspec.MsgspecError) as error:
        raise UsageError(f"{folder / REQUEST} cannot be read: {error}") from None
    if started.digest and digest_of(request) != started.digest:
        raise UsageError(f"{folder / REQUEST} is not what the run has written; start a new run")
    return request


def _target(opened: Opened) -> str:
    return f"{opened.config.environment}:{opened.project.folder.relative_to(opened.project.root).as_posix()}"


def runs(state: Path) -> list[tuple[str, RunState]]:
    """The project's runs, oldest first, as far as this person's safemig has written them."""
    return [(name, past) for name, past, _ in sealed_runs(state)]


def sealed_runs(state: Path) -> list[tuple[str, RunState, str]]:
    """The same, each with why the rest of its journal does not count; "" where all of it does."""
    folder = state / "runs"
    if not folder.is_dir():
        return []
    return [(path.name, *past_of(state, path)) for path in sorted(folder.iterdir()) if _is_run(path)]


def past_of(state: Path, folder: Path) -> tuple[RunState, str]:
    """What the sealed lines of a run's journal say, and why the others are left out; "" where there are none."""
    lines, problem = sealed_lines(folder, known_key(state.parent))
    return fold(decode(lines, str(folder / EVENTS))), problem


def _is_run(path: Path) -> bool:
    """A folder of this project; what a link leads to is another's."""
    return path.is_dir() and not path.is_symlink()


def run_folder(state: Path, name: str) -> Path:
    """The folder of that run (the newest one when ``name`` is empty). Raises UsageError when there is none."""
    folder = state / "runs"
    known = sorted(path.name for path in folder.iterdir() if _is_run(path)) if folder.is_dir() else []
    if not known:
        raise UsageError("this project has no runs yet; start one with `safemig run`")
    fitting = [known[-1]] if not name else [run for run in known if run.startswith(name)]
    if len(fitting) != 1:
        raise UsageError(f"no single run is called {name}; `safemig runs` lists them")
    return folder / fitting[0]


def _newest_unfinished(state: Path) -> str:
    unsealed = ""
    for name, past, problem in reversed(sealed_runs(state)):
        if past.verdict in RESUMABLE and past.start:
            return name
        unsealed = unsealed or problem
    none = "no run of this project is unfinished; start one with `safemig run`"
    raise UsageError(f"{none}. Left out: {unsealed}" if unsealed else none)


def _still_running(folder: Path, past: RunState) -> bool:
    numbers = past.of(past.in_flight).commands
    return bool(numbers) and command.state(command.Files(folder / "commands", numbers[-1])) == "running"
