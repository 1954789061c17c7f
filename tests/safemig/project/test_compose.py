"""Compose files in their many spellings, and what is visible inside a container."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safemig.project.compose import Compose, Port, Volume, container_path, mounted, read_compose
from safemig.project.env_files import interpolate, is_secret_name, parse_env, without_password

SECRET = "hunter2-Very-Secret"
FILE = """\
x-base: &base
  restart: always
  environment: &env
    LOG: info
services:
  api:
    <<: *base
    build:
      context: .
      dockerfile: docker/Dockerfile
      target: dev
    image: "shop:${TAG:-dev}"
    command: ["uvicorn", "app.main:app", "--port", "8000"]
    ports:
      - "${API_PORT:-8000}:8000"
      - "127.0.0.1:5678:5678"
      - "9000"
      - {target: 7000, published: "7001"}
    volumes:
      - .:/app
      - /app/.venv
      - ./data:/data:ro
      - type: bind
        source: ./logs
        target: /var/log/app
    environment:
      - DATABASE_URL=postgresql+asyncpg://shop:hunter2-Very-Secret@db:5432/shop
      - SECRET_KEY=hunter2-Very-Secret
      - API_MODE=dev
      - FROM_HOST
    depends_on:
      db: {condition: service_healthy}
    networks:
      inner: {aliases: [backend.local]}
    profiles: [dev]
  db:
    image: postgres:15
    environment:
      <<: *env
      POSTGRES_USER: shop
      POSTGRES_PASSWORD: hunter2-Very-Secret
      POSTGRES_DB: ${DB_NAME:?must be set}
    healthcheck:
      test: ["CMD-SHELL", "pg_isready -U shop"]
    env_file: [db.env]
