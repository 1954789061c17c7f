"""A catalogue of its own in memory for each test, so that no test leaves rows behind."""

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from sqlalchemy import StaticPool, create_engine
from sqlalchemy.orm import Session

from app.database import get_session
from app.main import app
from app.models import Base
from app.seed import seed


@pytest.fixture
def catalogue() -> Iterator[FastAPI]:
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        seed(session)
        app.dependency_overrides[get_session] = lambda: session
        yield app
        app.dependency_overrides.clear()
