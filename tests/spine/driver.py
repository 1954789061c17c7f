"""The engine's process with a death at a chosen moment: a journal record, or the middle of a command.

Usage: driver.py PROJECT run|resume KILL, where KILL is "", "before:N", "after:N" (the Nth record that this process
appends), "during:N" (while the Nth command runs) or "done:STEP" (once that step has finished). What the followed
log reports is not counted: its records come when the service speaks, and a chain of deaths would wait at them.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

from checks.evidence import Json
from safemig.cli.errors import at_border
from safemig.cli.server import serve
from safemig.cli.trusting import trust_folder
from safemig.engine.service_log import LOGS
from safemig.journal.events import Event
from safemig.journal.journal import Journal


def die() -> None:
    """As a power cut for this process alone."""
    os.kill(os.getpid(), signal.SIGKILL)


def arm(kill: str) -> None:
    """Wraps the journal's append so that the process dies at the chosen moment."""
    when, _, number = kill.partition(":")
    count = commands = 0
    append = Journal.append

    def dying(self: Journal, kind: str, data: Mapping[str, Json], step: str = "") -> Event:
        nonlocal count, commands
        if step == LOGS:
            return append(self, kind, data, step)
        count += 1
        if when == "before" and count == int(number):
            die()
        event = append(self, kind, data, step)
        if (when == "after" and count == int(number)) or (when, kind, number) == ("done", "step.finished", step):
            die()
        commands += kind == "command.started"
        if when == "during" and kind == "command.started" and commands == int(number):
            die_in = (self.folder / "commands", int(str(data["number"])))
            threading.Thread(target=wait_and_die, args=die_in, daemon=True).start()
        return event

    Journal.append = dying  # type: ignore[method-assign]


def wait_and_die(folder: Path, number: int) -> None:
    """Dies once the command has really begun."""
    from safemig.execution.command import Files

    begun = Files(folder, number).begun
    while not begun.exists():
        threading.Event().wait(0.005)
    die()


def main() -> int:
    """Drives one run, or dies."""
    project, command, kill = sys.argv[1:4]
    if kill:
        arm(kill)
    trust_folder(Path(project))
    options = argparse.Namespace(
        project=project,
        command=command,
        mode="auto" if command == "run" else None,
        spec="",
        phase="",
        message="",
        run="",
        detach=False,
        watch=[],
    )
    return at_border(lambda: serve(options))


if __name__ == "__main__":
    sys.exit(main())
