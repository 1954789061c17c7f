import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient


@pytest.fixture
def client(catalogue: FastAPI) -> TestClient:
    return TestClient(catalogue)


def test_root_names_the_service(client: TestClient) -> None:
    assert client.get("/").json()["name"] == "Course catalogue"


def test_courses_are_listed_by_title(client: TestClient) -> None:
    titles = [course["title"] for course in client.get("/courses").json()]
    assert titles == ["Bicycle repair", "Night sky photography", "Sourdough basics"]


def test_course_has_its_lessons_in_order(client: TestClient) -> None:
    course = client.get("/courses/bicycle-repair").json()
    assert [lesson["title"] for lesson in course["lessons"]] == ["Tools", "Brakes", "A wheel in true"]


def test_unknown_course_is_not_found(client: TestClient) -> None:
    assert client.get("/courses/alchemy").status_code == 404


@pytest.mark.asyncio
async def test_courses_over_an_async_client(catalogue: FastAPI) -> None:
    transport = httpx.ASGITransport(app=catalogue)
    async with httpx.AsyncClient(transport=transport, base_url="http://catalogue") as client:
        response = await client.get("/courses")
    assert len(response.json()) == 3
