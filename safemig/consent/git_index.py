"""Which paths git tracks, read from its index. git itself is not run: a repository can name programs that it starts."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

from safemig.base.files import content, head

LARGEST = 256 << 20
FIXED = 40  # bytes before the object's name: times, device, inode, mode, owner, size
NAMES = (20, 32)  # bytes of an object's name: SHA-1, SHA-256


class IndexUnread(Exception):
    """The index cannot be read, so that nobody can tell what is tracked."""


def tracked(root: Path, name: str) -> bool:
    """Whether git tracks ``name``, a file or folder in ``root``, or something below it. Raises IndexUnread."""
    wanted = name.casefold()  # on some systems one file has many spellings
    for file in _indexes(root):
        for path in paths_of(_read(file)):
            plain = path.decode("utf-8", "replace").casefold()
            if plain == wanted or plain.startswith(f"{wanted}/"):
                return True
    return False


def _indexes(root: Path) -> Iterator[Path]:
    """The index of the repository at ``root`` and the shared one that it may lean on."""
    folder = root / ".git"
    if folder.is_file():
        word, _, where = head(folder).partition(":")
        if word.strip() != "gitdir":
            raise IndexUnread(f"{folder} does not say where the repository lies")
        folder = root / where.strip()
    yield from (path for path in (folder / "index", *sorted(folder.glob("sharedindex.*"))) if path.exists())


def _read(path: Path) -> bytes:
    try:
        return content(path, LARGEST)
    except OSError as error:
        raise IndexUnread(f"{path} cannot be read ({error.strerror})") from error


def paths_of(raw: bytes) -> tuple[bytes, ...]:
    """The paths in the bytes of an index, version 2, 3 or 4. Raises IndexUnread."""
    for length in NAMES:
        try:
            return tuple(_paths(raw, length))
        except (ValueError, IndexError, struct.error):
            continue
    raise IndexUnread("the index of this repository is in no format that is known")


def _paths(raw: bytes, length: int) -> Iterator[bytes]:
    signature, version, count = struct.unpack_from(">4sII", raw, 0)
    if signature != b"DIRC" or version not in (2, 3, 4):
        raise ValueError(version)
    at, path = 12, b""
    for _ in range(count):
        begin = at
        (flags,) = struct.unpack_from(">H", raw, at + FIXED + length)
        at += FIXED + length + (4 if version > 2 and flags & 0x4000 else 2)
        kept = 0
        if version == 4:
            strip, at = _number(raw, at)
            kept = len(path) - strip
        end = raw.index(b"\0", at)
        path = path[:kept] + raw[at:end]
        if kept < 0 or min(len(path), 0xFFF) != flags & 0xFFF:
            raise ValueError(path)
        at = end + 1 if version == 4 else begin + (end - begin + 8) // 8 * 8
        yield path


def _number(raw: bytes, at: int) -> tuple[int, int]:
    """git's offset encoding, and where it ends."""
    value = raw[at] & 0x7F
    while raw[at] & 0x80:
        at += 1
        value = (value + 1) << 7 | raw[at] & 0x7F
    return value, at + 1
