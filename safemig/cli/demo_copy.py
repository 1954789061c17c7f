"""The demo project as a fresh copy: a folder of its own, free ports, a lock file, a git root."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from safemig.base.redaction import redact
from safemig.consent import trust

DEMO = Path(__file__).resolve().parents[2] / "demo"
"""The project as it came with safemig: beside this package in a checkout and in an installed wheel."""

DemoRuntime = Literal["docker", "process"]
DemoShape = Literal["", "entrypoint", "reload"]
"""How the copy applies revisions: with `make migrate` alone; in its image's entry point, with the source built in; or
when the application starts, under a reloader."""

# What running the demo in place leaves behind; none of it belongs into a fresh copy.
_LEFT_OUT = ("shapes", ".env", ".venv", ".run", ".safemig", ".pytest_cache", "__pycache__", "*.pyc", "uv.lock")
_DATABASE_HOST = "@db:5432/"
_HOLDING_THE_URL = ("alembic.ini", "app/database.py")
_LOCK_SECONDS = 300
_GIT_SETTINGS = (
    "user.name=Course catalogue",
    "user.email=catalogue@example.org",
    "init.defaultBranch=main",
    "commit.gpgsign=false",
    "core.autocrlf=false",
    "core.hooksPath=/dev/null",
)


class DemoError(Exception):
    """The copy could not be made; nothing of it is left."""

    def __init__(self, what: str, where: str, next_step: str) -> None:
        super().__init__(f"{what} ({where}). {next_step}")
        self.what = what
        self.where = where
        self.next = next_step


@dataclass(frozen=True)
class DemoCopy:
    """Where the copy is: ``root`` is its git root, ``folder`` the service's folder with the Makefile."""

    root: Path
    folder: Path
    runtime: DemoRuntime
    api_port: int
    db_port: int


def is_demo(folder: Path) -> bool:
    """Whether ``folder`` is the demo: this one, or that of another checkout (told by its own project file)."""
    named = "backend/pyproject.toml"
    try:
        return folder.resolve() == DEMO.resolve() or (folder / named).read_bytes() == (DEMO / named).read_bytes()
    except OSError:
        return False


def copy_demo(target: Path | None, runtime: DemoRuntime, source: Path | None = None, shape: DemoShape = "") -> DemoCopy:
    """Copy the demo to ``target`` (a new or empty folder; None: a fresh temporary one), ready to be run.

    ``source`` is the demo of another checkout, ``shape`` another way to apply revisions. Raises DemoError, and then
    leaves the disk as it was.
    """
    source = source or DEMO
    if shape and runtime != "docker":
        raise DemoError(f"The shape {shape} of the demo needs containers", "--shape", "Leave --runtime process out.")
    if not (source / "backend").is_dir():
        raise DemoError("The demo project is missing", str(source), "Install safemig again, or use a checkout.")
    with _becoming(target) as (work, root):
        shutil.copytree(source, work, ignore=shutil.ignore_patterns(*_LEFT_OUT), dirs_exist_ok=True)
        folder = work / "backend"
        if shape:
            shutil.copytree(source / "shapes" / shape, folder, dirs_exist_ok=True)
        api_port, db_port = free_ports(2)
        if runtime == "process":
            _turn_into_processes(folder, db_port)
        (folder / "Makefile.process").unlink(missing_ok=True)
        (folder / ".env").write_text(_settings(runtime, api_port, db_port), encoding="utf-8")
        _lock(folder)
        _commit(work)
        # What came with safemig is trusted; it has no safemig.yaml, whose settings would count.
        trust.trust(trust.standing(root if (work / ".git").exists() else root / "backend", ()))
    return DemoCopy(root, root / "backend", runtime, api_port, db_port)


def free_ports(count: int) -> tuple[int, ...]:
    """TCP ports that nothing on this machine listens on now, all different."""
    with ExitStack() as stack:
        taken = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in taken:
            one.bind(("", 0))
        return tuple(int(one.getsockname()[1]) for one in taken)


