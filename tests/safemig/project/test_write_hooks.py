"""Post-write hooks of Alembic's configuration: the line that each comes to, and those that only Alembic could run."""

from __future__ import annotations

from pathlib import Path

import pytest

from safemig.project.layout import discover
from safemig.project.write_hooks import WriteHook, write_hooks

INI = """\
[alembic]
script_location = %(here)s/migrations
[post_write_hooks]
hooks = form, lint own
form.type = console_scripts
form.entrypoint = black
form.options = -l 79 REVISION_SCRIPT_FILENAME
lint.type = module
lint.module = ruff
lint.options = check --fix
own.type = {own}
own.executable = %(here)s/bin/own tool
own.cwd = %(here)s/migrations
"""
TOML = """\
[tool.alembic]
script_location = "%(here)s/migrations"
post_write_hooks = [{name = "form", type = "exec", executable = "black", options = "-q"}]
"""
COMPOSE = """\
services:
  api:
    build: .
    command: uv run uvicorn app:app
    volumes: {volumes}
"""
FILE = "migrations/versions/abc.py"


def _hooks(root: Path, files: dict[str, str]) -> tuple[WriteHook, ...]:
    makefile = {"Makefile": "migrate:\n\talembic upgrade head\n"}
    for name, text in {"migrations/env.py": "", f"{FILE}.txt": "", **makefile, **files}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    project = discover(root)
    assert project.tree is not None
    return write_hooks(project, project.tree, root / FILE)


@pytest.mark.parametrize(("lock", "prefix"), [("uv.lock", "uv run "), ("poetry.lock", "poetry run ")])
def test_a_hook_runs_by_the_tool_of_the_project(tmp_path: Path, lock: str, prefix: str) -> None:
    form, lint, own = _hooks(tmp_path, {"alembic.ini": INI.format(own="exec"), lock: ""})
    assert form == WriteHook("form", f"{prefix}black -l 79 {FILE}")
    assert lint == WriteHook("lint", f"{prefix}python -m ruff {FILE} check --fix")
    assert own == WriteHook("own", "cd migrations && '../bin/own tool' versions/abc.py")


def test_a_virtual_environment_and_pyproject(tmp_path: Path) -> None:
    environment = {".venv/pyvenv.cfg": "", ".venv/bin/python": ""}
    assert _hooks(tmp_path, {"pyproject.toml": TOML, **environment}) == (WriteHook("form", f"black {FILE} -q"),)


def test_what_only_alembic_could_run_is_named(tmp_path: Path) -> None:
    *_, own = _hooks(tmp_path, {"alembic.ini": INI.format(own="our_own"), "uv.lock": ""})
    assert not own.line
    assert own.why.startswith("alembic.ini: the post-write hook own is of the kind our_own")
    form, *_ = _hooks(tmp_path, {"alembic.ini": INI.format(own="exec"), "poetry.lock": ""})
    assert not form.line
    assert "lie side by side" in form.why


@pytest.mark.parametrize(("volumes", "runs"), [('[".:/srv"]', True), ("[]", False)])
def test_in_containers_the_file_must_be_seen_there(tmp_path: Path, volumes: str, runs: bool) -> None:
    makefile = "migrate:\n\tdocker compose exec api alembic upgrade head\nstart:\n\tdocker compose up -d\n"
    files = {
        "alembic.ini": INI.format(own="exec"), "compose.yaml": COMPOSE.format(volumes=volumes), "Makefile": makefile,
        "Dockerfile": "FROM python:3.12-slim\nWORKDIR /app\nCOPY . .\n",
    }  # fmt: skip
    form, *_ = _hooks(tmp_path, files)
    if runs:
        line = f"docker compose exec -T -w /srv api uv run black -l 79 {FILE}"
        assert form == WriteHook("form", line)
    else:
        assert (
            form.why
            == "alembic.ini: the post-write hook form is not run: the container of api does not see the new file"
        )
