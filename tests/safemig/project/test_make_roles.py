"""Which make target plays which role."""

from __future__ import annotations

from pathlib import Path

import pytest

from safemig.project.make_roles import Wish, choose
from safemig.shell.makefile import parse
from safemig.shell.recipes import doing


def _roles(text: str, **wish: object) -> dict[str, str]:
    made = parse(text)
    known = Wish(wish.get("docker"), str(wish.get("service", "")), frozenset())  # type: ignore[arg-type]
    return {
        str(role): name for role, name in choose([doing(made, each, Path("/")) for each in made.targets], known).items()
    }


@pytest.mark.parametrize(
    ("text", "roles"),
    [
        ("db-upgrade:\n\tdocker compose run --rm web alembic upgrade head", {"migrate": "db-upgrade"}),
        ("upgrade:\n\t$(DC) exec api sh -c 'cd /app && alembic upgrade head'", {"migrate": "upgrade"}),
        ("migrate:\n\tflask db migrate -m x\nup:\n\tflask db upgrade", {"create": "migrate", "migrate": "up"}),
        ("migrate:\n\t./run.sh thing", {"migrate": "migrate"}),
        ("run-migrations:\n\t./wrapper x", {"migrate": "run-migrations"}),
        ("new-migration:\n\t./wrapper x", {"create": "new-migration"}),
        ("show-migrations:\n\t./wrapper x", {}),
        ("check-if-migrations-to-run:\n\t./wrapper x", {}),
        ("rollback:\n\talembic downgrade -1", {"downgrade": "rollback"}),
        ("test: lint\n\tpytest -n 4\nwatch-tests:\n\tptw", {"test": "test"}),
        ("test-cov:\n\tpytest --cov\ntest:\n\tpytest", {"test": "test"}),
        ("unit:\n\tdocker compose run --rm api python -m pytest", {"test": "unit"}),
        ("up:\n\tdocker compose up -d\ndown:\n\tdocker compose down", {"start": "up", "stop": "down"}),
        ("clean:\n\tdocker-compose down -v --rmi local", {"clean": "clean"}),
        ("build:\n\tdocker compose build\n\tdocker volume prune -f", {"build": "build", "clean": "build"}),
        ("build:\n\t./make_images\n\tdocker system prune -f", {"build": "build", "clean": "build"}),
        ("upgrade-deps:\n\t./bump", {}),
        ("db:\n\tdocker compose run --rm web python -m shop db upgrade head", {"migrate": "db"}),
        ("down:\n\tdocker compose down -v\nhalt:\n\tdocker compose stop", {"stop": "halt", "clean": "down"}),
        ("seed-fresh:\n\tdocker compose exec api python -m app.seed", {"seed": "seed-fresh"}),
        ("restart: stop start\nstop:\n\tdocker stop x\nstart:\n\tdocker run x",
         {"restart": "restart", "stop": "stop", "start": "start"}),
        ("logs:\n\tdocker compose logs -f api", {"logs": "logs"}),
        ("all: build\nbuild:\n\tdocker build .", {"build": "build"}),
        ("serve:\n\tif true; then fastapi dev app/main.py; fi", {"start": "serve"}),
        ("fmt:\n\truff format .\nhelp:\n\t@echo make test", {}),
        ("test-up:\n\tdocker compose up -d db_test", {"start": "test-up"}),
    ],
)  # fmt: skip
def test_roles(text: str, roles: dict[str, str]) -> None:
    assert _roles(text) == roles


def test_roles_fit_runtime_and_service() -> None:
    """Names as in a template with both ways and two services."""
    text = (
        "DOCKER_COMPOSE=docker compose\n"
        "start-backend:\n\tcd back && ./start.sh\n"
        "test-backend:\n\tcd back && uv run pytest\n"
        "docker-build:\n\t$(DOCKER_COMPOSE) build --no-cache\n"
        "docker-start-backend:\n\t$(DOCKER_COMPOSE) up backend\n"
        "docker-start-frontend:\n\t$(DOCKER_COMPOSE) up frontend\n"
        "docker-up-test-db:\n\t$(DOCKER_COMPOSE) up db_test\n"
        "docker-migrate-db:\n\t$(DOCKER_COMPOSE) run --rm backend alembic upgrade head\n"
        'docker-db-schema:\n\t$(DOCKER_COMPOSE) run --rm backend alembic revision -m "$(migration_name)"\n'
        "docker-test-backend:\n\t$(DOCKER_COMPOSE) run --rm backend pytest\n"
        "docker-test-frontend:\n\t$(DOCKER_COMPOSE) run --rm frontend pnpm run test\n"
    )
    assert _roles(text, docker=True, service="backend") == {
        "build": "docker-build", "start": "docker-start-backend", "test": "docker-test-backend",
        "migrate": "docker-migrate-db", "create": "docker-db-schema",
    }  # fmt: skip
    assert _roles(text, docker=False, service="backend")["test"] == "test-backend"
