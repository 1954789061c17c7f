"""What lies in a run's folder beside its events: the plan document and the facts."""

from __future__ import annotations

from pathlib import Path

import msgspec

from safemig.planning.facts import Facts
from safemig.planning.plan import Plan


def load_plan(folder: Path, name: str) -> Plan | None:
    """The plan document of that name; None when it cannot be read."""
    raw = _read(folder, name)
    try:
        return msgspec.json.decode(raw, type=Plan) if raw else None
    except msgspec.MsgspecError:
        return None


def load_facts(folder: Path, name: str) -> Facts | None:
    """The facts of that name; None when they cannot be read."""
    raw = _read(folder, name)
    try:
        return msgspec.json.decode(raw, type=Facts) if raw else None
    except msgspec.MsgspecError:
        return None


def tail(folder: Path, name: str, most: int = 4096) -> str:
    """The end of a spool file, for the progress of the command that writes it."""
    path = folder / name
    try:
        if not path.resolve().is_relative_to(folder.resolve()):
            return ""
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - most))
            return file.read(most).decode("utf-8", "replace")
    except OSError:
        return ""


def _read(folder: Path, name: str) -> bytes:
    if not name or Path(name).name != name:
        return b""
    try:
        return (folder / name).read_bytes()
    except OSError:
        return b""
