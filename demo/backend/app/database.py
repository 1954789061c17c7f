"""The way to the database."""

import os
from collections.abc import Iterator

from sqlalchemy import create_engine
from sqlalchemy.orm import Session

DATABASE_URL = os.environ.get("DATABASE_URL", "postgresql+psycopg://courses:courses@db:5432/courses")

engine = create_engine(DATABASE_URL, pool_pre_ping=True, connect_args={"connect_timeout": 3})


def get_session() -> Iterator[Session]:
    """A session for one request."""
    with Session(engine) as session:
        yield session
