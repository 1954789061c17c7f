"""Files that others wrote, read within bounds: never waited for, never more than fits."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

LARGEST = 8_000_000  # bytes; the largest source files in use have some 2 MB
HUGE = 64_000_000  # bytes, for files that only digests are made of and for locks of many packages


def content(path: str | Path, most: int = LARGEST) -> bytes:
    """The bytes of the file. OSError when it cannot be read, is no regular file or is larger than ``most`` bytes.

    A FIFO without a writer would hold ``open`` for good, and /dev/zero never ends though its size is 0.
    """
    raw = beginning(path, most + 1)
    if len(raw) > most:
        raise OSError(errno.EFBIG, f"it is larger than {most:,} bytes", str(path))
    return raw


def beginning(path: str | Path, most: int) -> bytes:
    """The first ``most`` bytes of the file. OSError when it cannot be read or is no regular file."""
    # Without O_NOCTTY a terminal device would become this process's own. Not pathlib: a graph reads 500 files.
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "it is no regular file", str(path))
        with open(handle, "rb", closefd=False) as file:
            return file.read(most)
    finally:
        os.close(handle)
