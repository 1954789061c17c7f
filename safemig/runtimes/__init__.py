"""Runtimes: docker and process behind one protocol. Only this file decides which one it is."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from safemig.runtimes.base import Runtime, RuntimeError_, Unreachable

if TYPE_CHECKING:
    from safemig.project.config import Config
    from safemig.project.layout import Project

__all__ = ["Runtime", "RuntimeError_", "Unreachable", "open_runtime"]


def open_runtime(project: Project, config: Config, state: Path, *, trusted: bool = True) -> Runtime:
    """The runtime of a project; ``state`` is its .safemig. Nothing is opened before the first look; the project's
    env and compose files are read for what is to be redacted. Where it is not ``trusted``, no program of it is run."""
    from safemig.project.known_secrets import known_secrets

    found = project.database
    given = known_secrets({project.root, project.folder}, project.compose, os.environ)
    if project.runtime == "docker" and project.compose is not None:
        from safemig.runtimes.docker import DockerRuntime

        return DockerRuntime(
            folder=project.compose.folder,
            service=config.service or project.service,
            database_service=config.database.service or project.database_service,
            state=state,
            project=project.compose.project_name,
            url=config.url,
            guess=project.url,
            database_name=found.name if found else "",
            database_user=found.user if found else "",
            bridge=_bridge(project, config),
            root=project.root,
            given=given,
            trusted=trusted,
        )
    from safemig.runtimes.database_container import start_line
    from safemig.runtimes.process import ProcessRuntime

    return ProcessRuntime(
        folder=project.folder,
        service=project.service or project.folder.name,
        state=state,
        url=config.url or project.url,
        database_url=_database_url(project, config),
        root=project.root,
        binaries=Path(config.database.binaries) if config.database.binaries else None,
        given=given,
        container=start_line(project),
    )


def _bridge(project: Project, config: Config) -> bool:
    """Whether recipes, or commands that safemig.yaml names, call a docker-compose that this machine does not have."""
    from safemig.shell.compose_v1 import needs_bridge

    makefile = project.makefile
    lines = [line for target in makefile.targets for line in target.recipe] if makefile else []
    return needs_bridge([*lines, *config.commands.values()], variables=makefile.variables if makefile else {})


def _database_url(project: Project, config: Config) -> Callable[[], str]:
    """Resolves the reference anew at each connection: what it yields holds the password."""
    from safemig.project.database_url import resolve

    def url() -> str:
        reference = config.database.url or (project.database.reference if project.database else "")
        if not reference:
            raise ValueError("nothing names it")
        return resolve(reference, project.root, os.environ, project.compose)

    return url
