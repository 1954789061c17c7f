"""The configuration's file as it was read, to see whether it says something else later."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from safemig.base.files import text as text_of
from safemig.project.config import FILE, ConfigError, parse
from safemig.project.config_schema import Config


@dataclass(frozen=True)
class ConfigText:
    """The configuration's file as it was read: its text, "" where there was none, and what that says."""

    path: Path
    text: str
    says: Config | str


def read_config_text(root: Path, file: Path | None) -> ConfigText:
    """The file as it is now; a mistake in it is what it says."""
    path = file or root / FILE
    try:
        text = text_of(path, "replace") if path.exists() else ""
        return ConfigText(path, text, replace(parse(text, path), file=None))
    except (OSError, ConfigError) as error:
        return ConfigText(path, "", str(error))
