"""Which open items ask for a migration, or may: a run that changes nothing must not pass over them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

_TOOL = "alembic"
# What the Latin languages of specs have of the word in common: migration, migración, Migration, migrazione, migracja.
_STEM = "migra"
_CODE = re.compile(r"`+[^`]*`+")
_WORD = re.compile(r"[^\W\d_]+")


def asks_migration(texts: Sequence[str], own: Iterable[str] = ()) -> tuple[str, ...]:
    """Those of the items' texts that ask for a migration, or that may: what is written in another script is not read
    here, so that only a project's ``own`` plain words (ticks.words in safemig.yaml) make it one that asks for none."""
    known = {word.casefold() for word in own}
    return tuple(text for text in texts if names_migration(text) or _is_unread(text, known))


def names_migration(text: str) -> bool:
    """Whether the text has the word for a migration, or Alembic's name."""
    folded = text.casefold()
    return _STEM in folded or _TOOL in folded


def _is_unread(text: str, known: set[str]) -> bool:
    """Whether a word outside of the code is in no Latin letters, and none of the known ones."""
    words = _WORD.findall(_CODE.sub(" ", text))
    return any(not _is_latin(word) and word.casefold() not in known for word in words)


def _is_latin(word: str) -> bool:
    return all("LATIN" in unicodedata.name(letter, "") for letter in word if letter.isalpha())
