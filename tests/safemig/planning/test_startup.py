"""Where a project applies revisions by itself: Dockerfiles, compose files, scripts, recipes and start-up code."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safemig.planning.collect.commands import commands_of
from safemig.planning.startup.application import Program
from safemig.planning.startup.reading import Startup, read_startup
from safemig.project.config import Config
from safemig.project.dockerfile import parse
from safemig.project.layout import discover

INI = "[alembic]\nscript_location = migrations\nsqlalchemy.url = postgresql://shop:shop@db/shop\n"
MAKE = """\
build:
\tdocker compose build

start:
\tdocker compose up -d

test:
\tdocker compose exec -T web pytest -q

migrate:
\tdocker compose exec -T web alembic upgrade head
"""
LOCAL = """\
start:
\tuvicorn shop.main:app --port 8123 {flags}

migrate:
\talembic upgrade head

test:
\tpytest -q
"""
COMPOSE = """\
services:
  web:
    build: .
    depends_on:
      - db
{more}
  db:
    image: postgres:15
"""
DOCKERFILE = "FROM python:3.12-slim\nWORKDIR /srv\nCOPY . .\n"
SERVE = 'CMD ["uvicorn", "shop.main:app", "--host", "0.0.0.0"]\n'
PLAIN_APP = "from fastapi import FastAPI\n\napp = FastAPI()\n"
LIFESPAN = """\
import asyncio
from contextlib import asynccontextmanager

from fastapi import FastAPI

from shop.schema import bring_up_to_date


@asynccontextmanager
async def lifespan(app: FastAPI):
    await asyncio.to_thread(bring_up_to_date)
    yield


app = FastAPI(lifespan=lifespan)
"""
UP_TO_DATE = """\
from alembic import command as alembic_command
from alembic.config import Config


def bring_up_to_date() -> None:
    alembic_command.upgrade(Config("alembic.ini"), "head")
