"""Whole runs of a project whose commands are sent to another database than the one that is looked at, by every way
that there is; nothing is changed then."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import psutil
import psycopg
import pytest

from safemig.cli.opening import open_project
from safemig.engine.same_database import Ours, _command
from safemig.engine.session import Session
from safemig.journal.journal import read_events
from safemig.planning.database_use import DatabaseUse
from safemig.planning.facts import Facts
from safemig.planning.steps import same_database_step
from tests.safemig.bad_projects import ENTRY, contents, write
from tests.safemig.planning.test_applying import applying
from tests.safemig.plans import FACTS, shared, without
from tests.spine.project import FIRST, INI, PLAIN_PYTEST, SPEC, free_port
from tests.trusting import trusting

# Like many a service: a session for each request, at the address of a variable, else of a file, else its own.
SERVICE = """\
import os
import psycopg

def address():
    if os.environ.get("DB_URL"):
        return os.environ["DB_URL"]
    if os.path.exists(".env"):
        return open(".env").read().strip().partition("=")[2]
    return "{url}"

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({{"type": message["type"] + ".complete"}})
            if message["type"] == "lifespan.shutdown":
                return
    with psycopg.connect(address()) as connection:
        connection.execute("SELECT 1")
    await send({{"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]}})
    await send({{"type": "http.response.body", "body": b"{{}}"}})
"""
ENV = """\
import os
from alembic import context
from sqlalchemy import create_engine

url = {rule}
engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
with engine.connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
"""
MAKEFILE = """\
PY = {python}
{head}
start: stop
\t{front}nohup $(PY) -m uvicorn service:app --host 127.0.0.1 --port {port} > service.log 2>&1 & echo $$! > service.pid

stop:
\t@if [ -f service.pid ] && kill $$(cat service.pid) 2>/dev/null; then sleep 0.1; fi

migrate:{target}
\t$(PY) -m alembic{options} upgrade head

test:
\t$(PY) -m pytest -q -p no:cacheprovider tests
"""
INI_RULE = 'context.config.get_main_option("sqlalchemy.url")'
RULE = f'os.environ.get("DB_URL") or {INI_RULE}'


@dataclass(frozen=True)
class Way:
    """How the commands are sent elsewhere. ``{other}`` stands for the address of the other database."""

    head: str = ""
    front: str = ""
    target: str = ""
    options: str = ""
    rule: str = RULE
    env_file: str = ""
    variable: str = ""
    far: bool = False  # the other database lies on another server, under the same name


WAYS = {
    "exported by the Makefile": (Way(head="export DB_URL = {other}\n"), "DB_URL, exported in Makefile line 2", "both"),
    "inherited from the shell": (Way(variable="{other}"), "DB_URL in the environment", "both"),
    "in front of the server's start": (
        Way(front="DB_URL={other} "),
        "DB_URL in the recipe of start, Makefile line 3",
        "service",
    ),
    "read from .env by the service alone": (Way(rule=INI_RULE, env_file="{other}"), "", "migrate"),
    "by a variable that only env.py reads": (
        Way(target=" export UPGRADE_AT = {other}\nmigrate:", rule=f'os.environ.get("UPGRADE_AT") or {INI_RULE}'),
        "shop_dev",
        "migrate",
    ),
    "by an argument of Alembic": (
        Way(
            options=" -x db=shop_dev", rule=f'{INI_RULE}.rpartition("/")[0] + "/" + context.get_x_argument(True)["db"]'
        ),
        "shop_dev",
        "migrate",
    ),
    "to another server's database of that name": (
        Way(front="DB_URL={other} ", far=True),
        "variables (DB_URL)",
        "service",
    ),
    "both to another server's database of that name": (
        Way(head="export DB_URL = {other}\n", far=True),
        "Makefile line 2",
        "both",
    ),
}


@dataclass(frozen=True)
class Servers:
    """Two PostgreSQL servers, each with the databases shop and shop_dev."""

    near: int
    far: int

    def url(self, name: str = "shop", *, far: bool = False) -> str:
        return f"postgresql://shop:shop@127.0.0.1:{self.far if far else self.near}/{name}"


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    found = Servers(free_port(), free_port())
    runtimes = []
    for port in (found.near, found.far):
        root = tmp_path_factory.mktemp("server")
        write(root, "alembic.ini", INI.format(url=f"postgresql+psycopg://shop:shop@127.0.0.1:{port}/shop"))
        write(root, "alembic/env.py", "")
        write(root, "safemig.yaml", "runtime: process\n")
        runtime = open_project(argparse.Namespace(project=str(root), command="status")).runtime
        runtime.start_database()
        runtimes.append(runtime)
    try:
        for far in (False, True):
            with psycopg.connect(found.url(far=far), autocommit=True) as connection:
                connection.execute("CREATE DATABASE shop_dev")
        yield found
    finally:
        for runtime in runtimes:
            runtime.remove_database()


def reset(servers: Servers) -> None:
    """All four databases at the first revision."""
    for far in (False, True):
        for name in ("shop", "shop_dev"):
            with psycopg.connect(servers.url(name, far=far), autocommit=True) as connection:
                connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
                connection.execute("CREATE TABLE course (id serial PRIMARY KEY, slug text)")
                connection.execute("CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)")
                connection.execute("INSERT INTO alembic_version VALUES ('1a2b3c4d5e6f')")


def make(root: Path, servers: Servers, way: Way) -> str:
    """The project; the other address."""
    other = servers.url("shop" if way.far else "shop_dev", far=way.far)
    port = free_port()
    files = {
        "Makefile": MAKEFILE.format(
            python=sys.executable, port=port, head=way.head.format(other=other), front=way.front.format(other=other),
            target=way.target.format(other=other), options=way.options,
        ),
        "service.py": SERVICE.format(url=servers.url()),
        "alembic.ini": INI.format(url=servers.url().replace("postgresql:", "postgresql+psycopg:")),
        "alembic/env.py": ENV.format(rule=way.rule),
        "alembic/versions/1a2b3c4d5e6f_first.py": FIRST,
        "tests/test_truth.py": "def test_truth() -> None:\n    assert True\n",
        "docs/ratings_plan.md": SPEC,
        "safemig.yaml": f"runtime: process\nurl: http://127.0.0.1:{port}\n",
    }  # fmt: skip
    for name, text in files.items():
        write(root, name, text)
    if way.env_file:
        write(root, ".env", f"DB_URL={other}\n")
    return other


@contextlib.contextmanager
def run(root: Path, **variables: str) -> Iterator[tuple[int, dict[str, object], str]]:
    """Exit code and document of a run in auto mode, and the reason that its journal gives; the service still runs."""
    given = {name: value for name, value in os.environ.items() if name not in ("DB_URL", "DATABASE_URL")}
    trusting(root)
    line = [sys.executable, "-P", str(ENTRY), "run", "--mode", "auto", "--json", "--project", str(root)]
    done = subprocess.run(
        line, env={**given, **PLAIN_PYTEST, **variables}, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=300, check=False,
    )  # fmt: skip
    try:
        [folder] = sorted((root / ".safemig" / "runs").iterdir())
        yield done.returncode, json.loads(done.stdout), str(read_events(folder)[-1].data["reason"])
    finally:
        with contextlib.suppress(OSError, ValueError, psutil.NoSuchProcess):
            psutil.Process(int((root / "service.pid").read_text())).kill()


def versions(servers: Servers) -> set[str]:
    """Where the four databases are."""
    found = set()
    for far in (False, True):
        for name in ("shop", "shop_dev"):
            with psycopg.connect(servers.url(name, far=far)) as connection:
                found |= {row[0] for row in connection.execute("SELECT version_num FROM alembic_version")}
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", WAYS)
def test_another_database_is_refused_before_anything_changes(name: str, servers: Servers, tmp_path: Path) -> None:
    way, origin, who = WAYS[name]
    reset(servers)
    other = make(tmp_path, servers, way)
    before = contents(tmp_path)
    with run(tmp_path, **({"DB_URL": other} if way.variable else {})) as (code, document, reason):
        after = contents(tmp_path)
    if way.target:
        # A variable for one target makes its effect unknown: a person is asked before anything is changed.
        assert code == 4, reason
        return
    assert (code, document["verdict"]) == (1, "refused"), reason
    assert "another database is used than the one that is looked at" in reason
    assert origin in reason
    found = document["databases"]
    assert isinstance(found, list)
    proofs = {("service" if "service" in one["subject"] else "migrate"): one["proof"] for one in found}
    different = {part for part, proof in proofs.items() if proof == "different"}
    assert different == ({"service", "migrate"} if who == "both" else {who})
    assert set(proofs.values()) <= {"different", "same"}
    assert versions(servers) == {"1a2b3c4d5e6f"}
    assert {file: digest for file, digest in after.items() if file not in ("service.log", "service.pid")} == before


@pytest.mark.slow
def test_the_right_database_is_named_for_each_command(servers: Servers, tmp_path: Path) -> None:
    reset(servers)
    make(tmp_path, servers, Way())
    with run(tmp_path) as (code, document, reason):
        pass
    assert (code, document["verdict"]) == (0, "passed"), reason
    where = f"shop on 127.0.0.1:{servers.near}"
    found = document["databases"]
    assert isinstance(found, list)
    assert [(one["subject"], one["database"], one["proof"]) for one in found] == [
        (found[0]["subject"], where, "same"),
        ("`make migrate`", where, "same"),
    ]
    report = subprocess.run(
        [sys.executable, "-P", str(ENTRY), "report", "--project", str(tmp_path)],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert "## Databases" in report
    assert "waited for Alembic" in report


def proofs(document: dict[str, object]) -> dict[str, str]:
    """By what each was seen."""
    found = document["databases"]
    assert isinstance(found, list)
    return {("service" if "service" in one["subject"] else "migrate"): f"{one['proof']}: {one['how']}" for one in found}


@pytest.mark.slow
def test_in_production_nothing_is_held(servers: Servers, tmp_path: Path) -> None:
    reset(servers)
    make(tmp_path, servers, Way())
    config = (tmp_path / "safemig.yaml").read_text(encoding="utf-8")
    write(tmp_path, "safemig.yaml", f"{config}environment: production\n")
    with run(tmp_path) as (code, document, reason):
        pass
    assert code == 0, reason
    assert proofs(document)["migrate"] == "same: by its session on this server"


@pytest.mark.slow
@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_database_that_has_no_version_table_yet(elsewhere: bool, servers: Servers, tmp_path: Path) -> None:
    reset(servers)
    make(tmp_path, servers, Way(head="export DB_URL = {other}\n") if elsewhere else Way())
    for name in ("shop", "shop_dev"):
        with psycopg.connect(servers.url(name), autocommit=True) as connection:
            connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    with run(tmp_path) as (code, document, reason):
        pass
    assert code == int(elsewhere), reason
    word = "different" if elsewhere else "same"
    assert proofs(document)["migrate"] == f"{word}: by its session on this server"
    for name in ("shop", "shop_dev"):
        with psycopg.connect(servers.url(name)) as connection:
            made = connection.execute("SELECT to_regclass('course')").fetchone()
        assert made == ((None,) if elsewhere or name != "shop" else ("course",))


@pytest.mark.slow
def test_a_reference_to_the_makefile_looks_at_what_it_exports(servers: Servers, tmp_path: Path) -> None:
    reset(servers)
    make(tmp_path, servers, Way(head="export DB_URL = {other}\n"))
    config = (tmp_path / "safemig.yaml").read_text(encoding="utf-8")
    write(tmp_path, "safemig.yaml", f"{config}database: {{url: 'file:Makefile#DB_URL'}}\n")
    with run(tmp_path) as (code, document, reason):
        pass
    assert (code, document["verdict"]) == (0, "passed"), reason
    with psycopg.connect(servers.url("shop_dev")) as connection:
        assert connection.execute("SELECT to_regclass('rating')").fetchone() != (None,)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("confirm", "code", "words"),
    [
        ("", 4, "not proved that everything uses shop"),
        ("database: {confirm: shop}\n", 0, ""),
        ("database: {confirm: shop_dev}\n", 1, "safemig.yaml names the database shop_dev"),
        ("commands: {current: '$PY -m alembic current --verbose'}\n", 0, ""),
    ],
)
def test_what_is_not_proved_is_asked_unless_the_configuration_says_it(
    confirm: str, code: int, words: str, servers: Servers, tmp_path: Path
) -> None:
    """A recipe that hides how it upgrades: nothing is known to ask instead."""
    reset(servers)
    make(tmp_path, servers, Way())
    makefile = (tmp_path / "Makefile").read_text(encoding="utf-8")
    write(tmp_path, "Makefile", makefile.replace("$(PY) -m alembic upgrade head", "$(PY) up.py"))
    write(tmp_path, "up.py", 'from alembic.config import main\nmain(["upgrade", "head"])\n')
    config = (tmp_path / "safemig.yaml").read_text(encoding="utf-8")
    migrate = "" if "commands" in confirm else "commands: {migrate: make migrate}\n"
    more = confirm.replace("{current", "{migrate: make migrate, current").replace("$PY", sys.executable)
    write(tmp_path, "safemig.yaml", config + migrate + more)
    with run(tmp_path) as (ended, document, reason):
        pass
    # What a script does is not read, so that the upgrade itself is asked about too: 4 where nothing else stops it.
    assert words in reason
    assert ended == (code or 4), (document["verdict"], reason)


@pytest.mark.parametrize(
    ("facts", "proof"),
    [
        (applying(FACTS, "start"), "unknown"),  # `make migrate` is another command, whatever the start does
        (applying(without("migrate"), "start"), "same"),
        (applying(without("migrate"), "build"), "unknown"),
        (shared("start", "migrate"), "same"),
    ],
)
def test_the_service_stands_for_the_migrate_command_only_where_its_start_is_that(facts: Facts, proof: str) -> None:
    s = cast(Session, SimpleNamespace(facts=facts))
    ours = cast(Ours, SimpleNamespace(name="shop"))
    service = DatabaseUse("the service api", "same", "shop", "by its session on this server")
    use = asyncio.run(_command(s, same_database_step(facts), ours, "the migrate command", service=service))
    assert (use.subject, use.proof) == ("the migrate command", proof)
