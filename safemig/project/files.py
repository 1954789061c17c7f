"""Walks a project once: which folders count, and the files that discovery cares for."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

MAX_FOLDERS = 20_000
MAX_DEPTH = 12
MAKEFILES = ("GNUmakefile", "makefile", "Makefile")
SKIPPED = frozenset(
    ("node_modules", "site-packages", "__pycache__", "__pypackages__", "build", "dist", "target", "_build", "htmlcov")
)
# Folders of tools in which plans for people's work lie; only Markdown is taken from them.
_TOOL_FOLDERS = frozenset((".specify", ".kiro", ".claude", ".cursor", ".agents", ".agent", ".agent-os"))
# What lies below these is rarely the service itself, and is taken only when nothing else is there.
ASIDE = frozenset(
    ("tests", "test", "testing", "examples", "example", "docs", "doc", "fixtures", "templates", "vendor", "samples")
)
_COMPOSE = re.compile(r"^(?:docker-)?compose(?:[.\-_][\w.\-]+)?\.ya?ml$")


@dataclass(frozen=True)
class Found:
    """Files below ``root`` by kind, each sorted by depth and path. ``complete`` is False when a bound was hit."""

    root: Path
    makefiles: tuple[Path, ...]
    compose: tuple[Path, ...]
    inis: tuple[Path, ...]
    pyprojects: tuple[Path, ...]
    environments: tuple[Path, ...]
    markdown: tuple[Path, ...]
    complete: bool = True


def find_root(start: Path) -> Path:
    """The git root that ``start`` lies in, else ``start`` itself (its folder when it is a file)."""
    folder = start.resolve()
    folder = folder if folder.is_dir() else folder.parent
    return next((each for each in (folder, *folder.parents) if (each / ".git").exists()), folder)


def find_files(root: Path) -> Found:
    """One bounded walk below ``root``: links are not followed, build outputs and environments left out."""
    kinds: dict[str, list[Path]] = {
        "makefile": [],
        "compose": [],
        "ini": [],
        "pyproject": [],
        "env": [],
        "markdown": [],
    }
    count = 0
    for folder, names, tool in folders(root, _counts):
        count += 1
        _sort_out(folder, names, tool, kinds)
    ordered = {
        kind: tuple(sorted(paths, key=lambda path: (len(path.parts), str(path)))) for kind, paths in kinds.items()
    }
    return Found(
        root,
        ordered["makefile"],
        ordered["compose"],
        ordered["ini"],
        ordered["pyproject"],
        ordered["env"],
        ordered["markdown"],
        count < MAX_FOLDERS,
    )


def folders(root: Path, counts: Callable[[str], bool]) -> Iterator[tuple[Path, list[str], bool]]:
    """Each folder below ``root`` (and itself), bounded, with its files' names and whether it is a tool's; folders whose
    names do not count, and virtual environments, are left out."""
    waiting = [(root, 0, False)]
    seen = 0
    while waiting and seen < MAX_FOLDERS:
        folder, depth, tool = waiting.pop()
        names: list[str] = []
        below: list[str] = []
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        below.append(entry.name)
                    elif entry.is_file():
                        names.append(entry.name)
        except OSError:
            continue
        if "pyvenv.cfg" in names and folder != root:
            continue
        seen += 1
        yield folder, names, tool
        if depth < MAX_DEPTH:
            waiting.extend((folder / name, depth + 1, tool or name in _TOOL_FOLDERS) for name in below if counts(name))


def markdown_name(name: str) -> bool:
    """Whether a file of that name is Markdown."""
    return name.lower().endswith((".md", ".markdown"))


def _counts(name: str) -> bool:
    if name.startswith("."):
        return name in _TOOL_FOLDERS
    return name not in SKIPPED and not name.endswith(".egg-info")


def _sort_out(folder: Path, names: list[str], tool: bool, kinds: dict[str, list[Path]]) -> None:
    kinds["markdown"] += [folder / name for name in names if markdown_name(name)]
    if tool:
        return
    # make takes the first of these names
    kinds["makefile"] += [folder / name for name in MAKEFILES if name in names][:1]
    kinds["compose"] += [folder / name for name in names if _COMPOSE.match(name)]
    kinds["ini"] += [folder / name for name in names if name.endswith(".ini")]
    kinds["pyproject"] += [folder / name for name in names if name == "pyproject.toml"]
    kinds["env"] += [folder / "env.py"] if "env.py" in names and "script.py.mako" in names else []


def aside(path: Path, root: Path) -> bool:
    """Whether ``path`` lies in a folder of tests, examples or documentation below ``root``."""
    return any(part.lower() in ASIDE for part in path.relative_to(root).parts[:-1])
