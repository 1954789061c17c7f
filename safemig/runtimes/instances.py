"""Which container (or local process) is behind each service at one moment: told apart by id and start."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import docker
    import psutil
    from docker.models.containers import Container


@dataclass(frozen=True)
class Instance:
    """One container or local process. ``image`` is the id that it was made from, ``named`` the id that this image's
    name stands for now ("" where that is not known); ``pid`` is that of a process of this machine, 0 in a container.
    """

    id: str
    started: str
    state: str = "running"
    exit_code: int | None = None
    restarts: int = 0
    image: str = ""
    named: str = ""
    pid: int = 0

    @property
    def ended(self) -> bool:
        """Whether it has come to an end by itself."""
        return self.state in ("exited", "dead")

    def same(self, other: Instance | None) -> bool:
        """Whether nothing was started between the two looks."""
        return other is not None and (self.id, self.started) == (other.id, other.started)


def of_containers(engine: docker.DockerClient, found: Sequence[Container]) -> Mapping[str, Instance]:
    """service -> its container; a second one of a service is "name#2"."""
    names: dict[str, str] = {}
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
        result[name] = _of_container(container, names[reference])
    return result


def _of_container(container: Container, named: str) -> Instance:
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
    )


def _image_of(engine: docker.DockerClient, reference: str) -> str:
    from docker.errors import APIError

    try:
        return str(engine.images.get(reference).id) if reference else ""
    except APIError:  # it has no name any more
        return ""


def of_process(process: psutil.Process, started: str) -> Instance:
    """The local process that listens."""
    return Instance(id=str(process.pid), started=started, pid=process.pid)
