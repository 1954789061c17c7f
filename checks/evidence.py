"""Evidence: a fact that was observed, when, and how to observe it again.

Evidence is never a judgement. Whether it is good is decided above, from before and after.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    Json: TypeAlias = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
else:
    Json = Any  # msgspec cannot resolve a recursive alias, and any JSON value is what it decodes here


def now() -> str:
    """The present moment as ISO 8601 in UTC with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


@dataclass(frozen=True, slots=True)
class Evidence:
    """One observation.

    ``seen`` is False when the look itself failed ("could not look"): ``data`` is then empty, ``reason`` says
    why, and nobody may count it as good. ``began`` and ``ended`` are ISO 8601 times in UTC; ``repeat`` is a
    shell line (or SQL) with which a person observes the same thing again, without any secret in it.
    """

    kind: str
    subject: str
    seen: bool
    began: str
    ended: str
    repeat: str
    data: Mapping[str, Json] = field(default_factory=dict)
    reason: str = ""
    version: int = 1


def unseen(kind: str, subject: str, repeat: str, reason: str, began: str | None = None) -> Evidence:
    """The evidence that could not be had: the look failed for ``reason``."""
    ended = now()
    return Evidence(kind, subject, False, began or ended, ended, repeat, {}, reason)
