"""`safemig demo`: a fresh copy of the demo project, and the main job on it."""

from __future__ import annotations

import argparse
import shutil
import subprocess
from pathlib import Path

from safemig.cli.copying import docker_answers
from safemig.cli.demo_copy import DemoCopy, DemoError, copy_demo
from safemig.cli.errors import UsageError
from safemig.cli.interactive import can_ask
from safemig.cli.opening import open_project
from safemig.cli.printing import err, out
from safemig.consent import trust
from safemig.planning.collect.gaps import ChoiceNeeded


def main(options: argparse.Namespace) -> int:
    """The run's exit code; without --keep everything that was started is stopped and removed again.

    Raises ChoiceNeeded before anything is made where a question would come, nobody could answer it, and the copy that
    could be taken up later would be gone.
    """
    if not (options.mode == "auto" or options.events or options.keep or can_ask(options)):
        what = "the demo asks before each change, nobody can answer here, and its copy is removed at the end"
        raise ChoiceNeeded(what, (), "add --mode auto, or --keep DIR and take the run up there with `safemig resume`")
    runtime = "docker" if options.runtime == "docker" or (options.runtime == "auto" and docker_answers()) else "process"
    keep = Path(options.keep).resolve() if options.keep else None
    say = err if options.json or options.events else out
    try:
        copy = copy_demo(keep, "docker" if runtime == "docker" else "process", shape=options.shape)
    except DemoError as error:
        raise UsageError(str(error)) from error
    say(f"demo project: {copy.root} ({runtime})\n")
    try:
        return _run(options, copy)
    finally:
        if keep is None:
            _clean(copy)
        else:
            say(f"kept, and left running: {copy.root}\n")


def _run(options: argparse.Namespace, copy: DemoCopy) -> int:
    from safemig.cli import run

    options.command, options.project, options.run = "run", str(copy.folder), ""
    options.spec = options.phase = options.message = ""
    options.removed, options.detach = not options.keep, False
    return run.main(options)


def _clean(copy: DemoCopy) -> None:
    """Stops the copy with its own make targets, then removes it. Only ever touches the copy made above."""
    options = argparse.Namespace(project=str(copy.folder), command="demo")
    opened = open_project(options)
    environment = opened.runtime.environment()
    lines = [["make", "stop"]]
    if copy.runtime == "docker":
        lines = [["docker", "compose", "down", "--volumes", "--remove-orphans", "--rmi", "local"]]
    for line in lines:
        subprocess.run(line, cwd=copy.folder, env=environment, capture_output=True, check=False, timeout=120)
    opened.runtime.remove_database()
    trust.revoke(opened.standing.root)
    shutil.rmtree(copy.root, ignore_errors=True)
