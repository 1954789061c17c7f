"""The catalogue as it is served here: the database is brought up to date before the first request."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from fastapi import FastAPI

from app.main import app

SETTINGS = Path(__file__).resolve().parents[1] / "alembic.ini"


@asynccontextmanager
async def up_to_date(app: FastAPI) -> AsyncIterator[None]:
    """Applies every pending revision."""
    command.upgrade(Config(SETTINGS), "head")
    yield


app.router.lifespan_context = up_to_date