"""


def startup(root: Path, files: Mapping[str, str], config: Config | None = None) -> Startup:
    """What is read of a project of these files."""
    for name, text in {"alembic.ini": INI, "migrations/versions/.keep": "", **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    project = discover(root, root=root)
    return read_startup(project, commands_of(project, config or Config()))


def places(found: Startup) -> list[str]:
    """Role, file and line of each place."""
    return sorted(f"{place.role} {place.file}:{place.line}" for place in found.places)


def composed(root: Path, files: Mapping[str, str], more: str = "") -> Startup:
    """The same in containers."""
    own = {"Makefile": MAKE, "docker-compose.yml": COMPOSE.format(more=more), "Dockerfile": DOCKERFILE + SERVE}
    return startup(root, {**own, "shop/__init__.py": "", "shop/main.py": PLAIN_APP, **files})


@pytest.mark.parametrize(
    ("dockerfile", "more", "expected"),
    [
        (SERVE, "", []),
        ("CMD alembic upgrade head && exec uvicorn shop.main:app\n", "", ["start Dockerfile:4"]),
        ('CMD ["sh", "-c", "alembic upgrade head && uvicorn shop.main:app"]\n', "", ["start Dockerfile:4"]),
        ('ENTRYPOINT ["alembic"]\nCMD ["upgrade", "head"]\n', "", ["start Dockerfile:5"]),
        ('ENTRYPOINT ["/srv/boot.sh"]\n' + SERVE, "", ["start boot.sh:3"]),
        ("ENTRYPOINT ./boot.sh\n", "", ["start boot.sh:3"]),
        ('ENTRYPOINT ["tini", "--", "bash", "boot.sh"]\n', "", ["start boot.sh:3"]),
        ('COPY boot.sh /usr/local/bin/\nENTRYPOINT ["/usr/local/bin/boot.sh"]\n', "", ["start boot.sh:3"]),
        ('ENTRYPOINT ["/srv/boot.sh"]\n' + SERVE, "    entrypoint: uvicorn shop.main:app", []),
        (SERVE, "    command: sh -c 'alembic upgrade head && uvicorn shop.main:app'", ["start docker-compose.yml:6"]),
        (SERVE, '    command: [bash, "-c", "flask db upgrade; uvicorn shop.main:app"]', ["start docker-compose.yml:6"]),
        (SERVE, "    command: python -m alembic upgrade head", ["start docker-compose.yml:6"]),
        (SERVE, "    entrypoint: [python, -m, alembic]\n    command: [upgrade, head]", ["start docker-compose.yml:7"]),
        (SERVE, "    command: alembic upgrade head --sql", []),
        (SERVE, "    command: ./scripts/wait.sh db:5432 -- alembic upgrade head", ["start docker-compose.yml:6"]),
        (SERVE, "    command: uv run --frozen alembic upgrade head", ["start docker-compose.yml:6"]),
        (SERVE, "  migrate:\n    build: .\n    command: alembic upgrade head", ["start docker-compose.yml:8"]),
        (SERVE, "  migrate:\n    build: .\n    profiles: [tools]\n    command: alembic upgrade head", []),
        ("CMD echo alembic upgrade head; uvicorn shop.main:app\n", "", []),
        ("RUN alembic upgrade head\n" + SERVE, "", ["build Dockerfile:4"]),
        ("FROM python:3.12-slim AS dev\nCMD alembic upgrade head\nFROM python:3.12-slim\n" + SERVE, "", []),
        (
            "FROM python:3.12-slim AS dev\nCMD alembic upgrade head\nFROM python:3.12-slim\n" + SERVE,
            "    build: {context: ., target: dev}",
            ["start Dockerfile:5"],
        ),
        ('FROM a AS base\nENTRYPOINT ["./boot.sh"]\nFROM base\nWORKDIR /srv\nCOPY . .\n', "", ["start boot.sh:3"]),
    ],
)  # fmt: skip
def test_containers_that_apply_revisions_when_they_start(
    dockerfile: str, more: str, expected: list[str], tmp_path: Path
) -> None:
    if "build: {" in more:
        more = more.strip()
    files = {
        "Dockerfile": DOCKERFILE + dockerfile,
        "boot.sh": '#!/bin/sh\nset -e\nalembic upgrade head\nexec "$@"\n',
        "scripts/wait.sh": "#!/bin/sh\nuntil nc -z db 5432; do sleep 1; done\n",
    }
    if more.startswith("build"):
        text = COMPOSE.format(more="").replace("build: .", more)
        found = composed(tmp_path, {**files, "docker-compose.yml": text})
    else:
        found = composed(tmp_path, files, more)
    assert places(found) == expected
    assert not found.unread


@pytest.mark.parametrize(
    ("dockerfile", "said"),
    [
        ("", "the entry point of its base image"),
        ('ENTRYPOINT ["/opt/launcher"]\n', "`/opt/launcher`"),
    ],
)
def test_a_start_that_cannot_be_read_is_a_note(dockerfile: str, said: str, tmp_path: Path) -> None:
    found = composed(tmp_path, {"Dockerfile": DOCKERFILE + dockerfile})
    assert (found.places, found.unread) == ((), True)
    assert said in found.notes[0]
    assert "revision and schema are compared before and after it" in found.notes[0]


ON_EVENT = (
    PLAIN_APP
    + """\
import subprocess


@app.on_event("startup")
def ready():
    subprocess.run(["alembic", "upgrade", "head"], check=True)
"""
)
FACTORY = """\
from flask_migrate import upgrade


def create_app():
    upgrade()
"""
IN_A_CLASS = (
    PLAIN_APP
    + """\
import alembic.config


class Base:
    def __init__(self):
        alembic.config.main(argv=["--raiseerr", "upgrade", "head"])

    def downgrade(self):
        alembic.config.main(argv=["upgrade", "base"])


Base()
"""
)
ROUTE = (
    PLAIN_APP
    + """\
from alembic import command


@app.post("/upgrade")
def upgrade():
    command.upgrade(None, "head")
