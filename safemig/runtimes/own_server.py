"""Programs and servers of PostgreSQL that the process runtime uses on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import safemig.postgres.server as postgres
from safemig.runtimes.base import Unreachable

if TYPE_CHECKING:
    from safemig.runtimes.connection_target import Target


def pg_dump(found: postgres.Binaries) -> Path:
    program = found.bin / "pg_dump"
    if not program.is_file():
        raise Unreachable(f"{found.bin} holds no pg_dump", "the PostgreSQL binaries", "Name another bin folder.")
    return program


def create(server: postgres.Server, target: Target) -> None:
    import psycopg

    try:
        server.create_database(target.user, target.password, target.name)
    except psycopg.Error as error:
        raise Unreachable(
            f"our own server does not let {target.user} in: {str(error).strip()[:200]}",
            str(server.data),
            "The URL's user or password changed since its data were made: set it back, or remove that folder.",
        ) from error
