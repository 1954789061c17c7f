"""A database that the project keeps in a container beside its processes: started by compose, never replaced."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from safemig.project.derived_commands import compose_call
from safemig.runtimes.base import Unreachable

if TYPE_CHECKING:
    from safemig.project.layout import Project

SECONDS = 300


def start_line(project: Project) -> str:
    """The line that starts the service which publishes the port that the application's URL names on this machine; ""
    where none does, or a Makefile starts what it needs. A server of safemig's own there would be another, empty one."""
    found = project.database
    if project.makefile is not None or project.compose is None or found is None:
        return ""
    port = found.port or 5432
    for service in project.compose.services.values():
        if service.is_postgres and any(each.published == port for each in service.ports):
            return f"{compose_call(project.folder, project.compose)} up -d --wait {shlex.quote(service.name)}"
    return ""


def start(line: str, folder: Path, environment: Mapping[str, str]) -> None:
    """Runs that line. Unreachable with its own words where it fails."""
    try:
        done = subprocess.run(
            shlex.split(line), cwd=folder, env={**os.environ, **environment}, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=SECONDS, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unreachable(f"`{line}` could not be run: {error}", str(folder), "Start the database yourself.") from error
    if done.returncode:
        said = " / ".join(done.stderr.strip().splitlines()[-3:])
        raise Unreachable(f"`{line}` returned {done.returncode}: {said}", str(folder), "Start the database yourself.")
