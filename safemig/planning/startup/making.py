"""The lines that a make target comes to, its prerequisites' first; what only running make would tell is left out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from safemig.shell.makefile import Makefile, Target, expand, read_makefile


def makefile_at(path: Path | None, root: Path) -> Makefile | None:
    """The Makefile there, None where none can be read."""
    try:
        return read_makefile(path, root) if path else None
    except OSError:
        return None


def recipe_of(makefile: Makefile, name: str, seen: frozenset[str] = frozenset()) -> Iterator[tuple[str, Path, int]]:
    """The lines that making ``name`` runs, prerequisites first, each with its target's file and line."""
    target, stem = makefile.target(name), ""
    if target is None:
        target, stem = _by_pattern(makefile, name)
    if target is None or name in seen:
        return
    for prerequisite in target.prerequisites:
        yield from recipe_of(makefile, prerequisite, seen | {name})
    variables = {"MAKE": "make", **makefile.variables, **target.variables}
    for line in target.recipe:
        text = expand(line.lstrip().lstrip("@-+ \t").replace("$$", "\0").replace("$*", stem), variables)
        yield text.replace("\0", "$"), target.file or makefile.path, target.line


def _by_pattern(makefile: Makefile, name: str) -> tuple[Target | None, str]:
    """The pattern rule that makes ``name``, and what its ``%`` stands for."""
    for target in makefile.targets:
        start, percent, end = target.name.partition("%")
        if percent and len(name) > len(start + end) and name.startswith(start) and name.endswith(end):
            return target, name[len(start) : len(name) - len(end)]
    return None, ""
