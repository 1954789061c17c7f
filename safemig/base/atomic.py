"""Files that are replaced as a whole: nobody sees half of one, and a failed write leaves the old one."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def replace_file(path: Path, content: bytes, *, mode: int | None = None, durable: bool = False) -> None:
    """Writes ``content`` beside ``path`` and renames it over it, with that mode or with the one that the umask gives.

    ``durable``: it is on the disk before this returns. Raises OSError; the file beside it is gone then, too.
    """
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666 if mode is None else mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            if mode is not None:
                os.fchmod(file.fileno(), mode)  # the umask may have taken bits of it
            if durable:
                os.fsync(file.fileno())
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
    if durable:
        sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Makes the renames in that folder durable. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def keep_executable(path: Path, text: str) -> None:
    """A program of ours (mode 0700) at ``path``, written anew where its content or its mode is another, or where a link
    stands there. Raises OSError."""
    content = text.encode()
    plain = not path.is_symlink() and path.is_file()
    if not (plain and path.read_bytes() == content and path.stat().st_mode & 0o777 == 0o700):
        replace_file(path, content, mode=0o700)
