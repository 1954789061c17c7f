"""The checklist of a phase: which items this run has proved, and their ticks in the file."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from safemig.base import files
from safemig.checklist.judgement import STATES, Judged, judge_item
from safemig.checklist.plain_words import PlainWords
from safemig.checklist.proofs import NOTHING, Looked, Proofs, Worlds
from safemig.plan_document.document import Item, Phase

__all__ = [
    "NOTHING", "STATES", "Judged", "Looked", "PlainWords", "Proofs", "TickFails", "Worlds", "judge", "judge_all",
    "names_of", "provable", "tick", "write_ticks",
]  # fmt: skip


class TickFails(Exception):
    """The file cannot be ticked; says which, why and what to do."""


def names_of(keys: Iterable[str]) -> tuple[frozenset[str], frozenset[str]]:
    """``tables_made`` and ``names_made`` of Proofs, from the keys of a schema snapshot that are new."""
    tables: set[str] = set()
    names: set[str] = set()
    for key in keys:
        kind, _, name = key.partition(" ")
        plain = name.removeprefix("public.")
        if kind == "table":
            tables.add(plain)
        elif kind in ("constraint", "trigger", "policy"):
            # "constraint public.t.ck": its name is its own, a table stands before it only in the key.
            names.add(re.sub(r'^(?:"(?:[^"]|"")*"|[^".]+)\.', "", plain if plain != name else name.partition(".")[2]))
        else:
            names.add(plain)
    return frozenset(tables), frozenset(names)


def provable(phase: Phase, proofs: Proofs, worlds: Worlds = NOTHING) -> tuple[Item, ...]:
    """The open items of the phase that are proved."""
    return tuple(judged.item for judged in judge(phase, proofs, worlds) if judged.proved)


def judge(
    phase: Phase, proofs: Proofs, worlds: Worlds = NOTHING, words: PlainWords | None = None
) -> tuple[Judged, ...]:
    """Every open item of the phase with its judgement: proved only if each thing it names came about.

    ``worlds`` is what the world was before the phase's work and is now; without it only ``proofs`` count. ``words`` are
    the plain words of the project (safemig's own by default).
    """
    return tuple(judge_item(item, proofs, worlds, words) for item in phase.items if item.open)


def judge_all(
    phase: Phase, proofs: Proofs, worlds: Worlds = NOTHING, words: PlainWords | None = None
) -> tuple[Judged, ...]:
    """Every item of the phase, ticked ones too: those that are plainly not true are disproved."""
    return tuple(judge_item(item, proofs, worlds, words) for item in phase.items)


def tick(content: bytes, items: Sequence[Item], *, checked: bool = True) -> bytes:
    """The file with those items ticked (or unticked): one byte changed for each.

    TickFails when a box is not where it was, or is not open (ticked).
    """
    result = bytearray(content)
    boxes, mark = ((b"[ ]",), b"x") if checked else ((b"[x]", b"[X]"), b" ")
    for item in items:
        at = item.offset
        if at < 1 or content[at - 1 : at + 2] not in boxes:
            state = "open" if checked else "ticked"
            raise TickFails(f"line {item.line}: there is no {state} box at byte {at}; read the file again")
        result[at : at + 1] = mark
    return bytes(result)


def write_ticks(
    path: Path, sha256_expected: str, items: Sequence[Item], *, root: Path | None = None, checked: bool = True
) -> None:
    """Ticks (or unticks) the items in the file, which must still have that sha256; replaced in one step, mode and
    owner kept.

    A link that leads out of ``root`` (the file's folder by default) is refused. Raises TickFails, the file then being
    as it was.
    """
    real = path.resolve()
    inside = (root or path.parent).resolve()
    if not real.is_relative_to(inside):
        raise TickFails(f"{path} leads to {real}, which is outside the project; tick it by hand")
    try:
        content, before = _read(path, real, sha256_expected)
        _replace(real, tick(content, items, checked=checked), before, sha256_expected)
    except OSError as error:
        raise TickFails(f"{path} cannot be ticked: {error.strerror}; make it writable, or tick it by hand") from error


def _read(path: Path, real: Path, sha256_expected: str) -> tuple[bytes, os.stat_result]:
    before = real.stat()
    if not stat.S_ISREG(before.st_mode):
        raise TickFails(f"{path} is no regular file; name the Markdown file itself")
    if not os.access(real, os.W_OK):
        raise TickFails(f"{path} cannot be written; make it writable, or tick it by hand")
    content = files.content(real)
    if hashlib.sha256(content).hexdigest() != sha256_expected:
        raise TickFails(f"{path} has changed since it was read; look at it and tick again")
    return content, before


def _replace(real: Path, content: bytes, before: os.stat_result, sha256_expected: str) -> None:
    handle, name = tempfile.mkstemp(prefix=f".{real.name}.", dir=real.parent)
    fresh = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            if (before.st_uid, before.st_gid) != (os.geteuid(), os.getegid()):
                os.fchown(file.fileno(), before.st_uid, before.st_gid)
            os.fchmod(file.fileno(), stat.S_IMODE(before.st_mode))
            file.flush()
            os.fsync(file.fileno())
        if hashlib.sha256(files.content(real)).hexdigest() != sha256_expected:
            raise TickFails(f"{real} was changed just now; look at it and tick again")
        fresh.replace(real)
    finally:
        fresh.unlink(missing_ok=True)
    folder = os.open(real.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
