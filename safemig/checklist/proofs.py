"""What is known when an item is judged: what the run made and ran, and the world before and after its work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from safemig.checklist.locations import Places


@dataclass(frozen=True)
class Looked:
    """How a named command that only looks ended before the phase's work and after it: whether well, None when that is
    not known; ``why`` says why it was not run."""

    before: bool | None = None
    after: bool | None = None
    why: str = ""


@dataclass(frozen=True)
class Proofs:
    """What this run made and ran, and nothing that was there before it.

    ``files_made`` are paths relative to the project's root; ``tables_made`` and ``names_made`` come from the difference
    of the two snapshots, columns as "table.column", constraints and indexes by name, "public." left out;
    ``commands_run`` are the shell lines that ended well, and the lines of their recipes; ``looked`` are the commands
    that were, or would be, run only to see how they end, as the items write them;
    ``folder`` is where all of them ran, relative to the root; ``revisions`` are the files of revisions that safemig
    wrote and proved to go up, down and up again.
    """

    files_made: tuple[str, ...] = ()
    tables_made: frozenset[str] = frozenset()
    names_made: frozenset[str] = frozenset()
    commands_run: tuple[str, ...] = ()
    looked: Mapping[str, Looked] = field(default_factory=dict)
    folder: str | None = None
    revisions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Worlds:
    """The places of things before the phase's work and after it, by a thing's key. Without a baseline (``before`` has
    no entry, or None: could not look) nothing is known to have come about."""

    before: Mapping[str, Places | None]
    after: Mapping[str, Places | None]


NOTHING: Worlds = Worlds({}, {})
