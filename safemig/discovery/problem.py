"""What discovery could not find, read or decide."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """What is wrong, in which file, and what to do next.

    ``candidates`` names the choices of a tie (nobody may choose silently); ``blocking`` says that the main job
    cannot begin before this is settled.
    """

    what: str
    where: str
    next: str
    candidates: tuple[str, ...] = ()
    blocking: bool = False
