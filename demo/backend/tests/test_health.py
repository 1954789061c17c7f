from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.main import app


def test_health_of_the_real_database() -> None:
    answer = TestClient(app).get("/health").json()
    assert answer["status"] == "ok"


def test_health_counts_the_courses(catalogue: FastAPI) -> None:
    assert TestClient(catalogue).get("/health").json()["courses"] == 3
