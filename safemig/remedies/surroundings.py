"""What a red run lacks beside packages: its .env file, the folder of its modules, the right to a file."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

_EXAMPLES = (".env.example", ".env.sample", ".env.template", ".env.dist", ".env.local.example", "env.example")
# pydantic-settings names its class, and each field that nothing gave; others fail at the file or the key itself.
_SETTINGS = re.compile(
    r"validation errors? for \w*(?:Settings|Config)\b|No such file or directory: '[^']*\.env'"
    r"|KeyError: '[A-Z][A-Z0-9_]*'"
)
_DENIED = re.compile(r"PermissionError: \[Errno 13\] Permission denied: '([^']+)'")
_OTHER_SETTINGS = ("pytest.ini", "tox.ini", "setup.cfg")


def env_file(output: str, folders: Sequence[Path]) -> tuple[Path, Path] | None:
    """The .env file that is missing, and the example beside its place; None where the output does not ask for one."""
    if not _SETTINGS.search(output) or any((folder / ".env").exists() for folder in folders):
        return None
    found = ((folder / ".env", folder / name) for folder in folders for name in _EXAMPLES)
    return next(((path, example) for path, example in found if example.is_file()), None)


def import_path(missing: Sequence[str], folder: Path, files: Mapping[str, str]) -> str:
    """The folder, relative to ``folder``, in which pytest is to look for the project's own modules ("" where none of
    them is there, or a file other than pyproject.toml configures pytest)."""
    text = files.get("pyproject.toml")
    if text is None or "pythonpath" in text or any(_configures_pytest(folder / name) for name in _OTHER_SETTINGS):
        return ""
    for place in (".", "src"):
        for name in missing:
            module = folder / place / name.partition(".")[0]
            if module.is_dir() or module.with_suffix(".py").is_file():
                return place
    return ""


def foreign_file(output: str, owner: int | None = None) -> str:
    """Of a file that root owns and this user may not write: whose it is, and the command that gives it back."""
    uid = os.getuid() if owner is None else owner
    for name in dict.fromkeys(_DENIED.findall(output)):
        path = Path(name)
        place = next((each for each in (path, *path.parents) if each.exists()), path)
        if uid and place.exists() and place.stat().st_uid == 0:
            line = f"sudo chown -R $(id -u):$(id -g) {shlex.quote(str(place))}"
            return (
                f"{place} belongs to root, as what a container writes into a mounted folder does: "
                f"`{line}` gives it back (safemig changes no owner)"
            )
    return ""


def _configures_pytest(path: Path) -> bool:
    try:
        text = path.read_text("utf-8", "replace") if path.is_file() else ""
    except OSError:
        return True
    return (path.name == "pytest.ini" and bool(text)) or "[pytest]" in text or "[tool:pytest]" in text
