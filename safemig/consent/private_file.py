"""A file in the person's own folder: believed only as safemig writes it, replaced as a whole, under a lock."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from safemig.base.atomic import replace_file
from safemig.consent.person_folder import PersonFolderError, make_private

LARGEST = 16_000_000  # the settings of a safemig.yaml, which may have 1 MB, with their whole keys


def read_private(path: Path) -> bytes | None:
    """Its bytes, None when there is no such file. PersonFolderError where it is not this person's alone to write."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise unusable(path, f"cannot be read ({error.strerror})") from error
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode) or status.st_size > LARGEST:
            raise unusable(path, "is not a file of safemig's")
        if status.st_uid != os.geteuid():
            raise unusable(path, "belongs to another user")
        if stat.S_IMODE(status.st_mode) & 0o022:
            raise PersonFolderError(
                f"{path} can be written by others, so nothing in it is believed; "
                f"look through it, then `chmod 600 {path}`, or delete it"
            )
        return file.read()


def write_private(path: Path, content: bytes) -> None:
    """Replaces it, mode 0600, on the disk before this returns. PersonFolderError when it cannot be written."""
    try:
        replace_file(path, content, mode=0o600, durable=True)
    except OSError as error:
        raise unusable(path, f"cannot be written ({error.strerror})") from error


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Two processes must not lose each other's change of the file; its folder is made where it is not there."""
    make_private(path.parent)
    try:
        lock = os.open(
            path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
        )
    except OSError as error:
        raise unusable(path, f"cannot be locked ({error.strerror})") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def unusable(path: Path, what: str) -> PersonFolderError:
    """The error that says what is wrong with the file and what to do."""
    return PersonFolderError(f"{path} {what}; nothing in it counts. Mend it, or delete it to be asked again")