"""
)
AS_PROGRAM = (
    PLAIN_APP
    + """\
if __name__ == "__main__":
    import os
    os.system("alembic upgrade head")
"""
)
RUNS_AS_PROGRAM = """\
import uvicorn

if __name__ == "__main__":
    uvicorn.run("shop.web:app", reload=True)
"""


@pytest.mark.parametrize(
    ("line", "unread"),
    [("./launcher", True), ("sh go.sh", True), ("/opt/launcher --port 8000", True), ("uvicorn shop.main:app", False)],
)
def test_a_start_on_this_machine_that_cannot_be_read_is_a_note(line: str, unread: bool, tmp_path: Path) -> None:
    files = {"Makefile": LOCAL.format(flags=""), "launcher": "\x7fELF\0\0", "go.sh": "#!/bin/sh\nexec /opt/launcher\n"}
    files["shop/main.py"] = PLAIN_APP
    found = startup(tmp_path, files, Config(commands={"start": line}))
    assert (found.unread, bool(found.notes)) == (unread, unread)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"shop/main.py": LIFESPAN, "shop/schema.py": UP_TO_DATE}, ["start shop/schema.py:6"]),
        (
            {
                "shop/main.py": LIFESPAN.replace("from shop.schema", "from shop"),
                "shop/__init__.py": "from .schema import bring_up_to_date\n",
                "shop/schema.py": UP_TO_DATE.replace("from alembic import command", "import alembic.command"),
            },
            ["start shop/schema.py:6"],
        ),
        ({"shop/main.py": ON_EVENT}, ["start shop/main.py:9"]),
        ({"shop/main.py": PLAIN_APP + 'import os\nos.system("alembic upgrade head")\n'}, ["start shop/main.py:5"]),
        (
            {"shop/main.py": "from .factory import create_app\napp = create_app()\n", "shop/factory.py": FACTORY},
            ["start shop/factory.py:5"],
        ),
        ({"shop/main.py": IN_A_CLASS}, ["start shop/main.py:9"]),
        ({"shop/main.py": ROUTE}, []),
        ({"shop/main.py": AS_PROGRAM}, []),
        ({"shop/main.py": PLAIN_APP + 'import logging\nlogging.info("run alembic upgrade head first")\n'}, []),
        ({"shop/main.py": PLAIN_APP + "from alembic import command\ncommand.current(None)\n"}, []),
    ],
)
def test_start_up_code_that_applies_revisions(files: Mapping[str, str], expected: list[str], tmp_path: Path) -> None:
    inside = composed(tmp_path / "inside", files)
    plain = startup(
        tmp_path / "plain",
        {"Makefile": LOCAL.format(flags=""), "shop/__init__.py": "", **files},
    )
    assert places(inside) == places(plain) == expected


@pytest.mark.parametrize(
    ("flags", "mounted", "roles"),
    [
        ("", True, {"start"}),
        ("--reload", True, {"start", "write"}),
        ("--reload", False, {"start"}),
    ],
)
def test_a_reloader_applies_when_a_file_is_written_that_it_sees(
    flags: str, mounted: bool, roles: set[str], tmp_path: Path
) -> None:
    files = {
        "shop/main.py": LIFESPAN,
        "shop/schema.py": UP_TO_DATE,
        "Dockerfile": f"{DOCKERFILE}CMD uvicorn shop.main:app {flags}\n",
    }
    found = composed(tmp_path, files, "    volumes:\n      - .:/srv\n" if mounted else "")
    assert {place.role for place in found.places} == roles


@pytest.mark.parametrize(
    ("line", "roles"),
    [
        # The shell is not started again, only the server: what stands before it applies once.
        ("alembic upgrade head && uvicorn shop.main:app --reload", {"start"}),
        ("watchfiles 'sh -c \"alembic upgrade head && uvicorn shop.main:app\"' shop", {"start", "write"}),
        ("watchmedo auto-restart -d shop -- alembic upgrade head", {"start", "write"}),
        ("python -m shop", {"start", "write"}),
        ("./begin", {"start"}),
        ("make -C . migrate && uvicorn shop.main:app", {"start"}),
        ("make seed", set()),
        ("cd shop && python seed.py", set()),
    ],
)
def test_start_commands_that_apply_revisions_when_they_start(line: str, roles: set[str], tmp_path: Path) -> None:
    files = {
        "Makefile": LOCAL.format(flags=""),
        "begin": "#!/usr/bin/env bash\nset -e\nalembic \\\n  upgrade head\nexec granian shop.main:app\n",
        "shop/__init__.py": "",
        "shop/main.py": PLAIN_APP,
        "shop/seed.py": "print('seeded')\n",
        "shop/__main__.py": RUNS_AS_PROGRAM,
        "shop/web.py": LIFESPAN,
        "shop/schema.py": UP_TO_DATE,
    }
    assert {place.role for place in startup(tmp_path, files, Config(commands={"start": line})).places} == roles


@pytest.mark.parametrize(
    ("web", "roles", "unread"), [(LIFESPAN, {"start", "write"}, False), (PLAIN_APP, set(), False), ("", set(), True)]
)
def test_what_a_script_serves_may_lie_beside_it(web: str, roles: set[str], unread: bool, tmp_path: Path) -> None:
    """Python looks for modules in the folder of the script that it runs, wherever it was called."""
    files = {
        "Makefile": LOCAL.format(flags=""),
        "site/serve.py": RUNS_AS_PROGRAM.replace("shop.web", "web"),
        "shop/schema.py": UP_TO_DATE,
        **({"site/web.py": web} if web else {}),
    }
    found = startup(tmp_path, files, Config(commands={"start": "python site/serve.py"}))
    assert {place.role for place in found.places} == roles
    assert found.unread is unread


UPGRADES = """\
from alembic import command
from alembic.config import Config


