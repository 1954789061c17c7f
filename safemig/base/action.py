"""An action: what a step, a remedy or an item comes to on this target, with its effect and the digest of an answer."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

import msgspec

Effect = Literal["read", "write", "destructive"]

SCHEMA = "database schema"  # what an action touches that applies or undoes migrations
EFFECTS: tuple[Effect, ...] = ("read", "write", "destructive")  # the worst last


@dataclass(frozen=True)
class FileDigest:
    """A file as it was read: ``path`` from the project's root, and the sha256 of its content."""

    path: str
    sha256: str


@dataclass(frozen=True)
class Action:
    """What a step comes to on this target.

    command: ``line`` is the exact shell line, run in ``cwd`` (relative to the project's root), with ``stdin`` fed
    to it; ``target`` names the make target and ``recipe`` is the sha256 of its recipe as planned, both empty for other
    commands. edit: ``path`` (relative to the root) whose content had sha256 ``before`` (None: no such file) gets
    ``text``. look: only observes; with a ``line`` (psql's) it asks the database ``text`` by a connection of our own.
    A command that applies revisions has them in ``contents``, with the scripts beside them, and every command in
    ``calls`` the scripts, compose files and Dockerfiles that its line calls: an approval holds for these files as they
    are. ``asks`` is why a person is asked in every mode, "" where mode and rules decide.
    """

    kind: Literal["command", "edit", "look"]
    line: str = ""
    cwd: str = "."
    target: str = ""
    recipe: str = ""
    stdin: str = ""
    path: str = ""
    before: str | None = None
    text: str = ""
    diff: str = ""
    effect: Effect = "read"
    touches: tuple[str, ...] = ()
    contents: tuple[FileDigest, ...] = ()
    calls: tuple[FileDigest, ...] = ()
    asks: str = ""

    @property
    def digest(self) -> str:
        """sha256 over the canonical JSON of the action: what an approval holds for."""
        return digest_of(self)

    @property
    def runs(self) -> str:
        """One digest over the recipe and the files that it calls; "" where there is neither."""
        return digest_of((self.recipe, self.calls)) if self.calls else self.recipe


def digest_of(document: object) -> str:
    """sha256 (hex) over the canonical JSON of a dataclass."""
    raw = msgspec.json.encode(document, order="deterministic")
    return hashlib.sha256(raw).hexdigest()
