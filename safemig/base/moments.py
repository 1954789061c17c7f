"""Moments of a journal as a person reads them."""

from __future__ import annotations

from datetime import datetime


def minute(wall: str) -> str:
    """An ISO 8601 moment as the clock of this machine has it, such as "2026-03-01 10:15"; "" where it is none."""
    try:
        return datetime.fromisoformat(wall).astimezone().strftime("%Y-%m-%d %H:%M")
    except ValueError:
        return ""
