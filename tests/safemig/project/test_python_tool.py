"""The lines by which a project's own tool installs and declares packages, with its groups."""

from __future__ import annotations

from pathlib import Path

import pytest

from safemig.project.python_tool import add_line, install_line, python_tool
from tests.safemig.project.test_derived_commands import environment, write

POETRY = "[tool.poetry.group.{name}.dependencies]\npytest = '*'\n"


@pytest.mark.parametrize(
    ("files", "install", "add"),
    [
        ({"uv.lock": "", "pyproject.toml": ""}, "uv sync", ""),
        (
            {"uv.lock": "", "pyproject.toml": '[dependency-groups]\nqa = ["httpx", "pytest"]\n'},
            "uv sync --group qa",
            "",
        ),
        ({"poetry.lock": "", "pyproject.toml": ""}, "poetry install", "poetry add --group dev httpx 'setuptools<82'"),
        (
            {"poetry.lock": "", "pyproject.toml": POETRY.format(name="checks")},
            "poetry install",
            "poetry add --group checks httpx 'setuptools<82'",
        ),
        (
            {"pdm.lock": "", "pyproject.toml": '[project.optional-dependencies]\ntest = ["HTTPX>0.2"]\n'},
            "pdm install -G test",
            "pdm add -dG dev httpx 'setuptools<82'",
        ),
        ({"Pipfile": ""}, "pipenv install --dev", "pipenv install --dev httpx 'setuptools<82'"),
        ({"requirements-dev.txt": "pytest\nhttpx==0.28\n"}, ".venv/bin/pip install -r requirements-dev.txt", ""),
        ({"requirements.txt": "flask\n"}, "", ""),
    ],
)
def test_the_lines(files: dict[str, str], install: str, add: str, tmp_path: Path) -> None:
    environment(write(tmp_path, files))
    tool = python_tool(tmp_path, tmp_path)
    assert not isinstance(tool, str)
    assert install_line(tool, tmp_path, "httpx") == install
    assert add_line(tool, tmp_path, ("httpx", "setuptools<82")) == add


def test_a_tool_of_a_folder_above_is_gone_to(tmp_path: Path) -> None:
    write(tmp_path, {"poetry.lock": "", "pyproject.toml": "", "backend/alembic.ini": ""})
    tool = python_tool(tmp_path / "backend", tmp_path)
    assert not isinstance(tool, str)
    assert add_line(tool, tmp_path / "backend", ("httpx",)) == "cd .. && poetry add --group dev httpx"