@contextmanager
def _becoming(target: Path | None) -> Iterator[tuple[Path, Path]]:
    """A folder to work in and the path it gets in the end; whatever was made is gone when the block raises."""
    made: list[Path] = []
    try:
        if target is None:
            root = work = Path(tempfile.mkdtemp(prefix="safemig-demo-")).resolve()
            made.append(work)
        else:
            root = target.expanduser().resolve()
            _must_be_free(root)
            _make_parents(root.parent, made)
            work = root.with_name(f".{root.name}.{secrets.token_hex(4)}")
            work.mkdir()
            made.append(work)
        yield work, root
        if work != root:
            work.rename(root)
    except BaseException as error:  # interrupted too: no half of a copy stays
        for folder in reversed(made):
            shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, OSError):
            what = f"The demo cannot be copied: {error.strerror or error}"
            raise DemoError(what, error.filename or str(target or ""), "Choose another folder.") from error
        raise


def _must_be_free(root: Path) -> None:
    if root.is_dir() and not any(root.iterdir()):
        return
    if root.exists() or root.is_symlink():
        raise DemoError("The folder for the demo is in use", str(root), "Name a new or an empty one.")


def _make_parents(folder: Path, made: list[Path]) -> None:
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    for one in reversed(missing):
        one.mkdir()
        made.append(one)


def _turn_into_processes(folder: Path, db_port: int) -> None:
    """The same project without containers: other recipes, and the database on this machine."""
    (folder / "Makefile.process").replace(folder / "Makefile")
    for name in ("Dockerfile", ".dockerignore", "docker-compose.yml"):
        (folder / name).unlink()
    for name in _HOLDING_THE_URL:
        path = folder / name
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace(_DATABASE_HOST, f"@127.0.0.1:{db_port}/"), encoding="utf-8")


def _settings(runtime: DemoRuntime, api_port: int, db_port: int) -> str:
    """The copy's `.env`. Compose names a project after its folder, so all copies would share their containers."""
    lines = [f"API_PORT={api_port}", f"DB_PORT={db_port}"]
    if runtime == "docker":
        lines.append(f"COMPOSE_PROJECT_NAME=course-catalogue-{secrets.token_hex(4)}")
    return "\n".join(lines) + "\n"


def _lock(folder: Path) -> None:
    """Write uv.lock with the uv that came with safemig, from the registry that this machine is set up for."""
    from uv import find_uv_bin

    environment = {**os.environ}
    index = environment.get("PIP_INDEX_URL")
    if index and not {"UV_DEFAULT_INDEX", "UV_INDEX_URL"} & environment.keys():
        environment["UV_DEFAULT_INDEX"] = index
    try:
        line = [find_uv_bin(), "lock", "--no-progress", "--directory", str(folder)]
        subprocess.run(line, env=environment, check=True, capture_output=True, timeout=_LOCK_SECONDS)
    except (FileNotFoundError, subprocess.SubprocessError) as error:
        raise DemoError(
            f"The demo's dependencies cannot be locked: {_last_words(error)}",
            "uv lock",
            "Check that the package registry can be reached, then try again.",
        ) from error


def _last_words(error: Exception) -> str:
    """The end of what a command said, without the credentials that an index URL may hold."""
    said = getattr(error, "stderr", None)
    text = said.decode(errors="replace") if isinstance(said, bytes) and said else str(error)
    return redact(" ".join(text.split()))[-400:]


def _commit(root: Path) -> None:
    """Make the copy a git root of its own with everything committed; without git it stays a plain folder."""
    git = shutil.which("git")
    if git is None:
        return
    # Inside a git hook GIT_DIR and its like point at the repository of the hook.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    settings = [part for setting in _GIT_SETTINGS for part in ("-c", setting)]
    message = "Start the course catalogue"
    for arguments in (("init", "-q", "--template="), ("add", "-A"), ("commit", "-q", "-m", message)):
        line = [git, *settings, *arguments]
        try:
            subprocess.run(line, cwd=root, env=environment, check=True, capture_output=True, timeout=60)
        except subprocess.SubprocessError as error:
            raise DemoError(
                f"git {arguments[0]} failed: {_last_words(error)}", str(root), "Check that git works here."
            ) from error
