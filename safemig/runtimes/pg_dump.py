"""PostgreSQL's own dump program among its binaries."""

from __future__ import annotations

from pathlib import Path

import safemig.postgres.server as postgres
from safemig.runtimes.base import Unreachable


def pg_dump_of(found: postgres.Binaries) -> Path:
    program = found.bin / "pg_dump"
    if not program.is_file():
        raise Unreachable(f"{found.bin} holds no pg_dump", "the PostgreSQL binaries", "Name another bin folder.")
    return program
