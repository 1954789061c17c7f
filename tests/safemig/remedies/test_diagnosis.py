"""A red run is read for what it lacks: everything at once, nothing that is there, no name of the output's choosing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.evidence import Evidence, Json, unseen
from safemig.remedies import diagnosis, test_imports, uv_lock
from tests.python_tools import TOOLS, use_tool

CLIENT = "from fastapi.testclient import TestClient\n\ndef test_a():\n    assert TestClient\n"
HTTPX = "import httpx\nfrom fastapi.testclient import TestClient\n"
MARKED = "import pytest\n\n@pytest.mark.asyncio\nasync def test_b():\n    pass\n"
BARE = "async def test_b():\n    pass\n"
NEEDS_HTTPX = (
    "E   RuntimeError: The starlette.testclient module requires the httpx package to be installed.\n"
    "E   You can install this with:\nE       $ pip install httpx\n"
)
NEEDS_HTTPX2 = NEEDS_HTTPX.replace("httpx", "httpx2")
NATIVE = "async def functions are not natively supported.\nYou need to install a suitable plugin\n"


def _red(cause: str = "", code: int = 2) -> Evidence:
    places: list[Json] = [{"where": "tests/test_a.py", "cause": cause}] if cause else []
    return Evidence("tests", "make test", True, "", "", "make test", {"exit_code": code, "error_places": places})


def _packages(output: str, *sources: str, declared: tuple[str, ...] = ("pytest",), **more: object) -> tuple[str, ...]:
    files = {f"tests/test_{number}.py": text for number, text in enumerate(sources)}
    found = diagnosis.remedy(_red(), output, files, declared, **more)  # type: ignore[arg-type]
    return () if found is None else found.packages


@pytest.mark.parametrize(
    ("output", "sources", "packages"),
    [
        (NEEDS_HTTPX, (CLIENT, MARKED), ("httpx", "pytest-asyncio")),
        (NEEDS_HTTPX, (CLIENT,), ("httpx",)),
        (NEEDS_HTTPX2, (CLIENT,), ("httpx2",)),
        (NEEDS_HTTPX2, (HTTPX,), ("httpx",)),
        ("E   ModuleNotFoundError: No module named 'httpx'", (HTTPX, MARKED), ("httpx", "pytest-asyncio")),
        ("\x1b[31mE   ModuleNotFoundError: No module named 'respx.mocks'\x1b[0m", (), ("respx",)),
        ("ModuleNotFoundError: No module named 'requests'", (CLIENT,), ("requests",)),
        (
            "E   ModuleNotFoundError: No module named 'factory'",
            ("import factory\nimport yaml",),
            ("factory-boy", "pyyaml"),
        ),
        (NATIVE, (BARE,), ("pytest-asyncio",)),
        ("PytestUnknownMarkWarning: Unknown pytest.mark.asyncio - is this a typo?", (MARKED,), ("pytest-asyncio",)),
        ("PytestConfigWarning: Unknown config option: asyncio_mode", (), ("pytest-asyncio",)),
        ("'asyncio' not found in `markers` configuration option", (MARKED,), ("pytest-asyncio",)),
        ("pytest: error: unrecognized arguments: --cov=app -n 4", (), ("pytest-cov", "pytest-xdist")),
        ("E       fixture 'mocker' not found", (), ("pytest-mock",)),
        ("E       fixture 'catalogue' not found", (), ()),
        ("ERROR: Missing required plugins: pytest-mock, evil-package", (), ("pytest-mock",)),
        ("/app/.venv/bin/python: No module named pytest", (), ()),
        ("E   assert 1 == 2", (CLIENT, MARKED), ()),
        ("RuntimeError: The starlette.testclient module requires the evil package", (), ()),
        ("E   ModuleNotFoundError: No module named 'evil_package'", (), ()),
    ],
)
def test_what_is_called_for(output: str, sources: tuple[str, ...], packages: tuple[str, ...]) -> None:
    assert _packages(output, *sources) == packages


def test_a_missing_runner() -> None:
    assert _packages("error: Failed to spawn: `pytest`", declared=()) == ("pytest",)
    assert _packages('exec: "pytest": executable file not found in $PATH', declared=()) == ("pytest",)


@pytest.mark.parametrize(
    "words",
    [
        "error: Failed to spawn: pytest\n  cause: No such file or directory (os error 2)",
        "error: Failed to spawn: `pytest`\n  Caused by: No such file or directory (os error 2)",
        "Command not found: pytest",
        "[PdmUsageError]: Command 'pytest' is not found in your PATH.",
        "Error: the command pytest could not be found within PATH or Pipfile's [scripts].",
        "sh: 1: .venv/bin/pytest: not found",
        "bash: .venv/bin/pytest: No such file or directory",
        'exec: "/opt/venv/bin/pytest": stat /opt/venv/bin/pytest: no such file or directory: unknown',
    ],
)
def test_every_tool_says_in_its_own_words_that_pytest_is_missing(words: str) -> None:
    output = f"make: *** [Makefile:16: test] Error 2\n{words}\n"
    assert _packages(output, declared=()) == ("pytest",)
    found = diagnosis.remedy(_red(), output, {}, ["pytest"])
    assert found is not None
    assert (found.packages, found.install) == ((), ("pytest",))


def test_uv_itself_says_that_pytest_is_missing(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\nversion = "0"\n[tool.uv]\npackage = false\n')
    [uv, *_] = uv_lock.ways()
    line = [*uv.argv, "run", "--offline", "--python", sys.executable, "--no-progress", "pytest", "tests"]
    clean = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PATH")}
    ended = subprocess.run(
        line, cwd=tmp_path, env={**clean, "PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=False
    )
    assert ended.returncode != 0
    assert _packages(ended.stderr, declared=()) == ("pytest",), ended.stderr


@pytest.mark.slow
@pytest.mark.parametrize("tool", TOOLS)
def test_the_other_tools_themselves_say_so(tool: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")  # without the pytest that runs these tests
    use_tool(tool, monkeypatch)
    extra = {"poetry": "\n[tool.poetry]\npackage-mode = false\n", "pdm": "\n[tool.pdm]\ndistribution = false\n"}
    project = '[project]\nname = "x"\nversion = "0"\nrequires-python = ">=3.11"\n'
    if tool == "pipenv":
        (tmp_path / "Pipfile").write_text("[packages]\n")
    else:
        (tmp_path / "pyproject.toml").write_text(project + extra[tool])
    ended = subprocess.run([tool, "run", "pytest", "tests"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode != 0
    assert _packages(ended.stdout + ended.stderr, declared=()) == ("pytest",), ended.stdout + ended.stderr


@pytest.mark.parametrize(("known", "packages"), [((), ("setuptools<82",)), (("setuptools",), ())])
def test_pkg_resources_is_what_an_older_setuptools_brings(known: tuple[str, ...], packages: tuple[str, ...]) -> None:
    output = "E   ModuleNotFoundError: No module named 'pkg_resources'"
    found = diagnosis.remedy(_red(), output, {}, known)
    assert found is not None
    assert found.packages == packages
    assert "setuptools" in found.cause


def test_the_cause_is_in_words() -> None:
    found = diagnosis.remedy(_red(), NEEDS_HTTPX, {"a": CLIENT, "b": MARKED}, ["pytest"])
    assert found is not None
    assert found.cause == (
        "The test client needs httpx, which is not installed. "
        "The mark asyncio needs pytest-asyncio, which no group declares."
    )
    assert dict(found.config) == {}


def test_the_client_is_the_cause_where_an_import_fails_too() -> None:
    output = "E   ModuleNotFoundError: No module named 'httpx'\n" + NEEDS_HTTPX
    found = diagnosis.remedy(_red(), output, {"a": HTTPX}, ["pytest"])
    assert found is not None
    assert (found.packages, found.cause) == (("httpx",), "The test client needs httpx, which is not installed.")


def test_the_cause_may_stand_in_the_evidence() -> None:
    found = diagnosis.remedy(_red("ModuleNotFoundError: No module named 'freezegun'"), "", {}, [])
    assert found is not None
    assert found.packages == ("freezegun",)


def test_an_unknown_module_is_named_and_not_proposed() -> None:
    found = diagnosis.remedy(_red(), "ModuleNotFoundError: No module named 'acme_tools'", {}, [])
    assert found is not None
    assert (found.packages, "acme_tools" in found.cause) == ((), True)


def test_a_local_module_is_no_package() -> None:
    found = diagnosis.remedy(_red(), "ModuleNotFoundError: No module named 'mock.app'", {}, [], local={"mock"})
    assert found is not None
    assert found.packages == ()
    assert "own module mock.app" in found.cause
    assert _packages(NEEDS_HTTPX, CLIENT, "import faker", local={"faker"}) == ("httpx",)


def test_what_is_declared_is_not_proposed() -> None:
    found = diagnosis.remedy(_red(), NEEDS_HTTPX, {"a": CLIENT}, ["pytest", "HTTPX"])
    assert found is not None
    assert found.packages == ()
    assert "declares httpx: rebuild" in found.cause
    assert _packages(NEEDS_HTTPX, CLIENT, MARKED, declared=("Pytest_Asyncio",)) == ("httpx",)


def test_what_the_lock_brings_along_is_not_proposed_for_an_import() -> None:
    assert _packages(NEEDS_HTTPX, CLIENT, "import anyio\nimport requests", locked=("anyio",)) == ("httpx", "requests")
    # But what the run itself misses is proposed, whatever the lock says of another group.
    assert _packages(NEEDS_HTTPX, CLIENT, locked=("httpx",)) == ("httpx",)


def test_async_tests_without_a_mark_need_the_mode() -> None:
    found = diagnosis.remedy(_red(code=1), NATIVE, {"a": BARE}, ["pytest"])
    assert found is not None
    assert dict(found.config) == {"asyncio_mode": "auto"}
    strict = diagnosis.remedy(_red(code=1), NATIVE, {"a": BARE}, ["pytest", "pytest-asyncio"])
    assert strict is not None
    assert (strict.packages, dict(strict.config)) == ((), {"asyncio_mode": "auto"})
    settled = diagnosis.remedy(_red(code=1), NATIVE, {"a": BARE}, ["pytest"], asyncio_mode="auto")
    assert settled is not None
    assert (settled.packages, dict(settled.config)) == (("pytest-asyncio",), {})


@pytest.mark.parametrize(
    "source",
    [
        "import pytest\npytestmark = pytest.mark.anyio\nasync def test_a(): pass\n",
        "import pytest\n@pytest.mark.anyio\nasync def test_a(): pass\n",
        "import unittest\nclass TestA(unittest.IsolatedAsyncioTestCase):\n    async def test_a(self): pass\n",
        "async def helper(): pass\n",
    ],
)
def test_other_coroutines_need_no_plugin(source: str) -> None:
    assert _packages(NEEDS_HTTPX, CLIENT, source, locked=("anyio",)) == ("httpx",)


def test_nothing_missing_is_no_remedy() -> None:
    assert diagnosis.remedy(_red(code=0), NEEDS_HTTPX, {"a": CLIENT}, []) is None
    assert diagnosis.remedy(_red(code=1), "E assert 1 == 2", {"a": MARKED}, []) is None
    assert diagnosis.remedy(unseen("tests", "make test", "make test", "no output"), NEEDS_HTTPX, {}, []) is None


def test_imports_that_need_not_succeed_are_left_out() -> None:
    source = (
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    import respx\n"
        "try:\n    import faker\nexcept ImportError:\n    faker = None\n"
        "from . import httpx\n"
        "def test_a():\n    import freezegun\n"
    )
    calls = test_imports.read_calls({"a": source, "broken": "def ("})
    assert calls.imports & {"respx", "faker", "httpx", "freezegun"} == {"freezegun"}
    assert not calls.client
    assert test_imports.read_calls({"a": "from fastapi import testclient"}).client


@given(st.text(max_size=200))
def test_no_output_breaks_the_reading(noise: str) -> None:
    found = diagnosis.remedy(_red(), noise + NEEDS_HTTPX, {"a": noise}, [])
    assert found is not None
    assert "httpx" in found.packages


@pytest.mark.parametrize(("source", "package"), [(MARKED, "pytest-asyncio"), (BARE, "pytest-asyncio")])
def test_the_words_are_those_of_pytest_itself(tmp_path: Path, source: str, package: str) -> None:
    (tmp_path / "test_a.py").write_text(source)
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    line = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-c", "/dev/null", "--rootdir", ".", "test_a.py"]
    done = subprocess.run(line, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert _packages(done.stdout, source) == (package,)


def test_the_words_are_those_of_starlette_itself(tmp_path: Path) -> None:
    (tmp_path / "test_a.py").write_text(CLIENT)
    (tmp_path / "conftest.py").write_text("import sys\nsys.modules['httpx'] = None\nsys.modules['httpx2'] = None\n")
    line = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-c", "/dev/null", "--rootdir", ".", "test_a.py"]
    done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert set(_packages(done.stdout, CLIENT)) in ({"httpx"}, {"httpx2"})


def test_async_tests_that_were_only_skipped_call_for_their_plugin_too() -> None:
    """pytest before 8.4 skips them with a warning and returns 0."""
    green: dict[str, Json] = {"exit_code": 0, "passed": 2, "skipped": 1}
    skipped = Evidence("tests", "t", True, "", "", "t", {**green, "problems": ["async tests did not run"]})
    found = diagnosis.remedy(skipped, NATIVE, {"a": BARE}, ["pytest"])
    assert found is not None and found.packages == ("pytest-asyncio",)
    assert diagnosis.remedy(Evidence("tests", "t", True, "", "", "t", green), NATIVE, {"a": BARE}, ["pytest"]) is None
