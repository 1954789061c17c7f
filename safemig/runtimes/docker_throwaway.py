"""Throwaway database containers from the project's own database image; found and removed also after a crash."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from safemig.runtimes.docker_database import Login, wait_for
from safemig.runtimes.docker_engine import address, asking, published
from safemig.runtimes.relay import relay

if TYPE_CHECKING:
    import docker
    from docker.models.containers import Container

SCRATCH = "safemig.scratch"  # label: the compose folder it was made for
OWNER = "safemig.owner"  # label: pid and birth of the engine that made it
START_SECONDS = 60.0


@contextlib.contextmanager
def scratch(engine: docker.DockerClient, image: str, folder: Path) -> Iterator[str]:
    """The conninfo of an empty database on a fresh server of that image; the container is removed at the end."""
    from psycopg.conninfo import make_conninfo

    sweep(engine, folder)
    login = Login("postgres", secrets.token_urlsafe(18), "postgres", 5432)
    container = _run(engine, image, folder, login)
    try:
        with contextlib.ExitStack() as stack:
            outside = published(container).get(5432)
            # The engine may be on another machine, whose loopback is not ours.
            if outside is not None and address(engine, outside[0]) == "127.0.0.1":
                host, port = "127.0.0.1", outside[1]
            else:
                host, port = "127.0.0.1", stack.enter_context(relay(engine, str(container.id), 5432))
            wait_for((host, port), login, START_SECONDS, container)
            yield make_conninfo(
                "",
                host=host,
                port=str(port),
                user=login.user,
                password=login.password,
                dbname=login.name,
                gssencmode="disable",
            )
    finally:
        _remove(container)


def _run(engine: docker.DockerClient, image: str, folder: Path, login: Login) -> Container:
    with asking():
        config = engine.images.get(image).attrs.get("Config") or {}
        container = engine.containers.run(
            image,
            detach=True,
            labels={SCRATCH: str(folder), OWNER: _me()},
            environment={
                "POSTGRES_PASSWORD": login.password,
                "POSTGRES_USER": login.user,
                "POSTGRES_DB": login.name,
                "POSTGRESQL_PASSWORD": login.password,
                "POSTGRES_INITDB_ARGS": "--no-sync",
            },
            # The image's volumes in memory: nothing is written to the disk, and no volume can stay.
            tmpfs={str(path): "" for path in config.get("Volumes") or {}},
            ports={"5432/tcp": ("127.0.0.1", 0)},  # 0: the engine chooses
        )
        try:
            container.reload()
        except BaseException:  # interrupted too: nobody else knows of the container
            _remove(container)
            raise
        return container


def sweep(engine: docker.DockerClient, folder: Path) -> tuple[str, ...]:
    """Remove the scratch containers of this folder whose engine is gone; their names."""
    with asking():
        found = engine.containers.list(all=True, filters={"label": [f"{SCRATCH}={folder}"]}, ignore_removed=True)
    gone = [each for each in found if not _lives(str(each.labels.get(OWNER, "")))]
    for container in gone:
        _remove(container)
    return tuple(str(each.name) for each in gone)


def _remove(container: Container) -> None:
    from docker.errors import APIError, NotFound

    with asking():
        try:
            container.remove(v=True, force=True)
        except NotFound:
            pass
        except APIError as error:
            if error.status_code != 409:  # it is being removed already
                raise


def _me() -> str:
    import psutil

    return f"{os.getpid()}:{psutil.Process().create_time():.0f}"


def _lives(owner: str) -> bool:
    import psutil

    pid, _, born = owner.partition(":")
    try:
        return f"{psutil.Process(int(pid)).create_time():.0f}" == born
    except (psutil.Error, ValueError):
        return False
