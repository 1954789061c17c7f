"""The words of natural languages by which specs are read: those of ``vocabulary.toml``, and a project's own."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

_GAP = r"[\s/_-]+"
_SYNTAX = {"*": r"\w*", " ": _GAP, "(": "(?:", "'": "['’]", **{sign: sign for sign in ")|?[]"}}


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """Entries by their name, as "header.column"; two are the same only where they are one object.

    ``own`` are the project's names for which it gives entries, each a plain word or several.
    """

    entries: Mapping[str, Sequence[str]]
    own: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    _compiled: dict[tuple[str, ...], re.Pattern[str]] = field(default_factory=dict, repr=False)

    @property
    def names(self) -> dict[str, tuple[str, ...]]:
        """The sections with the names in them."""
        found: dict[str, tuple[str, ...]] = {}
        for full in self.entries:
            section, _, name = full.partition(".")
            found[section] = (*found.get(section, ()), name)
        return found

    def source(self, *names: str) -> str:
        """A regular expression for the entries of those names, wherever their letters stand."""
        return f"(?:{'|'.join(self._sources(names)) or '(?!)'})"

    def words(self, *names: str) -> str:
        """The same where they stand as words of their own. Scripts without spaces between words need none."""
        sources = self._sources(names)
        spaced = "|".join(source for source in sources if _is_spaced(source)) or "(?!)"
        dense = "|".join(source for source in sources if not _is_spaced(source)) or "(?!)"
        return rf"(?:(?<!\w)(?:{spaced})(?!\w)|{dense})"

    def pattern(self, *names: str) -> re.Pattern[str]:
        """The words of those names, compiled; upper and lower case are the same."""
        if names not in self._compiled:
            self._compiled[names] = re.compile(self.words(*names), re.I)
        return self._compiled[names]

    def _sources(self, names: Iterable[str]) -> list[str]:
        """The expressions, the longest first so that "not null" is not read as "null"."""
        found = {_source(entry) for name in names for entry in self.entries.get(name, ())}
        found |= {_literal(word) for name in names for word in self.own.get(name, ())}
        return sorted(found, key=lambda source: (-len(source), source))


@lru_cache(maxsize=8)
def vocabulary(own: tuple[tuple[str, tuple[str, ...]], ...] = ()) -> Vocabulary:
    """The words that come with safemig, and the project's own by their names."""
    from importlib.resources import files

    read = tomllib.loads(files("safemig.plan_document").joinpath("vocabulary.toml").read_text(encoding="utf-8"))
    entries = {f"{section}.{name}": words for section, names in read.items() for name, words in names.items()}
    return Vocabulary(entries, dict(own))


def _source(entry: str) -> str:
    return "".join(_SYNTAX.get(char) or re.escape(char) for char in entry)


def _literal(word: str) -> str:
    return _GAP.join(map(re.escape, word.split()))


def _is_spaced(source: str) -> bool:
    """Whether its script parts words by spaces: Latin, Greek, Cyrillic and their like do."""
    letters = [char for char in source.replace(r"\w", "").replace(r"\s", "") if char.isalpha()]
    return all(ord(char) < 0x590 or 0x1E00 <= ord(char) < 0x2000 for char in letters)
