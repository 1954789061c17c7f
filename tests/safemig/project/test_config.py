"""safemig.yaml: what it gives, and what a mistake in it says."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safemig.project.config import Config, ConfigError, load, parse, template
from safemig.project.config_schema import TIMEOUTS, EndpointConfig, ScriptConfig
from safemig.project.layout import discover

FULL = """\
project:
  folder: services/api
  copy: .safemig/copy
  makefile: Makefile
  compose: [docker-compose.yml, docker-compose.dev.yml]
  alembic: alembic.ini#alembic
runtime: docker
commands:
  migrate: make db-upgrade
service: api
database:
  service: db
  url: env:DATABASE_URL
  version_table: revisions
url: http://127.0.0.1:8000/
health: /healthz
endpoints:
  - /courses
  - HEAD /courses
  - path: /courses/1
    status: 200
    media: application/json
    json: {slug: a, tags: [1, 2.5, true, null]}
    headers: {Authorization: env:TOKEN}
    seconds: 2
  - name: adds up
    script: scripts/check.py
  - python: "print(1)"
timeouts: {build: 60, healthy: 5}
permissions:
  allow: ["make test"]
  deny: ["make clean"]
specs: docs
environment: staging
"""


def test_everything() -> None:
    made = parse(FULL)
    assert (made.project.folder, made.project.copy) == ("services/api", ".safemig/copy")
    assert made.project.compose == ("docker-compose.yml", "docker-compose.dev.yml")
    assert (made.runtime, made.service, made.environment) == ("docker", "api", "staging")
    assert made.commands == {"migrate": "make db-upgrade"}
    assert (made.database.url, made.database.version_table) == ("env:DATABASE_URL", "revisions")
    assert (made.url, made.health) == ("http://127.0.0.1:8000", "/healthz")
    assert made.endpoints[:2] == (EndpointConfig("/courses"), EndpointConfig("/courses", "HEAD"))
    assert made.endpoints[2].json == {"slug": "a", "tags": [1, 2.5, True, None]}
    assert made.scripts == (ScriptConfig("adds up", "scripts/check.py"), ScriptConfig("endpoints[4]", "", "print(1)"))
    assert (made.timeout("build"), made.timeout("healthy"), made.timeout("test")) == (60, 5, 1800)
    assert made.timeout("anything else") == TIMEOUTS["default"]
    assert (made.permissions.allow, made.permissions.deny) == (("make test",), ("make clean",))
    assert made.specs == ("docs",)


def test_defaults(tmp_path: Path) -> None:
    assert load(tmp_path) == Config()
    assert parse("") == Config(Path("safemig.yaml"))
    assert parse("project:\nurl:\n").project == Config().project
    wanted = {"build": 1800, "start": 300, "stop": 120, "test": 1800, "migrate": 1800, "endpoint": 5, "healthy": 120}
    assert {name: Config().timeout(name) for name in wanted} == wanted


@pytest.mark.parametrize(
    ("text", "line", "part"),
    [
        ("a: 1\nprojct: {}\n", 1, "unknown key 'a'"),
        ("projct: {}\n", 1, "did you mean 'project'?"),
        ("url: http://x\nendpoint:\n  - /\n", 2, "did you mean 'endpoints'?"),
        ("timeouts:\n  biuld: 5\n", 2, "unknown key 'timeouts.biuld', did you mean 'build'?"),
        ("timeouts:\n  build: soon\n", 2, "timeouts.build must be a number, not text"),
        ("timeouts:\n  build: 0\n", 2, "must lie between 0.1 and 86400"),
        ("timeouts:\n  build: .nan\n", 2, "must"),
        ("timeouts:\n  build: true\n", 2, "must be a number, not true or false"),
        ("commands:\n  upgrade: make x\n", 2, "unknown key 'commands.upgrade'"),
        ("commands:\n  migrate: [make, x]\n", 2, "commands.migrate must be text, not a list"),
        ("runtime: dokcer\n", 1, "did you mean 'docker'?"),
        ("service: yes\n", 1, "service must be text, not true or false"),
        ("service: a\nservice: b\n", 2, "stands here twice"),
        ("- a\n", 1, "must be a mapping"),
        ("project: demo\n", 1, "project must be a mapping"),
        ("project:\n  folder: ../x\n", 2, "must be a path below the project"),
        ("project:\n  folder: /etc\n", 2, "must be a path below the project"),
        ("database:\n  url: postgresql://u:hunter2@h/d\n", 2, "write env:DATABASE_URL or file:PATH#KEY"),
        ("database:\n  url: DATABASE_URL\n", 2, "must be env:NAME"),
        ("database:\n  url: file:.env\n", 2, "write file:.env#KEY"),
        ("url: http://me:hunter2@h\n", 1, "holds a password"),
        ("url: localhost:8000\n", 1, "must be an http URL"),
        ("health: health\n", 1, "must begin with /"),
        ("endpoints:\n  - courses\n", 2, "a path such as /health"),
        ("endpoints:\n  - FETCH /x\n", 2, "a path such as /health"),
        ("endpoints:\n  - status: 200\n", 2, "needs a path"),
        ("endpoints:\n  - path: /x\n    status: ok\n", 3, "must be a number"),
        ("endpoints:\n  - path: /x\n    statsu: 200\n", 3, "did you mean 'status'?"),
        ("endpoints:\n  - path: /x\n    headers: {Authorization: Bearer hunter2}\n", 3, "is a secret: write env:NAME"),
        ("endpoints:\n  - script: a.py\n    python: x\n", 2, "keep one of them"),
        ("endpoints:\n  - script: a.py\n    status: 200\n", 3, "does not go with"),
        ("permissions:\n  allow: make test\n", 2, "permissions.allow must be a list, not text"),
        ("a: [\n", 2, "not valid YAML"),
        ("a: &x [*x]\nb: !!python/object:os.system x\n", 1, "unknown key"),
        ("endpoints:\n  - path: /x\n    json: !!python/object/apply:os.getcwd []\n", 3, "plain JSON-like data"),
    ],
)
def test_mistakes_name_line_and_remedy(text: str, line: int, part: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text)
    assert caught.value.line == line
    assert part in caught.value.message
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "runtime: dokcer\ncomands:\n  build: make\ntimeouts:\n  build: soon\n  test: 5\n  start: 0\n",
            [(1, "did you mean 'docker'?"), (2, "'commands'?"), (5, "timeouts.build"), (7, "timeouts.start must lie")],
        ),
        (
            "endpoints:\n  - courses\n  - path: /x\n    statsu: 200\n    status: ok\n  - /health\nhealth: health\n",
            [(2, "a path such as"), (4, "did you mean 'status'?"), (5, "must be a number"), (7, "must begin with /")],
        ),
        (
            "permissions:\n  allow: [make test, [x]]\n  deny: rm\nservice: a\nservice: b\n",
            [(2, "allow[1] must be text"), (3, "permissions.deny must be a list"), (5, "stands here twice")],
        ),
        (
            "project: {folder: ../x, makefile: /etc}\ncommands: {migrate: [a]}\n",
            [(1, "folder"), (1, "makefile"), (2, "text")],
        ),
    ],
)
def test_all_mistakes_are_told_at_once_in_the_order_of_their_lines(text: str, told: list[tuple[int, str]]) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text)
    lines = str(caught.value).splitlines()
    assert len(lines) == len(told)
    for line, (number, part) in zip(lines, told, strict=True):
        assert line.startswith(f"safemig.yaml:{number}: ")
        assert part in line


def test_the_file_stands_in_the_error(tmp_path: Path) -> None:
    path = tmp_path / "safemig.yaml"
    path.write_text("\n\nservise: api\n")
    with pytest.raises(ConfigError, match=r"safemig\.yaml:3: unknown key 'servise', did you mean 'service'\?"):
        load(tmp_path)
    path.write_bytes(b"service: \xff\n")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load(tmp_path)


@settings(max_examples=200, deadline=None)
@given(st.text("abc:-[]{}&*!#'\"\n \t>|%@`", max_size=60))
def test_no_text_raises_anything_else(text: str) -> None:
    with contextlib.suppress(ConfigError):
        parse(text)


def _project(root: Path) -> None:
    (root / "Makefile").write_text("migrate:\n\tdocker compose exec api alembic upgrade head\n")
    (root / "docker-compose.yml").write_text(
        "services:\n  api:\n    build: .\n    ports: ['8123:8000']\n    environment:\n"
        "      DATABASE_URL: postgresql://u:hunter2@db/shop\n  db:\n    image: postgres:15\n"
    )
    (root / "alembic" / "versions").mkdir(parents=True)
    (root / "alembic.ini").write_text("[alembic]\nscript_location = alembic\n")


def test_the_template_reads_back_as_what_was_found(tmp_path: Path) -> None:
    _project(tmp_path)
    found = discover(tmp_path, root=tmp_path, environ={})
    text = template(found)
    made = parse(text)
    assert made.runtime == "docker"
    assert made.service == "api"
    assert made.database.service == "db"
    assert made.database.url == "compose:api#DATABASE_URL"
    assert made.commands == {"migrate": "make migrate"}
    assert made.project.alembic == "alembic.ini"
    assert "hunter2" not in text
    assert str(tmp_path) not in text
    again = discover(tmp_path, made, root=tmp_path, environ={})
    assert (again.roles, again.database, again.url) == (found.roles, found.database, found.url)


def test_every_commented_key_is_a_right_one(tmp_path: Path) -> None:
    text = template(discover(tmp_path, root=tmp_path, environ={}))
    bare = "\n".join(
        line[1:] if line.startswith("#") and (":" in line or line.startswith("#  - ")) else ""
        for line in text.splitlines()
        if not line.startswith("# ") or line.startswith("#  ")
    )
    made = parse(bare)
    assert made.endpoints
    assert made.scripts
    assert dict(made.timeouts) == dict(TIMEOUTS)


def test_the_gentle_form_can_be_declined() -> None:
    assert parse("").migration.gentle is True
    assert parse("migration: {gentle: false}\n").migration.gentle is False
    with pytest.raises(ConfigError, match=r"migration\.gentle must be true or false, not text"):
        parse("migration:\n  gentle: maybe\n")


def test_red_tests_are_asked_about_unless_the_project_accepts_them() -> None:
    assert parse("service: api\n").tests.red_baseline == "ask"
    assert parse("tests:\n  red_baseline: accept\n").tests.red_baseline == "accept"
    with pytest.raises(ConfigError, match="must be one of ask, accept"):
        parse("tests:\n  red_baseline: never\n")
    with pytest.raises(ConfigError, match=r"unknown key 'tests\.baseline'"):
        parse("tests:\n  baseline: accept\n")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("vocabulary: {headers: {column: [a]}}", "1: unknown key 'vocabulary.headers', did you mean 'header'?"),
        ("vocabulary:\n  header:\n    colum: [a]", "3: unknown key 'vocabulary.header.colum', did you mean 'column'?"),
        ("vocabulary: {header: {column: a}}", "1: vocabulary.header.column must be a list, not text"),
        ("vocabulary: {header: {column: ['-']}}", "1: vocabulary.header.column[0] must be a word, not '-'"),
    ],
)
def test_a_word_under_an_unknown_name_is_refused_with_the_nearest_one(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=r"safemig\.yaml") as error:
        parse(text)
    assert str(error.value) == f"safemig.yaml:{said}"


def test_own_words_stand_beside_those_that_are_known() -> None:
    words = parse("vocabulary: {header: {column: [Kolonne  navn]}}").words.pattern("header.column")
    assert all(words.fullmatch(text) for text in ("kolonne navn", "Column"))
    assert parse("").words is parse("runtime: docker").words
