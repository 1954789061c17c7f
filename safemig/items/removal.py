"""Items that ask for something to go: proved by what was there before and is there no more."""

from __future__ import annotations

from safemig.items.words import NO_MORE, ONLY_REMOVED, REMOVED, STAYS

# A downgrade names the tables that it would drop, so their being there contradicts no ticked item.
_STANDS = frozenset({"file", "folder", "target", "package", "symbol", "endpoint"})


def asks_for_removal(words: str) -> bool:
    """Whether the words say that what is named goes, and nothing else that could turn their meaning."""
    return bool(REMOVED.search(words)) and not STAYS.search(NO_MORE.sub(" ", words))


def says_only_removal(words: str, kind: str) -> bool:
    """Whether the words say nothing but that a thing of this kind goes, so that its being there contradicts them."""
    only = asks_for_removal(words) and bool(ONLY_REMOVED.fullmatch(words.strip()))
    return only and (kind in _STANDS or bool(NO_MORE.search(words)))
