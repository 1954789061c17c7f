"""Which folders this person trusts: by real path, and by the digest of what their safemig.yaml may run or loosens.

The answer is kept in the person's own folder, never in the repository. Once that digest is another, the folder is not
trusted any more, until the person has seen what has changed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from checks.evidence import now
from safemig.consent.person_folder import PersonFolderError, person_folder, project_folder
from safemig.consent.private_file import locked, read_private, unusable, write_private

NAME = "trust.json"
DIGITS = 32  # of the digest's 64: nobody finds another safemig.yaml for these, and a person can still copy them


@dataclass(frozen=True)
class Kept:
    """An answer: the folder's real path, the settings that the person saw, and when."""

    root: str
    settings: tuple[str, ...]
    at: str
    format: int = 1


@dataclass(frozen=True)
class Standing:
    """How this person stands to the folder ``root``, whose safemig.yaml has these ``settings`` now. ``before`` are
    those that were trusted; None where the folder never was."""

    root: Path
    settings: tuple[str, ...]
    before: tuple[str, ...] | None = None

    @property
    def digest(self) -> str:
        """Of the settings alone, so that it is the same in every copy of a project."""
        return digest_of(self.settings)

    @property
    def trusted(self) -> bool:
        """Whether something of the folder may be run, and its settings count."""
        return self.before == self.settings

    @property
    def changes(self) -> tuple[str, ...]:
        """What is new since it was trusted, as lines that begin with "- " and "+ "."""
        before = self.before or ()
        gone = tuple(f"- {line}" for line in before if line not in frozenset(self.settings))
        return (*gone, *(f"+ {line}" for line in self.settings if line not in frozenset(before)))


def digest_of(settings: tuple[str, ...]) -> str:
    """By which a person who has no terminal says what is trusted."""
    return hashlib.sha256(msgspec.json.encode(settings)).hexdigest()[:DIGITS]


def standing(root: Path, settings: tuple[str, ...]) -> Standing:
    """As it is kept. PersonFolderError where the person's folder cannot be believed."""
    real = root.resolve()
    kept = None if _inside(real) else _read(project_folder(real) / NAME)
    return Standing(real, settings, kept.settings if kept and kept.root == str(real) else None)


def trust(found: Standing) -> Standing:
    """Keeps the person's word that the folder is trusted with these settings."""
    path = project_folder(found.root) / NAME
    if _inside(found.root):
        raise PersonFolderError(f"{path} would lie in the folder itself; set XDG_STATE_HOME to one elsewhere")
    _make_parents(path.parent)
    with locked(path):
        kept = Kept(str(found.root), found.settings, now())
        write_private(path, msgspec.json.format(msgspec.json.encode(kept), indent=1) + b"\n")
    return Standing(found.root, found.settings, found.settings)


def revoke(root: Path) -> bool:
    """Takes the trust in that folder back, also a damaged word of it; whether there was any."""
    path = project_folder(root) / NAME
    if not path.parent.is_dir():
        return False
    with locked(path):
        there = path.is_symlink() or path.exists()
        path.unlink(missing_ok=True)
    return there


def every() -> Iterator[Kept]:
    """All that this person trusts, by path."""
    files = (person_folder() / "projects").glob(f"*/{NAME}")
    yield from sorted((kept for path in files if (kept := _read(path))), key=lambda kept: kept.root)


def _inside(root: Path) -> bool:
    """Whether what is kept for the person would be a file of that very repository. A home folder that is one holds the
    person's own files."""
    folder = person_folder().resolve()
    return folder.is_relative_to(root) and not Path.home().resolve().is_relative_to(root)


def _make_parents(folder: Path) -> None:
    """The person's folder is private at every level that is ours."""
    for path in (person_folder(), folder.parent):
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise PersonFolderError(f"{path} cannot be made ({error.strerror}); trust is kept there") from error


def _read(path: Path) -> Kept | None:
    raw = read_private(path)
    if raw is None:
        return None
    try:
        kept = msgspec.json.decode(raw, type=Kept)
    except msgspec.DecodeError as error:
        raise unusable(path, f"is damaged ({error})") from error
    if kept.format != 1:
        raise unusable(path, f"has format {kept.format}, and this safemig reads format 1")
    return kept
