"""Files of others, read within bounds: no FIFO is waited for and no device read without end."""

from __future__ import annotations

from pathlib import Path

from checks.files import HUGE, LARGEST, beginning, content

__all__ = ["HUGE", "LARGEST", "beginning", "content", "head", "text"]


def head(path: Path, size: int = 262_144) -> str:
    """The first ``size`` bytes as text; "" when the file cannot be read."""
    try:
        return beginning(path, size).decode("utf-8", "replace")
    except OSError:
        return ""


def text(path: Path, errors: str = "strict", most: int = LARGEST) -> str:
    """The whole text as UTF-8 with the line ends of Python. OSError for what is no regular file, or too large."""
    return content(path, most).decode("utf-8", errors).replace("\r\n", "\n").replace("\r", "\n")
