"""Which recipes keep the terminal: only those may be taken as ready while they still run."""

from __future__ import annotations

import pytest

from safemig.shell.foreground import of_words, staying

LINES = [
    ("docker compose up", "foreground"),
    ("docker compose up --build", "foreground"),
    ("docker-compose -f dev.yml up --build api", "foreground"),
    ("COMPOSE_PROFILES=dev docker compose --env-file .env up", "foreground"),
    ("docker compose up -d", "returns"),
    ("docker compose up --build -d", "returns"),
    ("docker compose up --wait -d", "returns"),
    ("docker compose up --wait", "returns"),
    ("docker compose up --detach", "returns"),
    ("docker compose up --no-start && docker compose start", "returns"),
    ("docker compose start", "returns"),
    ("docker compose restart api", "returns"),
    ("docker compose build && docker compose up -d", "returns"),
    ("docker compose up -d && docker compose exec -T api alembic upgrade head", "returns"),
    ("docker compose up -d; docker compose logs -f api", "foreground"),
    ("docker compose logs --tail 5 api", "returns"),
    ("docker compose run --rm api alembic upgrade head", "returns"),
    ("docker run -d -p 80:80 shop", "returns"),
    ("docker run -itd shop", "returns"),
    ("docker run --rm -p 80:80 shop", "unknown"),
    ("uvicorn app.main:app --port 8000", "foreground"),
    ("exec .venv/bin/python -m uvicorn app.main:app", "foreground"),
    ("cd api && uv run --frozen uvicorn app.main:app", "foreground"),
    ("poetry run gunicorn shop:app", "foreground"),
    ("gunicorn -D shop:app", "returns"),
    ("alembic upgrade head && uvicorn app.main:app", "foreground"),
    ("uvicorn app.main:app > api.log 2>&1 &", "returns"),
    ("nohup .venv/bin/uvicorn app.main:app > .run/api.log 2>&1 & echo $! > .run/api.pid", "returns"),
    ("(uvicorn app.main:app &)", "returns"),
    ("uvicorn app.main:app &> api.log", "foreground"),
    ("uvicorn app.main:app &\\\n sleep 1", "returns"),
    ("uvicorn app.main:app & tail -f api.log", "foreground"),
    ("python manage.py runserver", "foreground"),
    ("flask run", "foreground"),
    ("npm run dev", "unknown"),
    ("./start.sh", "unknown"),
    ("systemctl --user start shop", "returns"),
    ("if [ -f x.pid ]; then kill $(cat x.pid); fi", "returns"),
    ("echo 'unbalanced", "unknown"),
    ("", "returns"),
]


@pytest.mark.parametrize(("line", "expected"), LINES, ids=[line for line, _ in LINES])
def test_lines(line: str, expected: str) -> None:
    assert staying([line]) == expected


def test_a_recipe_of_several_lines() -> None:
    assert staying(["docker compose up -d db", "uvicorn app.main:app"]) == "foreground"
    assert staying(["docker compose up -d", "./wait.sh"]) == "unknown"
    assert staying([]) == "returns"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["/usr/libexec/docker/cli-plugins/docker-compose", "compose", "up", "--build"], "foreground"),
        (["/usr/libexec/docker/cli-plugins/docker-compose", "compose", "up", "-d"], "returns"),
        (["/usr/bin/docker", "compose", "exec", "-T", "api", "alembic", "upgrade", "head"], "returns"),
        (["/srv/.venv/bin/python", "/srv/.venv/bin/uvicorn", "app.main:app"], "foreground"),
        (["tail", "-n", "0", "-F", "api.log"], "foreground"),
        (["buildctl", "build"], "unknown"),
    ],
)
def test_arguments_of_a_process(arguments: list[str], expected: str) -> None:
    assert of_words(arguments) == expected
