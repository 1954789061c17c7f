"""Which container (or local process) is behind each service at one moment: told apart by id and start."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from safemig.execution.instance import Instance

if TYPE_CHECKING:
    import docker
    import psutil
    from docker.models.containers import Container


def of_containers(engine: docker.DockerClient, found: Sequence[Container]) -> Mapping[str, Instance]:
    """service -> its container; a second one of a service is "name#2"."""
    names: dict[str, tuple[str, str]] = {}
    result: dict[str, Instance] = {}
    for container in found:
        service = str(container.labels.get("com.docker.compose.service", container.name))
        name, number = service, 1
        while name in result:
            number += 1
            name = f"{service}#{number}"
        attrs: Mapping[str, Any] = container.attrs
        reference = str((attrs.get("Config") or {}).get("Image", ""))
        if reference not in names:
            names[reference] = _image_of(engine, reference)
        image = str(attrs.get("Image", ""))
        if image not in names:
            names[image] = _image_of(engine, image)
        result[name] = _of_container(container, names[reference][0], names[image][1])
    return result


def _of_container(container: Container, named: str, made: str) -> Instance:
    state: Mapping[str, Any] = container.attrs.get("State") or {}
    status = str(state.get("Status", ""))
    return Instance(
        id=str(container.id),
        started=str(state.get("StartedAt", "")),
        state=status,
        exit_code=int(state.get("ExitCode") or 0) if status in ("exited", "dead", "restarting") else None,
        restarts=int(container.attrs.get("RestartCount") or 0),
        image=str(container.attrs.get("Image", "")),
        named=named,
        made=made,
        reloads=_reloads([str(container.attrs.get("Path", "")), *map(str, container.attrs.get("Args") or [])]),
    )


def _reloads(command: Sequence[str]) -> bool:
    """Whether a server's words say so: `uvicorn --reload`, `fastapi dev`, `flask --debug`, `manage.py runserver`."""
    return bool({"dev", "runserver"} & set(command)) or any("--reload" in each or "--debug" in each for each in command)


def _image_of(engine: docker.DockerClient, reference: str) -> tuple[str, str]:
    """The id of an image and when it was made."""
    from docker.errors import APIError

    try:
        found = engine.images.get(reference) if reference else None
    except APIError:  # it has no name any more
        found = None
    return (str(found.id), str(found.attrs.get("Created", ""))) if found is not None else ("", "")


def of_process(process: psutil.Process, started: str) -> Instance:
    """The local process that listens."""
    import psutil

    try:
        command = process.cmdline()
    except psutil.Error:
        command = []
    return Instance(id=str(process.pid), started=started, pid=process.pid, reloads=_reloads(command))
