"""Whether a file is the person's own: its owner, its mode, no link, not brought along by the repository."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from safemig.consent.git_index import IndexUnread, tracked


def not_ours(path: Path) -> str:
    """Why what lies at ``path`` is not ours alone to write; "" where it is, or where nothing lies there."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return ""
    except OSError as error:
        return f"{path} cannot be looked at ({error.strerror})"
    if stat.S_ISLNK(found.st_mode):
        return f"{path} is a link"
    if found.st_uid != os.geteuid():
        return f"{path} belongs to another user"
    shared = stat.S_IWOTH if found.st_gid == os.getegid() else stat.S_IWOTH | stat.S_IWGRP  # a group of one is usual
    if stat.S_IMODE(found.st_mode) & shared:
        return f"{path} can be written by others"
    return ""


def brought_along(root: Path, name: str) -> str:
    """Why ``name`` in ``root`` counts as the repository's and not as the person's; "" where it does not. ``root`` may
    lie below the repository."""
    home = next((folder for folder in (root, *root.resolve().parents) if (folder / ".git").exists()), root)
    path = (root.resolve() / name).relative_to(home.resolve()).as_posix()
    try:
        return f"git tracks {name}" if tracked(home, path) else ""
    except IndexUnread as error:
        return f"whether git tracks {name} cannot be told: {error}"


def state_problem(root: Path) -> str:
    """Why nothing in the project's ``.safemig`` may be taken for safemig's own; "" where it may."""
    state = root / ".safemig"
    if why := brought_along(root, ".safemig"):
        return f"{why}; its runs and journals are not this person's. `git rm -r --cached .safemig` keeps them out"
    for path in (state, state / "runs"):
        if why := not_ours(path):
            return f"{why}, so that nothing in it is believed; look through it, then move it away"
    return ""


def run_problem(folder: Path) -> str:
    """Why the journal in this run's folder may not be taken up; "" where it may."""
    for path in (folder, *sorted(folder.glob("*.json*"))):
        if why := not_ours(path):
            return f"{why}, so that this run is not taken up; start a new one with `safemig run`"
    return ""
