"""Which tool runs a project's Python programs, and what installs their packages: read from its files."""

from __future__ import annotations

import os
import re
import shlex
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from safemig.base.files import head

_LOCKS = (
    ("uv.lock", "uv"), ("poetry.lock", "poetry"), ("pdm.lock", "pdm"), ("Pipfile.lock", "pipenv"), ("Pipfile", "pipenv")
)  # fmt: skip
_BACKENDS = (("uv_build", "uv"), ("poetry", "poetry"), ("pdm", "pdm"))
_INSTALL = {"uv": "uv sync", "poetry": "poetry install", "pdm": "pdm install", "pipenv": "pipenv install --dev"}
_OPTIONS = {  # how a group and an extra are asked for; those that are installed anyway need none
    "uv": ("--group", "--extra"),
    "poetry": ("--with", "--extras"),
    "pdm": ("-G", "-G"),
}
_ENVIRONMENTS = (".venv", "venv", "env")
_REQUIREMENTS = (
    "requirements.txt", "requirements-dev.txt", "requirements_dev.txt", "dev-requirements.txt", "requirements-test.txt",
    "requirements_test.txt", "test-requirements.txt", "requirements/dev.txt", "requirements/test.txt",
)  # fmt: skip


@dataclass(frozen=True)
class PythonTool:
    """``prefix`` stands before the name of a program; ``install`` is the line that installs the packages, "" where
    nothing says what they are. ``folder`` is where the tool's own file lies."""

    name: str
    prefix: str
    install: str
    folder: Path


def python_tool(folder: Path, root: Path) -> PythonTool | str:
    """The tool of ``folder``, or of the nearest folder above it; else why none is known, in words."""
    above = [folder, *(each for each in folder.parents if each.is_relative_to(root))]
    for place in above:
        locks = list(dict.fromkeys(tool for name, tool in _LOCKS if (place / name).is_file()))
        if len(locks) > 1:
            return f"files of {' and '.join(locks)} lie side by side, so which of them runs Python is not known"
        name = locks[0] if locks else _of_pyproject(_pyproject(place))
        if name:
            return PythonTool(name, f"{name} run ", _install(name, place), place)
        if environment := _environment(place):
            shown = os.path.relpath(environment, folder)
            return PythonTool("venv", f"{shown}/bin/", _pip(folder, place, environment), place)
    return "neither a lock of uv, poetry or pdm nor a virtual environment (.venv) says how Python is run"


def _pyproject(place: Path) -> Mapping[str, object]:
    try:
        return tomllib.loads(head(place / "pyproject.toml", 1_000_000))
    except (tomllib.TOMLDecodeError, RecursionError):
        return {}


def _of_pyproject(document: Mapping[str, object]) -> str:
    backend = str(_table(document, "build-system").get("build-backend", ""))
    tools = _table(document, "tool")
    named = [name for name in _OPTIONS if name in tools]
    return named[0] if len(named) == 1 else next((tool for word, tool in _BACKENDS if backend.startswith(word)), "")


def _environment(place: Path) -> Path | None:
    made = (place / name for name in _ENVIRONMENTS if (place / name / "pyvenv.cfg").is_file())
    return next((each for each in made if (each / "bin" / "python").exists()), None)


def install_line(tool: PythonTool, folder: Path, package: str) -> str:
    """The line that installs that declared distribution, with the group or extra that holds it; "" where none is
    known."""
    if tool.name != "venv":
        return _install(tool.name, tool.folder, package)
    for where in dict.fromkeys((folder, tool.folder)):
        for name in _REQUIREMENTS:
            if any(_names(line, package) for line in head(where / name).splitlines()):
                return f"{tool.prefix}pip install -r {os.path.relpath(where / name, folder)}"
    return ""


def add_line(tool: PythonTool, folder: Path, packages: Sequence[str]) -> str:
    """The line by which the tool itself declares, locks and installs packages for the tests; "" for a tool whose file
    and lock are written without it."""
    document = _pyproject(tool.folder)
    known = _table(document, "tool", "poetry", "group") if tool.name == "poetry" else {}
    known = {**known, **_table(document, "dependency-groups")}
    holding = (name for name, value in known.items() if "pytest" in str(value))
    group = shlex.quote(next(holding, next((name for name in ("dev", "test", "tests") if name in known), "dev")))
    line = {
        "poetry": f"poetry add --group {group}",
        "pdm": f"pdm add -dG {group}",
        "pipenv": "pipenv install --dev",
    }.get(tool.name, "")
    moved = "" if tool.folder == folder else f"cd {shlex.quote(os.path.relpath(tool.folder, folder))} && "
    return f"{moved}{line} {' '.join(map(shlex.quote, packages))}" if line else ""


def _install(name: str, place: Path, package: str = "pytest") -> str:
    """With the group that holds the package, where it is not installed anyway."""
    words = [_INSTALL[name]]
    group, extra = _OPTIONS.get(name, ("", ""))
    document = _pyproject(place)
    groups = _table(document, "dependency-groups")
    poetry = _table(document, "tool", "poetry", "group")
    optional = [key for key, value in poetry.items() if isinstance(value, Mapping) and value.get("optional")]
    holding = [key for key, value in groups.items() if _holds(value, package)]
    if group and holding and "dev" not in holding and name == "uv":
        words.append(f"{group} {holding[0]}")
    elif held := [key for key in optional if package in _table(poetry, key, "dependencies")]:
        words.append(f"{group} {held[0]}")
    elif extra and not holding:
        optionals = _table(document, "project", "optional-dependencies")
        extras = [key for key, value in optionals.items() if _holds(value, package)]
        words += [f"{extra} {extras[0]}"] if extras else []
    return " ".join(words)


def _pip(folder: Path, place: Path, environment: Path) -> str:
    """The requirements of the service's folder, else of the environment's, into that environment."""
    if not (environment / "bin" / "pip").exists():
        return ""
    for where in dict.fromkeys((folder, place)):
        files = [name for name in _REQUIREMENTS if (where / name).is_file()]
        if files:
            shown = [os.path.relpath(where / name, folder) for name in files]
            return f"{os.path.relpath(environment, folder)}/bin/pip install {' '.join(f'-r {name}' for name in shown)}"
    return ""


def _holds(value: object, package: str) -> bool:
    return isinstance(value, Sequence) and any(isinstance(each, str) and _names(each, package) for each in value)


def _names(requirement: str, package: str) -> bool:
    """Whether a line of requirements names that distribution."""
    match = re.match(r"\s*([A-Za-z0-9][\w.-]*)", requirement)
    return match is not None and re.sub(r"[-_.]+", "-", match[1]).lower() == package


def _table(document: Mapping[str, object], *path: str) -> Mapping[str, object]:
    found: object = document
    for key in path:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def declared_in(places: Sequence[Path]) -> Iterator[str]:
    """The texts in which those folders declare their packages."""
    for place in dict.fromkeys(places):
        yield from (head(place / name) for name in ("pyproject.toml", "Pipfile", *_REQUIREMENTS))
