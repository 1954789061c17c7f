"""The keys at hand, in one line at the bottom.

Textual's Footer mounts a widget for every key each time the focus moves: 0.2 s of CPU with 40 bindings, which a key
has to wait for. This is one widget that draws one line.
"""

from __future__ import annotations

from textual import events
from textual.app import RenderResult
from textual.content import Content
from textual.screen import Screen
from textual.widget import Widget


class KeyBar(Widget):
    """Draws the bindings that are active and shown; a click does what the key does."""

    DEFAULT_CSS = """
    KeyBar { height: 1; width: 100%; background: $panel; color: $text; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._places: tuple[tuple[int, int, str], ...] = ()
        self._keys: tuple[tuple[str, str, str], ...] = ()
        self._stale = True

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._changed)

    def _changed(self, _screen: Screen[object]) -> None:
        self._stale = True
        self.refresh()

    def _read(self) -> tuple[tuple[str, str, str], ...]:
        """(key as shown, description, action key), the answers to a question first."""
        found: dict[str, tuple[bool, str, str, str]] = {}
        for key, active in self.screen.active_bindings.items():
            binding = active.binding
            name = binding.id or binding.action
            if binding.show and binding.description and active.enabled and name not in found:
                shown = self.app.get_key_display(binding)
                found[name] = (not name.startswith("answer."), shown, binding.description, key)
        return tuple((shown, text, key) for _, shown, text, key in sorted(found.values(), key=lambda one: one[0]))

    def render(self) -> RenderResult:
        if self._stale:
            self._keys, self._stale = self._read(), False
        parts: list[str | tuple[str, str]] = []
        places: list[tuple[int, int, str]] = []
        at = 0
        for shown, text, key in self._keys:
            begin = at
            parts += [" ", (shown, "bold $text-accent"), f" {text} "]
            at += len(shown) + len(text) + 3
            places.append((begin, at, key))
        self._places = tuple(places)
        return Content.assemble(*parts).truncate(self.size.width, ellipsis=True)

    async def on_click(self, event: events.Click) -> None:
        for begin, end, key in self._places:
            if begin <= event.x < end:
                self.app.simulate_key(key)
