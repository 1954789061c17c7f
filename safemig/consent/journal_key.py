"""The key with which this person's safemig seals the journals of a project: in the person's own folder, never in it."""

from __future__ import annotations

import secrets
from pathlib import Path

import msgspec

from safemig.consent.person_folder import project_folder
from safemig.consent.private_file import locked, read_private, unusable, write_private
from safemig.journal.journal import read_lines
from safemig.journal.seal import first_unsealed

NAME = "journal.key"
BYTES = 32


class _Line(msgspec.Struct):
    run: str = ""


def journal_key(root: Path) -> bytes:
    """The key for the project at ``root``, made where there is none. PersonFolderError where it cannot be kept."""
    path = project_folder(root) / NAME
    with locked(path):
        key = read_private(path)
        if key is None:
            key = secrets.token_bytes(BYTES)
            write_private(path, key)
    if len(key) != BYTES:
        raise unusable(path, "is no key of safemig's")
    return key


def known_key(root: Path) -> bytes:
    """The key for the project at ``root`` as it is kept; nothing is made. No key seals no line."""
    return read_private(project_folder(root) / NAME) or secrets.token_bytes(BYTES)


def seal_problem(folder: Path, key: bytes) -> str:
    """Why the journal in this run's folder is not this person's to go on from; "" where it is."""
    _, problem = sealed_lines(folder, key)
    return f"{problem}; start a new run with `safemig run`" if problem else ""


def sealed_lines(folder: Path, key: bytes) -> tuple[list[bytes], str]:
    """The lines of the run's journal that this person's safemig has written, and why the others are none of them; ""
    where there are no others. What stands behind a line without seal has nothing that it could follow."""
    lines = read_lines(folder)
    number = first_unsealed(key, lines)
    if lines and not number and msgspec.json.decode(lines[0], type=_Line).run != folder.name:
        return [], f"{folder} holds the journal of another run"
    if not number:
        return lines, ""
    return lines[: number - 1], (
        f"line {number} of {folder / 'events.jsonl'} was not written by your safemig (it has no seal of your key), "
        "so that nobody knows who approved or saw what stands there"
    )
