"""What earlier runs saw: steps that changed revision or schema although nothing that was read says so.

Kept in ``.safemig/applies.json``, which no version control tracks; deleting the file forgets it.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

import msgspec

from safemig.base.files import content
from safemig.planning.facts import AppliesFact

NAME = "applies.json"
_LARGEST = 1_000_000


def seen_before(state: Path) -> tuple[AppliesFact, ...]:
    """The places kept in the state folder; () where there are none, or the file is not one of ours."""
    try:
        path = state / NAME
        raw = content(path, _LARGEST)
        return msgspec.json.decode(raw, type=tuple[AppliesFact, ...])
    except (OSError, msgspec.MsgspecError):
        return ()


def keep(state: Path, place: AppliesFact) -> None:
    """Keeps one more place, once for its role and kind. OSError when it cannot be written."""
    known = seen_before(state)
    if any((each.role, each.kind) == (place.role, place.kind) for each in known):
        return
    descriptor, name = tempfile.mkstemp(dir=state, prefix=f".{NAME}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode((*known, place)), indent=1) + b"\n")
        Path(name).replace(state / NAME)
    except OSError:
        with suppress(OSError):
            Path(name).unlink()
        raise
