"""Failing tests before the change: the cause, and the edits that it calls for."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from checks.evidence import Evidence
from checks.source.symbols import walk
from safemig.base import file_edit
from safemig.base.action import Action
from safemig.base.files import HUGE
from safemig.base.files import text as text_of
from safemig.engine.command import output_of, tail
from safemig.engine.observation import relative
from safemig.engine.session import Session
from safemig.planning.facts import CommandFact, Finding
from safemig.planning.plan import Step
from safemig.project.python_tool import add_line, install_line, python_tool
from safemig.remedies import dependencies, diagnosis, surroundings, uv_lock

TEST_FILE_LIMIT = 400
FILE_BYTES = 400_000
TEST_FILE = re.compile(r"test_.*\.py|.*_test\.py|conftest\.py")
OUTPUT_BYTES = 200_000


async def find_remedy(s: Session, step: Step, evidence: Evidence) -> None:
    """Adds a finding with the edits of one remedy; says the cause and does nothing more when there is none."""
    if any(finding.name == "remedy" for finding in s.findings) and step.id == "test":
        return
    found = await s.look(lambda: _remedy(s, step, evidence))
    if isinstance(found, Finding):
        s.find(found)
    else:
        s.note(f"the tests are red and safemig proposes nothing: {found}", step.id, "warning")


def _remedy(s: Session, step: Step, evidence: Evidence) -> Finding | str:
    folder = service_folder(s)
    files = _dependency_files(folder)
    output = tail(output_of(s, step), OUTPUT_BYTES)
    found = diagnosis.remedy(
        evidence,
        output,
        _test_files(folder),
        dependencies.declared(files),
        local=_local_modules(folder),
        locked=_locked(folder),
        asyncio_mode=_asyncio_mode(folder),
    )
    if found and (place := surroundings.import_path(found.modules, folder, files)):
        found = replace(found, config={**found.config, "pythonpath": place})
    if found is None or not (found.packages or found.config or found.install):
        return _beside_packages(s, output, found.cause if found else "the failure names nothing that is missing")
    wanted = found.packages
    added = _added(s, folder, found)
    try:
        found = replace(found, packages=()) if added else found
        actions = _edits(s, folder, files, found) if found.packages or found.config else ()
    except (dependencies.NoPlace, uv_lock.NotRenewed) as error:
        return f"{found.cause.rstrip('.')}; it calls for {', '.join(found.packages)}, but {error}"
    install = added or _install(s, folder, actions, found)
    if not actions and install is None:
        return found.cause
    packages = tuple(dependencies.split(package)[0] for package in (*wanted, *found.install))
    return Finding("remedy", found.cause, actions=actions, packages=packages, install=install)


def _beside_packages(s: Session, output: str, cause: str) -> Finding | str:
    """What mends a failure that no package mends, or its cause."""
    if denied := surroundings.foreign_file(output):
        return denied
    lacking = surroundings.env_file(output, tuple(dict.fromkeys((service_folder(s), s.project.folder, s.root))))
    if lacking is None:
        return cause
    path, example = lacking
    text = text_of(example, "replace")
    cause = f"{path.name} is not there, and {example.name} beside its place says what it holds"
    return Finding("remedy", cause, actions=(file_edit.propose(relative(s, path), None, text),))


def service_folder(s: Session) -> Path:
    """Where the service's own files lie: the nearest folder at or above its Alembic configuration that declares
    packages, else the one that its commands run in (make may stand above it)."""
    tree = s.project.tree
    above = [each for each in (tree.ini.parent, *tree.ini.parents) if each.is_relative_to(s.root)] if tree else []
    return next((each for each in above if _dependency_files(each)), s.project.folder)


def _install(s: Session, folder: Path, actions: tuple[Action, ...], found: diagnosis.Remedy) -> CommandFact | None:
    """What brings the packages to where the tests run, where no build of the project has done it: into the project's
    environment on this machine, or into an image that is older than its files."""
    built = "build" in s.facts.commands
    if s.runtime.exec_line():
        service = s.project.compose.services.get(s.facts.service) if s.project.compose else None
        if built or service is None or service.build is None or not (found.packages or found.install):
            return None
        line = f"docker compose build {shlex.quote(service.name)}"
        return CommandFact(line, effect="write", touches=("images",), why="the image is older than its files")
    if found.install:
        tool = python_tool(folder, s.root)
        line = "" if isinstance(tool, str) else install_line(tool, s.project.folder, found.install[0])
        return _installing(line) if line and line != (s.facts.commands["build"].line if built else "") else None
    path = s.root / actions[0].path if actions else folder
    pip = s.project.folder / ".venv" / "bin" / "pip"
    if built or path.suffix != ".txt" or not pip.exists() or not path.is_relative_to(s.project.folder):
        return None
    file = path.relative_to(s.project.folder).as_posix()
    return _installing(f".venv/bin/pip install --disable-pip-version-check -r {shlex.quote(file)}")


def _added(s: Session, folder: Path, found: diagnosis.Remedy) -> CommandFact | None:
    """The project's own tool declares, locks and installs the packages, where safemig does not write its lock."""
    tool = python_tool(folder, s.root)
    if s.runtime.exec_line() or isinstance(tool, str) or not found.packages:
        return None
    line = add_line(tool, s.project.folder, found.packages)
    return replace(_installing(line), touches=("files", "installed packages")) if line else None


