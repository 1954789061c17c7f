"""A service that reads its one table, with a database that is in use, for tests of pending and generated revisions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from checks.database.in_use import in_use
from tests.safemig.bad_projects import Ended, safemig
from tests.spine.project import Spine, make_project, migrated, remove_project

SERVICE = """\
import psycopg


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({{"type": message["type"] + ".complete"}})
            if message["type"] == "lifespan.shutdown":
                return
    status, body = 200, b'{{"status": "ok"}}'
    if scope["path"] == "/courses":
        try:
            with psycopg.connect("{dsn}") as connection:
                connection.execute("SELECT slug FROM course")
        except psycopg.Error:
            status, body = 500, b'{{"detail": "broken"}}'
    elif scope["path"] not in ("/", "/health"):
        status = 404
    headers = [(b"content-type", b"application/json")]
    await send({{"type": "http.response.start", "status": status, "headers": headers}})
    await send({{"type": "http.response.body", "body": body}})
"""
SECOND = """\
from alembic import op
import sqlalchemy as sa

revision = "2b3c4d5e6f70"
down_revision = "1a2b3c4d5e6f"


def upgrade():
    {up}


def downgrade():
    {down}
"""


def write_second(shop: Spine, up: str, down: str) -> None:
    path = shop.root / "alembic" / "versions" / "2b3c4d5e6f70_second.py"
    path.write_text(SECOND.format(up=up, down=down))


def events_of(shop: Spine) -> list[dict[str, Any]]:
    return [json.loads(row) for row in (shop.runs()[-1] / "events.jsonl").read_text().splitlines()]


def order_of(shop: Spine) -> list[str]:
    return [event["step"] for event in events_of(shop) if event["kind"] == "step.started"]


def run_safemig(shop: Spine, *more: str) -> Ended:
    return safemig(shop.root, "run", "--mode", "auto", *more)


def written_by(shop: Spine) -> list[Path]:
    return [path for path in (shop.root / "alembic" / "versions").glob("*.py") if "_first" not in path.name]


@contextmanager
def made_shop(root: Path) -> Iterator[Spine]:
    """The service reads its one table; its database is at the first revision, and nothing is asked for."""
    made = make_project(root)
    (made.root / "docs" / "ratings_plan.md").write_text("# Notes\n")
    config = (made.root / "safemig.yaml").read_text()
    try:
        migrated(made)
        with psycopg.connect(made.dsn) as connection:
            assert in_use(connection)
        (made.root / "safemig.yaml").write_text(f"{config}endpoints:\n  - path: /courses\n")
        (made.root / "service.py").write_text(SERVICE.format(dsn=made.dsn))
        yield made
    finally:
        remove_project(made)
