"""The permissions a person has granted for good: ``permissions.json`` in the person's own folder, mode 0600, revocable.

They never lie in the project: what a repository brings along, or a program of the project writes there, grants nothing.

A file that is not exactly as safemig writes it grants nothing: it is an error that says what to do next.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from safemig.consent.person_folder import PersonFolderError, make_private
from safemig.policy.decision import Grant

NAME = "permissions.json"
_LARGEST = 1_000_000


class PermissionsError(Exception):
    """The file cannot be trusted or written; the text says what, where and what next."""


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
    """The grants kept in ``state`` (the person's folder for one project), oldest first; PermissionsError when in
    doubt."""
    path = state / NAME
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise _trouble(path, f"cannot be read ({error.strerror})") from error
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode) or found.st_size > _LARGEST:
            raise _trouble(path, "is not a file of safemig's")
        if found.st_uid != os.geteuid():
            raise _trouble(path, "belongs to another user")
        if stat.S_IMODE(found.st_mode) & 0o022:
            raise PermissionsError(
                f"{path} can be written by others, so nothing in it is believed; "
                f"look through it, then `chmod 600 {path}`, or delete it"
            )
        raw = file.read()
    try:
        content = msgspec.json.decode(raw, type=_File)
    except msgspec.DecodeError as error:
        raise _trouble(path, f"is damaged ({error})") from error
    if content.format != 1:
        raise _trouble(path, f"has format {content.format}, and this safemig reads format 1")
    return content.grants


def add(state: Path, grant: Grant, *, by: str, at: str) -> tuple[Kept, ...]:
    """Keeps a grant (once, however often it is given) and returns all that are kept."""
    with _locked(state):
        kept = load(state)
        if any(one.grant == grant for one in kept):
            return kept
        kept = (*kept, Kept(grant, by, at))
        _write(state, kept)
        return kept


def revoke(state: Path, ids: frozenset[str] | None = None) -> tuple[Kept, ...]:
    """Takes back the grants of these ids (None: every one) and returns those that are left.

    PermissionsError when an id is not kept. Taking back everything works on a damaged file too.
    """
    with _locked(state):
        if ids is None:
            _write(state, ())
            return ()
        kept = load(state)
        if missing := ids - {one.id for one in kept}:
            known = ", ".join(one.id for one in kept) or "none"
            raise PermissionsError(f"no permission {', '.join(sorted(missing))} in {state / NAME}; kept there: {known}")
        left = tuple(one for one in kept if one.id not in ids)
        _write(state, left)
        return left


@contextlib.contextmanager
def _locked(state: Path) -> Iterator[None]:
    """Two runs in one project must not lose each other's grants."""
    try:
        make_private(state)
        lock = os.open(state / f"{NAME}.lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except PersonFolderError as error:
        raise PermissionsError(f"{error}, so that {NAME} cannot be kept there") from error
    except OSError as error:
        raise _trouble(state / NAME, f"cannot be locked ({error.strerror})") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _write(state: Path, kept: tuple[Kept, ...]) -> None:
    raw = msgspec.json.format(msgspec.json.encode(_File(1, kept)), indent=1) + b"\n"
    path = state / NAME
    try:
        # mkstemp makes the file with mode 0600, and the rename lets nobody see half of it.
        descriptor, name = tempfile.mkstemp(dir=state, prefix=f".{NAME}.")
    except OSError as error:
        raise _trouble(path, f"cannot be written ({error.strerror})") from error
    fresh = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError as error:
        raise _trouble(path, f"cannot be written ({error.strerror})") from error
    finally:
        fresh.unlink(missing_ok=True)


def _trouble(path: Path, what: str) -> PermissionsError:
    return PermissionsError(f"{path} {what}; nothing in it is granted. Mend it, or delete it to be asked again")
