"""Packages are declared where the project keeps its test dependencies, and nothing else of the file moves."""

from __future__ import annotations

import difflib
import tomllib

import pytest

from safemig.remedies import dependencies

EXTRA = """[project]
name = "x"  # the name
dependencies = ["fastapi"]

[project.optional-dependencies]
docs = ["mkdocs"]
dev = [
    "pytest>=8,<10",  # the runner
    "ruff>=0.5",
]

[tool.ruff]
line-length   =   100
"""


def _changes(before: str, after: str) -> list[str]:
    return [line for line in difflib.ndiff(before.splitlines(), after.splitlines()) if line[0] in "+-"]


def test_the_group_with_pytest_takes_them() -> None:
    text, group = dependencies.add(EXTRA, ["httpx", "pytest-asyncio"])
    assert group == "project.optional-dependencies.dev"
    assert _changes(EXTRA, text) == ['+     "httpx",', '+     "pytest-asyncio",']


def test_a_bound_is_kept() -> None:
    text, _ = dependencies.add(EXTRA, ["setuptools<82"])
    assert '"setuptools<82",' in text
    assert dependencies.add_to_requirements("pytest>=8\n", ["setuptools<82"]) == "pytest>=8\nsetuptools<82\n"
    assert dependencies.add_to_requirements("setuptools\n", ["setuptools<82"]) == "setuptools\n"
    poetry = '[tool.poetry.dependencies]\npython = "^3.11"\n[tool.poetry.group.dev.dependencies]\npytest = "^8"\n'
    assert 'setuptools = "<82"' in dependencies.add(poetry, ["setuptools<82"])[0]


def test_known_versions_follow_the_neighbours() -> None:
    text, _ = dependencies.add(EXTRA, ["httpx"], versions={"httpx": "0.28.1"})
    assert '"httpx>=0.28.1",' in text
    pinned = EXTRA.replace(">=8,<10", "==8.0").replace(">=0.5", "==0.5")
    assert '"httpx==0.28.1",' in dependencies.add(pinned, ["httpx"], versions={"httpx": "0.28.1"})[0]
    bare = EXTRA.replace(">=8,<10", "").replace(">=0.5", "")
    assert '"httpx",' in dependencies.add(bare, ["httpx"], versions={"httpx": "0.28.1"})[0]


@pytest.mark.parametrize(
    ("text", "install", "group"),
    [
        ('[project]\nname="x"\n[dependency-groups]\ntest = ["pytest"]\n', "", "dependency-groups.test"),
        (
            '[project]\nname="x"\n[project.optional-dependencies]\ntests = ["coverage"]\n',
            "",
            "project.optional-dependencies.tests",
        ),
        (
            '[project]\nname="x"\n[project.optional-dependencies]\na = ["pytest"]\nb = ["pytest"]\n',
            "RUN uv sync --frozen --extra b",
            "project.optional-dependencies.b",
        ),
        ('[project]\nname="x"\ndependencies=["pytest"]\n', "", "project.dependencies"),
        ('[project]\nname="x"\ndependencies=[]\n', "uv sync --frozen", "dependency-groups.dev"),
        ('[project]\nname="x"\ndependencies=[]\n', "uv sync --all-extras", "project.optional-dependencies.dev"),
        ('[project]\nname="x"\ndependencies=[]\n', "pip install .[qa]", "project.optional-dependencies.qa"),
        ('[project]\nname="x"\n[tool.uv]\ndev-dependencies=["pytest"]\n', "", "tool.uv.dev-dependencies"),
        (
            '[project]\nname="x"\n[tool.pdm.dev-dependencies]\ntest=["pytest"]\n',
            "",
            "tool.pdm.dev-dependencies.test",
        ),
        (
            '[tool.poetry]\nname="x"\n[tool.poetry.dependencies]\npython="^3.11"\nfastapi="*"\n',
            "",
            "tool.poetry.group.dev",
        ),
        (
            '[tool.poetry.group.dev.dependencies]\npytest = "^8.0"\n',
            "",
            "tool.poetry.group.dev",
        ),
    ],
)
def test_the_place(text: str, install: str, group: str) -> None:
    after, found = dependencies.add(text, ["httpx"], install=install)
    assert found == group
    assert "httpx" in dependencies.declared({"pyproject.toml": after})
    assert tomllib.loads(after)


def test_poetry_gets_its_own_form() -> None:
    text = '[tool.poetry.group.dev.dependencies]\npytest = "^8.0"\n'
    after, _ = dependencies.add(text, ["httpx"], versions={"httpx": "0.28.1"})
    assert after == text + 'httpx = "^0.28.1"\n'
    assert dependencies.add(text, ["httpx"])[0] == text + 'httpx = "*"\n'


def test_what_is_declared_is_not_declared_again() -> None:
    text = '[project]\nname="x"\n[project.optional-dependencies]\ndev=["pytest", "Pytest_Asyncio[x]>=1"]\n'
    assert dependencies.add(text, ["pytest-asyncio"])[0] == text
    assert dependencies.declared({"pyproject.toml": text}) == {"pytest", "pytest-asyncio"}


def test_line_endings_stay() -> None:
    crlf = EXTRA.replace("\n", "\r\n")
    after, _ = dependencies.add(crlf, ["httpx"])
    assert after.count("\n") == after.count("\r\n")
    fresh, _ = dependencies.add('[project]\r\nname="x"\r\n', ["httpx"])
    assert fresh.count("\n") == fresh.count("\r\n")


def test_requirement_files() -> None:
    files = {
        "pyproject.toml": "[tool.ruff]\nline-length = 100\n",
        "requirements.txt": "fastapi==0.115\n",
        "requirements-dev.txt": "-r requirements.txt\npytest==8.0 ; python_version > '3'  # runner\nruff==0.5\n",
    }
    found = dependencies.declare(files, ["httpx", "pytest"], versions={"httpx": "0.28.1"})
    assert (found.path, found.group) == ("requirements-dev.txt", "requirements-dev.txt")
    assert found.text == files["requirements-dev.txt"] + "httpx==0.28.1\n"
    assert dependencies.add_to_requirements("a\r\nb", ["c", "d"]) == "a\r\nb\r\nc\r\nd"
    assert dependencies.add_to_requirements("", ["c"]) == "c\n"
    assert dependencies.declared(files) == {"fastapi", "pytest", "ruff"}


def test_pyproject_comes_first_where_it_holds_dependencies() -> None:
    found = dependencies.declare({"pyproject.toml": EXTRA, "requirements.txt": "a\n"}, ["httpx"])
    assert found.path == "pyproject.toml"


def test_no_place_is_said() -> None:
    with pytest.raises(dependencies.NoPlace, match="by hand"):
        dependencies.declare({"pyproject.toml": "[tool.x]\n"}, ["httpx"])
    with pytest.raises(dependencies.NoPlace, match="TOML"):
        dependencies.add("[project", ["httpx"])
    assert dependencies.declared({"pyproject.toml": "[project"}) == frozenset()


def test_pytest_options_are_set_once() -> None:
    after = dependencies.configure(EXTRA, {"asyncio_mode": "auto"})
    assert tomllib.loads(after)["tool"]["pytest"]["ini_options"] == {"asyncio_mode": "auto"}
    assert all(change.startswith("+") for change in _changes(EXTRA, after))
    assert dependencies.configure(after, {"asyncio_mode": "strict"}) == after
    present = '[tool.pytest.ini_options]\ntestpaths = ["tests"]\n'
    assert dependencies.configure(present, {"asyncio_mode": "auto"}) == present + 'asyncio_mode = "auto"\n'
