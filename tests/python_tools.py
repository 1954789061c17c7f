"""Poetry, pdm and pipenv for the tests: those of this machine, else from PyPI into an environment of the tests' own."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

# What pip is asked for. pdm 2.29 has no upper bound for hishel, and its version 2 lacks a class that pdm imports.
TOOLS = {"poetry": ("poetry",), "pdm": ("pdm", "hishel<2"), "pipenv": ("pipenv",)}
HOME = Path(__file__).parents[1] / ".pytest_cache" / "python-tools"
# The environments that they make lie in the project, and a version that is newer than theirs is no word of output.
IN_PROJECT = {
    "POETRY_VIRTUALENVS_IN_PROJECT": "true",
    "PIPENV_VENV_IN_PROJECT": "1",
    "PIPENV_VERBOSITY": "-1",
    "PDM_CHECK_UPDATE": "false",
}


def use_tool(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Puts the tool on the PATH of this test; skips it with pip's own words where the tool cannot be had."""
    for key, value in IN_PROJECT.items():
        monkeypatch.setenv(key, value)
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    if shutil.which(name) is None:
        monkeypatch.setenv("PATH", f"{_folder(name)}{os.pathsep}{os.environ['PATH']}")


def _folder(name: str) -> Path:
    """A folder with that program alone, made once; the tests of other processes wait for it."""
    HOME.mkdir(parents=True, exist_ok=True)
    links, environment = HOME / f"{name}-bin", HOME / name
    with (HOME / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (links / name).exists():
            subprocess.run([sys.executable, "-m", "venv", "--clear", environment], check=True)
            line = [str(environment / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", *TOOLS[name]]
            installed = subprocess.run(line, capture_output=True, text=True, check=False)
            if installed.returncode:
                pytest.skip(f"{name} cannot be installed here: {installed.stderr.strip().splitlines()[-1]}")
            links.mkdir(exist_ok=True)
            (links / name).symlink_to(environment / "bin" / name)
    return links
