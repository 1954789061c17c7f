"""The person's own folder of safemig: what no repository brings along and no other user can write.

``$XDG_STATE_HOME/safemig`` (``~/.local/state/safemig``), mode 0700.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Mapping
from pathlib import Path


class PersonFolderError(Exception):
    """The folder cannot be used; the text says what, where and what next."""


def person_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Where it lies, whether it exists or not."""
    named = Path(environment.get("XDG_STATE_HOME", ""))
    return (named if named.is_absolute() else Path.home() / ".local" / "state") / "safemig"


def project_folder(root: Path, environment: Mapping[str, str] = os.environ) -> Path:
    """Where the person's decisions about the project at ``root`` lie, by its real path."""
    name = hashlib.sha256(os.fsencode(root.resolve())).hexdigest()[:32]
    return person_folder(environment) / "projects" / name


def make_private(folder: Path) -> Path:
    """``folder``, made with mode 0700 where it is not there, like each one above it that is not (``parents=True`` would
    open those to others, and so would be refused later). PersonFolderError when it is not ours alone."""
    try:
        for missing in reversed([each for each in (folder, *folder.parents) if not each.exists()]):
            missing.mkdir(mode=0o700, exist_ok=True)
        problem = private_problem(folder)
    except OSError as error:
        raise PersonFolderError(f"{folder} cannot be used ({error.strerror})") from error
    if problem:
        raise PersonFolderError(problem)
    return folder


def private_problem(folder: Path) -> str:
    """What speaks against ``folder`` being a folder of this user alone; "" where nothing does."""
    found = os.lstat(folder)
    if not stat.S_ISDIR(found.st_mode):
        return f"{folder} is not a folder but a link or a file; nothing is kept there"
    if found.st_uid != os.geteuid():
        return f"{folder} belongs to another user; nothing is kept there"
    if stat.S_IMODE(found.st_mode) & 0o077:
        return f"{folder} is open to others; `chmod 700 {folder}` once you have looked through it"
    return ""
