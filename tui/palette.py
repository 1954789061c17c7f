"""What can be done at the moment, each thing once: for the palette and the list of keys."""

from __future__ import annotations

from collections.abc import Iterator

from textual.binding import ActiveBinding
from textual.screen import Screen

MOVES = ("move", "scroll", "page", "edge", "shift", "walk", "extend", "phase", "complete", "delete_left")


def own_keys(screen: Screen[object]) -> Iterator[tuple[str, ActiveBinding]]:
    """The keys of this app that work now. What Textual's own widgets bind has no id of ours, and nobody needs it."""
    for key, active in screen.active_bindings.items():
        if active.binding.id and active.enabled and not active.binding.system:
            yield key, active


def doings(screen: Screen[object]) -> Iterator[ActiveBinding]:
    """One for each action, without those that only move about: the keys for them are at hand."""
    told: set[tuple[object, str]] = set()
    for _, active in own_keys(screen):
        action = (active.node, active.binding.action)
        if action not in told and not active.binding.action.partition("(")[0].endswith(MOVES):
            told.add(action)
            yield active