def migrated():
    config = Config("alembic.ini")
    command.upgrade(config, "head")
"""
ELSEWHERE = UPGRADES.replace(
    "    command", '    config.set_main_option("sqlalchemy.url", "postgresql://localhost/test")\n    command'
)


@pytest.mark.parametrize(
    ("conftest", "expected", "noted"),
    [("", [], False), (UPGRADES, ["test tests/conftest.py:7"], False), (ELSEWHERE, [], True)],
)
def test_tests_that_upgrade_the_application_s_database(
    conftest: str, expected: list[str], noted: bool, tmp_path: Path
) -> None:
    found = composed(tmp_path, {"tests/conftest.py": conftest, "tests/test_a.py": ""})
    assert places(found) == expected
    assert any("which one could not be read" in note for note in found.notes) is noted


@given(
    st.lists(st.sampled_from(["FROM a AS b", "FROM b", "CMD x", "ENTRYPOINT [", "RUN <<E", "COPY", "\\", "#", "ENV a"]))
)
def test_no_dockerfile_makes_the_reading_fail(lines: list[str]) -> None:
    parse("\n".join(lines))


@given(st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1), min_size=1, max_size=5))
def test_the_exec_form_keeps_its_words(words: list[str]) -> None:
    import shlex

    image = parse(f"FROM a\nCMD {json.dumps(words)}\n")
    assert image is not None and image.command is not None
    assert shlex.split(image.command.text) == words


@pytest.mark.parametrize(
    "code", ["X = {chain}", "if {chain} == __name__:\n    X = 1", "@mark({chain})\ndef other(): ..."]
)
def test_an_expression_of_many_terms_does_not_make_the_reading_fail(code: str, tmp_path: Path) -> None:
    chain = " + ".join(['"a"'] * 1_000)
    start = "from alembic import command\n\n\ndef app():\n    command.upgrade(None, 'head')\n"
    (tmp_path / "main.py").write_text(f"{start}\n\n{code.format(chain=chain)}\n", encoding="utf-8")
    program = Program([tmp_path])
    assert program.module("main", "app")
    assert [kind for kind, _, _ in program.found] == ["upgrade"]
