"""Where a path leads, by its spelling alone, and what writing there may lose."""

from __future__ import annotations

import posixpath
import re

from safemig.shell.outcome import Effects, destroys, writes
from safemig.shell.parser import SINKS
from safemig.shell.quoting import HOLE

_WRITTEN_ANEW = re.compile(r"(?:[\w.-]+/)*[\w-][\w.-]*\.(?:log|pid)|(?:\.run|tmp|logs?)/(?:[\w.-]+/)*[\w-][\w.-]*")
_OF_CONTAINERS = re.compile(r"(?:^|(?<=/))\.(?:devcontainer|docker)(?=/|$)")  # hold compose files and images alone
_HIDDEN = re.compile(r"(?:^|/)\.(?!run/|run$)[\w-]")


def inside(path: str) -> bool:
    """Whether the path stays below the folder in which the line runs; text that nobody knows does not."""
    return (
        bool(path)
        and HOLE not in path
        and not path.startswith(("/", "~", "-"))
        and ".." not in path.split("/")
        and not any(c in path for c in "\\:\n")
    )


def visible(path: str) -> bool:
    """Whether it is below the folder and no hidden file: those configure tools (.git, .env, .bashrc)."""
    return inside(path) and not _HIDDEN.search(posixpath.normpath(path))


def steady(path: str) -> bool:
    """Whether a ``cd`` there stays in the project and comes to no folder of a tool, where a write may configure it."""
    return inside(path) and not _HIDDEN.search(_OF_CONTAINERS.sub("", posixpath.normpath(path)))


def is_virtualenv(path: str) -> bool:
    """Whether the path has the name that virtual environments have."""
    return re.fullmatch(r"(?:\./)?\.?venv[\w.-]*/?", path) is not None


def overwrite(path: str, who: str) -> Effects:
    """What writing a file anew comes to: logs and pid files hold nothing that is missed, everything else may."""
    if path in SINKS:
        return Effects("read")
    if path.replace("//", "/").startswith("/dev/"):
        return destroys("devices", f"{who} writes to {path}")
    shown = path.replace(HOLE, "…")
    if inside(path) and _WRITTEN_ANEW.fullmatch(posixpath.normpath(path)):
        return writes("files", f"{who} writes the file {shown}")
    if not inside(path):
        return destroys("files", f"{who} writes {shown}, which is outside the project or not known beforehand")
    return destroys("files", f"{who} overwrites {shown}")


def append(path: str, who: str) -> Effects:
    """What adding to a file comes to: nothing is lost, but a hidden file or one outside may be read as a program."""
    if path in SINKS:
        return Effects("read")
    if visible(path):
        return writes("files", f"{who} adds to the file {path}")
    return overwrite(path, who)
