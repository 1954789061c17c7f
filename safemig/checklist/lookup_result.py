"""One code span of an item against the world, and what is read of the item as a whole."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from safemig.checklist.locations import TESTS
from safemig.checklist.references import Span
from safemig.plan_document.document import Item

OWN_REVISION = "own revision"  # what is shown of a revision that the run wrote and proved


@dataclass(frozen=True)
class Found:
    """One span against the world: made (came about), there (was before), changed, missing (looked, not there), absent
    (not made or run), holds (a command that ended well, and may have before), unseen, unknown or neutral. ``places``
    are the new or present ones, ``was`` those before."""

    span: Span
    state: str
    text: str
    places: Mapping[str, str]
    was: Mapping[str, str] = field(default_factory=dict)

    @property
    def went(self) -> bool:
        """Whether it was there before and is there no more."""
        return self.state == "missing" and bool(self.was)


def one_of(places: Mapping[str, str]) -> str:
    names = list(places)
    return names[0] if len(names) == 1 else f"{names[0]} (and {len(names) - 1} more)"


def words_of(item: Item) -> str:
    """The item's text without its code spans."""
    return re.sub(r"`+[^`]*`+", " ", item.text)


def is_test(one: Found) -> bool:
    """Whether what was made is itself a test."""
    return bool(one.places) and all(TESTS.search(place.partition(": ")[0]) for place in one.places)
