"""The bridge for recipes that call ``docker-compose`` where only ``docker compose`` is installed."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from safemig.base.atomic import keep_executable

NAME = "docker-compose"
SCRIPT = """#!/bin/sh
# Written by safemig for its own commands: this machine has only "docker compose".
exec docker compose "$@"
"""

# The word as a command: at the start of a line or after what ends or opens a command, never a file's name
# (docker-compose.yml), a path's part or a word of a message.
_COMMAND = re.compile(
    r"""(?P<lead>(?:^|&&|\|\||[;|({`]|\b(?:then|else|do|exec|sudo|time|command)\s)
        \s*(?:[-@+]\s*)*(?:["'](?=\S+\s))?(?:[A-Za-z_]\w*=\S*\s+)*)
        docker-compose(?![\w./-])""",
    re.VERBOSE,
)
_ASSIGNMENT = re.compile(
    r"^(?P<head>\s*(?:export\s+|override\s+)?[A-Za-z_][\w.-]*\s*(?:\?|::?:?|\+|!)?=)(?P<value>.*)$"
)


def needs_bridge(
    recipes: Iterable[str],
    which: Callable[[str], str | None] = shutil.which,
    variables: Mapping[str, str] | None = None,
) -> bool:
    """Whether a recipe line (or a variable that holds the command) calls a docker-compose that is not there.

    False where ``docker`` is missing too: then there is nothing to bridge to.
    """
    if which(NAME) is not None or which("docker") is None:
        return False
    lines = [*recipes, *(variables or {}).values()]
    return any(_COMMAND.search(line) for text in lines for line in text.splitlines())


def shim(folder: Path) -> Path:
    """The executable ``folder/docker-compose`` (0700); put ``folder`` first on the PATH of our own children.

    Written anew where its content or mode is another. Raises OSError when it cannot be written.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / NAME
    keep_executable(path, SCRIPT)
    return path


def edit_makefile(text: str) -> str:
    """The Makefile that works without us: ``docker compose`` in its recipes and in the variables they call.

    File names, messages, comments and everything outside recipes and assignments stay. The same text where
    nothing calls docker-compose.
    """
    prefix = "\t"
    lines = text.split("\n")
    follows = False  # a line continued from a recipe or an assignment belongs to it
    for number, line in enumerate(lines):
        chosen = re.match(r"\s*\.RECIPEPREFIX\s*[:?]?=\s*(\S)?", line)
        if chosen:
            prefix = chosen[1] or "\t"
        assignment = _ASSIGNMENT.match(line)
        if line.startswith(prefix) or follows:
            lines[number] = line[:1] + _bridge(line[1:]) if line.startswith(prefix) else _bridge(line)
            follows = line.rstrip("\r").endswith("\\")
        elif assignment:
            lines[number] = assignment["head"] + _bridge(assignment["value"])
            follows = line.rstrip("\r").endswith("\\")
        elif not line.startswith("#"):
            rule = re.match(r"^([^\s:=#][^:=#]*::?[^=;#]*;)(.*)$", line)
            if rule:
                lines[number] = rule[1] + _bridge(rule[2])
    return "\n".join(lines)


def _bridge(line: str) -> str:
    if line.lstrip().startswith("#"):
        return line
    return _COMMAND.sub(lambda found: f"{found['lead']}docker compose", line)
