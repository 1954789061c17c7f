"""A number with its noun, counted right."""

from __future__ import annotations


def counted(number: int, noun: str, plural: str = "") -> str:
    """ "1 step", "2 steps", "1,000 steps"; ``plural`` where it is another word than the noun with an s."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
