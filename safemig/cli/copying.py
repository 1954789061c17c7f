"""`project: {folder, copy}` of safemig.yaml: `run` works on a copy of the folder, so that the original stays clean."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from safemig.cli.errors import UsageError
from safemig.project.config import Config

LEFT_OUT = (".git", ".venv", ".safemig", "node_modules", "__pycache__", ".pytest_cache", ".mypy_cache")


def root_of(config: Config, *, make: bool) -> Path | None:
    """The copy where there is one (made now when ``make``); None when nothing is to be copied, or not yet."""
    if not config.project.copy or config.file is None:
        return None
    base = config.file.resolve().parent
    source, target = base / config.project.folder, base / config.project.copy
    for path in (source, target):
        if not path.resolve().is_relative_to(base):
            raise UsageError(f"{path} leads out of {base}; name a folder below it in safemig.yaml (project)")
    if not target.exists():
        if not make:
            return None
        _copy(source, target)
    return target


def docker_answers() -> bool:
    """Whether a Docker Engine answers and compose is there."""
    if shutil.which("docker") is None:
        return False
    lines = (["docker", "version"], ["docker", "compose", "version"])
    return all(subprocess.run(line, capture_output=True, check=False, timeout=30).returncode == 0 for line in lines)


def _copy(source: Path, target: Path) -> None:
    """The demo gets its ports and its lock with the copy; any other folder is copied as it is."""
    from safemig.cli.demo_copy import DemoError, copy_demo, is_demo

    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    ignore = target.parent / ".gitignore"
    if target.parent.name == ".safemig" and not ignore.exists():
        ignore.write_text("*\n", encoding="ascii")
    if is_demo(source):
        try:
            copy_demo(target, "docker" if docker_answers() else "process", source)
        except DemoError as error:
            raise UsageError(str(error)) from error
        return
    part = target.with_name(target.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    shutil.copytree(source, part, symlinks=True, ignore=shutil.ignore_patterns(*LEFT_OUT))
    part.rename(target)
