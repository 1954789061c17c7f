"""The person's word for a project of a test, kept as every other one: in the folder that the tests' person has."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from safemig.cli.trusting import trust_folder
from safemig.consent.trust import Standing
from safemig.project.config import ConfigError


def trusting(root: Path) -> Standing | None:
    """Trusts the project as it stands now; None where its safemig.yaml cannot be read."""
    with suppress(ConfigError, OSError):
        return trust_folder(root)
    return None
