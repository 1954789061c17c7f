"""The permissions a person has granted for good: ``permissions.json`` in the person's own folder, revocable.

They never lie in the project: what a repository brings along, or a program of the project writes there, grants nothing.

A file that is not exactly as safemig writes it grants nothing: it is an error (PersonFolderError) that says what to do.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import msgspec

from safemig.consent.person_folder import PersonFolderError
from safemig.consent.private_file import locked, read_private, unusable, write_private
from safemig.policy.decision import Grant

NAME = "permissions.json"


@dataclass(frozen=True)
class Kept:
    """A grant with who gave it and when (ISO 8601, UTC)."""

    grant: Grant
    by: str
    at: str

    @property
    def id(self) -> str:
        """Eight hex digits by which ``revoke`` knows it."""
        return hashlib.sha256(msgspec.json.encode(self.grant, order="deterministic")).hexdigest()[:8]


@dataclass(frozen=True)
class _File:
    format: int
    grants: tuple[Kept, ...]


def load(state: Path) -> tuple[Kept, ...]:
    """The grants kept in ``state`` (the person's folder for one project), oldest first; PersonFolderError when in
    doubt."""
    path = state / NAME
    raw = read_private(path)
    if raw is None:
        return ()
    try:
        content = msgspec.json.decode(raw, type=_File)
    except msgspec.DecodeError as error:
        raise unusable(path, f"is damaged ({error})") from error
    if content.format != 1:
        raise unusable(path, f"has format {content.format}, and this safemig reads format 1")
    return content.grants


def add(state: Path, grant: Grant, *, by: str, at: str) -> tuple[Kept, ...]:
    """Keeps a grant (once, however often it is given) and returns all that are kept."""
    with locked(state / NAME):
        kept = load(state)
        if any(one.grant == grant for one in kept):
            return kept
        kept = (*kept, Kept(grant, by, at))
        _write(state, kept)
        return kept


def revoke(state: Path, ids: frozenset[str] | None = None) -> tuple[Kept, ...]:
    """Takes back the grants of these ids (None: every one) and returns those that are left.

    PersonFolderError when an id is not kept. Taking back everything works on a damaged file too.
    """
    with locked(state / NAME):
        if ids is None:
            _write(state, ())
            return ()
        kept = load(state)
        if missing := ids - {one.id for one in kept}:
            known = ", ".join(one.id for one in kept) or "none"
            unknown = ", ".join(sorted(missing))
            raise PersonFolderError(f"no permission {unknown} in {state / NAME}; kept there: {known}")
        left = tuple(one for one in kept if one.id not in ids)
        _write(state, left)
        return left


def _write(state: Path, kept: tuple[Kept, ...]) -> None:
    write_private(state / NAME, msgspec.json.format(msgspec.json.encode(_File(1, kept)), indent=1) + b"\n")
