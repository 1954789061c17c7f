"""The environment of the commands that we start."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

_OF_MAKE = frozenset({"MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "MAKE_TERMOUT", "MAKE_TERMERR"})


def children_environment(
    environ: Mapping[str, str], root: Path, state: Path, extra: Sequence[Path] = ()
) -> dict[str, str]:
    """``environ`` with that PATH, without the mark of our own virtual environment (uv would take it for theirs) and
    without what a make that started us tells its own children."""
    left_out = _OF_MAKE | ({"VIRTUAL_ENV"} if _is_ours(environ.get("VIRTUAL_ENV", ""), root) else set())
    kept = {name: value for name, value in environ.items() if name not in left_out}
    return {**kept, "PATH": children_path(environ, root, state, extra)}


def _is_ours(folder: str, root: Path) -> bool:
    """Whether that is the environment safemig runs in, and not one inside the project."""
    prefix = Path(sys.prefix).resolve()
    return bool(folder) and Path(folder).resolve() == prefix and not prefix.is_relative_to(root.resolve())


def children_path(environ: Mapping[str, str], root: Path, state: Path, extra: Sequence[Path] = ()) -> str:
    """PATH without our own environment's bin folder, with ``extra`` and a folder that holds only uv at its end.

    A bare `alembic` in a recipe must be the project's, never the one that safemig itself is installed with; where
    safemig is installed in the project's own environment, that stays.
    """
    folders = [folder for folder in environ.get("PATH", os.defpath).split(os.pathsep) if folder]
    prefix = Path(sys.prefix).resolve()
    if sys.prefix != sys.base_prefix and not prefix.is_relative_to(root.resolve()):
        own = prefix / ("Scripts" if os.name == "nt" else "bin")
        folders = [folder for folder in folders if Path(folder).resolve() != own]
    folders += [str(folder) for folder in extra]
    if shutil.which("uv", path=os.pathsep.join(folders)) is None:
        found = _uv(state / "bin")
        if found is not None and str(found) not in folders:
            folders.append(str(found))
    return os.pathsep.join(folders)


def _uv(folder: Path) -> Path | None:
    """A folder with a link to the uv of the PyPI package; None when there is none."""
    try:
        from uv import find_uv_bin

        program = Path(find_uv_bin())
    except (ImportError, FileNotFoundError):
        return None
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    link = folder / "uv"
    if not (link.is_symlink() and link.readlink() == program):
        fresh = folder / f".uv-{os.getpid()}"
        with contextlib.suppress(FileNotFoundError):
            fresh.unlink()
        fresh.symlink_to(program)
        fresh.replace(link)
    return folder
