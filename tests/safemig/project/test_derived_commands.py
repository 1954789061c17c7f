"""Projects without a Makefile: which commands follow from their files, and what stays an open point."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from safemig.planning.collect.commands import commands_of
from safemig.planning.collect.gaps import untested
from safemig.project.config_schema import Config, ProjectConfig
from safemig.project.derived_commands import judged
from safemig.project.layout import Project, discover
from safemig.runtimes.database_container import start_line
from safemig.shell.effects import effect_of_line

INI = "[alembic]\nscript_location = %(here)s/migrations\n"
MIGRATIONS = {
    "alembic.ini": INI,
    "migrations/env.py": "",
    "migrations/script.py.mako": "",
    "migrations/versions/a.py": "",
}
APP = {"app/main.py": "from fastapi import FastAPI\n\napp = FastAPI()\n", "tests/test_app.py": ""}
PYPROJECT = '[project]\nname = "depot"\ndependencies = ["fastapi[standard]"]\n'
COMPOSE = """\
services:
  api: {build: CONTEXT, ports: ["8000:8000"], depends_on: [db], MORE}
  db: {image: "postgres:15"}
"""
SERVER = "uvicorn app.main:app --host 127.0.0.1 --port 8000"


def write(root: Path, files: Mapping[str, str], below: str = "") -> Path:
    for name, text in files.items():
        path = root / below / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def environment(root: Path, name: str = ".venv") -> None:
    write(root, {f"{name}/pyvenv.cfg": "", f"{name}/bin/python": "", f"{name}/bin/pip": ""})


def compose(more: str = "", context: str = ".") -> str:
    return COMPOSE.replace("CONTEXT", context).replace(", MORE", f", {more}" if more else "")


def find(root: Path, config: Config | None = None) -> Project:
    return discover(root, config, root=root, environ={})


def open_points(found: Project) -> str:
    return "\n".join(f"{each.what}; {each.next}" for each in found.problems)


@pytest.mark.parametrize(
    ("files", "build", "prefix"),
    [
        ({"uv.lock": "", "pyproject.toml": PYPROJECT}, "uv sync", "uv run "),
        ({"poetry.lock": "", "pyproject.toml": PYPROJECT}, "poetry install", "poetry run "),
        ({"pdm.lock": "", "pyproject.toml": PYPROJECT}, "pdm install", "pdm run "),
        ({"Pipfile": "", "requirements.txt": "uvicorn\n"}, "pipenv install --dev", "pipenv run "),
        ({"pyproject.toml": PYPROJECT + "[tool.poetry]\n"}, "poetry install", "poetry run "),
        ({"pyproject.toml": PYPROJECT + '[build-system]\nbuild-backend = "uv_build"\n'}, "uv sync", "uv run "),
        (
            {"uv.lock": "", "pyproject.toml": PYPROJECT + '[dependency-groups]\nchecks = ["pytest>=8"]\n'},
            "uv sync --group checks",
            "uv run ",
        ),
        (
            {"uv.lock": "", "pyproject.toml": PYPROJECT + '[project.optional-dependencies]\ntest = ["pytest"]\n'},
            "uv sync --extra test",
            "uv run ",
        ),
        (
            {
                "poetry.lock": "",
                "pyproject.toml": PYPROJECT
                + '[tool.poetry.group.qa]\noptional = true\n[tool.poetry.group.qa.dependencies]\npytest = "*"\n',
            },
            "poetry install --with qa",
            "poetry run ",
        ),
    ],
)
def test_a_tool_runs_all_of_it(files: Mapping[str, str], build: str, prefix: str, tmp_path: Path) -> None:
    found = find(write(write(write(tmp_path, MIGRATIONS), APP), files))
    assert found.runtime == "process"
    assert dict(found.lines) == {
        "build": build,
        "start": prefix + SERVER,
        "test": f"{prefix}python -m pytest tests",
        "migrate": f"{prefix}alembic upgrade heads",
        "create": f"{prefix}alembic revision --autogenerate -m {{message}}",
    }
    assert found.url == "http://127.0.0.1:8000"
    assert all(effect_of_line(judged(line)).effect == "write" for line in found.lines.values())


def test_a_virtual_environment_above_the_service(tmp_path: Path) -> None:
    root = write(write(tmp_path, MIGRATIONS, "service"), APP, "service")
    write(root, {"requirements.txt": "uvicorn\n", "requirements-dev.txt": "pytest\n"})
    environment(root)
    found = find(root)
    assert found.folder == root / "service"
    assert found.lines["build"] == "../.venv/bin/pip install -r ../requirements.txt -r ../requirements-dev.txt"
    assert found.lines["start"] == f"../.venv/bin/{SERVER}"
    commands = commands_of(found, Config(), "it's new")
    assert commands["migrate"].effect == "write"
    assert commands["create"].line.endswith("-m 'it'\"'\"'s new'")
    assert commands["downgrade"].line == "../.venv/bin/alembic downgrade {revision}"
    assert commands["current"].line == "../.venv/bin/alembic current --verbose"


def test_alembic_in_pyproject_and_the_port_of_the_url(tmp_path: Path) -> None:
    alembic = '[tool.alembic]\nscript_location = "%(here)s/migrations"\n[tool.fastapi]\nentrypoint = "shop.web:site"\n'
    root = write(write(tmp_path, MIGRATIONS), {"pyproject.toml": PYPROJECT + alembic, "uv.lock": ""})
    (root / "alembic.ini").unlink()
    found = find(root, Config(url="http://127.0.0.1:9123"))
    assert found.lines["migrate"] == "uv run alembic upgrade heads"
    assert found.lines["start"] == "uv run uvicorn shop.web:site --host 127.0.0.1 --port 9123"


def test_the_folder_that_the_configuration_names(tmp_path: Path) -> None:
    for name in ("shop", "till"):
        write(write(tmp_path, MIGRATIONS, name), {"uv.lock": "", "pyproject.toml": PYPROJECT}, name)
    assert "several Alembic trees" in open_points(find(tmp_path))
    chosen = find(tmp_path, Config(project=ProjectConfig(alembic="till/alembic.ini")))
    assert chosen.folder == tmp_path / "till"
    assert chosen.lines["migrate"] == "uv run alembic upgrade heads"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"uv.lock": "", "poetry.lock": ""}, "files of uv and poetry lie side by side"),
        ({}, "neither a lock of uv, poetry or pdm nor a virtual environment"),
        ({"uv.lock": "", "app/other.py": "import fastapi\nsite = fastapi.FastAPI()\n"}, "app.main:app, app.other:site"),
        ({"uv.lock": "", "app/main.py": "def make():\n    return 1\n"}, "no module assigns an application"),
        ({"uv.lock": "", "pyproject.toml": '[project]\nname = "x"\n'}, "no server (uvicorn) is declared"),
    ],
)
def test_what_cannot_be_told_names_its_key(files: Mapping[str, str], expected: str, tmp_path: Path) -> None:
    root = write(write(write(tmp_path, MIGRATIONS), {**APP, "pyproject.toml": PYPROJECT}), files)
    told = open_points(find(root))
    assert expected in told
    assert "set commands.start in safemig.yaml" in told
    settled = open_points(find(root, Config(commands={"start": "just up", "migrate": "just migrate"})))
    assert expected not in settled


def test_compose_runs_all_of_it(tmp_path: Path) -> None:
    root = write(write(write(tmp_path, MIGRATIONS, "backend"), APP, "backend"), {"compose.yaml": compose()})
    dockerfile = 'FROM python:3.12\nWORKDIR /srv/\nCOPY ./backend/ /srv/\nCMD ["uv", "run", "uvicorn", "a:b"]\n'
    found = find(write(root, {"Dockerfile": dockerfile}))
    assert (found.runtime, found.folder) == ("docker", root / "backend")
    assert dict(found.lines) == {
        "build": "docker compose build api",
        "start": "docker compose up -d --wait api",
        "stop": "docker compose stop api",
        "logs": "docker compose logs api",
        "test": "docker compose exec -T api uv run python -m pytest tests",
        "migrate": "docker compose exec -T api uv run alembic upgrade heads",
    }


@pytest.mark.parametrize(
    ("dockerfile", "more", "migrate"),
    [
        ("WORKDIR /app\nCOPY . .\n", "", "exec -T -w /app/backend api alembic upgrade heads"),
        ("WORKDIR /app\nCOPY backend/alembic.ini ./\n", "", "exec -T api alembic upgrade heads"),
        ("WORKDIR /app\n", 'volumes: ["./backend:/app"]', "exec -T api alembic upgrade heads"),
        ("WORKDIR /app\nCOPY . .\n", "working_dir: /app/backend", "exec -T api alembic upgrade heads"),
        ("WORKDIR /app\nCOPY backend .\nCMD ./wait.sh db -- uvicorn a:b\n", "", "exec -T api alembic upgrade heads"),
        (
            'WORKDIR /app\nCOPY backend .\nENTRYPOINT ["poetry", "run"]\nCMD ["uvicorn", "a:b"]\n',
            "",
            "exec -T api poetry run alembic upgrade heads",
        ),
        (
            "WORKDIR /app\nCOPY backend .\nCMD alembic upgrade head && /opt/venv/bin/uvicorn a:b\n",
            "",
            "exec -T api alembic upgrade heads",
        ),
        (
            "WORKDIR /app\nCOPY backend .\n",
            'command: ["/opt/venv/bin/uvicorn", "a:b"]',
            "exec -T api /opt/venv/bin/alembic upgrade heads",
        ),
        ("WORKDIR /app\nCOPY app .\n", "", ""),
        ("WORKDIR /app\nCOPY backend .\n", 'volumes: ["data:/app"]', ""),
    ],
)
def test_where_alembic_runs_in_the_container(dockerfile: str, more: str, migrate: str, tmp_path: Path) -> None:
    root = write(write(tmp_path, MIGRATIONS, "backend"), {"compose.yaml": compose(more)})
    found = find(write(root, {"Dockerfile": f"FROM python:3.12\n{dockerfile}"}))
    assert found.lines.get("migrate", "") == (f"docker compose {migrate}" if migrate else "")
    assert ("set commands.migrate in safemig.yaml" in open_points(found)) is not bool(migrate)


def test_what_dockerignore_leaves_out_is_not_in_the_image(tmp_path: Path) -> None:
    files = {"Dockerfile": "FROM python:3.12\nWORKDIR /app\nCOPY . .\n", "compose.yaml": compose()}
    root = write(write(write(tmp_path, MIGRATIONS), APP), files)
    assert find(root).lines["test"] == "docker compose exec -T api python -m pytest tests"
    write(root, {".dockerignore": "**/tests\n!migrations\n"})
    found = find(root)
    assert "test" not in found.lines
    assert "tests/ is not seen in the container of api" in open_points(found)
    assert "migrate" in found.lines


@pytest.mark.parametrize(
    ("files", "commands", "said"),
    [
        ({"uv.lock": "", "pyproject.toml": PYPROJECT}, {"test": "uv run pytest"}, False),
        ({"uv.lock": "", "pyproject.toml": PYPROJECT}, {}, True),
        ({"Makefile": "migrate:\n\talembic upgrade head\n"}, {}, False),  # the plan proposes a target
    ],
)
def test_that_nothing_runs_tests_is_said_before_anything_is_done(
    files: Mapping[str, str], commands: dict[str, str], said: bool, tmp_path: Path
) -> None:
    app = {path: text for path, text in APP.items() if not path.startswith("tests/")}
    config = Config(commands=dict(commands))
    found = find(write(write(write(tmp_path, MIGRATIONS), app), files), config)
    told = " ".join(untested(found, commands_of(found, config)))
    assert ("set commands.test in safemig.yaml" in told) is said


def test_files_that_compose_would_not_take_by_itself(tmp_path: Path) -> None:
    files = {
        "Dockerfile": "FROM python:3.12\nWORKDIR /app\nCOPY backend .\n",
        "deploy/local.yml": compose(context=".."),
    }
    root = write(write(tmp_path, MIGRATIONS, "backend"), files)
    found = find(root, Config(project=ProjectConfig(compose=("deploy/local.yml",))))
    assert found.lines["start"] == "docker compose -f ../deploy/local.yml up -d --wait api"
    commands = commands_of(found, Config())
    assert (commands["start"].effect, commands["migrate"].effect, commands["current"].effect) == (
        "write",
        "write",
        "read",
    )
    own = Config(commands={"migrate": "docker compose -f ../other/local.yml exec -T api alembic upgrade head"})
    assert commands_of(found, own)["current"].effect == "destructive"  # a line of a person's is judged as it stands


@pytest.mark.parametrize(
    ("depends", "start"),
    [
        ("", "up -d --wait store api"),
        ("depends_on: [store]", "up -d --wait api"),
        ("depends_on: [jobs]", "up -d --wait api"),
    ],
)
def test_a_database_that_the_service_of_another_file_does_not_name_is_started_too(
    depends: str, start: str, tmp_path: Path
) -> None:
    url = "postgresql://a:b@store/shop"
    api = f'services:\n  api:\n    build: .\n    environment: {{DATABASE_URL: "{url}"}}\n    {depends}\n'
    files = {
        "Dockerfile": "FROM python:3.12\nWORKDIR /app\nCOPY . .\n",
        "docker-compose.yml": 'services: {store: {image: "postgres:15"}}\n',
        "docker-compose.prod.yml": f"{api}  jobs: {{image: alpine, depends_on: [store]}}\n",
    }
    both = ProjectConfig(compose=("docker-compose.yml", "docker-compose.prod.yml"))
    found = find(write(write(write(tmp_path, MIGRATIONS), APP), files), Config(project=both))
    assert found.lines["start"] == f"docker compose -f docker-compose.yml -f docker-compose.prod.yml {start}"


def test_a_compose_file_of_the_database_alone(tmp_path: Path) -> None:
    files = {"compose.yaml": 'services: {db: {image: "postgres:15"}}\n', "uv.lock": "", "pyproject.toml": PYPROJECT}
    found = find(write(write(write(tmp_path, MIGRATIONS), APP), files))
    assert found.runtime == "process"
    assert found.lines["migrate"] == "uv run alembic upgrade heads"


def test_flask_migrate_needs_the_application(tmp_path: Path) -> None:
    files = {"migrations/alembic.ini": "[alembic]\n", "migrations/env.py": "from flask import current_app\n"}
    found = find(write(tmp_path, {**files, "migrations/versions/a.py": "", "uv.lock": "", "pyproject.toml": PYPROJECT}))
    assert found.folder == tmp_path
    assert "migrate" not in found.lines
    assert "flask --app MODULE db upgrade" in open_points(found)


@pytest.mark.parametrize(
    ("published", "makefile", "line"),
    [
        ("15999:5432", "", "docker compose up -d --wait db"),
        ("127.0.0.1:15999:5432", "", "docker compose up -d --wait db"),
        ("15998:5432", "", ""),
        ("15999:5432", "start:\n\tuv run uvicorn a:b\n", ""),
    ],
)
def test_a_database_in_a_container_is_started_and_not_replaced(
    published: str, makefile: str, line: str, tmp_path: Path
) -> None:
    url = "sqlalchemy.url = postgresql://shop:shop@127.0.0.1:15999/shop\n"
    files = {
        "compose.yaml": f'services: {{db: {{image: "postgres:15", ports: ["{published}"]}}}}\n',
        "alembic.ini": INI + url,
        "uv.lock": "",
        "pyproject.toml": PYPROJECT,
        **({"Makefile": makefile} if makefile else {}),
    }
    assert start_line(find(write(write(write(tmp_path, MIGRATIONS), APP), files))) == line
