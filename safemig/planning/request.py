"""What the person asked a run for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from safemig.requirements.selection import Purpose


@dataclass(frozen=True)
class Request:
    """What the person asked for: spec and phase by name or number, and a message for the project's own command.

    ``purpose`` is what the phase is wanted for (``safemig.requirements.selection``)."""

    spec: str = ""
    phase: str = ""
    message: str = ""
    purpose: Purpose = "work"
