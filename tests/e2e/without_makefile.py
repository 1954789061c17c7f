"""Projects without a Makefile in the shapes that they have: compose, uv, poetry, pdm, a plain virtual environment."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.spine.project import FIRST, free_port

DOCKER = ("compose", "compose below", "compose elsewhere")
PROCESS = ("uv", "poetry", "pdm", "pipenv", "environment", "pyproject")
APPLICATION = """\
import os
from pathlib import Path

import psycopg
from fastapi import FastAPI

app = FastAPI()


def where() -> str:
    env = Path(".env")
    address = env.read_text().strip().partition("=")[2] if env.exists() else "{url}"
    return os.environ.get("DATABASE_URL", address).replace("+psycopg", "")


@app.get("/ready")
def ready() -> dict[str, bool]:
    with psycopg.connect(where()) as connection:
        return {"ready": connection.execute("SELECT 1").fetchone() == (1,)}


@app.get("/health")
def health() -> dict[str, str]:
    return {"status": "ok"}
"""
TEST = """\
from app.main import health


def test_health():
    assert health() == {"status": "ok"}
"""
ENV = """\
import os

from alembic import context
from sqlalchemy import create_engine

engine = create_engine(os.environ.get("DATABASE_URL") or context.config.get_main_option("sqlalchemy.url"))
with engine.connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
"""
FROM_ENV_FILE = """\
from pathlib import Path

for line in Path(".env").read_text().splitlines():
    os.environ.setdefault(*line.split("=", 1))
"""
SPEC = """\
# Ratings

## Phase 1: Database

```sql
CREATE TABLE rating (
    id SERIAL PRIMARY KEY,
    course_id INTEGER NOT NULL REFERENCES course(id),
    stars SMALLINT NOT NULL
);
```

- [ ] Table `rating` exists
"""
PACKAGES = ("fastapi", "uvicorn", "alembic", "sqlalchemy", "psycopg[binary]")
PYPROJECT = f"""\
[project]
name = "courses"
version = "0.1.0"
requires-python = ">=3.11,<4"
dependencies = {list(PACKAGES)!r}

[dependency-groups]
dev = ["pytest"]

[tool.pytest.ini_options]
pythonpath = ["."]
"""
TOOLS = {
    "uv": "\n[tool.uv]\npackage = false\n",
    "poetry": "\n[tool.poetry]\npackage-mode = false\n",
    "pdm": "\n[tool.pdm]\ndistribution = false\n",
}
PIPFILE = """\
[packages]
fastapi = "*"
uvicorn = "*"
alembic = "*"
sqlalchemy = "*"
psycopg = {extras = ["binary"], version = "*"}

[dev-packages]
pytest = "*"
"""
ALEMBIC = '\n[tool.alembic]\nscript_location = "%(here)s/migrations"\nprepend_sys_path = ["."]\n'
DOCKERFILE = """\
FROM python:3.12-slim
WORKDIR /srv
COPY requirements.txt .
RUN pip install -q --root-user-action=ignore -r requirements.txt
COPY . .
CMD ["uvicorn", "app.main:app", "--host", "0.0.0.0"]
"""
COMPOSE = """\
services:
  api:
    build: {context}
    ports: ["127.0.0.1:{port}:8000"]
    environment: {{DATABASE_URL: "{url}"}}
    depends_on:
      db: {{condition: service_healthy}}
  db:
    image: postgres:15
    environment: {{POSTGRES_USER: courses, POSTGRES_PASSWORD: courses, POSTGRES_DB: courses}}
    healthcheck: {{test: ["CMD-SHELL", "pg_isready -h 127.0.0.1 -U courses"], interval: 1s, retries: 60}}
"""


@dataclass(frozen=True)
class Shape:
    """A written project; ``migrate`` is the line that is to follow from its files."""

    root: Path
    compose: tuple[str, ...]
    migrate: str

    def remove(self) -> None:
        """Its containers, or the PostgreSQL that safemig started for it."""
        if self.compose:
            line = ["docker", "compose", *self.compose, "down", "-v", "--remove-orphans", "--rmi", "local", "-t", "1"]
            subprocess.run(line, cwd=self.root, capture_output=True, check=False, timeout=120)


def make_shape(root: Path, kind: str) -> Shape:
    """The project in ``root``, a new folder."""
    port, database = free_port(), free_port()
    if kind in DOCKER:
        return _composed(root, kind, port)
    url = f"postgresql+psycopg://courses:courses@127.0.0.1:{database}/courses"
    _write(root, _service("" if kind == "pyproject" else url))
    _write(root, {"docs/ratings_plan.md": SPEC, "safemig.yaml": f"url: http://127.0.0.1:{port}\nsettle: 0.2\n"})
    if kind == "environment":
        _write(root, {"requirements.txt": "\n".join(PACKAGES), "requirements-dev.txt": "pytest\n"})
        _write(root, {"pytest.ini": "[pytest]\npythonpath = .\n"})
        subprocess.run([sys.executable, "-m", "venv", root / ".venv"], check=True)
        return Shape(root, (), ".venv/bin/alembic upgrade heads")
    if kind == "pipenv":
        _write(root, {"Pipfile": PIPFILE, "pytest.ini": "[pytest]\npythonpath = .\n"})
        return Shape(root, (), "pipenv run alembic upgrade heads")
    tool = "uv" if kind == "pyproject" else kind
    _write(root, {"pyproject.toml": PYPROJECT + TOOLS[tool] + (ALEMBIC if kind == "pyproject" else "")})
    if kind == "pyproject":
        (root / "alembic.ini").unlink()
        env = ENV.replace("\nengine", f"{FROM_ENV_FILE}\nengine")
        _write(root, {".env": f"DATABASE_URL={url}\n", "migrations/env.py": env})
    return Shape(root, (), f"{tool} run alembic upgrade heads")


def _composed(root: Path, kind: str, port: int) -> Shape:
    below = "backend" if kind != "compose" else ""
    url = "postgresql+psycopg://courses:courses@db:5432/courses"
    _write(root / below, _service(url))
    _write(root / below, {"requirements.txt": "\n".join((*PACKAGES, "pytest\n")), "Dockerfile": DOCKERFILE})
    file = "deploy/local.yml" if kind == "compose elsewhere" else "compose.yaml"
    context = {"compose": ".", "compose below": "./backend", "compose elsewhere": "../backend"}[kind]
    _write(root, {file: COMPOSE.format(context=context, port=port, url=url), "docs/ratings_plan.md": SPEC})
    settings = "settle: 0.2\n"
    if kind == "compose elsewhere":
        settings += "project: {compose: deploy/local.yml}\n"
    _write(root, {"safemig.yaml": settings})
    call = "docker compose -f ../deploy/local.yml" if kind == "compose elsewhere" else "docker compose"
    return Shape(root, ("-f", file), f"{call} exec -T api alembic upgrade heads")


def _service(url: str) -> Mapping[str, str]:
    ini = f"[alembic]\nscript_location = %(here)s/migrations\nprepend_sys_path = .\nsqlalchemy.url = {url}\n"
    return {
        "alembic.ini": ini,
        "app/__init__.py": "",
        "app/main.py": APPLICATION.replace("{url}", url),
        "tests/test_app.py": TEST,
        "migrations/env.py": ENV,
        "migrations/script.py.mako": "",
        "migrations/versions/1a2b3c4d5e6f_first.py": FIRST,
    }


def _write(root: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
