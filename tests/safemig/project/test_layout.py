"""Whole projects, small ones written here in the shapes of real ones, and the demo of this repository."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from safemig.project.config_schema import Config, DatabaseConfig, ProjectConfig
from safemig.project.database_url import UnresolvedReference, resolve
from safemig.project.files import find_root
from safemig.project.layout import Project, discover
from safemig.project.make_roles import Wish, choose
from safemig.shell.makefile import parse
from safemig.shell.recipes import doing

DEMO = Path(__file__).parents[3] / "demo"
PASSWORD = "hunter2"
COMPOSE = """\
services:
  api:
    build: .
    ports: ["8123:8000"]
    environment: {DATABASE_URL: "postgresql+asyncpg://shop:hunter2@db:5432/shop"}
    depends_on: [db]
  db:
    image: postgres:15
    environment: {POSTGRES_USER: shop, POSTGRES_PASSWORD: hunter2, POSTGRES_DB: shop}
"""
INI = "[alembic]\nscript_location = alembic\n"
DOCKER = """\
build:
	docker-compose build
start:
	docker-compose up -d
migrate:
	docker-compose exec api alembic upgrade head
"""
PROCESS = """\
-include .env
PORT ?= 8000
build:
	uv sync --frozen
start: stop
	nohup .venv/bin/uvicorn app.main:app --port $(PORT) > log 2>&1 & echo $$! > pid
stop:
	@kill $$(cat pid) || true
logs:
	tail -f log
migrate:
	uv run alembic upgrade head
test:
	uv run pytest
