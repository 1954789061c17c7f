"""The Docker Engine of the current docker context, and the containers of one compose folder."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from safemig.runtimes.base import Unreachable

if TYPE_CHECKING:
    import docker
    from docker.models.containers import Container

LABEL = "com.docker.compose."
OURS = ": safemig;"  # begins every script of ours in a container


def open_engine(environ: Mapping[str, str] | None = None, timeout: int = 20) -> docker.DockerClient:
    """A client for DOCKER_HOST, else for the context that the docker command itself uses. Unreachable on failure."""
    import docker
    from docker.context import ContextAPI
    from docker.errors import DockerException

    given = os.environ if environ is None else environ
    try:
        if given.get("DOCKER_HOST"):
            return docker.from_env(timeout=timeout, environment=dict(given))
        context = ContextAPI.get_context(given.get("DOCKER_CONTEXT"))
        host = context.Host if context is not None else None
        tls = context.TLSConfig if context is not None else None
        options: dict[str, Any] = {"timeout": timeout}
        if host:
            options["base_url"] = host
        if tls:
            options["tls"] = tls
        if host and host.startswith("ssh://"):
            options["use_ssh_client"] = True
        return docker.DockerClient(**options)
    except (DockerException, OSError, ValueError) as error:
        raise _no_engine(error) from error


@contextlib.contextmanager
def asking() -> Iterator[None]:
    """Turns an engine that does not answer into Unreachable."""
    from docker.errors import DockerException
    from requests.exceptions import RequestException

    try:
        yield
    except (DockerException, RequestException) as error:
        raise _no_engine(error) from error


def _no_engine(error: Exception) -> Unreachable:
    from docker.errors import APIError

    if isinstance(error, APIError):  # it answers: a container went away, or does not run
        return Unreachable(
            f"the Docker Engine refused: {str(error.explanation or error)[:300]}",
            "the project's containers",
            "Look at `docker ps --all`, then try again.",
        )
    return Unreachable(
        f"the Docker Engine gave no answer: {str(error)[:300]}",
        os.environ.get("DOCKER_HOST") or "the current docker context",
        "Start Docker, or choose the context with `docker context use`.",
    )


def host_of(engine: docker.DockerClient) -> str:
    """The name under which published ports of that engine are reached: this machine for a socket."""
    name = urlsplit(str(engine.api.base_url)).hostname
    if str(engine.api.base_url).startswith("http+docker"):
        return "127.0.0.1"
    return name or "127.0.0.1"


def containers(engine: docker.DockerClient, folder: Path, *, oneoff: bool = False) -> list[Container]:
    """The compose containers of that working folder, whatever their project is called; one-off ones only if asked."""
    with asking():
        found = engine.containers.list(
            all=True, filters={"label": [f"{LABEL}project.working_dir"]}, ignore_removed=True
        )
    real = folder.resolve()
    ours = [each for each in found if Path(label(each, "project.working_dir")).resolve() == real]
    return [each for each in ours if (label(each, "oneoff").lower() == "true") is oneoff]


def of_another_folder(engine: docker.DockerClient, project: str, folder: Path) -> str:
    """Why compose's commands in ``folder`` would reach the containers of another one: both are the same project, which
    compose names after the folder's last part alone. "" where no such container is there, running or not."""
    with asking():
        found = engine.containers.list(all=True, filters={"label": [f"{LABEL}project={project}"]}, ignore_removed=True)
    real = folder.resolve()
    named = {label(each, "project.working_dir") for each in found} - {""}
    others = sorted(other for other in named if Path(other).resolve() != real)
    if not others:
        return ""
    return (
        f"compose takes {real} and {', '.join(others)} for one project, {project}, whose containers were made in the "
        f"other folder: a command here would recreate or read them; give this one a name of its own "
        f"(COMPOSE_PROJECT_NAME, or name: in the compose file), or take the containers of the other one down"
    )


def label(container: Container, name: str) -> str:
    """A compose label, "" when it is not there."""
    return str((container.labels or {}).get(LABEL + name, ""))


def of_service(found: list[Container], service: str) -> Container | None:
    """The service's container; a running one before a stopped one."""
    named = [each for each in found if label(each, "service") == service]
    return next((each for each in named if each.status == "running"), named[0] if named else None)


def environment(container: Container) -> dict[str, str]:
    """The variables that the container was made with. They hold passwords."""
    pairs = (container.attrs.get("Config") or {}).get("Env") or []
    return {name: value for name, _, value in (str(pair).partition("=") for pair in pairs)}


def published(container: Container) -> dict[int, tuple[str, int]]:
    """Container port -> host address and port, as the engine reports them now."""
    ports = (container.attrs.get("NetworkSettings") or {}).get("Ports") or {}
    result: dict[int, tuple[str, int]] = {}
    for inside, outside in ports.items():
        number, _, kind = str(inside).partition("/")
        usable = [each for each in outside or () if str(each.get("HostPort", "")).isdigit()]
        if kind == "tcp" and usable:
            # An IPv6 twin (::) may stand first; the IPv4 one is reachable everywhere.
            best = min(usable, key=lambda each: ":" in str(each.get("HostIp", "")))
            result[int(number)] = (str(best.get("HostIp", "")), int(best["HostPort"]))
    return result


def address(engine: docker.DockerClient, host_ip: str) -> str:
    """The host part for a published port: the bound address, else the engine's own."""
    return host_of(engine) if host_ip in ("", "0.0.0.0", "::", "127.0.0.1", "::1") else host_ip


def run_inside(
    container: Container, command: list[str], *, user: str = "", environment: Mapping[str, str] | None = None
) -> tuple[int, str, str]:
    """Run a tool in the container: exit code, output, errors.

    The shell in front only carries the word by which our own looks are told from what commands left there.
    """
    marked = ["sh", "-c", f'{OURS} exec "$@"', "sh", *command]
    with asking():
        code, streams = container.exec_run(marked, user=user, environment=dict(environment or {}), demux=True)
    out, err = cast("tuple[bytes | None, bytes | None]", streams)
    return int(code or 0), (out or b"").decode("utf-8", "replace"), (err or b"").decode("utf-8", "replace")


def words_of(container: Container) -> str:
    """Its state, its health and its image, for a person."""
    state = container.attrs.get("State") or {}
    health = (state.get("Health") or {}).get("Status")
    image = (container.attrs.get("Config") or {}).get("Image", "")
    return ", ".join(word for word in (container.status, health, f"image {image}") if word)