def _installing(line: str) -> CommandFact:
    return CommandFact(line, effect="write", touches=("installed packages",), why="it installs what the file declares")


def _edits(s: Session, folder: Path, files: Mapping[str, str], found: diagnosis.Remedy) -> tuple[Action, ...]:
    if found.packages:
        new = dependencies.declare(files, found.packages, install=_install_line(s))
        name, text = new.path, new.text
    else:
        name, text = "pyproject.toml", files.get("pyproject.toml", "")
    if found.config and name == "pyproject.toml":
        text = dependencies.configure(text, found.config)
    actions = [file_edit.propose(relative(s, folder / name), files.get(name), text)]
    if found.packages and name == "pyproject.toml" and uv_lock.kind(folder):
        renewed = uv_lock.renew_any(folder, text, uv_lock.ways(s.runtime.exec_line()))
        path = relative(s, folder / uv_lock.kind(folder))
        actions.append(file_edit.propose(path, file_edit.read(s.root, path), renewed.text))
    return tuple(actions)


def _install_line(s: Session) -> str:
    """What installs the packages: the build recipe and the Dockerfile, for choosing a group that it takes."""
    words: list[str] = []
    build = s.facts.commands.get("build")
    if s.project.makefile and build:
        for target in s.project.makefile.targets:
            words += target.recipe if target.name == build.target else ()
    if build and not build.target:
        words.append(build.line)
    for dockerfile in dict.fromkeys((service_folder(s) / "Dockerfile", s.project.folder / "Dockerfile")):
        if dockerfile.is_file():
            words.append(text_of(dockerfile, "replace"))
    return "\n".join(words)


def _dependency_files(folder: Path) -> dict[str, str]:
    paths = [folder / "pyproject.toml", *folder.glob("*requirements*.txt"), *folder.glob("requirements/*.txt")]
    return {
        path.relative_to(folder).as_posix(): text_of(path, "replace")
        for path in paths
        if path.is_file() and path.stat().st_size <= FILE_BYTES
    }


def _locked(folder: Path) -> frozenset[str]:
    """The distributions of uv.lock: there without being declared."""
    path = folder / "uv.lock"
    if not path.is_file():
        return frozenset()
    try:
        packages = tomllib.loads(text_of(path, most=HUGE)).get("package", [])
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        return frozenset()
    return frozenset(str(each.get("name")) for each in packages)


def _asyncio_mode(folder: Path) -> str:
    """pytest-asyncio's mode as the project configures it, in any of pytest's files."""
    for name in ("pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg"):
        path = folder / name
        if path.is_file():
            found = re.search(r"^\s*asyncio_mode\s*=\s*[\"']?(\w+)", text_of(path, "replace"), re.M)
            if found:
                return found[1]
    return ""


def _local_modules(folder: Path) -> frozenset[str]:
    """Top-level modules and packages of the project itself, also those below src/."""
    names: set[str] = set()
    for place in (folder, folder / "src"):
        if place.is_dir():
            names |= {path.stem for path in place.glob("*.py")}
            names |= {path.name for path in place.iterdir() if path.is_dir() and path.name.isidentifier()}
    return frozenset(names)


def _test_files(folder: Path) -> dict[str, str]:
    tree = walk(folder)
    names = [path for path in tree.files if TEST_FILE.fullmatch(path.rpartition("/")[2])]
    texts = {path: tree.text(path) for path in names[:TEST_FILE_LIMIT]}
    return {path: text for path, text in texts.items() if text is not None}