"""
SERVICE = {
    "Makefile": DOCKER,
    "docker-compose.yml": COMPOSE,
    "alembic.ini": INI,
    "alembic/env.py": "",
    "alembic/versions/a.py": "revision = 'a'\n",
}


def _write(root: Path, files: dict[str, str], below: str = "") -> Path:
    for name, text in files.items():
        path = root / below / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def _git(root: Path) -> Path:
    (root / ".git").mkdir(exist_ok=True)
    return root


def _discover(start: Path, config: Config | None = None) -> Project:
    return discover(start, config, environ={})


def test_the_demo_is_the_same_from_everywhere() -> None:
    config = Config(project=ProjectConfig(folder="demo"), file=DEMO.parent / "safemig.yaml")
    found = _discover(DEMO.parent, config)
    assert found.root == DEMO
    assert found.folder == DEMO / "backend"
    for start in (DEMO, DEMO / "backend", DEMO / "backend" / "app", DEMO / "specs"):
        assert _discover(start, config) == found
        assert discover(start, root=DEMO, environ={}) == found
    assert (found.runtime, found.service, found.database_service) == ("docker", "api", "db")
    assert found.roles == {
        "build": "build", "start": "start", "stop": "stop", "restart": "restart", "logs": "logs", "migrate": "migrate",
        "create": "create-migration", "seed": "seed", "clean": "clean",
    }  # fmt: skip
    assert found.database is not None
    assert found.database.reference == "compose:api#DATABASE_URL"
    assert found.tree is not None
    assert len(found.specs) == 3
    assert found.problems == ()


def test_the_demo_as_processes(tmp_path: Path) -> None:
    text = (DEMO / "backend" / "Makefile.process").read_text()
    ini = INI + "sqlalchemy.url = postgresql+psycopg://courses:hunter2@127.0.0.1:5999/courses\n"
    files = {**SERVICE, "Makefile": text, "alembic.ini": ini, ".env": "API_PORT=8765\nDB_PORT=5999\n"}
    found = _discover(_git(_write(tmp_path, files)))
    assert found.runtime == "process"
    assert found.url == "http://127.0.0.1:8765"
    assert {"build", "start", "stop", "restart", "logs", "migrate", "create", "seed", "clean"} == set(found.roles)
    assert found.database is not None
    assert (found.database.host, found.database.port, found.database.reference) == (
        "127.0.0.1", 5999, "file:alembic.ini#sqlalchemy.url",
    )  # fmt: skip
    assert PASSWORD not in repr(found)


def test_folders_apart(tmp_path: Path) -> None:
    root = _git(
        _write(tmp_path, {"Makefile": DOCKER, "docker/docker-compose.yml": COMPOSE, "backend/alembic.ini": INI})
    )
    _write(root, {"backend/alembic/versions/a.py": "", "specs/01.md": "- [ ] x\n", "README.md": "- [ ] x\n"})
    found = _discover(root / "backend")
    assert found.folder == root
    assert found.compose is not None
    assert found.compose.folder == root / "docker"
    assert found.tree is not None
    assert found.tree.ini == root / "backend" / "alembic.ini"
    assert found.specs == (root / "specs" / "01.md",)


def test_migrate_means_two_things(tmp_path: Path) -> None:
    """In the root `migrate` applies, in backend/ it writes a revision."""
    root = _git(_write(tmp_path, SERVICE))
    _write(root, {"backend/Makefile": 'migrate:\n\talembic revision --autogenerate -m "$(m)"\nrun:\n\tuvicorn a:b\n'})
    for start in (root, root / "backend"):
        found = _discover(start)
        assert found.folder == root
        assert found.roles["migrate"] == "migrate"
    alone = _discover(root, Config(project=ProjectConfig(makefile="backend/Makefile")))
    assert alone.roles["create"] == "migrate"
    assert "migrate" not in alone.roles


def test_an_upper_makefile_that_hands_down(tmp_path: Path) -> None:
    root = _git(_write(tmp_path, SERVICE, "backend"))
    _write(root, {"Makefile": "up:\n\t$(MAKE) -C backend start\ndb-upgrade:\n\tcd backend && make migrate\n"})
    found = _discover(root)
    assert found.folder == root / "backend"
    parsed = parse("up:\n\t$(MAKE) -C backend start\n", root / "Makefile")
    assert choose([doing(parsed, parsed.targets[0], root)], Wish())["start"] == "up"


def test_two_services_are_a_tie_unless_one_starts_in_one(tmp_path: Path) -> None:
    root = _git(_write(_write(tmp_path, SERVICE, "shop"), SERVICE, "stock"))
    tied = _discover(root)
    assert tied.makefile is None
    ties = [problem for problem in tied.problems if problem.candidates]
    assert ties[0].candidates == ("shop/Makefile", "stock/Makefile")
    assert "project.makefile" in ties[0].next
    inside = _discover(root / "stock" / "alembic")
    assert inside.folder == root / "stock"
    assert inside.tree is not None
    assert inside.tree.ini == root / "stock" / "alembic.ini"
    assert not any(problem.candidates for problem in inside.problems)
    chosen = _discover(root, Config(project=ProjectConfig(makefile="shop/Makefile")))
    assert chosen.folder == root / "shop"
    assert not any(problem.candidates for problem in chosen.problems)


def test_nothing_above_the_root(tmp_path: Path) -> None:
    _write(tmp_path, SERVICE)
    inner = tmp_path / "inner"
    inner.mkdir()
    found = _discover(_git(inner))
    assert (found.makefile, found.compose, found.alembic) == (None, None, ())
    assert [problem.what for problem in found.problems if problem.blocking] == [
        "no Makefile that builds, starts or migrates",
        "no Alembic configuration",
    ]


def test_what_is_skipped(tmp_path: Path) -> None:
    root = _git(_write(tmp_path, SERVICE, "app"))
    for folder in ("node_modules/x", ".venv/lib", ".safemig/demo", "build", "dist", "env/site-packages"):
        _write(root, SERVICE, folder)
    _write(root, {**SERVICE, "pyvenv.cfg": ""}, "myenv")
    _write(root, SERVICE, "tests/fixtures/project")
    found = _discover(root)
    assert found.folder == root / "app"
    assert found.compose is not None
    assert not [problem for problem in found.problems if problem.candidates]


def test_start_outside_git_is_the_root(tmp_path: Path) -> None:
    root = _write(tmp_path, SERVICE)
    assert find_root(root) == root
    (root / "safemig.yaml").write_text("")
    assert find_root(root / "safemig.yaml") == root


def test_compose_files_that_the_recipes_name(tmp_path: Path) -> None:
    text = "C = docker compose -f deploy/dev.yml -f deploy/more.yml\nmigrate:\n\t$(C) exec api alembic upgrade head\n"
    root = _git(
        _write(tmp_path, {**SERVICE, "Makefile": text, "deploy/dev.yml": COMPOSE, "deploy/more.yml": "services: {}"})
    )
    found = _discover(root)
    assert found.compose is not None
    assert [path.name for path in found.compose.files] == ["dev.yml", "more.yml"]
    assert found.compose.folder == root / "deploy"


def test_several_alembic_trees(tmp_path: Path) -> None:
    ini = "[users]\nscript_location = users\n[stock]\nscript_location = stock\n"
    files = {**SERVICE, "alembic.ini": ini, "users/versions/a.py": "", "stock/versions/a.py": ""}
    root = _git(_write(tmp_path, files))
    tied = _discover(root)
    assert tied.tree is None
    assert [problem.candidates for problem in tied.problems if problem.candidates] == [
        ("alembic.ini#users", "alembic.ini#stock")
    ]
    chosen = _discover(root, Config(project=ProjectConfig(alembic="alembic.ini#stock")))
    assert chosen.tree is not None
    assert chosen.tree.section == "stock"
    (root / "Makefile").write_text(DOCKER.replace("alembic upgrade", "alembic -n users upgrade"))
    named = _discover(root)
    assert named.tree is not None
    assert named.tree.section == "users"
    (root / "alembic.ini").write_text(ini.replace("[stock]", "[alembic]"))
    usual = _discover(root, Config(project=ProjectConfig(alembic="alembic.ini")))
    assert usual.tree is not None
    assert usual.tree.section == "alembic"


DATABASES = [
    ({}, "compose:api#DATABASE_URL", "shop"),
    ({"docker-compose.yml": COMPOSE.replace("environment: {DATABASE_URL", "labels: {X"),
      ".env": "TEST_DATABASE_URL=postgresql://u:hunter2@t/t\nDATABASE_URL=postgresql://u:hunter2@h/from_env\n"},
     "file:.env#DATABASE_URL", "from_env"),
    ({"docker-compose.yml": COMPOSE.replace("environment: {DATABASE_URL", "labels: {X"),
      "alembic.ini": INI + "sqlalchemy.url = postgresql://u:hunter2@db/from_ini\n"},
     "file:alembic.ini#sqlalchemy.url", "from_ini"),
    ({"docker-compose.yml": COMPOSE.replace("environment: {DATABASE_URL", "labels: {X"),
      "app/config.py": "x = 1\nurl = getenv('X', 'postgresql://u:hunter2@h/from_source')\n"},
     "file:app/config.py#L2", "from_source"),
    ({"docker-compose.yml": COMPOSE.replace("DATABASE_URL: ", "POSTGRES_SERVER: db, POSTGRES_DB: parts, LABEL: ")},
     "compose:api#POSTGRES_SERVER", "parts"),
    ({"docker-compose.yml": COMPOSE.replace("environment: {DATABASE_URL", "labels: {X")}, "compose:db", "shop"),
]  # fmt: skip


@pytest.mark.parametrize(("files", "reference", "name"), DATABASES)
def test_where_the_database_is_named(tmp_path: Path, files: dict[str, str], reference: str, name: str) -> None:
    root = _git(_write(tmp_path, {**SERVICE, **files}))
    found = _discover(root)
    assert found.database is not None
    assert (found.database.reference, found.database.name) == (reference, name)
    assert PASSWORD not in repr(replace(found, makefile=None))
    assert found.database_service == "db"
    if "#" in reference and "SERVER" not in reference:
        assert PASSWORD in resolve(reference, root, {}, found.compose)
    elif reference == "compose:db":
        with pytest.raises(UnresolvedReference):
            resolve(reference, root, {}, found.compose)


def test_a_url_in_parts_is_put_together(tmp_path: Path) -> None:
    text = COMPOSE.replace("environment: {DATABASE_URL: ", "env_file: [.env]\n    labels: {LABEL: ")
    env = "POSTGRES_HOST=db\nPOSTGRES_USER=shop\nPOSTGRES_PASSWORD=a/b@c\nPOSTGRES_DB=parts\n"
    root = _git(_write(tmp_path, {**SERVICE, "docker-compose.yml": text, ".env": env}))
    found = _discover(root)
    assert found.database is not None
    assert found.database.reference == "compose:api#POSTGRES_HOST"
    wanted = "postgresql://shop:a%2Fb%40c@db:5432/parts"
    assert resolve(found.database.reference, root, {}, found.compose) == wanted
    assert resolve("file:.env#POSTGRES_HOST", root, {}) == wanted


def test_tests_in_a_service_of_their_own(tmp_path: Path) -> None:
    more = "  checks:\n    build: .\n  front:\n    build: front\n"
    text = DOCKER + "test-front:\n\tdocker compose run front pytest\ntest-back:\n\tdocker compose run checks pytest\n"
    found = _discover(_git(_write(tmp_path, {**SERVICE, "docker-compose.yml": COMPOSE + more, "Makefile": text})))
    assert found.service == "api"
    assert found.targets["test"] == ("test-back",)


def test_references(tmp_path: Path) -> None:
    root = _git(
        _write(tmp_path, {**SERVICE, "two.ini": "[a]\nscript_location=a\nsqlalchemy.url = postgresql://a%%40b@h/d\n"})
    )
    assert resolve("env:URL", root, {"URL": "x"}) == "x"
    assert resolve("file:two.ini#a.sqlalchemy.url", root, {}) == "postgresql://a%40b@h/d"
    for gone in ("env:URL", "file:gone.env#X", "file:two.ini#X", "nonsense", "compose:api#X"):
        with pytest.raises(UnresolvedReference, match=gone.split("#")[0]):
            resolve(gone, root, {}, _discover(root).compose)
    found = _discover(root, Config(database=DatabaseConfig(url="file:two.ini#a.sqlalchemy.url")))
    assert found.database is not None
    assert found.database.host == "h"


def test_databases_that_disagree_are_told(tmp_path: Path) -> None:
    ini = INI + "sqlalchemy.url = postgresql://u:hunter2@db/another\n"
    found = _discover(_git(_write(tmp_path, {**SERVICE, "alembic.ini": ini})))
    told = [problem.what for problem in found.problems]
    named = "shop on db (compose:api#DATABASE_URL), another on db (file:alembic.ini#sqlalchemy.url)"
    assert told == [f"several databases are named: {named}"]
    same = INI + "sqlalchemy.url = postgresql://u:hunter2@localhost/shop\n"
    (tmp_path / "alembic.ini").write_text(same)
    assert _discover(tmp_path).problems == ()


def test_a_process_project(tmp_path: Path) -> None:
    files = {**SERVICE, "Makefile": PROCESS, ".env": "PORT=9001\nDATABASE_URL=postgresql://u:p@localhost:5999/shop\n"}
    found = _discover(_git(_write(tmp_path, files)))
    assert found.runtime == "process"
    assert found.url == "http://127.0.0.1:9001"
    assert found.database is not None
    assert (found.database.port, found.database_service) == (5999, "")
    assert set(found.roles) == {"build", "start", "stop", "logs", "migrate", "test"}
    forced = _discover(tmp_path, Config(runtime="docker"))
    assert (forced.runtime, forced.service) == ("docker", "api")


def test_a_port_in_the_start_script(tmp_path: Path) -> None:
    text = "start:\n\tcd back && ./start.sh\nmigrate:\n\tcd back && alembic upgrade head\n"
    script = "#!/bin/bash\n# --port 1\nuv run fastapi dev app/main.py \\\n  --port ${PORT:-8044} --reload &\nwait\n"
    found = _discover(_git(_write(tmp_path, {"Makefile": text, "back/start.sh": script, "back/alembic.ini": INI})))
    assert found.url == "http://127.0.0.1:8044"


def test_a_large_tree_stays_quick(tmp_path: Path) -> None:
    for one in range(40):
        for two in range(20):
            _write(tmp_path, {f"p{one}/q{two}/x.py": "", f"p{one}/q{two}/notes.md": "# x\n"})
    _git(_write(tmp_path, SERVICE))
    began = time.perf_counter()
    found = _discover(tmp_path)
    # measured 0.1 s on two shared cores; the bound for trees of real size is 2 s
    assert time.perf_counter() - began < 2
    assert found.folder == tmp_path
