"""A runtime handed over to another process of ours."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from safemig.runtimes.base import Runtime

_DOCKER_NAMES = ("service", "database_service", "project", "url", "guess", "database_name", "database_user")


def arguments(runtime: Runtime) -> Mapping[str, str]:
    """What ``reopen`` makes the same runtime of; {} for one that no other process can open. For plain processes it
    holds the database's password: it goes through a pipe and into no file. Raises ValueError where the database's URL
    cannot be resolved."""
    if runtime.name == "docker":
        from safemig.runtimes.docker import DockerRuntime

        if not isinstance(runtime, DockerRuntime):
            return {}
        names = {name: str(getattr(runtime, name)) for name in _DOCKER_NAMES}
        return {"name": "docker", "folder": str(runtime.folder), "state": str(runtime.state), **names}
    from safemig.runtimes.process import ProcessRuntime

    if not isinstance(runtime, ProcessRuntime):
        return {}
    return {
        "name": "process",
        "folder": str(runtime.folder),
        "state": str(runtime.state),
        "service": runtime.service,
        "url": runtime.url,
        "database_url": runtime.database_url(),
    }


def reopen(given: Mapping[str, str]) -> Runtime:
    """The runtime that gave these arguments. Of the secrets in the project's files it knows none: what it sees is not
    to be shown before it was redacted."""
    folder, state = Path(given["folder"]), Path(given["state"])
    if given["name"] == "docker":
        from safemig.runtimes.docker import DockerRuntime

        return DockerRuntime(
            folder=folder,
            state=state,
            service=given["service"],
            database_service=given["database_service"],
            project=given["project"],
            url=given["url"],
            guess=given["guess"],
            database_name=given["database_name"],
            database_user=given["database_user"],
        )
    from safemig.runtimes.process import ProcessRuntime

    return ProcessRuntime(
        folder=folder,
        state=state,
        service=given["service"],
        url=given["url"],
        database_url=lambda: given["database_url"],
    )
