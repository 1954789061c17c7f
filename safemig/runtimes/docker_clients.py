"""Which database a URL means inside a compose project, and whether a container of the project publishes a port."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from checks.database.use import Identity, identity
from safemig.runtimes.base import Unreachable
from safemig.runtimes.docker_database import Login, identifier_inside, login_of, open_session, session
from safemig.runtimes.docker_engine import asking, containers, label, open_engine, published

if TYPE_CHECKING:
    import docker
    from docker.models.containers import Container


def identify(engine: docker.DockerClient, found: list[Container], url: str) -> Identity | None:
    """The database that ``url`` leads to from inside the project's network; None when no session can be had."""
    import psycopg

    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or 5432
    except ValueError:
        return None
    user = unquote(parts.username or "postgres")
    login = Login(user, unquote(parts.password or ""), unquote(parts.path.lstrip("/")) or user, port)
    container = next((each for each in found if host in _names(each)), None)
    with contextlib.suppress(psycopg.Error, Unreachable):
        if container is not None:
            with session(engine, container, login) as (connection, *_):
                return identity(connection)
        with contextlib.closing(open_session(host, port, login)) as connection:
            return identity(connection)
    return None


def _names(container: Container) -> frozenset[str]:
    """The names under which the other containers of the project reach it."""
    networks = ((container.attrs.get("NetworkSettings") or {}).get("Networks") or {}).values()
    aliases = {str(alias) for each in networks for alias in each.get("Aliases") or ()}
    return frozenset({label(container, "service"), str(container.name), *aliases})


def published_here(folder: Path, port: int, server: str) -> bool:
    """Whether a running container of a compose project at or below ``folder`` publishes that port, and its server is
    the one of that system identifier."""
    with contextlib.suppress(Unreachable):
        engine = open_engine(timeout=5)
        for container in _below(engine, folder.resolve()):
            inner = next((inside for inside, outside in published(container).items() if outside[1] == port), None)
            if inner is not None and server and identifier_inside(container, login_of(container, "")) == server:
                return True
    return False


def _below(engine: docker.DockerClient, folder: Path) -> list[Container]:
    with asking():
        found = engine.containers.list(filters={"label": ["com.docker.compose.project"]})
    places = {Path(label(each, "project.working_dir")).resolve() for each in found}
    inside = [place for place in places if place.is_relative_to(folder)]
    return [each for place in inside for each in containers(engine, place) if each.status == "running"]
