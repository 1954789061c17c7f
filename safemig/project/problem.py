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


def tie(what: str, where: object, key: str, candidates: tuple[str, ...]) -> Problem:
    """A choice that a person has to make; ``key`` is the one in safemig.yaml that makes it."""
    return Problem(what, str(where), f"set {key} in safemig.yaml to one of them", candidates, True)


def gap(what: str, where: object, to_do: str) -> Problem:
    """Something without which the main job cannot begin."""
    return Problem(what, str(where), to_do, (), True)
