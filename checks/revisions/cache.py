"""Keeps what was read of revision files, so that an unchanged file is not parsed again."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from checks.files import HUGE, content
from checks.revisions.reader import Facts

# Raised whenever Facts or what is read into them changes: an older file is then of no use.
FORMAT = 1
# A file changed twice within the granularity of the file system's clock looks unchanged (2 s on FAT, about 4 ms on
# ext4), so what was modified this short a time before it was read is not kept.
RACY_NS = 2_000_000_000

Stamp = tuple[int, int, int]


@dataclass(frozen=True)
class Store:
    """The whole content of a cache file: path -> (size, mtime_ns, ctime_ns) and facts."""

    format: int = FORMAT
    files: Mapping[str, tuple[Stamp, Facts]] = field(default_factory=dict)


def stamp(status: os.stat_result) -> Stamp:
    """What has to be the same for a file to count as unchanged. ctime sees a content put back under an old mtime."""
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns


def load(path: Path) -> Store:
    """The store of that file; an empty one when it is absent, unreadable, corrupt or of another format."""
    import msgspec

    try:
        store = msgspec.msgpack.decode(content(path, HUGE), type=Store)
    except (OSError, msgspec.MsgspecError, ValueError, RecursionError):
        return Store()
    return store if store.format == FORMAT else Store()


def lasting(of: Stamp) -> bool:
    """Whether a file with that stamp, read now, can be told from a later change of it."""
    return of[1] < time.time_ns() - RACY_NS


def save(path: Path, store: Store) -> None:
    """Writes the store atomically (mode 0600). A cache that cannot be written only costs time, so that is no error."""
    import msgspec

    with contextlib.suppress(OSError):
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(msgspec.msgpack.encode(store))
            Path(temporary).replace(path)
        except OSError:
            Path(temporary).unlink(missing_ok=True)
