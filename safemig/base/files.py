"""Files of others, read within bounds."""

from __future__ import annotations

from pathlib import Path


def head(path: Path, size: int = 262_144) -> str:
    """The first ``size`` bytes as text; "" when the file cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(size).decode("utf-8", "replace")
    except OSError:
        return ""
