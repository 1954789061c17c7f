"""One file becomes another text: proposed with its diff, applied atomically, recognised when done already."""

from __future__ import annotations

import difflib
import hashlib
import os
import secrets
import stat
from pathlib import Path
from typing import Literal

from safemig.base.action import Action
from safemig.base.atomic import sync_folder
from safemig.base.files import HUGE, content

State = Literal["not done", "done", "unclear"]


class EditError(Exception):
    """An edit that was not made; the file is as it was. ``path`` is relative to the project's root."""

    def __init__(self, path: str, text: str) -> None:
        super().__init__(f"{path}: {text}")
        self.path = path


class Changed(EditError):
    """The file is no longer what the edit was proposed for."""


class Outside(EditError):
    """The path leads out of the project's root."""


class NotWritten(EditError):
    """The system refused to read or write the file."""


def propose(path: str, before: str | None, after: str) -> Action:
    """The edit that turns ``before`` (None: no such file) into ``after``; ``path`` is relative to the root.

    Both texts carry the file's own line endings: read them with ``read``, not in text mode.
    """
    return Action(
        kind="edit",
        path=path,
        before=None if before is None else _sha256(before.encode()),
        text=after,
        diff=unified(path, before, after),
        effect="write",
        touches=("files",),
    )


def unified(path: str, before: str | None, after: str) -> str:
    """The unified diff between two texts of one file; "" when they are the same."""
    old = [] if before is None else before.split("\n")
    pieces = difflib.unified_diff(
        _lines(old), _lines(after.split("\n")), "/dev/null" if before is None else f"a/{path}", f"b/{path}"
    )
    shown = []
    for piece in pieces:
        shown.append(piece if piece.endswith("\n") else f"{piece}\n\\ No newline at end of file\n")
    return "".join(shown)


def read(root: Path, path: str) -> str | None:
    """The text of a file below ``root`` with its line endings kept, None when there is none.

    Raises Outside, and NotWritten when it cannot be read or is no UTF-8.
    """
    raw = _content(_inside(root, path), path)
    try:
        return None if raw is None else raw.decode()
    except UnicodeDecodeError as error:
        raise NotWritten(path, f"is no UTF-8 text (byte {error.start}); edit it by hand") from error


def state(root: Path, action: Action) -> State:
    """Whether the world shows the edit as made. A file that is neither text is "unclear"."""
    try:
        raw = _content(_inside(root, action.path), action.path)
    except EditError:
        return "unclear"
    found = None if raw is None else _sha256(raw)
    if found == _sha256(action.text.encode()):
        return "done"
    return "not done" if found == action.before else "unclear"


def apply(root: Path, action: Action) -> None:
    """Write the edit: all of it or nothing. Mode and owner stay; a new file gets its folder's owner.

    A file that has the wanted text already is left alone. Raises Changed, Outside or NotWritten.
    """
    target = _inside(root, action.path)
    wanted = action.text.encode()
    if not _still(target, action, wanted):
        return
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        fresh = target.with_name(f".{target.name}.{secrets.token_hex(6)}")
        try:
            _write(fresh, wanted, like=target)
            # Writing may have taken long (a slow or full disk): an editor may have saved meanwhile.
            if _still(target, action, wanted):
                fresh.replace(target)
                sync_folder(target.parent)
        finally:
            fresh.unlink(missing_ok=True)
    except OSError as error:
        raise NotWritten(action.path, f"not written, the old content stands: {_reason(error)}") from error


def _still(target: Path, action: Action, wanted: bytes) -> bool:
    """True when the edit is still to be made, False when it is made; raises Changed for anything else."""
    raw = _content(target, action.path)
    if raw == wanted:
        return False
    if (None if raw is None else _sha256(raw)) != action.before:
        expected = "there was no such file" if action.before is None else "its content was another"
        raise Changed(action.path, f"changed since the edit was proposed ({expected}); plan again")
    return True


def _write(fresh: Path, content: bytes, *, like: Path) -> None:
    """A new file beside ``like`` with its mode and owner, on the disk before this returns."""
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o666)
    with os.fdopen(descriptor, "wb") as file:
        if like.exists():
            known = like.stat()
            _own(descriptor, known)
            # After the owner: chown drops set-user-id bits.
            os.fchmod(descriptor, stat.S_IMODE(known.st_mode))
        else:
            _own(descriptor, like.parent.stat())
        file.write(content)
        file.flush()
        os.fsync(descriptor)


def _own(descriptor: int, wanted: os.stat_result) -> None:
    """Give the file to the wanted owner where we may.

    Where we may not (a file that a container's root left in the person's own folder), it becomes the person's:
    replacing it is allowed to them, and the content is what was approved.
    """
    have = os.fstat(descriptor)
    if (have.st_uid, have.st_gid) == (wanted.st_uid, wanted.st_gid):
        return
    try:
        os.fchown(descriptor, wanted.st_uid, wanted.st_gid)
    except PermissionError:
        return


def _inside(root: Path, path: str) -> Path:
    """The file itself, symlinks followed, proved to lie below the root."""
    try:
        base = root.resolve(strict=True)
        target = (base / path).resolve()
    except (OSError, RuntimeError) as error:
        raise Outside(path, f"cannot be followed below the project: {error}") from error
    if Path(path).is_absolute() or target == base or not target.is_relative_to(base):
        raise Outside(path, "leads out of the project's folder; safemig writes only inside it")
    return target


def _content(target: Path, path: str) -> bytes | None:
    try:
        return content(target, HUGE)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise NotWritten(path, f"cannot be read: {_reason(error)}") from error


def _lines(split: list[str]) -> list[str]:
    """Lines with their end; split at LF alone, since a form feed inside a Makefile ends no line."""
    ended = [f"{line}\n" for line in split[:-1]]
    return ended + split[-1:] if split and split[-1] else ended


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__


def _sha256(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()
