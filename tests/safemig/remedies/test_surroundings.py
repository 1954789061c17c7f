"""What a red run lacks beside packages, with the words of the programs themselves."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from safemig.remedies import dependencies, surroundings

TEST = "from app.prices import TAX\n\ndef test_a(): assert TAX\n"
MODULE = {"app/__init__.py": "", "app/prices.py": "TAX = 7\n", "tests/test_a.py": TEST}


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def run_tests(root: Path) -> subprocess.CompletedProcess[str]:
    """Tests by the program pytest, which puts no folder on the path of imports by itself."""
    code = "import sys; sys.path.remove(''); import pytest; sys.exit(pytest.main(['-q', '-p', 'no:cacheprovider']))"
    clean = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTEST_ADDOPTS")}
    return subprocess.run(
        [sys.executable, "-c", code], cwd=root, env=clean, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(("below", "place"), [("", "."), ("src/", "src")])
def test_modules_that_are_not_found_are_found_by_their_folder(tmp_path: Path, below: str, place: str) -> None:
    moved = {(below if name.startswith("app") else "") + name: text for name, text in MODULE.items()}
    root = write(tmp_path, {**moved, "pyproject.toml": '[project]\nname = "x"\n'})
    ended = run_tests(root)
    assert "No module named 'app'" in ended.stdout
    text = (root / "pyproject.toml").read_text()
    assert surroundings.import_path(["app"], root, {"pyproject.toml": text}) == place
    (root / "pyproject.toml").write_text(dependencies.configure(text, {"pythonpath": place}))
    assert run_tests(root).returncode == 0


@pytest.mark.parametrize("other", ["pytest.ini", "tox.ini", "setup.cfg"])
def test_another_file_that_configures_pytest_is_not_overruled(tmp_path: Path, other: str) -> None:
    root = write(tmp_path, {**MODULE, other: "[tool:pytest]\n" if other == "setup.cfg" else "[pytest]\n"})
    assert surroundings.import_path(["app"], root, {"pyproject.toml": ""}) == ""
    assert surroundings.import_path(["nothing"], root, {"pyproject.toml": ""}) == ""


@pytest.mark.parametrize(
    "code",
    [
        "open('.env')",
        "import os; os.environ['SHOP_TOKEN_OF_NOBODY']",
        "raise SystemExit('pydantic_core._pydantic_core.ValidationError: 2 validation errors for Settings')",
    ],
)
def test_a_missing_env_file_is_written_from_its_example(tmp_path: Path, code: str) -> None:
    root = write(tmp_path, {"shop/.env.example": "TOKEN=x\n"})
    ended = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    folders = (root / "shop", root)
    assert surroundings.env_file(ended.stderr, folders) == (root / "shop" / ".env", root / "shop" / ".env.example")
    assert surroundings.env_file("E   assert 1 == 2", folders) is None
    write(root, {".env": "TOKEN=y\n"})
    assert surroundings.env_file(ended.stderr, folders) is None


@pytest.mark.skipif(os.getuid() != 0, reason="only root can make a file of root's and be another user")
def test_a_file_of_roots_is_told_with_the_command_and_stays_roots(tmp_path: Path) -> None:
    root = write(tmp_path, {"htmlcov/index.html": ""})
    for folder in (root, *root.parents):
        if folder.stat().st_mode & 0o005 != 0o005 and folder.is_relative_to("/tmp"):
            folder.chmod(0o755)
    path = root / "htmlcov" / "index.html"
    code = f"open({str(path)!r}, 'w')"
    ended = subprocess.run(["python3", "-c", code], capture_output=True, text=True, check=False, user=65534, cwd="/")
    assert "PermissionError" in ended.stderr
    told = surroundings.foreign_file(ended.stderr, owner=65534)
    assert f"sudo chown -R $(id -u):$(id -g) {path}" in told
    assert path.stat().st_uid == 0
    assert surroundings.foreign_file(ended.stderr, owner=0) == ""
    os.chown(path, 65534, 65534)
    assert surroundings.foreign_file(ended.stderr, owner=65534) == ""
