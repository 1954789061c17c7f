"""`--out FILE`: a document into a file that the person names."""

from __future__ import annotations

from pathlib import Path

from safemig.cli.errors import UsageError
from safemig.cli.printing import hidden


def write_out(name: str, text: str) -> None:
    """Writes the document there, without the values that are known to be secret. Raises UsageError where it cannot."""
    path = Path(name)
    try:
        path.write_text(hidden(text), encoding="utf-8")
    except (OSError, ValueError) as error:
        raise UsageError(f"--out {name}: {_why(path, error)}; name a file that can be written") from None


def _why(path: Path, error: OSError | ValueError) -> str:
    match error:
        case FileNotFoundError():
            return f"there is no folder {path.parent}"
        case NotADirectoryError():
            return f"{path.parent} is no folder"
        case IsADirectoryError():
            return "this is a folder"
        case PermissionError():
            return "writing there is not allowed"
        case OSError():
            return (error.strerror or str(error)).lower()
        case _:
            return "this is no name of a file"