"""


def _read(folder: Path, text: str = FILE, **env: str) -> Compose:
    path = folder / "docker-compose.yml"
    path.write_text(text)
    return read_compose([path], env)


def test_all_spellings(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("API_PORT=8123\nDB_NAME='shop'\n")
    (tmp_path / "db.env").write_text("EXTRA=1\n")
    made = _read(tmp_path, FROM_HOST="yes")
    api, db = made.services["api"], made.services["db"]
    assert made.problems == ()
    assert api.image == "shop:dev"
    assert api.build is not None
    assert (api.build.context, api.build.dockerfile, api.build.target) == (tmp_path, "docker/Dockerfile", "dev")
    assert api.ports == (Port(8000, 8123), Port(5678, 5678, "127.0.0.1"), Port(9000), Port(7000, 7001))
    assert api.volumes[:2] == (Volume(str(tmp_path), "/app", "bind"), Volume("", "/app/.venv", "volume"))
    assert api.volumes[3] == Volume(str(tmp_path / "logs"), "/var/log/app", "bind")
    assert api.environment["API_MODE"] == "dev"
    assert api.environment["FROM_HOST"] == "yes"
    assert api.depends_on == ("db",)
    assert api.profiles == ("dev",)
    assert "backend.local" in api.hostnames
    assert api.command == "uvicorn app.main:app --port 8000"
    assert db.environment["EXTRA"] == "1"
    assert db.environment["LOG"] == "info"
    assert db.environment["POSTGRES_DB"] == "shop"
    assert db.is_postgres
    assert not api.is_postgres


def test_no_secret_is_kept(tmp_path: Path) -> None:
    made = _read(tmp_path, DB_NAME="shop")
    assert made.services["api"].environment["SECRET_KEY"] is None
    assert made.services["db"].environment["POSTGRES_PASSWORD"] is None
    assert made.services["api"].environment["DATABASE_URL"] == "postgresql+asyncpg://shop@db:5432/shop"
    assert SECRET not in repr(made)


def test_what_is_missing_is_told(tmp_path: Path) -> None:
    told = [problem.what for problem in _read(tmp_path).problems]
    assert told == ["service db wants an env file that is not there", "required variable DB_NAME has no value"]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("services: [", "is not valid YAML"),
        ("- a\n", "holds no services"),
        ("services:\n  a: &a [*a]\n", None),
        ("services: 5\n", None),
        ("services:\n  a: !reset null\n  b:\n    ports: !override [80]\n", None),
        ("services:\n  a:\n    extends: a\n    image: x\n", None),
        ("", "holds no services"),
    ],
)
def test_broken_files_are_told_and_survived(tmp_path: Path, text: str, what: str | None) -> None:
    made = _read(tmp_path, text)
    assert [problem.what for problem in made.problems] == ([what] if what else [])


def test_override_extends_and_include(tmp_path: Path) -> None:
    (tmp_path / "base.yml").write_text("services:\n  app:\n    image: base\n    environment: {A: '1', B: '1'}\n")
    (tmp_path / "more.yml").write_text("services:\n  cache:\n    image: redis\n")
    (tmp_path / "compose.yml").write_text(
        "name: Shop Ping\ninclude: [more.yml]\nservices:\n  api:\n    extends: {file: base.yml, service: app}\n"
        "    environment: [B=2]\n    ports: ['80:80']\n"
    )
    (tmp_path / "compose.override.yml").write_text(
        "services:\n  api:\n    environment: {C: '3'}\n    ports: ['81:81']\n    command: run\n"
    )
    made = read_compose([tmp_path / "compose.yml", tmp_path / "compose.override.yml"], {})
    assert set(made.services) == {"api", "cache"}
    api = made.services["api"]
    assert (api.image, api.command) == ("base", "run")
    assert api.environment == {"A": "1", "B": "2", "C": "3"}
    assert [port.published for port in api.ports] == [80, 81]
    assert made.project_name == "shopping"


@pytest.mark.parametrize(
    ("image", "good"),
    [
        ("postgres", True),
        ("postgres:15-alpine", True),
        ("docker.io/library/postgres@sha256:00", True),
        ("postgis/postgis:16-3.4", True),
        ("timescale/timescaledb:latest-pg16", True),
        ("pgvector/pgvector:pg16", True),
        ("bitnami/postgresql:15", True),
        ("registry:5000/postgres", True),
        ("prometheuscommunity/postgres-exporter", False),
        ("dpage/pgadmin4", False),
        ("edoburu/pgbouncer", False),
        ("prodrigestivill/postgres-backup-local", False),
        ("postgrest/postgrest", False),
        ("mysql:8", False),
        ("", False),
    ],
)
def test_postgres_images(tmp_path: Path, image: str, good: bool) -> None:
    assert _read(tmp_path, f"services:\n  x:\n    image: '{image}'\n").services["x"].is_postgres is good


def test_mounted_or_baked(tmp_path: Path) -> None:
    (tmp_path / "app" / "versions").mkdir(parents=True)
    text = (
        "services:\n  whole:\n    volumes: ['.:/code']\n  part:\n    volumes: ['./other:/x']\n"
        "  hidden:\n    volumes: ['.:/code', 'cache:/code/app']\n"
    )
    made = _read(tmp_path, text)
    versions = tmp_path / "app" / "versions"
    assert container_path(made, "whole", versions) == "/code/app/versions"
    assert not mounted(made, "part", versions)
    assert not mounted(made, "hidden", versions)
    assert not mounted(made, "no-such", versions)
    assert not mounted(made, "whole", tmp_path.parent)


@pytest.mark.parametrize(
    ("text", "values", "wanted", "missing"),
    [
        ("${A}", {"A": "1"}, "1", ()),
        ("$A-b", {"A": "1"}, "1-b", ()),
        ("${A:-x}", {"A": ""}, "x", ()),
        ("${A-x}", {"A": ""}, "", ()),
        ("${A:-${B:-z}}", {}, "z", ()),
        ("${A:+yes}", {"A": "1"}, "yes", ()),
        ("$$A ${", {"A": "1"}, "$A ${", ()),
        ("${A:?say}", {}, "", ("A: say",)),
        ("${A}", {}, "", ("A",)),
    ],
)
def test_interpolation(text: str, values: dict[str, str], wanted: str, missing: tuple[str, ...]) -> None:
    assert interpolate(text, values) == (wanted, missing)


def test_env_files() -> None:
    text = "export A=1\nB='it $A' # c\nC=\"x $A\"\nD=a b # c\nE=a#b\n#F=1\nnonsense\nG=${A}2\r\nH=\n"
    assert parse_env(text, {}) == {
        "A": "1", "B": "it $A", "C": "x 1", "D": "a b", "E": "a#b", "G": "12", "H": "",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://u:p@h:5/d", "postgresql://u@h:5/d"),
        ("postgresql+asyncpg://u:p%40x@h/d?sslpassword=x", "postgresql+asyncpg://u@h/d"),
        ("postgresql:///d", "postgresql:///d"),
        ("postgresql://u:p@x@h/d", "postgresql://u@h/d"),
        ("postgresql://u:p/x@h/d", None),
        ("postgresql://u:1/p@h/d", None),
    ],
)
def test_urls_lose_their_password(url: str, shown: str | None) -> None:
    assert without_password(url) == shown


def test_names_that_may_be_secret() -> None:
    secret = (
        "POSTGRES_PASSWORD",
        "SECRET_KEY",
        "API_KEY",
        "GITHUB_TOKEN",
        "SENTRY_DSN",
        "DB_PASS",
        "AWS_ACCESS_KEY_ID",
    )
    plain = ("POSTGRES_USER", "POSTGRES_DB", "PORT", "KEYBOARD", "MONKEY_MODE")
    assert all(map(is_secret_name, secret))
    assert not any(map(is_secret_name, plain))


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=80), st.dictionaries(st.sampled_from("ABC"), st.text(max_size=5)))
def test_no_text_makes_them_fail(text: str, values: dict[str, str]) -> None:
    interpolate(text, values)
    parse_env(text, values)
    without_password(text)


@settings(max_examples=100, deadline=None)
@given(st.text("abc123%:/?#[]", min_size=1, max_size=20))
def test_no_password_gets_through(word: str) -> None:
    password = f"QQ{word}QQ"
    shown = without_password(f"postgresql://user:{password}@host:5432/name")
    assert shown is None or "QQ" not in shown
